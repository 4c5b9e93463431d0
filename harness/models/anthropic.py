"""Models behind Anthropic's Messages API.

    anthropic:claude-haiku-4-5                       ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN
    anthropic:claude-haiku-4-5@https://gateway/      or ANTHROPIC_BASE_URL

The API takes no temperature (anthropic 2.12), so an answer may differ from one call to the next: what is stored is what
was said, and repeats tell how much it varies. A trial with a schema asks for structured output (``output_config``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import need
from harness.experiment import Model
from harness.models.served import RETRIES, TIMEOUT, WORKERS, Served, find_address, find_key, identify
from harness.trial import Generation, Trial

FINISH = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}


class Anthropic(Served):
    """A model that speaks Messages."""

    def __init__(
        self,
        model: Model,
        *,
        home: Path | None = None,
        workers: int = WORKERS,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        address = find_address(model, variable="ANTHROPIC_BASE_URL")
        variable, key = find_key(model, address, "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
        sdk = need("anthropic", extra="api")
        named = {"auth_token" if variable == "ANTHROPIC_AUTH_TOKEN" else "api_key": key}
        client = sdk.Anthropic(base_url=address.url, timeout=timeout, max_retries=retries, **named)
        super().__init__(model.id, identity=identity(model), key=key, client=client, workers=workers)
        self._model = address.model

    def _ask(self, trial: Trial) -> Generation:
        system = "\n\n".join(m["content"] for m in trial.messages if m["role"] == "system")
        options: dict[str, Any] = {"system": system} if system else {}
        if trial.schema is not None:
            options["output_config"] = {"format": {"type": "json_schema", "schema": json.loads(trial.schema)}}
        response = self._client.messages.create(
            model=self._model,
            max_tokens=trial.max_new_tokens,
            messages=[m for m in trial.messages if m["role"] != "system"],
            **options,
        )
        return _read(trial, response)


def identity(model: Model) -> str:
    """Fingerprint of provider, model and server."""
    return identify("anthropic", find_address(model, variable="ANTHROPIC_BASE_URL"))


def _read(trial: Trial, response: Any) -> Generation:
    if not hasattr(response, "content"):
        raise ValueError("the server sent no message: is this address a Messages API?")
    usage = response.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Generation(
        trial.id,
        text="".join(block.text for block in response.content if block.type == "text"),
        prompt_tokens=usage.input_tokens + cached,
        output_tokens=usage.output_tokens,
        finish=FINISH.get(response.stop_reason, "stop"),
    )
