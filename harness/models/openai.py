"""Models behind the Chat Completions protocol: OpenAI's own, vLLM, llama.cpp, Ollama and others.

    openai:gpt-5-mini                            OPENAI_API_KEY
    openai:qwen3-8b@http://localhost:8000/v1     or OPENAI_BASE_URL; a key only if the server wants one

A trial with a schema asks for structured output (``response_format``). Decoding is greedy (temperature 0) unless
samples are asked for; a model that refuses to be told a temperature, as reasoning models do, is asked without one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import need
from harness.experiment import Model
from harness.models.served import RETRIES, TIMEOUT, WORKERS, Served, find_address, find_key, identify
from harness.trial import Generation, Trial

FINISH = {"length": "length", "content_filter": "refusal"}


class OpenAI(Served):
    """A model that speaks Chat Completions."""

    def __init__(
        self,
        model: Model,
        *,
        home: Path | None = None,
        workers: int = WORKERS,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        address = find_address(model, variable="OPENAI_BASE_URL")
        _, key = find_key(model, address, "OPENAI_API_KEY")
        sdk = need("openai", extra="api")
        client = sdk.OpenAI(api_key=key, base_url=address.url, timeout=timeout, max_retries=retries)
        super().__init__(model.id, identity=identity(model), key=key, client=client, workers=workers)
        self._model, self._bad_request = address.model, sdk.BadRequestError
        self._takes_temperature = True
        # OpenAI's newer models refuse ``max_tokens``; many other servers know nothing else.
        self._limit = "max_tokens" if address.url else "max_completion_tokens"

    def _ask(self, trial: Trial) -> Generation:
        try:
            response = self._create(trial)
        except self._bad_request as error:
            if error.param != "temperature":
                raise
            self._takes_temperature = False
            response = self._create(trial)
        return _read(trial, response)

    def _create(self, trial: Trial) -> Any:
        options: dict[str, Any] = {self._limit: trial.max_new_tokens}
        if self._takes_temperature:
            options["temperature"] = trial.temperature
        if trial.schema is not None:
            named = {"name": "answer", "schema": json.loads(trial.schema), "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": named}
        return self._client.chat.completions.create(model=self._model, messages=list(trial.messages), **options)


def identity(model: Model) -> str:
    """Fingerprint of provider, model and server."""
    return identify("openai", find_address(model, variable="OPENAI_BASE_URL"))


def _read(trial: Trial, response: Any) -> Generation:
    if not getattr(response, "choices", None):
        raise ValueError("the server sent no choice: is this address a Chat Completions API?")
    choice, usage = response.choices[0], response.usage
    refused = getattr(choice.message, "refusal", None)
    return Generation(
        trial.id,
        text=choice.message.content or refused or "",
        prompt_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.completion_tokens if usage else None,
        finish="refusal" if refused else FINISH.get(choice.finish_reason, "stop"),
    )
