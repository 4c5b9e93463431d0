"""Who may speak to the review's server: the page that it served itself, in a browser that was given the token.

It listens on loopback, and yet other pages in the same browser can reach it: by a form or a script of their own (so the token
comes in a header, which only a page of ours can send, and ``Origin`` must be ours), or under a name of theirs that they let point
to this machine (so ``Host`` must be ours). Nothing is shared with other origins, and our page loads nothing from elsewhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OURS = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
HEADERS = {
    "content-security-policy": f"{OURS}form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
LARGEST = 16384
"""Bytes of a request's head."""
HOSTS = ("127.0.0.1", "localhost")


class Guard:
    """An ASGI application around another one: what is not ours is refused, and every reply has our headers."""

    def __init__(self, inner: ASGIApp, *, token: str, port: int, open_paths: frozenset[str]) -> None:
        self._inner = inner
        self._token = f"Bearer {token}".encode()
        self._hosts = {f"{host}:{port}".encode() for host in HOSTS}
        self._origins = {b"http://" + host for host in self._hosts}
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            await self._inner(scope, receive, guarded)
            return
        from starlette.responses import JSONResponse

        status, why = refused
        await JSONResponse({"error": why}, status_code=status)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """A status and why; None where it is welcome."""
        if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST:
            return 431, f"a request's head is at most {LARGEST:,} bytes long"
        given = _headers(scope)
        if given.get(b"host") not in self._hosts:
            return 421, "this server answers to its own address only: open the one that `harness review` printed"
        if scope["path"] in self._open and scope["method"] in {"GET", "HEAD"}:
            return None
        if not self._ours(given, says=scope["method"] == "POST"):
            return 403, "this request does not come from the review's page"
        if not hmac.compare_digest(given.get(b"authorization", b""), self._token):
            return 401, "the token is missing or wrong: open the address that `harness review` printed"
        return None

    def _ours(self, given: Mapping[bytes, bytes], *, says: bool) -> bool:
        """Whether our page sends it: a browser ``says`` so with whatever changes something."""
        origin, site = given.get(b"origin"), given.get(b"sec-fetch-site", b"none")
        known = not says if origin is None else origin in self._origins
        return known and site in {b"same-origin", b"none"}


def _headers(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    """By name; one that came twice is none of ours, whatever it says."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"" if name in found else value
    return found
