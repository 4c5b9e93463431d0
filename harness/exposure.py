"""Which test cases each tuned contender may have seen in training: an overlap of their text with its training data.

    >>> exposure(matrix)["reply", "dpo"]                                  # doctest: +SKIP
    {'reply-0071': Match(case='reply-0071', where='suites/reply/train.jsonl:12', kind='near', similarity=0.96, bits=61.2)}

What a contender trained on is its recipe's rows, its replay where it has one, and all of that of the recipe that it starts
from. Guards count too: ``sft@triage`` on ``general``. Examples shown in a prompt are part of the prompt: untrained contenders
are never flagged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from harness.data import VERSION, Match, Row, overlaps
from harness.fingerprint import fingerprint
from harness.matrix import Matrix
from harness.suite import Case
from harness.training import Job
from harness.training.rows import READERS, Data, Example, Rows, read_rows

Exposure = Mapping[tuple[str, str], Mapping[str, Match]]
"""(suite, contender) → test case → its worst match; no entry where nothing overlaps."""


@dataclass(frozen=True, slots=True)
class Source:
    """Training rows of a kind."""

    rows: Rows
    data: Data = "train"

    def texts(self) -> Iterator[Row]:
        """What its rows ask and answer; system prompts are left out, all rows share them.

        Raises:
            BadInput: naming file and line of what is none.
        """
        return map(_texts, READERS[self.data](read_rows(self.rows)))


def exposure(matrix: Matrix) -> Exposure:
    """Of every tuned contender on every suite; contenders that trained on the same files share an answer. What was found is
    kept beside the store, by what was compared.

    Raises:
        BadInput: for training rows that are missing or broken.
    """
    jobs = {job.adapter: job for job in matrix.jobs}
    started = {job.out: job for job in matrix.jobs}
    read: dict[Source, list[Row]] = {}
    compared: dict[tuple[str, frozenset[Source]], Mapping[str, Match]] = {}
    found: dict[tuple[str, str], Mapping[str, Match]] = {}
    for cell in matrix.cells:
        job = jobs.get(cell.adapter or "")
        if job is None or cell.contender.share < 1:  # a share of the data is rated on the cases of the whole
            continue
        sources = dict.fromkeys(_sources(job, started))
        key = cell.suite.name, frozenset(sources)
        if key not in compared:
            # an adapter's fingerprint is of all that it was trained on
            kept = matrix.experiment.home / "overlaps" / f"{fingerprint(VERSION, cell.task.content, job.adapter)}.json"
            known = _kept(kept)
            if known is None:
                read.update({source: list(source.texts()) for source in sources if source not in read})
                known = overlapping(cell.task.cases, chain.from_iterable(read[source] for source in sources))
                _keep(kept, known)
            compared[key] = known
        found[cell.suite.name, cell.contender.name] = compared[key]
    return {place: matches for place, matches in found.items() if matches}


def overlapping(cases: Collection[Case], rows: Iterable[Row]) -> dict[str, Match]:
    """The test cases that overlap training rows; the dev cases help to know the templates."""
    tested = {case.id for case in cases if case.split == "test"}
    return {case: match for case, match in overlaps(cases, rows).items() if case in tested}


def _kept(path: Path) -> dict[str, Match] | None:
    """What an earlier comparison found; None where there was none, or its file is not whole."""
    try:
        return {case: Match(**found) for case, found in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep(path: Path, found: Mapping[str, Match]) -> None:
    """For the next verdict; where nothing can be written, that one compares anew."""
    draft = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({case: asdict(match) for case, match in found.items()}), encoding="utf-8")
        draft.replace(path)


def _sources(job: Job, started: Mapping[Path, Job]) -> Iterator[Source]:
    """Everything that an adapter was trained on, whichever rows of the replay its seed drew."""
    yield Source(job.rows, job.data)
    if job.replay is not None and job.recipe.replay:
        yield Source(job.replay)
    for folder in job.behind:
        yield from _sources(started[folder], started)


def _texts(example: Example) -> Row:
    said = {
        role: tuple(message["content"] for message in example.messages if message["role"] == role)
        for role in ("user", "assistant")
    }
    return Row(example.where, said["user"], (*said["assistant"], *example.answers))
