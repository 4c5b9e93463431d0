"""Anthropic's message batches: requests are posted together, results are streamed back when all are done.

{"custom_id": "a81c…", "params": {"model": …, "max_tokens": 16, "messages": …}}
{"custom_id": "a81c…", "result": {"type": "succeeded", "message": {"content": …}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.models.batches.desk import Desk, Standing
from harness.trial import Generation, Trial

PATH = "/v1/messages/batches"
REASONS = {"expired": "not answered within 24 hours", "canceled": "it was cancelled"}


class AnthropicDesk(Desk):
    """``/v1/messages/batches``."""

    most = 100_000

    def line(self, trial: Trial) -> dict[str, Any]:
        return {"custom_id": trial.id, "params": self.backend.body(trial)}

    async def _submit(self, lines: list[bytes]) -> str:
        # posted as they are: the SDK's typed call walks through every message of every request
        body, kind = b'{"requests":[' + b",".join(lines) + b"]}", {"content-type": "application/json"}
        made = await self.patiently(
            lambda: self.client.post(PATH, content=body, options={"headers": kind}, cast_to=object), once=True
        )
        return str(made["id"])

    async def _look(self, name: str) -> Standing:
        batch = await self.client.messages.batches.retrieve(name)
        counts = batch.request_counts
        done = counts.succeeded + counts.errored + counts.canceled + counts.expired
        return Standing(batch.processing_status == "ended", done, done + counts.processing)

    async def _fetch(self, name: str) -> list[str]:
        return [await self.client.get(f"{PATH}/{name}/results", cast_to=str)]

    def _read(self, trial: Trial, result: Mapping[str, Any]) -> Generation:
        found = result.get("result") or {}
        if found.get("type") == "succeeded":
            return self.backend.read(trial, found.get("message"))
        error = (found.get("error") or {}).get("error") or {}
        raise ValueError(error.get("message") or REASONS.get(str(found.get("type")), "no reason given"))
