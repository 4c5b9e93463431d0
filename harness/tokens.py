"""A suite's rows in the tokens of a base model, with the room that its candidates have for them.

tokens = Tokens.of(Model(id="embedded:tiny"), experiment)
tokens.findings(found, suite, rows=600)                # [Finding('fail', 'too long', …), …]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from harness.data.audit import Finding
from harness.data.audit.rendered import Rendered, Room
from harness.errors import BadInput
from harness.experiment import Experiment, Model, data_of, trains_on
from harness.formats.portable import training_rows
from harness.formats.recognise import Found
from harness.models import is_local, load_backend
from harness.recipe import Recipe
from harness.suite import Suite
from harness.training.rows import READERS, Data

READ: dict[str, Data] = {"demonstration": "train", "preference": "preferences", "rating": "ratings"}


@dataclass(frozen=True)
class Tokens:
    """A model and what is trained on it; ``needed`` says that it is an error when its tokens cannot be counted."""

    model: Model
    experiment: Experiment | None = None
    needed: bool = True

    @classmethod
    def of(cls, name: str | None, experiment: Experiment | None) -> Tokens | None:
        """By the model that was named, or the experiment's first that runs here; None where there is none."""
        bases = experiment.bases if experiment else ()
        if name is not None:
            return cls(next((base for base in bases if base.id == name), Model(id=name)), experiment)
        local = next((base for base in bases if is_local(base)), None)
        return cls(local, experiment, needed=False) if local else None

    def findings(self, found: Found, suite: Suite | None, rows: int) -> list[Finding]:
        """What its tokens say of a file.

        Raises:
            BadInput: when the model was named, and has no tokenizer here.
        """
        if not is_local(self.model):
            raise BadInput(f"model {self.model.id!r} runs elsewhere: its tokens cannot be counted here")
        from harness.models.base import quiet

        data = READ[found.format.kind]
        told: list[Finding] = []
        with quiet():
            try:
                chat, context = self._backend.chat, self._backend.context
            except BadInput as error:
                if self.needed:
                    raise
                return [Finding("note", "tokens", f"not counted: {error}")]
            for (room, system), names in _merged(self._rooms(data, suite)).items():
                named = replace(room, recipe=names)
                rendered = Rendered(chat, named, model=self.model.id, context=context, rows=rows)
                told += _rendered(rendered, found, data, system)
        return list(dict.fromkeys(told))

    @cached_property
    def _backend(self) -> Any:
        return load_backend(self.model, home=Path())

    def _rooms(self, data: Data, suite: Suite | None) -> Iterator[tuple[str, Room, str]]:
        """(candidate, room, system prompt) of those that train on such rows; the default recipe where nobody does."""
        met = False
        for name, candidate in self.experiment.candidates.items() if self.experiment and suite else ():
            if suite and trains_on(candidate, suite) and data_of(candidate, suite) == data:
                met = True
                yield (
                    f"candidate {name}",
                    Room("", candidate.max_length, candidate.max_dropped),
                    suite.prompt(candidate.prompt),
                )
        if not met:
            default = Recipe(method="sft")
            yield "the default recipe", Room("", default.max_length, default.max_dropped), ""


def _merged(rooms: Iterator[tuple[str, Room, str]]) -> dict[tuple[Room, str], str]:
    """Candidates that have the same room and the same prompt, together."""
    found: dict[tuple[Room, str], str] = {}
    for name, room, system in rooms:
        found[room, system] = f"{found[room, system]}, {name}" if (room, system) in found else name
    return found


def _rendered(rendered: Rendered, found: Found, data: Data, system: str) -> Iterator[Finding]:
    """The file as training reads it; what it refuses, it says."""
    try:
        for example in READERS[data](training_rows(found.source.path), system=system):
            rendered.add(example)
    except BadInput as error:
        return chain([Finding("fail", "training", f"training refuses this file: {error}")], rendered.findings())
    return rendered.findings()
