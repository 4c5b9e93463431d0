"""Whether a judge likes answers of its own family: its scores of them over people's, or over those of jurors of other families.

    for one in families(graded, people, alpha):
        one.juror, one.family, one.own          # "openai:gpt-5-mini", "gpt", (0.06, 0.02, 0.09)

A family is told by a model's name. Judges are known to prefer what models like themselves wrote (Panickssery and others 2024,
arXiv:2404.13076); without anybody else's score of the same answers it cannot be told from quality.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from harness.figures import signed
from harness.gradings import Graded, mean_over
from harness.stats import Bounds

ALIASES = {
    "chatgpt": "gpt",
    "o": "gpt",
    "davinci": "gpt",
    "codellama": "llama",
    "mixtral": "mistral",
    "ministral": "mistral",
}
"""Models whose name does not begin with that of their family."""


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
    return [_family(number, juror.grader.model.id, whole, people, alpha) for number, juror in enumerate(jurors)]


def family(model: str) -> str:
    """The family of a model by its name: ``gpt`` of ``openai:gpt-5-mini``, ``qwen`` of ``Qwen/Qwen3-8B``."""
    name = re.sub(r"^[a-z_]{2,}:", "", model).partition("@")[0].rstrip("/").rpartition("/")[2].lower()
    found = re.match(r"[a-z]+", name)
    return ALIASES.get(found[0], found[0]) if found else name


def _family(i: int, juror: str, whole: Sequence[Graded], people: Mapping[str, float], alpha: float) -> Family:
    """One juror's, held against people where they graded any of the answers, and against jurors of other families else."""
    own = family(juror)
    strangers = [j for j, other in enumerate(whole[0].jurors) if family(other.grader.model.id) != own]
    reference = "people" if any(one.subject.trial_id in people for one in whole) else "the other jurors"
    known: list[tuple[Graded, float]] = []
    for one in whole:
        if reference == "people" and one.subject.trial_id in people:
            known.append((one, one.by_juror[i] - people[one.subject.trial_id]))
        elif reference != "people" and strangers:
            known.append((one, one.by_juror[i] - median(one.by_juror[j] for j in strangers)))
    ours = [(one, over) for one, over in known if family(one.cell.model.id) == own]
    rest = [(one, over) for one, over in known if family(one.cell.model.id) != own]
    if not any(family(one.cell.model.id) == own for one in whole):
        missing = "no answer here is by a model of its family"
    elif not ours:
        missing = "nobody else graded its family's answers: let people grade some, or add a juror of another family"
    else:
        missing = ""
    return Family(juror, own, reference if known else "", _over(ours, alpha), _over(rest, alpha), missing)


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
