"""Is fine-tuning justified? The procedure, to be read from top to bottom.

    >>> verdict = decide("scores.parquet", {"margin": 0.03})              # doctest: +SKIP
    >>> verdict.suites["triage"].recommendation                           # doctest: +SKIP
    'rag'

A verdict is a pure function of rows, policy and what is known of earlier looks: nothing is stored, nothing is drawn at
random, and the order of rows, cases and contenders does not matter. ``harness verdict --scores FILE --policy FILE`` is
the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import BadInput, NotCompared, suggest
from harness.fingerprint import fingerprint
from harness.verdict.answer import answer, taken, winners
from harness.verdict.board import Board, load_board
from harness.verdict.check import TUNED
from harness.verdict.diagnosis import diagnose
from harness.verdict.evidence import Guards, gather
from harness.verdict.kinship import Kinship
from harness.verdict.learning import learning_curve
from harness.verdict.lock import History, Look
from harness.verdict.merges import Loss, losses, reverted
from harness.verdict.plan import plan
from harness.verdict.policy import Policy, load_policy
from harness.verdict.reasons import blocked, explain
from harness.verdict.recommend import recommend
from harness.verdict.rows import Rows, load_rows
from harness.verdict.verdict import Gate, SuiteVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Roles:
    """Which suites decide, guard and watch, by name."""

    decide: tuple[str, ...]
    guard: tuple[str, ...]
    watch: tuple[str, ...]


def decide(
    rows: Any,
    policy: Policy | Mapping[str, Any] | Path | str | None = None,
    *,
    look: int = 1,
    history: Mapping[str, History] | None = None,
    kinship: Kinship | None = None,
) -> Verdict:
    """The verdict on every deciding suite.

    Args:
        rows: anything with the Arrow C stream interface, a path, or loaded rows.
        policy: what counts as worth having; a mapping or a TOML file, None for the defaults.
        look: which look at these test cases this is, counted from 1: later ones are stricter.
        history: by suite, what a store knows of its lock and earlier looks; goes before ``look``.
        kinship: who judged, what contenders run on and learnt from, as far as an experiment knows it; added to the policy's.

    Raises:
        BadInput: rows or policy that say something impossible.
        NotCompared: all rows of a deciding suite are of one contender.
    """
    if look < 1:
        raise BadInput(f"look: given {look}: it is counted from 1")
    declared, loaded = load_policy(policy), load_rows(rows)
    roles = assign(loaded, declared)
    hashes = {"rows": loaded.hash, "policy": fingerprint(_said(declared))}
    _refuse_unknown(loaded, declared.kinship)
    declared = declared.model_copy(update={"kinship": declared.kinship.joined(kinship or Kinship())})
    guards = {name: _board(loaded, name, declared) for name in roles.guard}
    unknown = History(looks=(Look(),) * (look - 1))
    beside = _losses(loaded, roles, declared)
    known = {name: (history or {}).get(name, unknown) for name in roles.decide}
    suites = {
        name: _suite(loaded, name, guards, declared, history=known[name], hashes=hashes, losses=beside)
        for name in roles.decide
    }
    return Verdict(suites, roles.guard, roles.watch, hashes)


def assign(rows: Rows, policy: Policy) -> Roles:
    """Roles by the policy; a suite that it does not list decides when no listed one does, and otherwise watches."""
    listed = {name: suite.role for name, suite in policy.suites.items()}
    default = "watch" if "decide" in listed.values() else "decide"
    roles = {name: listed.get(name, default) for name in sorted({*listed, *rows.suites})}
    if "decide" not in roles.values():
        raise BadInput("no suite decides: every suite in the rows is a guard or only watches; give one role 'decide'")
    by_role = {role: tuple(name for name in roles if roles[name] == role) for role in ("decide", "guard", "watch")}
    return Roles(**by_role)


def metric_of(rows: Rows, suite: str, policy: Policy) -> str | None:
    """The metric that counts there: the policy's, or the only one; None where the suite has no rows.

    Raises:
        BadInput: several metrics and the policy names none, or one that no row of the suite has.
    """
    measured = rows.metrics(suite)
    named = policy.suites[suite].metric if suite in policy.suites else None
    if named is not None and measured and named not in measured:
        raise BadInput(f"policy: suites.{suite}.metric: no row has the metric {named!r}: {suggest(named, measured)}")
    if named is not None:
        return named if measured else None
    if len(measured) > 1:
        said = ", ".join(repr(metric) for metric in measured)
        raise BadInput(
            f"suite {suite!r} has the metrics {said}: name one in the policy as [suites.{suite}] metric = ..."
        )
    return measured[0] if measured else None


def _board(rows: Rows, suite: str, policy: Policy) -> Board | None:
    metric = metric_of(rows, suite, policy)
    return None if metric is None else load_board(rows, suite, metric, estimand=policy.estimand)


def _lenient(rows: Rows, suite: str, policy: Policy) -> Board | None:
    """The same answers by the policy's lenient metric.

    Raises:
        BadInput: when no row has it.
    """
    metric = policy.suites[suite].lenient if suite in policy.suites else None
    if metric is not None and metric not in rows.metrics(suite):
        known = suggest(metric, rows.metrics(suite))
        raise BadInput(f"policy: suites.{suite}.lenient: no row has the metric {metric!r}: {known}")
    return None if metric is None else load_board(rows, suite, metric, estimand=policy.estimand)


def _suite(
    rows: Rows,
    suite: str,
    guards: Guards,
    policy: Policy,
    *,
    history: History,
    hashes: Mapping[str, str],
    losses: Sequence[Loss],
) -> SuiteVerdict:
    """The procedure."""
    board = _board(rows, suite, policy)
    if board is None or not board.test:
        return _unmeasured(suite, policy, hashes)
    _refuse_one(board)
    board = replace(board, taught={name: rows.codes(cases) for name, cases in history.taught.items()})
    evidence = gather(rows, board, guards, policy, history, losses=losses)
    won = winners(evidence)
    verdict = answer(evidence, won)
    about = taken(evidence, won)
    learning = learning_curve(board, about.scores, policy.alpha, evidence.margin) if about else {}
    lenient = _lenient(rows, suite, policy)
    diagnosis = diagnose(board, about, evidence.finalists.untrained, policy.alpha, lenient=lenient)
    recommendation, suffices = recommend(board, verdict, about, evidence.ladder, learning)
    return SuiteVerdict(
        suite=suite,
        metric=board.metric,
        verdict=verdict,
        recommendation=recommendation,
        contender=about.name if about else None,
        suffices=suffices,
        estimand=policy.estimand,
        route=policy.route,
        margin=evidence.margin,
        reasons=explain(evidence, verdict, about, (recommendation, suffices), diagnosis=diagnosis, learning=learning),
        claims=(*(claim for c in evidence.candidates for claim in c.claims(evidence.alpha)), *evidence.ladder.steps),
        gates=evidence.gates,
        diagnosis=diagnosis,
        learning_curve=learning,
        economics=evidence.money[about.name] if about else {},
        plan=plan(about, evidence) if verdict in ("INCONCLUSIVE", "INVALID") else {},
        ledger=evidence.standing.as_dict(counted=evidence.answers),
        hashes=hashes,
    )


def _said(policy: Policy) -> dict[str, Any]:
    """What a policy says; of merges nothing where there are none."""
    return policy.model_dump(mode="json", exclude={"data"} if policy.merge.parts else {"data", "merge"})


def merge_losses(rows: Rows, policy: Policy) -> tuple[Loss, ...]:
    """What every merge loses beside every part, on all suites that decide or guard: on dev, where dev has rows."""
    return _losses(rows, assign(rows, policy), policy) if policy.merge.parts else ()


def _losses(rows: Rows, roles: Roles, policy: Policy) -> tuple[Loss, ...]:
    """What merges lose beside their parts: recipes are compared, whatever the estimand, as dev chooses them."""
    if not policy.merge.parts:
        return ()
    _refuse_unknown_parts(rows, policy.merge.parts)
    recipes = policy.model_copy(update={"estimand": "recipe"})
    boards = [_board(rows, name, recipes) for name in (*roles.decide, *roles.guard)]
    return losses([board for board in boards if board is not None], policy.merge)


def reverted_in(rows: Rows, policy: Policy) -> frozenset[str]:
    """Merges that lose too much on dev, by the deciding metrics of what is measured so far."""
    if not policy.merge.parts:
        return frozenset()
    named = [(name, suite.metric) for name, suite in policy.suites.items() if suite.metric is not None]
    boards = [load_board(rows, name, metric) for name, metric in named if metric in rows.metrics(name)]
    return reverted(losses(boards, policy.merge))


def _refuse_unknown_parts(rows: Rows, parts: Mapping[str, Sequence[str]]) -> None:
    tuned = [name for name, technique in rows.techniques.items() if technique in TUNED]
    if not tuned:  # a served model has no adapters, and the experiment's other models have
        return
    for merge, some in parts.items():
        if merge not in tuned:
            raise BadInput(
                f"policy: merge.parts.{merge}: no row has the tuned contender {merge!r}: {suggest(merge, tuned)}"
            )
        for recipe, _, suite in (part.partition("@") for part in some):
            if recipe not in tuned:
                raise BadInput(
                    f"policy: merge.parts.{merge}: no row has the tuned contender {recipe!r}: {suggest(recipe, tuned)}"
                )
            if suite not in rows.suites:
                raise BadInput(
                    f"policy: merge.parts.{merge}: no row is of the suite {suite!r}: {suggest(suite, rows.suites)}"
                )


def _refuse_unknown(rows: Rows, kinship: Kinship) -> None:
    for name in kinship.teachers:
        if name not in rows.techniques:
            known = suggest(name, rows.techniques)
            raise BadInput(f"policy: kinship.teachers.{name}: no row has the contender {name!r}: {known}")


def _refuse_one(board: Board) -> None:
    """A verdict compares: whoever gives one contender has forgotten something."""
    names = {scores.recipe for scores in (*board.dev.values(), *board.test.values())}
    if len(names) == 1:
        raise NotCompared(
            f"suite {board.suite!r}: all rows are of one contender, {names.pop()!r}: "
            "give the same cases answered by an untrained contender and by a tuned one"
        )


def _unmeasured(suite: str, policy: Policy, hashes: Mapping[str, str]) -> SuiteVerdict:
    """A suite that is listed and has no test rows blocks."""
    named = policy.suites[suite].metric if suite in policy.suites else None
    said = f"no test rows of suite {suite!r}: run it, or take it out of the policy"
    gate = Gate("measured", "fail", said)
    return SuiteVerdict(
        suite=suite,
        metric=named,
        verdict="INVALID",
        recommendation="none",
        contender=None,
        suffices=None,
        estimand=policy.estimand,
        route=policy.route,
        margin=policy.margin_of(suite),
        reasons=(blocked(gate),),
        gates=(gate,),
        hashes=hashes,
    )
