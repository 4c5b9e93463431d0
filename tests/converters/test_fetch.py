"""Fetching: what is asked, and all that is never asked. Against real servers on this machine."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from harness.converters.fetch import Fetch, public
from harness.errors import BadInput
from tests.converters.web import CLOSE, page, web

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *(
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
    ),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    assert not public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_what_is(address: str) -> None:
    assert public(ipaddress.ip_address(address))


FORMS = [
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0", "[::1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST"),
]


@pytest.mark.parametrize("host", FORMS)
def test_this_machine_is_never_asked_in_whatever_form(host: str) -> None:
    with web(page(b"secret")) as there:
        port = there.url.rpartition(":")[2]
        with pytest.raises(BadInput, match=r"no public address|cannot be fetched"):
            Fetch()(f"http://{host}:{port}/")
        assert there.paths == []


def test_a_name_that_leads_here_is_not_asked_and_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def looked_up(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        place = "127.0.0.1" if len(asked) == 1 else "93.184.215.14"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    monkeypatch.setattr("harness.converters.fetch.socket.getaddrinfo", looked_up)
    with web(page(b"secret")) as there:
        port = there.url.rpartition(":")[2]
        with pytest.raises(BadInput, match=r"intranet\.example is 127\.0\.0\.1, which is no public address"):
            Fetch()(f"http://intranet.example:{port}/")
        assert (asked, there.paths) == (["intranet.example"], [])


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else can look the name up, so who asks for it once more gets nowhere."""
    with web(page(b"<p>here</p>")) as there:
        port = int(there.url.rpartition(":")[2])
        place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr("harness.converters.fetch.socket.getaddrinfo", lambda *_, **__: [place])
        assert CLOSE(f"http://nowhere.invalid:{port}/").body == b"<p>here</p>"


def test_one_bad_address_of_a_host_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(host: str, port: int, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr("harness.converters.fetch.socket.getaddrinfo", looked_up)
    with pytest.raises(BadInput, match=r"is 10\.0\.0\.1, which is no public address"):
        Fetch()("http://both.example/")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/a", "gopher://example.org", "//example.org/", "example.org", "http://", "data:text/plain,x"],
)  # fmt: skip
def test_other_schemes_are_not_fetched(url: str) -> None:
    with pytest.raises(BadInput, match="write http"):
        CLOSE(url)


def test_what_else_is_no_address() -> None:
    with pytest.raises(BadInput, match="has a user or a password in it") as refused:
        CLOSE("http://ann:word@example.org/")
    assert "word@" not in str(refused.value)
    with pytest.raises(BadInput, match="is no address"):
        CLOSE("http://example.org:99999/")


def test_a_page_comes_with_its_type_and_its_address() -> None:
    with web(page("<p>für alle</p>".encode(), type="text/html; charset=utf-8")) as there:
        found = CLOSE(f"{there.url}/a b/ü?q=ü&r=1#part")
    assert (found.body.decode(), found.type) == ("<p>für alle</p>", "text/html")
    assert there.paths == ["/a%20b/%C3%BC?q=%C3%BC&r=1"]
    assert found.fetched.endswith("Z")


def test_the_host_is_named_as_it_was_given() -> None:
    heard: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        heard.append(handler.headers["host"])
        page(b"<p>x</p>")(handler)

    with web(answer) as there:
        CLOSE(there.url.replace("127.0.0.1", "localhost"))
    assert heard == [there.url.removeprefix("http://").replace("127.0.0.1", "localhost")]


def test_redirects_are_followed_and_each_is_checked() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        steps = {
            "/a": "/b",
            "/b": "c",
            "/out": "http://10.255.255.1/",
            "/file": "file:///etc/passwd",
            "/round": "/round",
        }
        if handler.path in steps:
            page(b"", status=302, location=steps[handler.path])(handler)
        else:
            page(b"<p>there</p>")(handler)

    with web(answer) as there:
        found = CLOSE(f"{there.url}/a")
        assert (found.url, found.body) == (f"{there.url}/c", b"<p>there</p>")
        loopback = Fetch(admit=lambda address: address.is_loopback)
        with pytest.raises(
            BadInput, match=r"leads to http://10\.255\.255\.1/: 10\.255\.255\.1 is 10\.255\.255\.1, which is no public"
        ):
            loopback(f"{there.url}/out")
        with pytest.raises(BadInput, match="write http"):
            CLOSE(f"{there.url}/file")
        with pytest.raises(BadInput, match="redirected more than 5 times"):
            CLOSE(f"{there.url}/round")


@pytest.mark.parametrize("status", [404, 500, 204])
def test_an_error_is_no_page(status: int) -> None:
    with web(page(b"no", status=status)) as there, pytest.raises(BadInput, match=f"the server answers {status}"):
        CLOSE(there.url)


def test_other_types_are_no_pages() -> None:
    with (
        web(page(b"MZ", type="application/octet-stream")) as there,
        pytest.raises(BadInput, match="is application/octet-stream"),
    ):
        CLOSE(there.url)


def test_a_body_is_read_up_to_the_limit_and_no_further() -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(4000):
            handler.wfile.write(b"x" * 65536)
            sent.append(65536)

    small = Fetch(admit=CLOSE.admit, most=1 << 20)
    with web(endless) as there, pytest.raises(BadInput, match="larger than 1,048,576 bytes"):
        small(there.url)
    assert sum(sent) < 64 << 20
    with web(page(b"x" * (1 << 20))) as there:
        assert len(small(there.url).body) == 1 << 20
    with web(page(b"x" * ((1 << 20) + 1))) as there, pytest.raises(BadInput, match="larger than"):
        small(there.url)


def test_a_packed_body_counts_as_it_unpacks() -> None:
    packed = gzip.compress(b"x" * (1 << 20))
    with web(page(packed, content_encoding="gzip")) as there:
        assert CLOSE(there.url).body == b"x" * (1 << 20)
        with pytest.raises(BadInput, match="larger than"):
            Fetch(admit=CLOSE.admit, most=1 << 16)(there.url)
    with (
        web(page(packed[:200], content_encoding="gzip")) as there,
        pytest.raises(BadInput, match="ended before the page"),
    ):
        CLOSE(there.url)
    with web(page(b"no gzip", content_encoding="gzip")) as there, pytest.raises(BadInput, match="cannot be fetched"):
        CLOSE(there.url)
    with web(page(b"br", content_encoding="br")) as there, pytest.raises(BadInput, match="packed by br"):
        CLOSE(there.url)


def test_a_page_that_is_cut_off_is_none() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"<p>half")

    with web(answer) as there, pytest.raises(BadInput, match="ended before the page did"):
        CLOSE(there.url)


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_drips_is_left(part: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.send_response(200)
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    with web(answer) as there:
        began = time.monotonic()
        with pytest.raises(BadInput, match="takes too long"):
            Fetch(admit=CLOSE.admit, seconds=0.3)(there.url)
        assert time.monotonic() - began < 2


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BadInput, match="cannot be fetched"):
            CLOSE(f"http://127.0.0.1:{taken.getsockname()[1]}/")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_certificates_are_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "cert"),
    ]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with web(page(b"<p>safe</p>"), secure=context) as there:
        named = there.url.replace("127.0.0.1", "localhost")
        with pytest.raises(BadInput, match=r"cannot be fetched.*certificate"):
            CLOSE(named)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert"))
        assert CLOSE(named).body == b"<p>safe</p>"
        with pytest.raises(BadInput, match="cannot be fetched"):
            CLOSE(there.url)
