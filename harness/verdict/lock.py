"""The question, frozen before its answers are seen, and every look that is taken at them: values and pure rules.

    >>> changes({"margin": 0.03}, {"margin": 0.01})
    (Change(key='margin', locked=0.03, now=0.01),)

``harness lock`` writes the terms of a question into the store, and a verdict made from the store enters its `Look` there.
Both come back to `decide` as a `History`: a verdict stays a pure function of what it is given.

A look is a verdict that could have answered: one that a gate forbids could say nothing whatever the scores were, so it
spends nothing. Reading the same scores on the same terms again is the same look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import numpy as np

from harness.fingerprint import LENGTH, fingerprint
from harness.stats.looks import look_alpha, step, unplanned_alpha
from harness.verdict.column import Codes
from harness.verdict.policy import Policy
from harness.verdict.rows import Rows
from harness.verdict.run import Run
from harness.verdict.verdict import Gate

Term = str | float | int | bool | None
Terms = Mapping[str, Term]
State = Literal["none", "locked", "changed", "late"]

NO_TERMS = {"suites", "cost", "require_lock", "kinship", "data", "merge"}
"""Keys of a policy that are no terms: suites are named one by one, prices are not read from the test set, and who is kin to
whom is no choice. What a merge may lose is a term where there is one."""
HOPES = {"planned_gain", "power"}
"""Terms of a lock that no answer depends on."""

UNSPENT = "no look was spent: whatever the scores, they could not have answered"


@dataclass(frozen=True, slots=True)
class Change:
    """A term that is not what was locked."""

    key: str
    locked: Term
    now: Term


@dataclass(frozen=True, slots=True)
class Lock:
    """A frozen question as it stands now: when it was locked, whether test scores existed then, what changed since."""

    when: str
    late: bool = False
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of a test set: fingerprint of its scores and terms, test cases, level, and the plan that it was made
    under (``looks`` at up to ``n_max`` cases); all None where nobody noted them.
    """

    rows: str | None = None
    cases: int | None = None
    alpha: float | None = None
    planned: bool | None = None
    looks: int | None = None
    n_max: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a suite's question beside its rows.

    ``looks`` are the earlier readings of the same test set, first to last; ``training_seconds`` is what one training of
    the suite took on the average; ``taught`` has, by contender, the test cases that ask for a fact which its training stated.
    """

    looks: tuple[Look, ...] = ()
    lock: Lock | None = None
    training_seconds: float | None = None
    taught: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a verdict stands among the looks at its test set: the ``number``-th, counted from 1."""

    number: int
    look: Look
    history: History

    @property
    def alpha(self) -> float:
        """The one-sided level of its claims."""
        return float(self.look.alpha or 0.0)

    def as_dict(self, *, counted: bool) -> dict[str, Any]:
        """The ``ledger`` of a verdict; ``counted`` says whether it could have answered, and so spends its level."""
        lock = self.history.lock
        frozen = {"when": lock.when, "changes": [asdict(change) for change in lock.changes]} if lock else {}
        return {
            "look": self.number,
            **asdict(self.look),
            "counted": counted,
            "before": [asdict(look) for look in self.history.looks[: self.number - 1]],
            "lock": {"state": state(lock), **frozen},
            "said": [spent(self) if counted else UNSPENT, frozen_or_not(lock)],
        }


def stand(history: History, *, rows: str, cases: int, policy: Policy) -> Standing:
    """This verdict's look: an earlier one where the same rows were read on the same terms, else the next.

    The first look has what the plan gives it: all of alpha when one look is planned. A further one is planned when the
    test set has reached a later step of the same plan than at any look before; otherwise it is unplanned.
    """
    for number, look in enumerate(history.looks, start=1):
        if look.rows == rows:
            return Standing(number, look, history)
    number, plan = len(history.looks) + 1, (policy.looks, policy.n_max)
    same = all((look.looks, look.n_max) == plan for look in history.looks if look.cases is not None)
    # one whose cases nobody noted took the step of its number
    steps = (i if look.cases is None else _step(policy, look.cases) for i, look in enumerate(history.looks, start=1))
    planned = same and _step(policy, cases) > max(steps, default=-1)
    level = _planned(policy, cases) if planned else unplanned_alpha(policy.alpha, number)
    return Standing(number, Look(rows, cases, level, planned, *plan), history)


def following(standing: Standing, policy: Policy, *, counted: bool) -> float:
    """The level that more cases will be read at: the plan's last one, or that of a next look that nobody planned."""
    if policy.looks > 1:
        return look_alpha(policy.alpha, looks=policy.looks, fraction=1.0)
    return unplanned_alpha(policy.alpha, standing.number + 1) if counted else standing.alpha


def terms(policy: Policy, suite: str, metric: str | None, guards: Iterable[str]) -> dict[str, Term]:
    """What a suite is judged by: every key of the policy that its test scores are held against, flat."""
    flat: dict[str, Term] = policy.model_dump(mode="json", exclude=NO_TERMS)
    flat |= {"metric": metric, "margin": policy.margin_of(suite), "noninferiority": policy.noninferiority_of(suite)}
    if policy.merge.parts:
        flat["merge.max_loss"] = policy.merge.max_loss
    for guard in sorted(guards):
        own = policy.suites.get(guard)
        flat[f"{guard}.noninferiority"] = policy.noninferiority_of(guard)
        flat[f"{guard}.max_relative_drop"] = own.max_relative_drop if own else None
    return flat


def changes(locked: Terms, now: Terms) -> tuple[Change, ...]:
    """What differs, by key."""
    keys = sorted({*locked, *now})
    return tuple(Change(k, locked.get(k), now.get(k)) for k in keys if locked.get(k) != now.get(k))


def read(rows: Rows, wanted: Iterable[tuple[str, str, Iterable[str]]], on: Terms) -> str:
    """Fingerprint of the test scores of (suite, metric, contenders) and of the terms they are held against.

    Names of contenders, seeds and suites are not in it, nor are tokens, seconds and money: to rename, or to measure
    what an answer costs, is no further look.
    """
    parts = []
    for suite, metric, names in wanted:
        cases = _Cases(rows, suite)
        of: dict[str, list[str]] = {name: [] for name in names}
        for run in rows.select(suite=suite, metric=metric, split="test", data_fraction=1.0):
            if run.contender in of:
                of[run.contender].append(_run(run, cases))
        told = [[rows.techniques[name], *sorted(runs)] for name, runs in of.items() if runs]
        parts.append(sorted(told))
    return fingerprint(parts, {key: value for key, value in on.items() if key not in HOPES})


def gate(lock: Lock | None, policy: Policy) -> Gate:
    """Whether the question was frozen before its test answers were seen; it forbids only where the policy demands that."""
    passed = not policy.require_lock or state(lock) == "locked"
    said = frozen_or_not(lock)
    return Gate(
        "lock", "pass" if passed else "fail", said if passed else f"{said}: lock the question and use fresh test cases"
    )


def state(lock: Lock | None) -> State:
    """One word for a lock."""
    if lock is None:
        return "none"
    if lock.late:
        return "late"
    return "changed" if lock.changes else "locked"


def frozen_or_not(lock: Lock | None) -> str:
    """The lock as a clause."""
    if lock is None:
        return "not locked: the question was not frozen before the answers were seen"
    when = (
        f"test opened before the lock of {lock.when}" if lock.late else f"locked on {lock.when}, before any test score"
    )
    return f"{when}; changed since: {said(lock.changes)}" if lock.changes else when


def said(changed: Iterable[Change]) -> str:
    """Changes as a clause, old → new."""
    return "; ".join(f"{change.key} {say(change.locked)} → {say(change.now)}" for change in changed)


def spent(standing: Standing) -> str:
    """The look as a clause."""
    number, look, level = standing.number, standing.look, f"{standing.alpha:.2g}"
    if look.planned and look.looks == 1:
        return f"first look at these test cases, claims at alpha {level}"
    if look.planned:
        return f"look {number} of {look.looks} planned ones, claims at alpha {level} (O'Brien and Fleming)"
    return f"look {number} at these test cases, not planned: claims at alpha {level}"


def _planned(policy: Policy, cases: int) -> float:
    return look_alpha(policy.alpha, looks=policy.looks, fraction=_fraction(policy, cases))


def _fraction(policy: Policy, cases: int) -> float:
    return cases / policy.n_max if policy.looks > 1 and policy.n_max and cases else 1.0


def _step(policy: Policy, cases: int) -> int:
    return step(policy.looks, _fraction(policy, cases))


class _Cases:
    """Fingerprints of the cases of runs, which mostly share them: each set is spelt out once."""

    def __init__(self, rows: Rows, suite: str) -> None:
        self._names, self._clusters = rows.cases, rows.clusters[suite]
        self._known: dict[bytes, bytes] = {}

    def digest(self, cases: Codes) -> bytes:
        key = cases.tobytes()
        if key not in self._known:
            made = blake2b(digest_size=LENGTH // 2)
            made.update("\0".join(self._names[code] for code in cases).encode("utf-8", "surrogatepass"))
            # ranks within the suite: another suite's clusters do not move them
            made.update(np.unique(self._clusters[cases], return_inverse=True)[1].astype(np.int64).tobytes())
            self._known[key] = made.digest()
        return self._known[key]


def _run(run: Run, cases: _Cases) -> str:
    made = blake2b(cases.digest(run.cases), digest_size=LENGTH // 2)
    made.update(run.source.encode() + run.scores.tobytes() + run.flagged.tobytes())
    return made.hexdigest()


def say(term: Term) -> str:
    """A term in a clause."""
    return "none" if term is None else f"{term:g}" if isinstance(term, float) else str(term)
