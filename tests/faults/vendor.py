"""A served model and a judge in a process of their own, on one port for as long as it is asked for: it dies and comes back.

with serving() as server:
    server.url              # http://127.0.0.1:40123, also after server.die() and server.come_back()
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.models.fake_vendor import Body, Vendor, _Connection

WORDS = ("boats", "lighthouse", "capital", "city", "land")
ROOT = Path(__file__).parents[2]


def answer(body: Body) -> str:
    """A grading where one is asked for by a schema, else a word; the same to the same question."""
    asked = json.dumps(body["messages"], sort_keys=True)
    # the mark around an answer is a fingerprint of it: the draw depends on what is asked and on nothing else
    drawn = zlib.crc32(asked.encode())
    names = re.findall(r"^- `?(\w+)`? ", body["messages"][-1]["content"], re.M) if "rubric" in asked.lower() else []
    if names:
        return json.dumps({name: {"reason": "by rule", "score": 1 + (drawn + i) % 5} for i, name in enumerate(names)})
    return WORDS[drawn % len(WORDS)]


@dataclass
class Server:
    port: int
    latency: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come_back(self) -> None:
        command = [sys.executable, "-m", "tests.faults.vendor", str(self.port), str(self.latency)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", "the server did not start"

    def die(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextmanager
def serving(latency: float = 0.0) -> Iterator[Server]:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        server = Server(chosen.getsockname()[1], latency)
    server.come_back()
    try:
        yield server
    finally:
        server.die()


def main(port: int, latency: float) -> None:
    """Serves until its standard input ends."""
    loop = asyncio.new_event_loop()
    vendor = Vendor(answer, latency=latency, url=f"http://127.0.0.1:{port}")
    loop.run_until_complete(loop.create_server(lambda: _Connection(vendor), "127.0.0.1", port))
    loop.add_reader(sys.stdin.fileno(), lambda: sys.stdin.buffer.read1(1) or loop.stop())
    print("ready", flush=True)
    loop.run_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
