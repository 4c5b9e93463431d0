"""Models behind Anthropic's Messages API.

    anthropic:claude-haiku-4-5                       ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN
    anthropic:claude-haiku-4-5@https://gateway/      or ANTHROPIC_BASE_URL

The API takes no temperature (anthropic 2.12), so an answer may differ from one call to the next: what is stored is what
was said, and repeats tell how much it varies. A trial with a schema asks for structured output (``output_config``).
"""

from __future__ import annotations

import json
from typing import Any

from harness.errors import need
from harness.experiment import Model
from harness.models.account import Terms
from harness.models.address import find_address, find_key, identify
from harness.models.flight import TRIES
from harness.models.served import TIMEOUT, Served, named, open_client, whole
from harness.trial import Generation, Trial

FINISH = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}


class Anthropic(Served):
    """A model that speaks Messages."""

    path = "/v1/messages"

    def __init__(
        self, model: Model, *, terms: Terms | None = None, timeout: float = TIMEOUT, tries: int = TRIES
    ) -> None:
        address = find_address(model, variable="ANTHROPIC_BASE_URL")
        variable, key = find_key(model, address)
        sdk = need("anthropic", extra="api")
        credential = {"auth_token" if variable == "ANTHROPIC_AUTH_TOKEN" else "api_key": key}
        super().__init__(
            model.id,
            identity=identity(model),
            key=key,
            sdk=sdk,
            clients=[
                open_client(sdk.AsyncAnthropic, sdk, base_url=url, timeout=timeout, **credential)
                for url in address.urls
            ],
            terms=terms or Terms(),
            concurrency=model.concurrency,
            tries=tries,
        )
        self._model = address.model

    def body(self, trial: Trial) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": trial.max_new_tokens,
            "messages": [m for m in trial.messages if m["role"] != "system"],
        }
        if system := "\n\n".join(m["content"] for m in trial.messages if m["role"] == "system"):
            body["system"] = system
        if trial.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": json.loads(trial.schema)}}
        return body

    def read(self, trial: Trial, reply: Any) -> Generation:
        try:
            text = "".join(block["text"] for block in reply["content"] if block["type"] == "text")
            usage = dict(reply.get("usage") or {})
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("the server sent no message: is this address a Messages API?") from None
        return Generation(
            trial.id,
            text=text,
            prompt_tokens=_prompt_tokens(usage),
            output_tokens=whole(usage.get("output_tokens")),
            finish=FINISH.get(reply.get("stop_reason"), "stop"),
            served=named(reply.get("model")),
        )


def _prompt_tokens(usage: dict[str, Any]) -> int | None:
    """Those read from a cache and written to it too."""
    read, written = (whole(usage.get(f"cache_{what}_input_tokens")) or 0 for what in ("read", "creation"))
    asked = whole(usage.get("input_tokens"))
    return None if asked is None else asked + read + written


def identity(model: Model) -> str:
    """Fingerprint of provider, model and server."""
    return identify("anthropic", find_address(model, variable="ANTHROPIC_BASE_URL"))
