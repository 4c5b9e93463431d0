"""A real HTTP server on this machine that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.trial import Generation, Trial


@dataclass(frozen=True)
class Reply:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Api:
    """``answer`` gets (number of the request, its body); what was asked is kept."""

    answer: Callable[[int, dict[str, Any]], Reply]
    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    flying: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what the time-out tests are about."""


@contextmanager
def serve(answer: Callable[[int, dict[str, Any]], Reply]) -> Iterator[Api]:
    api = Api(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with api.lock:
                number = len(api.bodies)
                api.paths.append(self.path)
                api.bodies.append(body)
                api.headers.append({key.lower(): value for key, value in self.headers.items()})
                api.flying += 1
                api.most = max(api.most, api.flying)
            reply = api.answer(number, body)
            time.sleep(reply.delay)
            with api.lock:
                api.flying -= 1
            payload = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for key, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(key, value)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def make_trials(count: int, **changes: Any) -> list[Trial]:
    return [
        Trial(
            **{
                "id": f"t{i}",
                "suite": "triage",
                "contender": "zero_shot",
                "technique": "prompt",
                "model": "m",
                "case_id": f"c{i}",
                "split": "test",
                "cluster": f"c{i}",
                "messages": ({"role": "system", "content": "Label it."}, {"role": "user", "content": f"question {i}"}),
                "max_new_tokens": 16,
                **changes,
            }
        )
        for i in range(count)
    ]


def collect(batches: Iterator[list[Generation]]) -> dict[str, Generation]:
    """Every row by trial; no trial may come twice."""
    rows = [row for batch in batches for row in batch]
    by_id = {row.trial_id: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id
