"""Whether a judge likes answers of its own family: its scores of them over people's, or over those of jurors of other families.

    for one in families(graded, people, alpha):
        one.juror, one.family, one.own          # "openai:gpt-5-mini", "gpt", (0.06, 0.02, 0.09)

A family is what a model's name speaks of, or what is declared (`harness.verdict.kinship`). Judges are known to prefer what models like themselves wrote (Panickssery and others 2024,
arXiv:2404.13076); without anybody else's score of the same answers it cannot be told from quality.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from harness.evidence import kin_of
from harness.figures import signed
from harness.gradings import Graded, mean_over
from harness.stats import Bounds
from harness.verdict import Kin


@dataclass(frozen=True, slots=True)
class Family:
    """One juror's scores over those of a ``reference`` (people, or the other jurors): of answers by its own family, and of all
    others. ``missing`` says why its taste for its own cannot be told.
    """

    juror: str
    family: str
    reference: str
    own: Bounds | None
    others: Bounds | None
    missing: str = ""


def families(whole: Sequence[Graded], people: Mapping[str, float], alpha: float) -> list[Family]:
    """Of each juror; ``people`` is trial → what people say of it."""
    jurors = whole[0].jurors if whole else ()
    return [_family(number, kin_of(juror.grader.model), whole, people, alpha) for number, juror in enumerate(jurors)]


def _family(i: int, juror: Kin, whole: Sequence[Graded], people: Mapping[str, float], alpha: float) -> Family:
    """One juror's, held against people where they graded any of the answers, and against jurors of other families else."""
    strangers = [j for j, other in enumerate(whole[0].jurors) if not juror.like(kin_of(other.grader.model))]
    reference = "people" if any(one.subject.trial_id in people for one in whole) else "the other jurors"
    known: list[tuple[Graded, float]] = []
    for one in whole:
        if reference == "people" and one.subject.trial_id in people:
            known.append((one, one.by_juror[i] - people[one.subject.trial_id]))
        elif reference != "people" and strangers:
            known.append((one, one.by_juror[i] - median(one.by_juror[j] for j in strangers)))
    ours = [(one, over) for one, over in known if juror.like(kin_of(one.cell.model))]
    rest = [(one, over) for one, over in known if not juror.like(kin_of(one.cell.model))]
    if not juror.families:
        missing = 'its name does not say it: say family = "…"'
    elif not any(juror.like(kin_of(one.cell.model)) for one in whole):
        missing = "no answer here is by a model of its family"
    elif not ours:
        missing = "nobody else graded its family's answers: let people grade some, or add a juror of another family"
    else:
        missing = ""
    said = ", ".join(sorted(juror.families)) or "unknown"
    return Family(juror.id, said, reference if known else "", _over(ours, alpha), _over(rest, alpha), missing)


def _over(known: Sequence[tuple[Graded, float]], alpha: float) -> Bounds | None:
    return mean_over(np.array([over for _, over in known]), [one for one, _ in known], alpha) if known else None


def lines(made: Sequence[Family]) -> Iterator[str]:
    """For a terminal."""
    for one in made:
        if one.own is None:
            yield f"  whether {one.juror} likes its own family ({one.family}) cannot be told: {one.missing}"
        else:
            others = f", others' {signed(one.others)}" if one.others else ""
            said = f"answers of its own family ({one.family}) {signed(one.own)} over {one.reference}"
            yield f"  {one.juror} scores {said}{others}"
