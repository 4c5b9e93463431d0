"""The reasons of a verdict, weightiest first: one sentence with its numbers each.

Reason("not_better", "sft gains at most 1.2 points over bm25 (margin 3.0).", {"upper": 0.012, "margin": 0.03})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from harness.plural import plural
from harness.verdict.board import difference
from harness.verdict.candidate import Candidate, Drop
from harness.verdict.evidence import Evidence
from harness.verdict.merges import Loss, worst
from harness.verdict.recommend import DOUBLINGS, Ladder
from harness.verdict.verdict import Answer, Claim, Gate, Reason, Recommendation

WHY: Mapping[str, tuple[str, str]] = {
    "format_loss": ("part of what is missing is form", "read leniently it scores less"),
    "format_gap": ("part of what is missing is form", "holding it to the form costs"),
    "knowledge_gap": ("what is missing is knowledge", "the right passage confuses it"),
    "retrieval_gap": ("retrieval does not find the right passage", "retrieval brings more than the right passage"),
    "latent_ability": ("it can, but not reliably", "more tries do not help"),
    "memory": (
        "part of the gain is facts that it was trained on, not what it can do with others",
        "it gains less on facts that it was trained on",
    ),
    "interaction": ("adapter and retrieval help each other", "adapter and retrieval get in each other's way"),
}
"""What a diagnosis says when it is above zero, and when it is below."""
MOST_WHY = 2


def explain(
    evidence: Evidence,
    verdict: Answer,
    about: Candidate | None,
    advice: tuple[Recommendation, str | None],
    *,
    diagnosis: Mapping[str, Any],
    learning: Mapping[str, Any],
) -> tuple[Reason, ...]:
    """What stands in the way, what was gained and lost, what it costs, why it came out so, what suffices, and how it looks
    case by case.
    """
    found = [blocked(gate) for gate in evidence.failed]
    if verdict == "INVALID":
        return tuple(found)
    if about is not None:
        found += [*_gain(verdict, about, evidence.alpha), *(_drop(drop, evidence.alpha) for drop in about.drops)]
        found += _money(evidence.money[about.name])
    found += _merges(evidence)
    found += [*_why(diagnosis), *_ladder(advice, evidence.ladder), *_learning(advice[0], learning)]
    found += _more_data(learning, evidence.margin)
    if about is not None:
        found += [*_levels(about, evidence), *_single(about, evidence, diagnosis)]
    if evidence.policy.estimand == "artefact" and verdict == "JUSTIFIED":
        found.append(Reason("artefact", "This holds for one trained artefact and dies at the next training."))
    return tuple(found)


def points(score: float) -> str:
    """``4.2``: a difference of scores in points, never ``-0.0``.

    Rounded twice: sums in another order differ from the 15th digit on, and 11.25 must not be 11.2 here and 11.3 there.
    """
    return f"{round(round(100 * score, 9), 1) + 0.0:.1f}"


def blocked(gate: Gate) -> Reason:
    """A failed gate as a reason."""
    if gate.name == "candidate":
        return Reason("no_candidate", f"No candidate measured: {gate.evidence}.")
    return Reason(f"gate:{gate.name}", f"{gate.evidence[:1].upper()}{gate.evidence[1:]}.")


def _gain(verdict: Answer, taken: Candidate, alpha: float) -> Iterator[Reason]:
    """One reason about the baseline that matters: which shows "not better", or is hardest to beat."""
    beaten = taken.beaten_by(alpha) if verdict == "NOT_JUSTIFIED" else None
    name = beaten or taken.worst
    if name is None:
        return
    level = taken.ceiling_alpha(alpha) if beaten else alpha
    seen = taken.gains[name].interval(level)
    numbers = {
        "estimate": seen.estimate,
        "lower": seen.lower,
        "upper": seen.upper,
        "alpha": level,
        "floor": taken.floor,
    }
    bounds = f"{points(seen.lower)} to {points(seen.upper)}"
    counted = f"{plural(seen.n, 'case')}, {plural(seen.seeds, 'seed')}"
    gain = f"{taken.name} minus {name}: {points(seen.estimate)} points ({bounds}, {counted})"
    if beaten:
        yield Reason(
            "not_better", f"{gain}: at most {points(seen.upper)}, and {points(taken.floor)} is asked.", numbers
        )
    elif seen.lower > taken.floor:
        code, many = "better", len(taken.gains)
        said = "the only baseline" if many == 1 else f"the hardest of {many} baselines"
        yield Reason(code, f"{gain}: more than the {points(taken.floor)} asked, over {said}.", numbers)
    else:
        yield Reason("undecided", f"{gain}: neither above nor below the {points(taken.floor)} asked.", numbers)


def _drop(drop: Drop, alpha: float) -> Reason:
    seen = drop.moments.interval(alpha)
    numbers = {"estimate": seen.estimate, "lower": seen.lower, "upper": seen.upper, "limit": drop.limit}
    said = f"{drop.contrast}: a drop of {points(seen.estimate)} points ({points(seen.lower)} to {points(seen.upper)})"
    if seen.upper < drop.limit:
        return Reason("guard_holds", f"{said}, under the limit of {points(drop.limit)}.", numbers)
    if seen.lower > drop.limit:
        return Reason("guard_broken", f"{said}, over the limit of {points(drop.limit)}.", numbers)
    return Reason("guard_undecided", f"{said}, which may exceed the limit of {points(drop.limit)}.", numbers)


def _merges(evidence: Evidence) -> Iterator[Reason]:
    """What every merge that answered this suite loses beside its parts, on any suite: the worst of it."""
    board, policy = evidence.board, evidence.policy.merge
    for merge, parts in policy.parts.items():
        on_dev = [loss for loss in evidence.losses if loss.merge == merge and loss.split == "dev"]
        if not on_dev or (merge not in board.dev and merge not in board.test):
            continue
        yield _merge(worst(on_dev), " and ".join(parts), evidence.alpha)


def _merge(loss: Loss, parts: str, alpha: float) -> Reason:
    seen = loss.moments.interval(alpha)
    bounds = {name: value / loss.level for name, value in (("lower", seen.lower), ("upper", seen.upper))}
    numbers = {"loss": loss.share, **bounds, "limit": loss.max_loss}
    between = f" ({bounds['lower']:.0%} to {bounds['upper']:.0%})" if all(map(isfinite, bounds.values())) else ""
    on = f"of what {loss.part} scores on dev of {loss.suite} it loses {loss.share:.1%}{between}"
    said = f"{loss.merge}, merged from {parts}"
    if loss.over:
        return Reason(
            "merge_reverted",
            f"{said}, is reverted: {on}, over the {loss.max_loss:.0%} allowed: {loss.remedy}.",
            numbers,
        )
    return Reason(
        "merge_kept",
        f"{said}, stands in their place: at worst, {on}, within the {loss.max_loss:.0%} allowed.",
        numbers,
    )


def _ladder(advice: tuple[Recommendation, str | None], ladder: Ladder) -> Iterator[Reason]:
    recommendation, suffices = advice
    if recommendation not in ("prompt", "constrain", "rag") or suffices is None:
        return
    step = next((s for s in ladder.steps if s.name == f"step:{suffices}"), None)
    numbers = {"estimate": step.estimate, "lower": step.lower} if step else {}
    said = f"{suffices} is the cheapest layer that no costlier untrained one is shown to beat"
    if step:
        said += f"; over {step.contrast.partition(' - ')[2]} it gains {points(step.estimate)} points"
    yield Reason("suffices", f"{said}.", numbers)


def _learning(recommendation: Recommendation, learning: Mapping[str, Any]) -> Iterator[Reason]:
    slope: Claim | None = learning.get("slope")
    if slope is None:
        return
    numbers = {"slope": slope.estimate, "lower": slope.lower, "upper": slope.upper}
    said = f"The last doubling of the training data gained {points(slope.estimate)} points"
    said += f" ({points(slope.lower)} to {points(slope.upper)})"
    if recommendation == "collect-data":
        yield Reason("collect_data", f"{said}: at most {DOUBLINGS} more doublings reach what is asked.", numbers)
    else:
        yield Reason("slope", f"{said}.", numbers)


def _more_data(learning: Mapping[str, Any], margin: float) -> Iterator[Reason]:
    """What twice the data would bring, where the curve through its shares shows it."""
    doubled: Claim | None = learning.get("doubled")
    if doubled is None or "more_data" not in learning:
        return
    numbers = {"estimate": doubled.estimate, "lower": doubled.lower, "upper": doubled.upper}
    helps = learning["more_data"] == "helps"
    said = "More data would help" if helps else f"More data would not bring the {points(margin)} points asked"
    bounds = f"{points(doubled.lower)} to {points(doubled.upper)}"
    gained = f"twice as much gains {points(doubled.estimate)} points ({bounds})"
    by = f"by the curve through {len(learning['points'])} shares of it"
    yield Reason("more_data" if helps else "enough_data", f"{said}: {gained}, {by}.", numbers)


def _money(found: Mapping[str, Any]) -> Iterator[Reason]:
    if not found:
        return
    even, volume = found["break_even_requests_per_month"], found["requests_per_month"]
    numbers = {key: value for key, value in found.items() if isinstance(value, float)}
    when = "never pays" if even is None else f"pays from {even:,.0f} requests a month on"
    yield Reason("economics", f"Against {found['baseline']} tuning {when}; {volume:,.0f} are expected.", numbers)


def _why(diagnosis: Mapping[str, Any]) -> Iterator[Reason]:
    """The gaps that are shown, widest first."""
    gaps = [found for name, found in diagnosis.items() if name in WHY and isinstance(found, Claim)]
    shown = [gap for gap in gaps if gap.lower > 0 or gap.upper < 0]
    for gap in sorted(shown, key=lambda gap: (-abs(gap.estimate), gap.name))[:MOST_WHY]:
        numbers = {"estimate": gap.estimate, "lower": gap.lower, "upper": gap.upper}
        said = f"{gap.contrast}: {points(gap.estimate)} points ({points(gap.lower)} to {points(gap.upper)})"
        yield Reason(gap.name, f"{said}: {WHY[gap.name][gap.estimate < 0]}.", numbers)


def _levels(taken: Candidate, evidence: Evidence) -> Iterator[Reason]:
    """Where everybody stands, of 100: a difference says nothing about that."""
    means = {scores.contender: scores.mean for scores in map(evidence.board.test.__getitem__, taken.gains)}
    ranked = sorted(means, key=lambda name: (-round(means[name], 12), name))
    numbers = {name: means[name] for name in ranked if isfinite(means[name])} | {taken.name: taken.scores.mean}
    if ranked and all(map(isfinite, numbers.values())):
        others = ", ".join(f"{name} {points(means[name])}" for name in ranked)
        yield Reason("levels", f"Mean scores of 100: {taken.name} {points(taken.scores.mean)}; {others}.", numbers)


def _single(taken: Candidate, evidence: Evidence, diagnosis: Mapping[str, Any]) -> Iterator[Reason]:
    """Single trainings and single cases, beside the hardest baseline."""
    flips = diagnosis.get("flips")
    if flips is None or taken.worst is None:
        return
    cases, matrix = difference(taken.scores, evidence.board.test[taken.worst])
    if cases.size == 0:
        return
    numbers: dict[str, float | int | str] = {
        "fixed": flips["fixed"],
        "broken": flips["broken"],
        "cases": int(cases.size),
    }
    said = f"Beside {taken.worst}, {taken.name} does better on {plural(flips['fixed'], 'case')} and worse on {flips['broken']}"
    if matrix.ndim == 2 and len(matrix) > 1:
        each = matrix.mean(axis=1)
        least, most = float(each.min()), float(each.max())
        numbers |= {"least": least, "most": most}
        said += f"; its {plural(len(each), 'training')} gain from {points(least)} to {points(most)} points"
    yield Reason("single", f"{said}.", numbers)
