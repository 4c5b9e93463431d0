"""OpenAI's batch API: a file of requests is uploaded, a batch is made of it, files of results come back.

{"custom_id": "a81c…", "method": "POST", "url": "/v1/chat/completions", "body": {"model": …, "messages": …}}
{"custom_id": "a81c…", "response": {"status_code": 200, "body": {"choices": …}}, "error": null}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.models.batches.desk import Desk, Standing
from harness.models.openai import OpenAI
from harness.trial import Generation, Trial

PATH = "/v1/chat/completions"
FAULTS = {
    "failed": "the vendor refused it",
    "expired": "not answered within 24 hours",
    "cancelled": "it was cancelled",
}


class OpenAIDesk(Desk):
    """``/v1/files`` and ``/v1/batches``."""

    most = 50_000
    backend: OpenAI

    def line(self, trial: Trial) -> dict[str, Any]:
        return {"custom_id": trial.id, "method": "POST", "url": PATH, "body": self.backend.body(trial)}

    async def _submit(self, lines: list[bytes]) -> str:
        file = ("requests.jsonl", b"\n".join(lines) + b"\n", "application/jsonl")
        uploaded = await self.patiently(lambda: self.client.files.create(file=file, purpose="batch"))
        made = await self.patiently(
            lambda: self.client.batches.create(
                input_file_id=uploaded.id, endpoint=PATH, completion_window="24h", metadata={"made_by": "tuneworthy"}
            ),
            once=True,
        )
        return str(made.id)

    async def _look(self, name: str) -> Standing:
        batch = await self.client.batches.retrieve(name)
        counts, fault = batch.request_counts, FAULTS.get(batch.status)
        if fault and batch.errors and batch.errors.data:
            fault = f"{fault}: {self.backend.safe(batch.errors.data[0].message or '')}"
        over = batch.status in {"completed", *FAULTS}
        return Standing(over, counts.completed + counts.failed if counts else 0, counts.total if counts else 0, fault)

    async def _fetch(self, name: str) -> list[str]:
        batch = await self.client.batches.retrieve(name)
        files = [file for file in (batch.output_file_id, batch.error_file_id) if file]
        return [(await self.client.files.content(file)).text for file in files]

    def _read(self, trial: Trial, result: Mapping[str, Any]) -> Generation:
        response, error = result.get("response") or {}, result.get("error") or {}
        if not response or error:
            raise ValueError(error.get("message") or error.get("code") or "no response")
        if response.get("status_code") == 200:
            return self.backend.read(trial, response.get("body"))
        error = (response.get("body") or {}).get("error") or {}
        if error.get("param") == "temperature":
            self.backend.without_temperature()
            self.again.add(trial.id)
        raise ValueError(f"{response.get('status_code')}: {error.get('message') or 'no reason given'}")
