"""The page and its few requests, on loopback only.

    GET  /                     the page; /page.js, /style.css and /icon.svg are all that it loads
    GET  /about                suite and rubric
    GET  /view                 the item to decide, and the progress
    POST /compare              {"number": 3, "choice": "left"}         left, right, tie or skip
    POST /rate                 {"number": 3, "grades": {"calm": 2}}
    POST /undo, POST /again    {}: the last decision back; what was skipped, once more

A request with a decision is answered with the next view when the decision is in the store, and not before.
"""

from __future__ import annotations

import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.declaration import parse_json
from harness.errors import BadInput, HarnessError, StoreBusy, need
from harness.report.html import PALETTE
from harness.review.guard import LARGEST as HEAD
from harness.review.guard import Guard
from harness.review.session import Session

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

FOLDER = Path(__file__).parent
LARGEST = 4096
"""Bytes of a request's body: a decision is a tenth of that."""
FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
BUSY = "Another process is using the store, a run perhaps. Your decision is kept here and tried again."


class Server:
    """A session on a port of this machine, of whose address only the reviewer knows the token.

    Raises:
        BadInput: when the port is taken.
        MissingExtra: without the packages of the extra ``review``.
    """

    def __init__(self, session: Session, *, port: int = 0) -> None:
        for module in ("starlette", "uvicorn"):
            need(module, extra="review")
        import uvicorn

        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(
                f"--port {port}: cannot be listened on: {error.strerror}: leave it out to take a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        config = uvicorn.Config(
            application(session, token=self.token, port=self.port),
            http="h11", ws="none", lifespan="off", loop="asyncio", log_level="warning", access_log=False, server_header=False,
            proxy_headers=False, h11_max_incomplete_event_size=HEAD, limit_concurrency=64,
        )  # fmt: skip
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """Where the page is. The token stands behind the #, which a browser sends to nobody and writes into no log."""
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    def run(self, *, show: bool = False) -> None:
        """Answer until it is stopped or interrupted; ``show`` opens a browser."""
        if show:
            threading.Thread(target=webbrowser.open, args=(self.url,), daemon=True).start()
        with self._socket, suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """From another thread."""
        self._server.should_exit = True


def application(session: Session, *, token: str, port: int) -> ASGIApp:
    """The ASGI application of a session."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    def about(request: Request) -> Response:
        return _json(session.about())

    def view(request: Request) -> Response:
        return _json(session.view())

    actions: dict[str, Callable[[dict[str, Any]], bool | None]] = {
        "/compare": lambda given: session.compare(_number(given), str(given.get("choice", ""))),
        "/rate": lambda given: session.rate(_number(given), _grades(given)),
        "/undo": lambda given: session.undo(),
        "/again": lambda given: session.again(),
    }
    routes = [
        *(Route(path, _file(*kind)) for path, kind in FILES.items()),
        Route("/about", about),
        Route("/view", view),
        *(Route(path, _post(session, act), methods=["POST"]) for path, act in actions.items()),
    ]
    return Guard(Starlette(routes=routes), token=token, port=port, open_paths=frozenset(FILES))


def _file(name: str, kind: str) -> Callable[[Request], Any]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    text = PALETTE.read_text(encoding="utf-8") + text if kind == "text/css" else text

    async def send(request: Request) -> Response:
        from starlette.responses import Response

        return Response(text, media_type=kind)

    return send


class Refused(Exception):
    """A request that is none of the page's, with the status that says so."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def _post(session: Session, act: Callable[[dict[str, Any]], bool | None]) -> Callable[[Request], Any]:
    """An endpoint that acts in a thread and answers with the next view."""

    def decide(given: dict[str, Any]) -> dict[str, Any]:
        new = act(given) is not False
        return {**session.view(), "settled": not new}

    async def endpoint(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        try:
            return _json(await run_in_threadpool(decide, await _given(request)))
        except Refused as error:
            return _json({"error": str(error)}, error.status)
        except StoreBusy:
            return _json({"error": BUSY}, 503)
        except HarnessError as error:
            return _json({"error": str(error)}, 422 if isinstance(error, BadInput) else 500)

    return endpoint


async def _given(request: Request) -> dict[str, Any]:
    """The small JSON object that a request brings."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "content-type: send application/json")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise Refused(413, f"a request is at most {LARGEST:,} bytes long")
    try:
        given = parse_json(bytes(body))
    except (ValueError, RecursionError) as error:
        raise Refused(400, "this is not JSON") from error
    if not isinstance(given, dict):
        raise Refused(400, "send a JSON object")
    return given


def _json(value: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status_code=status)


def _number(given: dict[str, Any]) -> int:
    number = given.get("number")
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadInput(f"number: given {str(number)[:20]!r}: send the item's number")
    return number


def _grades(given: dict[str, Any]) -> dict[str, int]:
    grades = given.get("grades")
    if not isinstance(grades, dict):
        raise BadInput("grades: send one number for each criterion")
    return grades
