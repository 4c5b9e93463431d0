"""``suite.toml`` as a pytest node, and its gates as items: one a gate and contender (and base model, where there are several).

suites/triage/suite.toml::labels are right[sft]
suites/general/suite.toml::nothing is forgotten[sft@triage]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.place import SUITE, nearest, paths

if TYPE_CHECKING:
    from harness.gate.bench import Answered, Bench, Wanted
    from harness.gate.judge import Outcome, Worst
    from harness.metrics import Metric
    from harness.progress import Console
    from harness.suite import Gate, Suite

CLIP = 160
"""Characters of an expected or actual text that a failure shows."""

benches = pytest.StashKey[dict[Path, "Bench"]]()


class CouldNotMeasure(pytest.fail.Exception):  # type: ignore[misc,name-defined]  # pytest types it as Any
    """What was to be judged could not be measured: reported as an error, never as a failure."""

    __module__ = "builtins"  # as pytest's own outcomes: the summary line has room for the message

    def __init__(self, message: str) -> None:
        super().__init__(message, pytrace=False)


def bench_of(config: pytest.Config, path: Path) -> Bench | None:
    """The experiment that a path belongs to: the one of ``--experiment``, or the closest above it."""
    given = config.getoption("tuneworthy_experiment")
    found = (config.invocation_params.dir / given).resolve() if given else nearest(path)
    if found is None:
        return None
    known = config.stash.setdefault(benches, {})
    if found not in known:
        from harness.gate.bench import Bench

        limit = config.getoption("tuneworthy_limit")
        known[found] = Bench(found, limit=limit, replay=config.getoption("tuneworthy_replay"))
    return known[found]


class SuiteFile(pytest.File):
    """A ``suite.toml``."""

    def collect(self) -> Iterator[GateItem]:
        from harness.errors import HarnessError

        try:
            yield from self._items()
        except HarnessError as error:
            raise self.CollectError(str(error)) from error

    def _items(self) -> list[GateItem]:
        from harness.suite import load_task

        bench = bench_of(self.config, self.path)
        assert bench is not None
        if not _readable(bench, self):
            return []
        task = bench.task(self.path.parent)
        suite = (task or load_task(self.path.parent)).suite
        metrics = _check(suite, self.path)
        if task is None:
            pytest.skip(f"{self.path}: {bench.path} does not list this suite", allow_module_level=True)
        return [item for gate in suite.gates for item in self._of(gate, bench, suite, metrics)]

    def _of(self, gate: Gate, bench: Bench, suite: Suite, metrics: Mapping[str, Metric]) -> Iterator[GateItem]:
        fielded = bench.fielded(suite.name, metrics[gate.metric or suite.metric])
        names = [name for name in fielded if name != gate.over] if gate.contender == "*" else [gate.contender]
        for name in names:
            for model in fielded.get(name, [bench.models[0]]):
                about = name if len(bench.models) == 1 else f"{name} on {model}"
                yield GateItem.from_parent(
                    self, name=f"{gate.name}[{about}]", bench=bench, suite=suite, gate=gate, contender=name, model=model
                )


def _check(suite: Suite, path: Path) -> Mapping[str, Metric]:
    """The suite's metrics; refuses wrong ones, and what only gates can get wrong."""
    from harness.errors import BadInput, suggest
    from harness.metrics import load_metrics

    metrics = load_metrics(suite)
    names = [gate.name for gate in suite.gates]
    for i, gate in enumerate(suite.gates):
        if gate.minimum is None and gate.over is None:
            raise BadInput(f"{path}: gates.{i} ({gate.name!r}): nothing is claimed: give 'minimum' or 'over'")
        if gate.metric is not None and gate.metric not in suite.all_metrics:
            hint = suggest(gate.metric, suite.all_metrics)
            raise BadInput(f"{path}: gates.{i}.metric: given {gate.metric!r}, which the suite does not score: {hint}")
        if names.count(gate.name) > 1:
            raise BadInput(f"{path}: gates.{i}.name: two gates are called {gate.name!r}: give one another name")
    return metrics


def _readable(bench: Bench, node: SuiteFile) -> bool:
    """Whether the whole experiment can be expanded. What is wrong outside this suite is said once, by whoever is first,
    or by the other suite's own node when that is collected too.

    Raises:
        BadInput: for what is wrong in this suite, or when nobody else says it.
    """
    from harness.errors import BadInput
    from harness.suite import load_task

    try:
        _ = bench.policy
    except BadInput as error:
        _check(load_task(node.path.parent).suite, node.path)
        if str(error) in bench.said or _said_by_another(bench, node):
            return False
        bench.said.add(str(error))
        raise
    return True


def _said_by_another(bench: Bench, node: SuiteFile) -> bool:
    from harness.errors import BadInput
    from harness.suite import load_task

    asked = [(node.config.invocation_params.dir / path).resolve() for path in paths(node.config.args)]
    try:
        folders = [path for entry in bench.experiment.suites for path in bench.experiment.folder.glob(entry)]
    except BadInput:
        return False
    for folder in folders:
        try:
            load_task(folder)
        except BadInput:
            if (folder / SUITE).is_file() and any((folder / SUITE).resolve().is_relative_to(path) for path in asked):
                return True
    return False


class GateItem(pytest.Item):
    """One gate for one contender."""

    def __init__(
        self, *, bench: Bench, suite: Suite, gate: Gate, contender: str, model: str, name: str, parent: SuiteFile
    ) -> None:
        super().__init__(name, parent, nodeid=f"{parent.nodeid}::{name}")  # so --lf reads [contender] as a parameter
        self.bench = bench
        self.suite = suite
        self.gate = gate
        self.contender = contender
        self.model = model
        self.add_marker(pytest.mark.gate)
        self.extra_keyword_matches.add(suite.name)

    @property
    def metric(self) -> str:
        return self.gate.metric or self.suite.metric

    @property
    def contenders(self) -> list[str]:
        """Whose rows the gate needs."""
        return [self.contender, *([self.gate.over] if self.gate.over else [])]

    def setup(self) -> None:
        from harness.errors import HarnessError

        try:
            ensure(self.session, self.bench)
            for name in self.contenders:
                self.bench.check(self.model, self.suite, name, self.metric)
        except HarnessError as error:
            raise CouldNotMeasure(str(error)) from None

    def runtest(self) -> None:
        outcome = self.bench.outcome(self.gate, self.model, self.suite, self.contender)
        self.user_properties += list(self._facts(outcome))
        if not outcome.passed:
            pytest.fail("\n".join(self._lines(outcome)), pytrace=False)

    def _facts(self, outcome: Outcome) -> Iterator[tuple[str, object]]:
        """What ``--junitxml`` keeps of it as properties."""
        interval = outcome.interval
        yield from (("suite", self.suite.name), ("contender", self.contender), ("model", self.model))
        yield from (("metric", self.metric), ("estimate", interval.estimate))
        yield from (("lower", interval.lower), ("upper", interval.upper), ("alpha", interval.alpha))
        yield from (("cases", interval.n), ("seeds", interval.seeds), ("said", outcome.sentence))

    def _lines(self, outcome: Outcome) -> Iterator[str]:
        yield outcome.sentence
        if outcome.worst:
            yield "worst cases:"
            answers = self.bench.answers(self.model, self.suite, self.contender, self.metric)
            found = {(answer.case_id, answer.seed): answer for answer in answers}
            names = self.bench.rows(self.model, self.suite.name, self.metric).cases
            for worst in outcome.worst:
                yield from _shown(worst, found[names[worst.case], worst.seed])

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, None, self.name


def _shown(worst: Worst, answer: Answered) -> Iterator[str]:
    against = f" against {worst.other:.2f}" if worst.other is not None else ""
    seed = f" (seed {worst.seed})" if worst.seed is not None else ""
    yield f"  {shown(answer.case_id)} scored {worst.score:.2f}{against}{seed}"
    yield f"    expected {shown(answer.expected)}"
    yield f"    actual   {shown(answer.actual)}"


def shown(text: str) -> str:
    """Text that a model wrote, safe on a terminal: control characters escaped, one line, clipped."""
    from harness.visible import visible

    whole = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    return whole if len(whole) <= CLIP else f"{whole[:CLIP]}… (+{len(whole) - CLIP} characters)"


def ensure(session: pytest.Session, bench: Bench) -> None:
    """Have what the session's items need: read from the store, measured first where it is missing.

    Raises:
        Exception: when it could not be read or measured.
    """
    capture: Any = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        bench.ensure(partial(_wanted, session, bench), partial(_console, session))


def _console(session: pytest.Session) -> Console:
    """Progress on the terminal itself: what a test prints is captured, this is not."""
    from harness.progress import Console

    reporter: Any = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
    return Console(quiet=session.config.get_verbosity() < 0, out=sys.stderr)


def _wanted(session: pytest.Session, bench: Bench) -> Wanted:
    """(suite, contender) of all gates that were selected, and whole suites where tests draw on rows themselves."""
    wanted: set[tuple[str, str | None]] = set()
    for item in session.items:
        if isinstance(item, GateItem):
            if item.bench is bench:
                wanted.update((item.suite.name, name) for name in item.contenders)
        elif draws(item):
            path = nearest(item.path, SUITE)
            task = bench.task(path.parent) if path is not None else None
            wanted |= {(task.suite.name, None)} if task is not None else set()
    return wanted


def draws(item: pytest.Item) -> bool:
    """Whether a test uses a fixture that draws on stored rows."""
    return bool({"scores", "paired", "answers"} & set(getattr(item, "fixturenames", ())))
