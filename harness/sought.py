"""A search as it stands: of one candidate, on one suite, with one base model.

    >>> [(one.recipe_name, one.seed) for one in sought.jobs(Try(3, {"learning_rate": 5e-4}), 0.25)]      # doctest: +SKIP
    [('sft/3 on 0.25', 1500)]

What it tried and which won is kept beside the store, in ``searches/<fingerprint>.json``: found from scores of dev, and from
then on the candidate's recipe, whoever reads it.

    {"tries": [{"learning_rate": 0.0002, "lora_rank": 16}, …], "scores": [[1, 0.25, 0.61], …], "winner": 3}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

from harness import kept
from harness.errors import HarnessError
from harness.experiment import Candidate, Model
from harness.proposals import proposals
from harness.search import Course, Propose, Search, Settings, Try
from harness.share import part
from harness.training.job import Job


@dataclass(frozen=True)
class Sought:
    """One search.

    Attributes:
        candidate: As it is declared, under ``name``.
        search: With all that it tries.
        whole: The declared recipe's trainings on all rows, one for each seed of the search.
        before: Those that they start from, and those that these do, in an order that training can follow.
        path: Where its end is kept; the name is a fingerprint of all that it depends on but the metric's code.
        seed: The experiment's.
        waits: Whether what it starts from is still searched for itself.
    """

    suite: str
    name: str
    model: Model
    identity: str
    candidate: Candidate
    search: Search
    whole: tuple[Job, ...]
    before: tuple[Job, ...]
    path: Path
    seed: int
    waits: bool = False

    @property
    def said(self) -> str:
        """``sft on triage``, as it is spoken of."""
        return f"{self.name} on {self.suite}"

    @property
    def winner(self) -> Settings | None:
        """The settings that dev chose, once it has."""
        return _winner(self._kept)

    @cached_property
    def propose(self) -> Propose:
        """What was proposed before is proposed again, whatever a later version of the library would draw."""
        fresh = proposals(self.search, seed=self.seed) if len(self._tries) < self.search.count else None
        sizes = self.search.sizes

        def ask(wave: int, course: Course) -> list[Settings]:
            start = len(course.tries)
            known = self._tries[start : start + sizes[wave]]
            return known if fresh is None or len(known) == sizes[wave] else fresh(wave, course)

        return ask

    def jobs(self, one: Try, share: float) -> list[Job]:
        """The trainings of a try on a share of the data, one for each seed of the search."""
        recipe = self.candidate.tried(one.settings, where=f"candidates.{self.name}")
        start = {job.out: job for job in self.before}
        return [
            part(
                replace(job, recipe=recipe, recipe_name=f"{self.name}/{one.number}", tried=True),
                share,
                identity=self.identity,
                start=start[job.start_from] if job.start_from else None,
            )
            for job in self.whole
        ]

    def trained(self) -> list[Job]:
        """Its finished trainings, whether or not it came to its end."""
        settings = self._tries or self.propose(0, Course((), ()))
        tries = [Try(number, one) for number, one in enumerate(settings, 1)]
        return [job for one in tries for share in self.search.rungs for job in self.jobs(one, share) if job.finished]

    def keep(self, course: Course) -> bool:
        """Note what is known; whether that ended the search, or ended it otherwise than before.

        Raises:
            HarnessError: when nothing can be written there.
        """
        found = {
            "tries": [dict(one.settings) for one in course.tries],
            "scores": [[number, share, _plain(score)] for (number, share), score in course.scores.items()],
            "winner": course.winner.number if course.winner else None,
        }
        before = kept.read(self.path)
        if before == json.loads(json.dumps(found)):
            return False
        _write(self.path, found)
        return _winner(found) != _winner(before)

    @property
    def found(self) -> Course | None:
        """What came of it, as it is kept: the tries that got so far with their scores, and the winner; None before its end."""
        kept_ = self._kept
        if self.winner is None:
            return None
        tries = tuple(Try(number, settings) for number, settings in enumerate(kept_["tries"], 1))
        scores = {(number, share): -inf if score is None else score for number, share, score in kept_["scores"]}
        asked = tuple((tries[number - 1], share) for number, share in scores)
        return Course(tries, asked, scores, over=True, winner=tries[kept_["winner"] - 1])

    @property
    def _kept(self) -> Any:
        return kept.read(self.path)

    @cached_property
    def _tries(self) -> list[Settings]:
        found = self._kept
        return list(found["tries"]) if _whole(found) else []


def _whole(found: Any) -> bool:
    return isinstance(found, Mapping) and isinstance(found.get("tries"), list)


def _winner(found: Any) -> Settings | None:
    if not _whole(found) or not isinstance(found.get("winner"), int):
        return None
    with suppress(IndexError):
        return dict(found["tries"][found["winner"] - 1])
    return None


def _plain(score: float) -> float | None:
    return None if score == -inf else score


def _write(path: Path, found: Any) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise HarnessError(f"{path}: the end of a search cannot be kept: {error.strerror}") from error
