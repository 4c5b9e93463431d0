"""Models: what answers trials, whether it runs here, is served elsewhere, or is a script.

    >>> backend = load_backend(Model(id="scripted:echo"), home=Path(".harness"))
    >>> [generation.text for batch in backend.generate(trials) for generation in batch]
    ['What is the capital of France?']

A model's id is ``SCHEME:…`` with a scheme of ``BACKENDS``; any other id, and ``embedded:…``, is a model that runs here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from harness.errors import BadInput, suggest
from harness.experiment import Model
from harness.models.account import Terms
from harness.trial import Generation, Message, Trial

# scheme -> what makes the backend, and what says its identity without loading packages; the first is called with
# (model, terms=…) where the model is served, with (model, home=…) otherwise
SERVED: dict[str, tuple[str, str]] = {
    "openai": ("harness.models.openai:OpenAI", "harness.models.openai:identity"),
    "anthropic": ("harness.models.anthropic:Anthropic", "harness.models.anthropic:identity"),
}
BACKENDS: dict[str, tuple[str, str]] = {
    "scripted": ("harness.models.scripted:load", "harness.models.scripted:identity"),
    **SERVED,
}
LOCAL = ("harness.models.local:Local", "harness.models.weights:identity")

_SCHEME = re.compile(r"([a-z_]{2,}):")


class ModelBackend(Protocol):
    """What the run asks of every model.

    Attributes:
        name: The model as declared.
        hash: Fingerprint of all that can change an answer: weights, template, quantisation; never a device.
        context: Tokens that fit into a prompt and its answer, None when unknown.
    """

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str: ...

    @property
    def context(self) -> int | None: ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of a prompt; an estimate where the model runs elsewhere."""
        ...

    def generate(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        """Finished batches, in any order: exactly one generation for every trial; a failure is one with ``error``."""
        ...

    def close(self) -> None:
        """Give back memory, threads and connections."""
        ...


def load_backend(model: Model, *, home: Path, terms: Terms | None = None) -> ModelBackend:
    """The backend of a declared model; ``home`` is where adapters lie, ``terms`` say what a served one may cost.

    Raises:
        BadInput: for an unknown scheme, a missing key or unreadable weights.
        MissingExtra: when the package behind it is not installed.
    """
    make = _load(_backend(model)[0])
    backend: ModelBackend = make(model, terms=terms) if is_served(model) else make(model, home=home)
    return backend


def identity(model: Model) -> str:
    """The hash that ``load_backend(model).hash`` would have, without loading anything heavy or asking for a key.

    Raises:
        BadInput: for an unknown scheme, a path that is not there, or an address of what is not served.
    """
    if model.base_url and not is_served(model):
        raise BadInput(
            f'model {model.id!r}: base_url is where a served model is: write id = "openai:{model.id}", or leave base_url out'
        )
    return str(_load(_backend(model)[1])(model))


def is_local(model: Model) -> bool:
    """Whether the model runs in a worker of this machine, and can be trained."""
    return _backend(model) == LOCAL


def is_served(model: Model) -> bool:
    """Whether the model runs behind an API, and is paid for."""
    return _backend(model) in SERVED.values()


def _backend(model: Model) -> tuple[str, str]:
    match = _SCHEME.match(model.id)
    if match is None or match[1] == "embedded" or Path(model.id).exists():
        return LOCAL
    if match[1] not in BACKENDS:
        raise BadInput(f"model {model.id!r}: unknown scheme {match[1]!r}: {suggest(match[1], [*BACKENDS, 'embedded'])}")
    return BACKENDS[match[1]]


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
