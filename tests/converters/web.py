"""A web server on this machine that does what a test tells it to, and a fetch that may talk to it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.converters.fetch import Fetch

Answer = Callable[[BaseHTTPRequestHandler], None]
CLOSE = Fetch(admit=lambda address: True, seconds=10.0)
"""Admits this machine, as no command and no setting can."""


@dataclass
class Web:
    """``paths`` are those that were asked for."""

    url: str
    paths: list[str] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what these tests are about."""


@contextmanager
def web(answer: Answer, *, secure: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Web]:
    found = Web("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.paths.append(self.path)
            answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    with _Server((host, 0), Handler) as server:
        if secure is not None:
            server.socket = secure.wrap_socket(server.socket, server_side=True)
        found.url = f"http{'s' if secure else ''}://{host}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def page(body: bytes, *, type: str = "text/html", status: int = 200, **headers: str) -> Answer:
    """The same page, whatever is asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for key, value in {"content-type": type, "content-length": str(len(body)), **headers}.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer
