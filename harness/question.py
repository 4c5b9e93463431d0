"""The questions of an experiment: frozen by ``harness lock``, and held against every verdict that its store gives.

    >>> [asked.suite for asked in questions(expand(load_experiment(Path("experiment.toml"))))]      # doctest: +SKIP
    ['coin', 'extract', 'handbook', 'reply', 'triage']

A question is: by this metric, estimand and route, is fine-tuning this base model justified? Two verdicts look at the same
test set when their test sets share a case, whatever suites and contenders are called by then. So a further recipe, a
lower margin and a grown test set are further looks, and a fresh test set is a fresh start. Another metric, estimand or
route is another question; which one was meant is what a lock tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.errors import HarnessError, Incomplete
from harness.fingerprint import fingerprint
from harness.matrix import Matrix
from harness.metrics import Metric
from harness.plural import plural
from harness.scoring import metrics_of
from harness.store import Store, open_store
from harness.store.ledger import Entry
from harness.suite import Case, Task
from harness.verdict import Verdict
from harness.verdict.economics import load_prices
from harness.verdict.lock import Change, History, Lock, Look, Term, changes, frozen_or_not, said, state, terms
from harness.verdict.plan import planned_gain
from harness.verdict.policy import Policy
from harness.verdict.reasons import points

LOOK = tuple(field.name for field in fields(Look))


@dataclass(frozen=True)
class Question:
    """One deciding suite and base model.

    ``cases`` are fingerprints of what its test cases ask and expect, ``ids`` their names; ``terms`` is all that a lock
    freezes.
    """

    suite: str
    model: str
    id: str
    cases: frozenset[str]
    ids: frozenset[str]
    terms: Mapping[str, Term]

    def entry(self, kind: Any, content: Mapping[str, Any]) -> Entry:
        """A line of the ledger about it."""
        return Entry(kind, self.id, self.model, self.suite, tuple(sorted(self.cases)), content)


@dataclass(frozen=True)
class Locked:
    """A question and its lock; ``new`` unless it was locked so before, ``replaced`` what an earlier lock said."""

    question: Question
    lock: Lock
    new: bool
    replaced: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Account:
    """What the ledger holds of a question: its terms as they were frozen (none without a lock) and as they are now, and
    every look with the time at which it was entered.
    """

    frozen: Mapping[str, Term]
    now: Mapping[str, Term]
    looks: tuple[tuple[str, Look], ...] = ()


def questions(matrix: Matrix, metrics: Mapping[str, Mapping[str, Metric]] | None = None) -> list[Question]:
    """The deciding suites of an experiment, once a base model; ``metrics`` are its ``metrics_of``, where they are loaded."""
    policy, metrics = matrix.policy, metrics or metrics_of(matrix)
    roles = {task.suite.name: policy.suites[task.suite.name].role for task in matrix.tasks}
    exams = {task.suite.name: _Exam(task) for task in matrix.tasks}
    measured = {
        task.suite.name: exams[task.suite.name].terms(metrics[task.suite.name][_metric(task, policy)].hash)
        for task in matrix.tasks
    }
    guards = [name for name, role in roles.items() if role == "guard"]
    on_guards = {f"{guard}.{key}": term for guard in guards for key, term in measured[guard].items()}
    return [
        _question(exams[task.suite.name], model.id, policy, guards, measured[task.suite.name] | on_guards)
        for model in matrix.experiment.bases
        for task in matrix.tasks
        if roles[task.suite.name] == "decide"
    ]


def histories(store: Store, asked: Sequence[Question], model: str) -> dict[str, History]:
    """What the store knows of a base model's questions, by suite."""
    entries, trainings = store.ledger(), store.trainings()
    found = {}
    for question in asked:
        if question.model == model:
            took = [t.seconds for t in trainings if (t.suite, t.model) == (question.suite, model)]
            looks = {entry.content["rows"]: Look(**entry.content) for entry in _looks(question, entries)}
            lock, each = _lock(question, entries), fmean(took) if took else None
            found[question.suite] = History(tuple(looks.values()), lock, each)
    return found


def accounts(store: Store, asked: Sequence[Question], model: str) -> dict[str, Account]:
    """What the ledger holds of a base model's questions, by suite."""
    entries, found = store.ledger(), {}
    for question in asked:
        if question.model == model:
            held = _held(question, entries)
            looks = {
                entry.content["rows"]: (_time(entry), Look(**entry.content)) for entry in _looks(question, entries)
            }
            frozen = held.content["terms"] if held else {}
            found[question.suite] = Account(frozen, question.terms, tuple(looks.values()))
    return found


def freeze(
    home: Path, asked: Sequence[Question], *, wait: float = 0.0, say: Callable[[str], None] = lambda line: None
) -> list[Locked]:
    """Lock every question; one whose test answers were scored before is locked late. ``say`` is told what the store says.

    Raises:
        StoreBusy: while another process uses the store.
        BadInput: when the store cannot be written.
    """
    with open_store(home, write=True, wait=wait, say=say) as store:
        entries, done = store.ledger(), []
        for question in asked:
            before, stated = _lock(question, entries), [entry.content["terms"] for entry in _locks(question, entries)]
            if before is not None and (not before.changes or stated[-1] == question.terms):
                done.append(Locked(question, before, new=False))
                continue
            late = bool(store.tested(question.suite, question.model) & question.ids)
            entries.append(question.entry("lock", {"terms": question.terms, "late": late}))
            store.enter(entries[-1:])
            lock = _lock(question, entries) or Lock("")
            done.append(Locked(question, lock, new=True, replaced=before.changes if before else ()))
    return done


def note(
    home: Path, asked: Sequence[Question], verdicts: Mapping[str, Verdict], known: Mapping[str, Mapping[str, History]]
) -> bool:
    """Enter the looks that no history knows. False when the store cannot be written: the verdict stands all the same."""
    new = []
    for question in asked:
        suite = verdicts[question.model].suites.get(question.suite)
        if suite is not None and suite.ledger.get("counted"):
            seen = {look.rows for look in known[question.model][question.suite].looks}
            if suite.ledger["rows"] not in seen:
                new.append(question.entry("look", {name: suite.ledger[name] for name in LOOK}))
    if not new:
        return True
    try:
        with open_store(home, write=True) as store:
            store.enter(new)
    except HarnessError:
        return False
    return True


def content(case: Case) -> str:
    """Fingerprint of what a case asks and expects."""
    return fingerprint(case.input, case.reference, case.choices)


def locked(home: Path) -> dict[str, frozenset[str]]:
    """Every suite that was ever locked, with the contents of its test cases; none where there is no store.

    Raises:
        StoreBusy: while another process writes to the store.
    """
    found: dict[str, set[str]] = {}
    with suppress(Incomplete), open_store(home, write=False) as store:
        for entry in store.ledger():
            if entry.kind == "lock":
                found.setdefault(entry.suite, set()).update(entry.cases)
    return {suite: frozenset(cases) for suite, cases in found.items()}


def as_dict(done: Sequence[Locked]) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    return {
        "locked": [
            {
                "suite": one.question.suite,
                "model": one.question.model,
                "state": state(one.lock),
                "when": one.lock.when,
                "new": one.new,
                "terms": dict(one.question.terms),
                "changes": [asdict(change) for change in one.lock.changes],
                "replaced": [asdict(change) for change in one.replaced],
            }
            for one in done
        ]
    }


def lines(done: Sequence[Locked]) -> Iterator[str]:
    """The statement that a person keeps."""
    for one in done:
        on = one.question.terms
        what = f"{on['metric']} over every untrained contender by more than {points(float(on['margin'] or 0))} points"
        if on["route"] == "cost":
            what = f"no loss of {on['metric']} beyond {points(float(on['noninferiority'] or 0))} points, and it pays"
        yield f"{one.question.suite} ({one.question.model}): {frozen_or_not(one.lock)}"
        yield f"  {what}; alpha {on['alpha']:g}, {on['estimand']}, planned gain {points(float(on['planned_gain'] or 0))}"
        yield f"  test cases {on['test_cases']}{_looks_planned(on)}"
        if one.replaced and not one.lock.late:
            yield f"  instead of an earlier lock: {said(one.replaced)}"


def _looks_planned(on: Mapping[str, Term]) -> str:
    looks, most = int(on["looks"] or 1), int(on["n_max"] or 0)
    return f", {plural(looks, 'look')} at up to {plural(most, 'case')}" if looks > 1 else ""


class _Exam:
    """A suite's test set, gone through once: what its cases ask and expect, and their names."""

    def __init__(self, task: Task) -> None:
        test = task.split("test")
        self.task = task
        self.ids = frozenset(case.id for case in test)
        self._cases = sorted((content(case), case.cluster) for case in test)

    @property
    def contents(self) -> frozenset[str]:
        return frozenset(content for content, _ in self._cases)

    def terms(self, metric: str) -> dict[str, Term]:
        """The test set and the version of its metric."""
        return {"test_cases": f"{len(self._cases)} ({fingerprint(self._cases)})", "metric_version": metric}


def _question(exam: _Exam, model: str, policy: Policy, guards: list[str], measured: Mapping[str, Term]) -> Question:
    suite = exam.task.suite.name
    on = terms(policy, suite, _metric(exam.task, policy), guards)
    on |= {**measured, "planned_gain": planned_gain(policy, policy.margin_of(suite)), "prices": _prices(policy)}
    asked = fingerprint(on["metric"], policy.estimand, policy.route)
    return Question(suite, model, asked, exam.contents, exam.ids, on)


def _metric(task: Task, policy: Policy) -> str:
    return policy.suites[task.suite.name].metric or task.suite.metric


def _prices(policy: Policy) -> Term:
    """Which price list, and of what day; None where money is not asked about."""
    if policy.cost is None:
        return None
    prices = load_prices(Path(policy.cost.prices) if policy.cost.prices else None)
    return f"{prices.name}, {prices.date}"


def _looks(question: Question, entries: Sequence[Entry]) -> list[Entry]:
    """Looks at the same test set for the same question: those that share a case with it, or with one that does."""
    looks = [e for e in entries if (e.kind, e.question, e.model) == ("look", question.id, question.model)]
    cases, found = set(question.cases), set[int]()
    while more := {i for i, e in enumerate(looks) if i not in found and not cases.isdisjoint(e.cases)}:
        found |= more
        cases.update(case for i in more for case in looks[i].cases)
    return [looks[i] for i in sorted(found)]


def _locks(question: Question, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Locks of that suite, by its name or by a case."""
    for entry in entries:
        same = entry.suite == question.suite or not question.cases.isdisjoint(entry.cases)
        if same and (entry.kind, entry.model) == ("lock", question.model):
            yield entry


def _held(question: Question, entries: Sequence[Entry]) -> Entry | None:
    """The last lock that came before the test answers, else the last there is."""
    locks = list(_locks(question, entries))
    held = [entry for entry in locks if not entry.content["late"]] or locks
    return held[-1] if held else None


def _time(entry: Entry) -> str:
    return f"{entry.entered:%Y-%m-%d %H:%M} UTC"


def _lock(question: Question, entries: Sequence[Entry]) -> Lock | None:
    """The lock that holds, and what is not as it says."""
    entry = _held(question, entries)
    if entry is None:
        return None
    changed = changes(entry.content["terms"], question.terms)
    if _grows(question, entry):
        changed = tuple(change for change in changed if change.key != "test_cases")
    return Lock(_time(entry), entry.content["late"], changed)


def _grows(question: Question, entry: Entry) -> bool:
    """A test set that grows within a plan of several looks is what was locked."""
    looks, most = entry.content["terms"]["looks"], entry.content["terms"]["n_max"]
    return looks > 1 and question.cases.issuperset(entry.cases) and len(question.ids) <= most
