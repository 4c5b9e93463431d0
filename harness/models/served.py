"""What models behind an API share: a client, many requests at once, failures as rows.

    openai:gpt-5-mini
    openai:qwen3-8b@http://localhost:8000/v1
    anthropic:claude-haiku-4-5

Requests go through the vendor's SDK: its address, key, headers, errors and time-outs. They are posted as they are built, and
replies are read here: the SDK's typed call on its own transport takes three times as long (benchmarks/RESULTS.md).

Rate limits, time-outs, cut connections, 5xx answers and replies that cannot be read are tried again (``harness.models.flight``);
what still fails is a row with ``error``. A refused key, an unknown model or a used-up quota stops at once instead: every
further request would fail as well.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from harness.declaration import parse_json
from harness.errors import BadInput, HarnessError, Incomplete
from harness.models.account import Terms, tokens
from harness.models.balance import Balance
from harness.models.failure import Failure, causes, failure_of
from harness.models.flight import TRIES, Flight
from harness.models.loop import Loop
from harness.trial import Generation, Message, Trial

TIMEOUT = 120.0
"""Seconds that one request may take."""
PATIENCE = 300.0
"""Seconds that a server may ask to wait; a longer wait ends the run, which goes on when it is started again."""
LONGEST_TOKEN = 256
"""Characters: no vocabulary has a longer token. A server that heeds no limit may send megabytes; what is over is cut."""
ERROR_LENGTH = 300


class Served:
    """A model behind an API. Subclasses say what a request is and read its reply.

    Attributes:
        name: The model as declared.
        hash: Fingerprint of provider, model and server.
        client: Of the first server; ``clients`` are of all that serve the model.
    """

    context: int | None = None
    path: str
    """Where requests go, relative to the client's address."""

    def __init__(
        self,
        name: str,
        *,
        identity: str,
        key: str,
        sdk: Any,
        clients: Sequence[Any],
        terms: Terms,
        concurrency: int,
        tries: int = TRIES,
    ) -> None:
        """``concurrency`` is the most requests in flight at each server."""
        self.name, self.hash = name, identity
        self.clients, self.terms, self._key, self._lost = clients, terms, key, sdk.APIConnectionError
        servers = [f"model {name!r} at {str(client.base_url).rstrip('/')}" for client in clients]
        self.loop, self._balance, self._tries = Loop(), Balance(servers, concurrency, terms.say), tries

    @property
    def client(self) -> Any:
        return self.clients[0]

    @abstractmethod
    def body(self, trial: Trial) -> dict[str, Any]:
        """What is posted."""

    @abstractmethod
    def read(self, trial: Trial, reply: Any) -> Generation:
        """The row of a reply, which is whatever JSON came.

        Raises:
            ValueError: when it is no answer.
        """

    def count(self, messages: Sequence[Message]) -> int:
        return tokens(messages)

    def generate(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        """Answers as they come, many requests at once.

        Raises:
            BadInput: when the server refuses the key or does not know the model.
            Incomplete: when the quota is used up, the server asks to wait long, or the account's limit is reached.
        """
        asked, refused = self.parted(trials)
        if refused:
            yield refused
        flight = Flight(asked, self, balance=self._balance, terms=self.terms, tries=self._tries)
        self.loop.call(flight.start)
        try:
            while rows := flight.landed():
                yield rows
        finally:
            self.loop.run(flight.stop())

    def parted(self, trials: Sequence[Trial]) -> tuple[list[Trial], list[Generation]]:
        """What can be asked of a served model, and a row for each trial that cannot."""
        no = {trial.id: why for trial in trials if (why := _unasked(trial))}
        return [t for t in trials if t.id not in no], [Generation(name, error=why) for name, why in no.items()]

    def close(self) -> None:
        for client in self.clients:
            self.loop.run(client.close())
        self.loop.close()

    # --- what a flight asks for

    async def ask(self, trial: Trial, server: int = 0) -> Generation:
        """One request and its answer; raises what the SDK raises, and ValueError for a reply that is none."""
        text = await self.clients[server].post(self.path, body=self.body(trial), cast_to=str)
        return self.checked(trial, self.read(trial, parse_json(text)))

    def checked(self, trial: Trial, answer: Generation) -> Generation:
        """The answer, cut where it is longer than any answer to the request can be.

        Raises:
            ValueError: when it is no text.
        """
        text, longest = answer.text, trial.max_new_tokens * LONGEST_TOKEN
        if not isinstance(text, str):
            raise ValueError("the server sent something else than text")
        return answer if len(text) <= longest else replace(answer, text=text[:longest], finish="length")

    def failure(self, error: Exception) -> Failure:
        status = getattr(error, "status_code", None)
        if status == 401:
            raise BadInput(f"model {self.name!r}: the server refused the key (401)") from None
        if status == 404:
            raise BadInput(f"model {self.name!r}: the server knows no such model or address (404)") from None
        if getattr(error, "code", None) == "insufficient_quota":
            raise self._stopped("the account's quota is used up") from None
        failure = failure_of(error, lost=self._lost)
        if failure.after is not None and failure.after > PATIENCE:
            raise self._stopped(f"the server asks to wait {failure.after:,.0f} s") from None
        return failure

    def said(self, error: BaseException) -> str:
        """The error on one line, without anything that looks like a key; of a broken connection, what broke it."""
        if isinstance(error, self._lost):  # openai 3.54 on aiohttp calls a refused connection a time-out
            error = next(cause for cause in reversed(list(causes(error))) if str(cause) or cause is error)
        return f"{type(error).__name__}: {self.safe(str(error))}"[:ERROR_LENGTH]

    def safe(self, text: str) -> str:
        """Text on one line, without anything that looks like a key."""
        message = " ".join(text.split())
        if len(self._key) > 4:
            message = message.replace(self._key, "***")
        return re.sub(r"\b(sk|key)-[\w*-]{4,}", "***", message)

    def _stopped(self, why: str) -> HarnessError:
        return Incomplete(f"model {self.name!r}: {why}: what was answered is kept; run again then to go on")


def _unasked(trial: Trial) -> str | None:
    if trial.choices:
        return "a served model cannot rank choices: run this suite on a local model"
    if trial.adapter:
        return "a served model takes no adapter: serve the tuned model under its own name"
    return None


def whole(given: Any) -> int | None:
    """A count as a reply has it; None for anything else."""
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else None


def named(given: Any) -> str | None:
    """A model's name as a reply has it; None for anything else."""
    return given if isinstance(given, str) and given else None


def open_client(make: Any, sdk: Any, **options: Any) -> Any:
    """An SDK's client on aiohttp where it is installed, which takes half the time of the SDK's default transport."""
    try:
        transport = sdk.DefaultAioHttpClient(timeout=options["timeout"])
    except RuntimeError:  # its extra is not installed
        transport = None
    return make(max_retries=0, http_client=transport, **options)
