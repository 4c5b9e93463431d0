"""What a public web address shows, and nothing else: no address of this machine or of the network that it stands in.

    page = Fetch()("https://example.org/terms")
    page.type, len(page.body)                    # 'text/html', 1256

A name is looked up once and the connection goes to the very address that was checked, so that an answer which changes in
between leads nowhere (DNS rebinding). Forms such as ``http://2130706433/`` or ``http://0x7f.1/`` are what the system's own
look-up makes of them. Redirects are followed by hand, each checked like the first. A body is read up to ``most`` bytes,
packed or not, and everything together may take ``seconds``, a server that sends a byte now and then too.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from harness.cascade import Page
from harness.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SCHEMES = {"http": 80, "https": 443}
TYPES = ("text/html", "application/xhtml+xml", "text/plain", "application/pdf", "image/png", "image/jpeg")
REDIRECTS = 5
MOVED = frozenset({301, 302, 303, 307, 308})
BLOCK = 1 << 16
SAFE = "/%:@!$&'()*+,;=~-._"
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052)."""
UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6 (IANA)."""


def public(address: Address) -> bool:
    """Whether an address is one of the public network, and so is the IPv4 address that may be inside it.

    >>> [public(ipaddress.ip_address(a)) for a in ("93.184.215.14", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1")]
    [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return public(inside)
        if address not in UNICAST:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


@dataclass(frozen=True)
class Fetch:
    """Asks web servers. ``admit`` says which addresses may be connected to; tests alone have another opinion on that."""

    admit: Callable[[Address], bool] = public
    most: int = 8 << 20
    seconds: float = 30.0

    def __call__(self, url: str) -> Page:
        """What the address shows.

        Raises:
            BadInput: for an address that is not to be asked, a server that does not answer, answers with an error, sends something
                else than a page, too much of it, or takes too long.
        """
        deadline = time.monotonic() + self.seconds
        for step in range(REDIRECTS + 1):
            try:
                found = self._asked(url, deadline)
            except BadInput as error:
                if not step:
                    raise
                raise BadInput(f"leads to {url}: {error}") from error
            if isinstance(found, Page):
                return found
            url = found
        raise BadInput(f"is redirected more than {REDIRECTS} times: name the address that it ends at")

    def _asked(self, url: str, deadline: float) -> Page | str:
        """What one address shows, or where it redirects to."""
        parts = _parts(url)
        with _told(deadline), ExitStack() as open_:
            connection = open_.enter_context(closing(_Connection(parts)))
            open_.enter_context(_ended(connection, deadline))
            connection.open(self._socket(connection.host, connection.port, deadline))
            connection.request("GET", _target(parts), headers=HEADERS)
            reply = open_.enter_context(closing(connection.getresponse()))
            if reply.status in MOVED and (place := reply.getheader("location")):
                return urljoin(url, place)
            if reply.status != 200:
                raise BadInput(f"the server answers {reply.status} {reply.reason}".rstrip())
            kind = (reply.getheader("content-type") or "text/html").partition(";")[0].strip().lower()
            if kind not in TYPES:
                raise BadInput(f"is {kind}: known are {', '.join(TYPES)}")
            return Page(url, kind, self._body(reply, deadline), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")

    def _socket(self, host: str, port: int, deadline: float) -> socket.socket:
        """A connection to an address of the host that was checked.

        Raises:
            BadInput: when any of the host's addresses is not to be asked.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for _, _, _, _, place in found:
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if not self.admit(address):
                raise BadInput(
                    f"{host} is {address}, which is no public address: inputs are fetched from the public network alone"
                )
        error: OSError = TimeoutError()
        for family, _, _, _, place in found:
            tried = socket.socket(family, socket.SOCK_STREAM)
            try:
                tried.settimeout(max(0.01, deadline - time.monotonic()))
                tried.connect(place)
                return tried
            except OSError as failed:
                tried.close()
                error = failed
        raise error

    def _body(self, reply: http.client.HTTPResponse, deadline: float) -> bytes:
        body = bytearray()
        for block in _unpacked(reply):
            body += block
            if len(body) > self.most:
                raise BadInput(f"is larger than {self.most:,} bytes")
        if time.monotonic() > deadline:  # it was cut
            raise TimeoutError
        return bytes(body)


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket that somebody else has connected."""

    def __init__(self, parts: SplitResult) -> None:
        super().__init__((parts.hostname or "").encode("idna").decode(), parts.port or SCHEMES[parts.scheme])
        self.default_port = SCHEMES[parts.scheme]  # which is not said in the header Host
        self._secure = parts.scheme == "https"
        self._sockets: list[socket.socket] = []

    def open(self, connected: socket.socket) -> None:
        self.sock = connected
        self._sockets.append(connected)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(connected, server_hostname=self.host, do_handshake_on_connect=False)
            self._sockets.append(self.sock)
            self.sock.do_handshake()

    def cut(self) -> None:
        """End it, whatever waits for it; by way of the plain socket's method, since that of a secure one says goodbye first."""
        for one in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)


HEADERS = {"User-Agent": "tuneworthy", "Accept": ", ".join(TYPES), "Accept-Encoding": "gzip", "Connection": "close"}


def _parts(url: str) -> SplitResult:
    """Raises:
    BadInput: for what is no plain web address.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"is no address: {error}") from error
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise BadInput("write http://… or https://…: nothing else is fetched")
    if parts.username is not None or parts.password is not None:
        raise BadInput("has a user or a password in it: only what everybody may see is fetched")
    return parts


def _target(parts: SplitResult) -> str:
    """Path and query as they go over the wire."""
    path = quote(parts.path or "/", safe=SAFE)
    return f"{path}?{quote(parts.query, safe=SAFE + '?')}" if parts.query else path


def _unpacked(reply: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body in blocks of bounded size, however well it is packed."""
    packing = (reply.getheader("content-encoding") or "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise BadInput(f"is packed by {packing}, which was not asked for")
    gzip = zlib.decompressobj(wbits=31) if packing == "gzip" else None
    while block := reply.read(BLOCK):
        while gzip is not None and block:
            yield gzip.decompress(block, BLOCK)
            block = gzip.unconsumed_tail
        if gzip is None:
            yield block
    if reply.length or (gzip is not None and not gzip.eof):  # http.client does not say that a body was cut off
        raise http.client.HTTPException("the connection ended before the page did")


@contextmanager
def _ended(connection: _Connection, deadline: float) -> Iterator[None]:
    """Cuts a connection at the deadline: a server that sends a byte now and then never runs into a socket's time-out."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), connection.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _told(deadline: float) -> Iterator[None]:
    """What goes wrong on the way, as a sentence."""
    try:
        yield
    except (OSError, http.client.HTTPException, zlib.error, UnicodeError) as error:
        late = isinstance(error, TimeoutError) or time.monotonic() > deadline
        said = "takes too long" if late else f"cannot be fetched: {error or type(error).__name__}"
        raise BadInput(said) from error
