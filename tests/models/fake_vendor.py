"""Both vendors in one server: messages, chat completions, files and batches, on a real socket, as unreliable as asked for.

    with open_vendor(lambda body: "yes", share=0.2, faults=FAULTS) as vendor:
        Model(id=f"openai:judge@{vendor.url}/v1"), Model(id=f"anthropic:judge@{vendor.url}")
    python -m tests.models.fake_vendor --latency 0.05 --share 0.2       # in a process of its own: prints its port, ends with its stdin

One event loop and no threads, so that a thousand requests a second are no strain.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time
from typing import Any

Body = dict[str, Any]
FAULTS = ("refused", "dated", "overloaded", "broken", "cut", "half", "malformed", "long", "slow")
"""429 with retry-after in milliseconds and as a date, 529, 500, a connection cut before and within the reply, JSON that breaks
off, a text of a million characters, and a reply that comes after the client has left."""
LONG, LATE = 1_000_000, 3.0


@dataclass
class Vendor:
    """``answer`` makes the text; every ``share`` of requests meets one of ``faults`` instead. A batch is done after ``looks``
    looks; ``item`` names what happens to one of its requests (``error``, ``expired``, ``broken``), ``whole`` what to all.
    """

    answer: Callable[[Body], str]
    latency: float = 0.0
    share: float = 0.0
    faults: Sequence[str] = ()
    served: str = "judge-2026-11-01"
    looks: int = 2
    item: Callable[[Body], str | None] = lambda body: None
    whole: str | None = None
    tokens: tuple[int, int] = (11, 3)
    url: str = ""
    bodies: list[Body] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    flying: int = 0
    most: int = 0
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def reply(self, path: str, body: Body) -> Body:
        text = self.answer(body)
        into, out = self.tokens
        if path.endswith("/messages"):
            usage = {"input_tokens": into, "output_tokens": out}
            content = [{"type": "text", "text": text}]
            kind = {"type": "message", "role": "assistant", "stop_reason": "end_turn", "stop_sequence": None}
            return {"id": "x", "model": self.served, "content": content, "usage": usage, **kind}
        message = {"role": "assistant", "content": text, "refusal": None}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
        kind = {"object": "chat.completion", "created": 1}
        return {"id": "x", "model": self.served, "choices": choices, "usage": usage, **kind}

    def handle(self, method: str, path: str, raw: bytes) -> tuple[float, int, dict[str, str], bytes | None]:
        """(seconds until then, status, headers, body); no body cuts the connection."""
        self.calls[f"{method} {path.split('?', maxsplit=1)[0]}"] += 1
        if path.endswith(("/chat/completions", "/messages")):
            body = json.loads(raw)
            self.bodies.append(body)
            if self.faults and self.random.random() < self.share:
                return self._fault(self.random.choice(self.faults), path, body)
            return self.latency, 200, {}, json.dumps(self.reply(path, body)).encode()
        status, found = self._batched(method, path, raw)
        return 0.0, status, {}, found if isinstance(found, bytes) else json.dumps(found).encode()

    def _fault(  # noqa: PLR0911 - a return each
        self, kind: str, path: str, body: Body
    ) -> tuple[float, int, dict[str, str], bytes | None]:
        self.met[kind] += 1
        error = json.dumps({"type": "error", "error": {"type": "t", "message": f"no, {kind}", "param": None}}).encode()
        good = json.dumps(self.reply(path, body)).encode()
        match kind:
            case "refused":
                return 0.0, 429, {"retry-after-ms": "20"}, error
            case "dated":
                return 0.0, 429, {"retry-after": formatdate(time() - 1, usegmt=True)}, error
            case "overloaded":
                return 0.0, 529, {}, error
            case "broken":
                return 0.0, 500, {"retry-after-ms": "5"}, error
            case "cut":
                return 0.0, 0, {}, None
            case "half":
                return 0.0, 200, {"content-length": str(len(good))}, good[: len(good) // 2]
            case "malformed":
                return self.latency, 200, {}, good[:-9]
            case "long":
                long = {"messages": [{"role": "user", "content": "x"}], **body}
                whole = self.reply(path, long)
                text = "blah " * (LONG // 5)
                if "choices" in whole:
                    whole["choices"][0]["message"]["content"] = text
                else:
                    whole["content"][0]["text"] = text
                return self.latency, 200, {}, json.dumps(whole).encode()
        return LATE, 200, {}, good

    # --- files and batches

    def _batched(self, method: str, path: str, raw: bytes) -> tuple[int, Any]:  # noqa: PLR0911 - a return each
        parts = path.split("?", maxsplit=1)[0].strip("/").split("/")
        match method, parts:
            case "POST", ["v1", "files"]:
                name = f"file-{len(self.files)}"
                self.files[name] = raw[raw.index(b'{"custom_id"') : raw.rindex(b"}\n") + 1].decode()
                return 200, self._file(name)
            case "GET", ["v1", "files", name, "content"]:
                return 200, self.files[name].encode()
            case "POST", ["v1", "batches"]:
                lines = [json.loads(line) for line in self.files[json.loads(raw)["input_file_id"]].split("\n")]
                return 200, self._standing(self._made([(line["custom_id"], line["body"]) for line in lines]))
            case "GET", ["v1", "batches", name] if name in self.batches:
                return 200, self._standing(name)
            case "POST", ["v1", "messages", "batches"]:
                lines = json.loads(raw)["requests"]
                return 200, self._message_batch(self._made([(line["custom_id"], line["params"]) for line in lines]))
            case "GET", ["v1", "messages", "batches", name] if name in self.batches:
                return 200, self._message_batch(name)
            case "GET", ["v1", "messages", "batches", name, "results"] if name in self.batches:
                return 200, "\n".join(json.dumps(self._result(*one)) for one in self._shuffled(name)).encode()
        return 404, {"type": "error", "error": {"type": "not_found", "message": f"no {path}"}}

    def _made(self, requests: list[tuple[str, Body]]) -> str:
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {"requests": requests, "looks": 0}
        return name

    def _shuffled(self, name: str) -> list[tuple[str, Body]]:
        requests = list(self.batches[name]["requests"])
        self.random.shuffle(requests)
        return requests

    def _over(self, name: str) -> bool:
        self.batches[name]["looks"] += 1
        return bool(self.batches[name]["looks"] > self.looks)

    def _file(self, name: str) -> Body:
        kind = {"object": "file", "created_at": 1, "filename": "r.jsonl", "purpose": "batch", "status": "processed"}
        return {"id": name, "bytes": len(self.files[name]), **kind}

    def _standing(self, name: str) -> Body:
        count = len(self.batches[name]["requests"])
        over = self._over(name)
        found: Body = {
            "id": name,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "f",
            "completion_window": "24h",
            "created_at": 1,
            "status": (self.whole or "completed") if over else "in_progress",
            "request_counts": {"total": count, "completed": count if over else count // 2, "failed": 0},
        }
        if over and self.whole == "failed":
            found["errors"] = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": "too many"}]}
        elif over:
            good = [one for one in self._shuffled(name) if self.item(one[1]) is None and self.whole is None]
            bad = [one for one in self._shuffled(name) if one not in good]
            for which, some in (("output", good), ("error", bad)):
                found[f"{which}_file_id"] = file = f"{name}-{which}"
                if file not in self.files:
                    self.files[file] = "\n".join(json.dumps(self._line(*one)) for one in some)
        return found

    def _line(self, custom_id: str, body: Body) -> Body:
        fault = self.whole or self.item(body)
        if fault == "expired":
            error = {"code": "batch_expired", "message": "This request could not be executed before it expired."}
            return {"custom_id": custom_id, "response": None, "error": error}
        if fault == "broken":
            return {"custom_id": custom_id, "response": "?", "error": None}
        if fault:
            response = {"status_code": 400, "body": {"error": {"message": fault, "param": fault}}}
            return {"custom_id": custom_id, "response": response, "error": None}
        self.bodies.append(body)
        response = {"status_code": 200, "body": self.reply("/chat/completions", body)}
        return {"custom_id": custom_id, "response": response, "error": None}

    def _message_batch(self, name: str) -> Body:
        count = len(self.batches[name]["requests"])
        over = self._over(name)
        counts = {"succeeded": count if over else 0, "processing": 0 if over else count}
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended" if over else "in_progress",
            "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
            "results_url": f"{self.url}/v1/messages/batches/{name}/results" if over else None,
            "created_at": "2026-11-26T10:00:00Z",
            "expires_at": "2026-11-27T10:00:00Z",
        }

    def _result(self, custom_id: str, body: Body) -> Body:
        fault = self.whole or self.item(body)
        if fault == "expired":
            return {"custom_id": custom_id, "result": {"type": "expired"}}
        if fault == "broken":
            return {"custom_id": custom_id, "result": "?"}
        if fault:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": fault}}
            return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
        self.bodies.append(body)
        return {
            "custom_id": custom_id,
            "result": {"type": "succeeded", "message": self.reply("/messages", body)},
        }


class _Connection(asyncio.Protocol):
    def __init__(self, vendor: Vendor) -> None:
        self.vendor, self.data = vendor, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        named = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}
        size = int(named.get("content-length", 0))
        if named.get("transfer-encoding") == "chunked":
            if not rest.endswith(b"0\r\n\r\n"):
                return
            body, self.data = _unchunked(rest), b""
        elif len(rest) < size:
            return
        else:
            body, self.data = rest[:size], rest[size:]
        vendor = self.vendor
        vendor.headers.append(head.decode("latin-1"))
        vendor.flying += 1
        vendor.most = max(vendor.most, vendor.flying)
        method, path, _ = lines[0].split(" ")
        seconds, *reply = vendor.handle(method, path, body)
        asyncio.get_running_loop().call_later(seconds, self.send, *reply)

    def send(self, status: int, headers: dict[str, str], body: bytes | None) -> None:
        self.vendor.flying -= 1
        if body is None:
            self.transport.abort()
            return
        headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        named = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} X\r\n{named}\r\n".encode() + body)
        if int(headers["content-length"]) != len(body):
            self.transport.close()


def _unchunked(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole, data = whole + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return whole


@contextmanager
def open_vendor(answer: Callable[[Body], str], **changes: Any) -> Iterator[Vendor]:
    """On a thread of its own, until the block ends."""
    vendor, loop = Vendor(answer, **changes), asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(vendor), "127.0.0.1", 0))
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--share", type=float, default=0.0)
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--answer", required=True, help="{score} in it is 1 to 5, by the `number N` in the question")
    given = parser.parse_args()

    def answer(body: Body) -> str:
        found = re.search(r"number (\d+)", str(body["messages"][-1]["content"] if len(body["messages"]) < 3 else body))
        return str(given.answer).replace("{score}", str(int(found[1]) % 5 + 1 if found else 1))

    options = {"latency": given.latency, "share": given.share, "faults": given.faults}
    with open_vendor(answer, **options) as vendor:
        print(vendor.url, flush=True)
        sys.stdin.read()
        print(json.dumps({"requests": len(vendor.bodies), "met": vendor.met, "most": vendor.most}), flush=True)


if __name__ == "__main__":
    main()
