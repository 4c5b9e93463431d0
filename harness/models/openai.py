"""Models behind the Chat Completions protocol: OpenAI's own, vLLM, llama.cpp, Ollama and others.

    openai:gpt-5-mini                            OPENAI_API_KEY
    openai:qwen3-8b@http://localhost:8000/v1     or OPENAI_BASE_URL; a key only if the server wants one
    { id = "openai:qwen3-8b", base_url = ["http://a:8000/v1", "http://b:8000/v1"] }      requests are shared

A trial with a schema asks for structured output (``response_format``). Decoding is greedy (temperature 0) unless
samples are asked for; a model that refuses to be told a temperature, as reasoning models do, is asked without one.
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

FINISH = {"length": "length", "content_filter": "refusal"}


class OpenAI(Served):
    """A model that speaks Chat Completions."""

    path = "/chat/completions"

    def __init__(
        self, model: Model, *, terms: Terms | None = None, timeout: float = TIMEOUT, tries: int = TRIES
    ) -> None:
        address = find_address(model, variable="OPENAI_BASE_URL")
        _, key = find_key(model, address)
        sdk = need("openai", extra="api")
        super().__init__(
            model.id,
            identity=identity(model),
            key=key,
            sdk=sdk,
            clients=[
                open_client(sdk.AsyncOpenAI, sdk, api_key=key, base_url=url, timeout=timeout) for url in address.urls
            ],
            terms=terms or Terms(),
            concurrency=model.concurrency,
            tries=tries,
        )
        self._model, self._bad_request = address.model, sdk.BadRequestError
        self._takes_temperature = True
        # OpenAI's newer models refuse ``max_tokens``; many other servers know nothing else.
        self._limit = "max_tokens" if address.url else "max_completion_tokens"

    async def ask(self, trial: Trial, server: int = 0) -> Generation:
        try:
            return await super().ask(trial, server)
        except self._bad_request as error:
            if error.param != "temperature":
                raise
        self.without_temperature()
        return await super().ask(trial, server)

    def without_temperature(self) -> None:
        """Say none from now on."""
        self._takes_temperature = False

    def body(self, trial: Trial) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._model, "messages": trial.messages, self._limit: trial.max_new_tokens}
        if self._takes_temperature:
            body["temperature"] = trial.temperature
        if trial.schema is not None:
            named = {"name": "answer", "schema": json.loads(trial.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body

    def read(self, trial: Trial, reply: Any) -> Generation:
        try:
            choice, usage = reply["choices"][0], dict(reply.get("usage") or {})
            text, refused = choice["message"].get("content"), choice["message"].get("refusal")
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise ValueError("the server sent no choice: is this address a Chat Completions API?") from None
        return Generation(
            trial.id,
            text=text or refused or "",
            prompt_tokens=whole(usage.get("prompt_tokens")),
            output_tokens=whole(usage.get("completion_tokens")),
            finish="refusal" if refused else FINISH.get(choice.get("finish_reason"), "stop"),
            served=named(reply.get("model")),
        )


def identity(model: Model) -> str:
    """Fingerprint of provider, model and server."""
    return identify("openai", find_address(model, variable="OPENAI_BASE_URL"))
