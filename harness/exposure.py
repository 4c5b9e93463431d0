"""Which test cases each tuned contender may have seen in training: an overlap of their text with its training data.

    >>> exposure(matrix)["reply", "dpo"]                                  # doctest: +SKIP
    {'reply-0071': Match(case='reply-0071', where='suites/reply/train.jsonl:12', kind='near', similarity=0.96, bits=61.2)}

What a contender trained on is its recipe's rows, its replay where it has one, and all of that of the recipe that it starts
from. Guards count too: ``sft@triage`` on ``general``. Examples shown in a prompt are part of the prompt: untrained contenders
are never flagged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from harness import kept
from harness.data import VERSION, Match, Row, overlaps
from harness.fingerprint import fingerprint
from harness.matrix import Cell, Matrix
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
    read: dict[Source, list[Row]] = {}
    compared: dict[tuple[str, frozenset[Source]], Mapping[str, Match]] = {}
    found: dict[tuple[str, str], Mapping[str, Match]] = {}
    for cell, job, sources in trained(matrix):
        key = cell.suite.name, frozenset(sources)
        if key not in compared:
            # an adapter's fingerprint is of all that it was trained on
            path = matrix.experiment.home / "overlaps" / f"{fingerprint(VERSION, cell.task.content, job.adapter)}.json"
            known = _kept(path)
            if known is None:
                read.update({source: list(source.texts()) for source in sources if source not in read})
                known = overlapping(cell.task.cases, chain.from_iterable(read[source] for source in sources))
                kept.write(path, {case: asdict(match) for case, match in known.items()})
            compared[key] = known
        found[cell.suite.name, cell.contender.name] = compared[key]
    return {place: matches for place, matches in found.items() if matches}


def trained(matrix: Matrix) -> Iterator[tuple[Cell, Job, tuple[Source, ...]]]:
    """Every tuned cell with its training, and all rows that went into its adapter; a share of the data is left out, it is rated
    on the cases of the whole, and so is what a search tries, which is asked no test case.
    """
    jobs = {job.adapter: job for job in matrix.jobs}
    started = {job.out: job for job in matrix.jobs}
    for cell in matrix.cells:
        job = jobs.get(cell.adapter or "")
        if job is not None and not cell.contender.probes:
            yield cell, job, tuple(dict.fromkeys(_sources(job, started)))


def overlapping(cases: Collection[Case], rows: Iterable[Row]) -> dict[str, Match]:
    """The test cases that overlap training rows; the dev cases help to know the templates."""
    tested = {case.id for case in cases if case.split == "test"}
    return {case: match for case, match in overlaps(cases, rows).items() if case in tested}


def _kept(path: Path) -> dict[str, Match] | None:
    """What an earlier comparison found; None where there was none, or its file is not whole."""
    found = kept.read(path)
    try:
        return {case: Match(**match) for case, match in found.items()}
    except (TypeError, AttributeError):
        return None


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
