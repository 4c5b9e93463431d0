"""Which test cases each contender may have seen: an overlap of their text with what it was trained on or is shown.

    >>> exposure(matrix)["reply", "dpo"]                                  # doctest: +SKIP
    {'reply-0071': Match(case='reply-0071', where='suites/reply/train.jsonl:12', kind='near', similarity=0.96, bits=61.2)}

What a contender trained on is its recipe's rows, its replay where it has one, and all of that of the recipe that it starts
from. Guards count too: ``sft@triage`` on ``general``. What is put into a prompt counts as well, where it gives the case itself away:
examples (all of the golden set where the likest are shown, those that are drawn otherwise), and documents that have both the
case's question and its reference, word for word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from harness import kept
from harness.data import VERSION, Compared, Match, Row
from harness.data.answered import answered
from harness.data.meaning import VERSION as MEANT
from harness.data.meaning import alike
from harness.fingerprint import fingerprint
from harness.matrix import Cell, Matrix
from harness.prompt import Prompter, examples_file
from harness.retrieval import load_documents
from harness.retrieval.encoder import load_encoder
from harness.suite import Task
from harness.training import Job
from harness.training.rows import READERS, Data, Example, Rows, placed

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
        return map(_texts, READERS[self.data](placed(self.rows)))


def exposure(matrix: Matrix) -> Exposure:
    """Of every contender on every suite; those that saw the same share an answer. What was found is kept beside the store, by what
    was compared.

    Raises:
        BadInput: for rows or documents that are missing or broken.
    """
    compared: dict[str, Mapping[str, Match]] = {}
    found: dict[tuple[str, str], dict[str, Match]] = {}
    looking = _Looking(matrix)
    for cell, key, look in chain(looking.learnt(), looking.shown()):
        if key not in compared:
            path = matrix.experiment.home / "overlaps" / f"{key}.json"
            known = _kept(path)
            if known is None:
                known = look()
                kept.write(path, {case: asdict(match) for case, match in known.items()})
            compared[key] = known
        place = found.setdefault((cell.suite.name, cell.contender.name), {})
        place.update({case: match for case, match in compared[key].items() if case not in place})
    return {place: matches for place, matches in found.items() if matches}


Sources = tuple["Source | _Examples", ...]
Look = tuple[Cell, str, Callable[[], dict[str, Match]]]
"""A cell, the fingerprint of what its cases are compared with, and what compares them."""


class _Looking:
    """What is compared: the cases of a suite are read once for all that they are held against, and what several trainings share is
    gone through once. Of one suite at a time, so that the memory does not grow with their number.
    """

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self._task: Task | None = None
        self._known: Compared | None = None
        self._tested = frozenset[str]()
        self._found: dict[Sources, dict[str, Match]] = {}

    def learnt(self) -> Iterator[Look]:
        """What tuned contenders were trained on."""
        for cell, job, sources in trained(self.matrix):
            # an adapter's fingerprint is of all that it was trained on
            key = fingerprint(*_versions(self.matrix), cell.task.content, job.adapter)
            yield cell, key, partial(self._overlapping, cell, sources)

    def shown(self) -> Iterator[Look]:
        """What is put into prompts: examples that hold a case, and documents that answer it word for word. Probes decide nothing."""
        for cell in self.matrix.cells:
            if cell.contender.probes:
                continue
            key = fingerprint(*_versions(self.matrix), cell.task.content, cell.prompter.content)
            if cell.contender.shots:
                yield cell, fingerprint("examples", key), partial(self._overlapping, cell, (_Examples(cell.prompter),))
            if cell.contender.retrieves and cell.suite.documents:
                yield cell, fingerprint("documents", key), partial(_answered, cell)

    def _overlapping(self, cell: Cell, sources: Sources) -> dict[str, Match]:
        """The test cases that overlap the rows; the dev cases help to know the templates."""
        if self._known is None or self._task is not cell.task:
            self._task, self._known, self._found = cell.task, Compared(cell.task.cases), {}
            self._tested = frozenset(case.id for case in cell.task.split("test"))
        if sources not in self._found:
            self._found[sources] = self._look(cell, self._known, sources)
        return self._found[sources]

    def _look(self, cell: Cell, known: Compared, sources: Sources) -> dict[str, Match]:
        def rows() -> Iterator[Row]:
            return chain.from_iterable(source.texts() for source in sources)

        found = {case: match for case, match in known.overlaps(rows()).items() if case in self._tested}
        if leaks := self.matrix.experiment.leaks:
            encode = load_encoder(self.matrix.experiment.embedder)
            found = alike(cell.task.split("test"), rows(), encode, least=leaks.similar) | found
        return found


def _versions(matrix: Matrix) -> tuple[object, ...]:
    looking = matrix.experiment.leaks
    return (VERSION, *((MEANT, looking.embed, looking.similar) if looking else ()))


@dataclass(frozen=True, slots=True, eq=False)
class _Examples:
    """The rows of a file that a contender may show; each contender's are its own."""

    prompter: Prompter

    def texts(self) -> Iterator[Row]:
        suite = self.prompter.task.suite
        shown = {question["content"] for question, _ in self.prompter.examples}
        rows = Source(suite.path(examples_file(suite))).texts()
        return (row for row in rows if not shown.isdisjoint(row.asked))


def _answered(cell: Cell) -> dict[str, Match]:
    documents = load_documents(cell.suite.path(cell.suite.documents or ""))
    return answered(cell.task.split("test"), {document.id: document.text for document in documents})


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
