"""What models behind an API share: an address, a key, a few requests at once, failures as rows.

    openai:gpt-5-mini
    openai:qwen3-8b@http://localhost:8000/v1
    anthropic:claude-haiku-4-5

The SDKs retry rate limits, time-outs and 5xx answers with backoff; what still fails is a row with ``error``. A refused
key or an unknown model stops at once instead: every further request would fail as well.
"""

from __future__ import annotations

import os
import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.errors import BadInput
from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.trial import Generation, Message, Trial

# Requests in flight; the rate limits of small accounts allow no more, and a local server batches them.
WORKERS = 8
# Seconds that one request may take, and how often it is tried again.
TIMEOUT = 120.0
RETRIES = 5
# An English token has about 4 characters, any token at least one byte; a message's frame costs about 4.
BYTES_A_TOKEN, FRAME = 4, 4
ERROR_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Address:
    """Which model, and where: ``url`` is None for the provider's own."""

    model: str
    url: str | None


def find_address(model: Model, *, variable: str) -> Address:
    """The address in an id, ``SCHEME:MODEL`` or ``SCHEME:MODEL@URL``; the environment's ``variable`` comes second.

    Raises:
        BadInput: without a model's name, or with something that is no URL.
    """
    name, _, url = model.id.partition(":")[2].partition("@")
    url = url or os.environ.get(variable, "")
    if not name:
        raise BadInput(f"model {model.id!r}: name one after the colon")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise BadInput(f"model {model.id!r}: given the address {url!r}: write http://… or https://…")
    return Address(name, url.rstrip("/") or None)


def identify(scheme: str, address: Address) -> str:
    """Fingerprint of provider, model and server. What is served under a name may change: nobody outside can see it."""
    return fingerprint(scheme, address.model, _public(address.url))


def find_key(model: Model, address: Address, *variables: str) -> tuple[str, str]:
    """(variable, key) of the first that is set; a server of one's own may do without.

    Raises:
        BadInput: for the provider's own server when none is set.
    """
    for variable in variables:
        if key := os.environ.get(variable):
            return variable, key
    if address.url is None:
        raise BadInput(
            f"model {model.id!r}: no key: set {' or '.join(variables)}, "
            f"or name a server of your own: {model.id}@http://localhost:8000/v1"
        )
    return variables[0], "none"


class Served:
    """A model behind an API. Subclasses send one request and read its answer.

    Attributes:
        name: The model as declared.
        hash: Fingerprint of provider, model and server.
    """

    context: int | None = None

    def __init__(self, name: str, *, identity: str, key: str, client: Any, workers: int = WORKERS) -> None:
        self.name, self.hash = name, identity
        self._key, self._client, self._workers = key, client, workers

    @abstractmethod
    def _ask(self, trial: Trial) -> Generation:
        """One request; any exception becomes an error row."""

    def count(self, messages: Sequence[Message]) -> int:
        return sum(FRAME + -(-len(m["content"].encode("utf-8", "replace")) // BYTES_A_TOKEN) for m in messages)

    def generate(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        """Answers as they come, a few requests at once.

        Raises:
            BadInput: when the server refuses the key or does not know the model.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="harness-served")
        queue = iter(trials)
        flying: set[Future[Generation]] = set()
        try:
            while True:
                # twice the workers are queued, so that none waits while rows are stored
                flying |= {pool.submit(self._answer, trial) for trial in islice(queue, 2 * self._workers - len(flying))}
                if not flying:
                    return
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                yield [future.result() for future in done]
        finally:
            # requests in flight end first: a client that is closed under them leaks their sockets
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._client.close()

    def _answer(self, trial: Trial) -> Generation:
        if trial.choices:
            return Generation(trial.id, error="a served model cannot rank choices: run this suite on a local model")
        if trial.adapter:
            return Generation(
                trial.id, error="a served model takes no adapter: serve the tuned model under its own name"
            )
        started = time.perf_counter()
        try:
            answer = self._ask(trial)
        except Exception as error:
            self._stop_if_hopeless(error)
            return Generation(trial.id, error=self._said(error), seconds=time.perf_counter() - started)
        return replace(answer, seconds=time.perf_counter() - started)

    def _stop_if_hopeless(self, error: Exception) -> None:
        status = getattr(error, "status_code", None)
        if status == 401:
            raise BadInput(f"model {self.name!r}: the server refused the key (401)") from None
        if status == 404:
            raise BadInput(f"model {self.name!r}: the server knows no such model or address (404)") from None

    def _said(self, error: Exception) -> str:
        """The error on one line, without anything that looks like a key."""
        message = " ".join(str(error).split())
        if len(self._key) > 4:
            message = message.replace(self._key, "***")
        message = re.sub(r"\b(sk|key)-[\w*-]{4,}", "***", message)
        return f"{type(error).__name__}: {message}"[:ERROR_LENGTH]


def _public(url: str | None) -> str | None:
    """A URL without the user and password that it may carry."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
