"""A plan and a judgement as JSON, and in words for a terminal or a pull request.

ROLL_BACK at 5%: take the candidate out of traffic
  thumbs: shown to be below -0.02

  thumbs      -0.081  from -0.132 to -0.030   needed: above -0.02   1,204 and 68 users
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from harness.plural import plural
from harness.rollout.declaration import Rollout, Stage
from harness.rollout.judgement import EXIT, Claim, Judgement
from harness.rollout.sizes import Plan, Size

DO = {
    "PROMOTE": "go on to {next}",
    "HOLD": "stay at {stage}, and go on collecting",
    "ROLL_BACK": "take the candidate out of traffic",
    "INVALID": "stop, and mend what is wrong before anything is concluded",
}


# --- the plan


def plan_lines(plan: Plan) -> Iterator[str]:
    """For a terminal."""
    rollout = plan.rollout
    goal = f"at most {rollout.margin:g} worse" if rollout.margin is not None else f"more than {rollout.lift:g} better"
    truth = "it is equal" if rollout.margin is not None else f"it is {2 * rollout.needed:g} better"
    yield (
        f"{rollout.metric}: to show with {rollout.power:.0%} that the candidate is {goal} than {rollout.baseline:g}, if {truth}, "
        f"at any look, wrong in {rollout.alpha:.0%} at most"
    )
    yield ""
    rows = [("stage", "needs", "of the candidate", "takes", "its own days show")]
    rows += [_row(size) for size in plan.stages]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield (
        f"Looking whenever you like takes {plan.factor:.1f} times the users of a single look at the end, at most: a clear difference "
        "ends it earlier."
    )
    yield from _hint(plan)


def _hint(plan: Plan) -> Iterator[str]:
    """An early stage that would take longer than the one that decides."""
    *early, last = plan.stages
    for size in early:
        if size.stage.share is not None and size.stage.margin is None and size.users > last.users:
            yield (
                f"{size.stage.name} would take longer than {last.stage.name}: it is there for great harm, so give it a margin of its own, "
                "such as margin = 0.1"
            )


def _row(size: Size) -> tuple[str, str, str, str, str]:
    units = plural(size.users, "request") if size.stage.shadow else plural(size.users, "user")
    days = "" if size.days is None else _days(size.days)
    seen = "" if size.seen is None else f"differences of {size.seen:.3g} in {_days(size.stage.days or 0)}"
    candidate = "both rated" if size.stage.shadow else f"{size.candidate:,}"
    return size.stage.name, units, candidate, days, seen


def _days(days: float) -> str:
    return f"{days:.1f} days" if days < 10 else f"{days:,.0f} days"


def plan_dict(plan: Plan) -> dict[str, Any]:
    """For a program."""
    keys = ("users", "candidate", "days", "seen")
    stages = [
        {"name": size.stage.name, "share": size.stage.share, **{key: getattr(size, key) for key in keys}}
        for size in plan.stages
    ]
    said = {"metric": plan.rollout.metric, "needed": plan.rollout.needed, "alpha": plan.rollout.alpha}
    return {
        **said,
        "power": plan.rollout.power,
        "factor": plan.factor,
        "stages": stages,
    }


# --- the judgement


def lines(judgement: Judgement, rollout: Rollout) -> Iterator[str]:
    """For a terminal."""
    yield f"{judgement.decision} at {judgement.stage.name}: {_do(judgement)}"
    for said in (*judgement.reasons, *judgement.notes):
        yield f"  {said}"
    yield ""
    for claim in judgement.claims:
        yield "  " + "   ".join(_cells(claim, judgement.stage))
    yield from (f"  {said}" for said in _rest(judgement, rollout))


def markdown(judgement: Judgement, rollout: Rollout) -> Iterator[str]:
    """For a pull request."""
    from harness.report.markdown import escaped, table

    yield f"### {escaped(f'{judgement.decision} at {judgement.stage.name}: {_do(judgement)}')}"
    yield ""
    yield from (f"- {escaped(said)}" for said in (*judgement.reasons, *judgement.notes))
    yield ""
    head = ("", "difference", "at every look", "needed", "rated by")
    yield from table(head, [tuple(map(escaped, _cells(claim, judgement.stage))) for claim in judgement.claims])
    yield ""
    yield from map(escaped, _rest(judgement, rollout))


def _do(judgement: Judgement) -> str:
    return DO[judgement.decision].format(next=judgement.next, stage=judgement.stage.name)


def _cells(claim: Claim, stage: Stage) -> tuple[str, str, str, str, str]:
    found = claim.difference
    control, other = found.users
    who = (
        f"{plural(other, 'request')} of {plural(control, 'user')}"
        if stage.shadow
        else f"{control:,} and {other:,} users"
    )
    ends = f"from {claim.lower:+.3g} to {claim.upper:+.3g}"
    return claim.name, f"{found.estimate:+.3g}", ends, f"above {claim.needed:+g}", who


def _rest(judgement: Judgement, rollout: Rollout) -> Iterator[str]:
    if judgement.more is not None and judgement.decision == "HOLD":
        unit = "request" if judgement.stage.shadow else "user"
        days = "" if judgement.days is None else f", {_days(judgement.days)}"
        yield f"it takes about {plural(judgement.more, f'more {unit}')}{days}, if what is seen is the truth"
    yield f"bounds hold at all looks together, each but for {rollout.alpha:.0%}"


def as_dict(judgement: Judgement) -> dict[str, Any]:
    """For a program."""
    claims = [
        {
            "name": claim.name,
            "needed": claim.needed,
            "estimate": _finite(claim.difference.estimate),
            "lower": _finite(claim.lower),
            "upper": _finite(claim.upper),
            "shown": claim.shown,
            "harms": claim.harms,
            "users": list(claim.difference.users),
            "ratings": claim.difference.ratings,
        }
        for claim in judgement.claims
    ]
    said = {
        "decision": judgement.decision,
        "exit_code": EXIT[judgement.decision],
        "stage": judgement.stage.model_dump(mode="json", exclude_none=True),
    }
    rest = {"reasons": list(judgement.reasons), "notes": list(judgement.notes), "split_p": judgement.split}
    return {**said, "next": judgement.next, **rest, "claims": claims, "more": judgement.more, "days": judgement.days}


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
