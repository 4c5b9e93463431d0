"""From a run's answers to rows: one metric, scaled to [0, 1], every case in its split.

Row(suite="triage", contender="sft", metric="exact_match", case_id="17b1e5d4", technique="tune", …, score=1.0)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import BadInput, suggest
from harness.importers.answer import Answer, Logged, Unmeasured, Unusable, Value, brief, names
from harness.importers.plan import Identity

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One score, with the columns that ``harness verdict --scores`` reads."""

    suite: str
    contender: str
    metric: str
    case_id: str
    technique: str
    data_fraction: float
    training_seed: int | None
    repeat: int
    split: str
    cluster: str | None
    score: float | None
    error: str | None
    source: str
    prompt_tokens: float | None
    output_tokens: float | None
    seconds: float | None
    cost: float | None


def rows(logged: Logged, identity: Identity) -> Iterator[Row]:
    """A row for every answer that was asked for the metric.

    Raises:
        BadInput: no or several metrics to choose from, a score that is no number or outside the scale, or one case id
            for two questions.
    """
    key = choose(logged, identity.metric)
    answers = [answer for answer in logged.answers if key in answer.scores or (answer.error and not answer.scores)]
    _check_direction(logged, key, identity)
    _check_cases(answers)
    source = identity.source or ("judge" if any(key in answer.judged for answer in answers) else "program")
    asked: Counter[str] = Counter()
    for answer in answers:
        error, score = _score(answer, key, identity, answers)
        number = asked[answer.case] if answer.repeat is None else answer.repeat
        asked[answer.case] += 1
        used = {} if answer.error else answer.usage
        yield Row(
            suite=identity.suite,
            contender=identity.contender,
            metric=(identity.metric or key.split(",")[0]).removesuffix(",none"),
            case_id=answer.case,
            technique=identity.technique,
            data_fraction=identity.data_fraction,
            training_seed=identity.training_seed,
            repeat=identity.repeat + number,
            split=identity.split or _drawn(answer.cluster or answer.case, identity.dev_share or 0.0),
            cluster=answer.cluster,
            score=score,
            error=error,
            source=source,
            prompt_tokens=used.get("prompt_tokens"),
            output_tokens=used.get("output_tokens"),
            seconds=used.get("seconds"),
            cost=used.get("cost"),
        )


def choose(logged: Logged, wanted: str | None) -> str:
    """The metric asked for, the tool's default, or the only one; a name may leave out the filter after its comma.

    Raises:
        BadInput: with the choices.
    """
    found = names(logged.answers)
    usable = [name for name in found if any(_is_value(answer.scores.get(name)) for answer in logged.answers)]
    if not found:
        if wanted is None or not logged.answers:
            said = "nothing in it was scored: name the metric" if logged.answers else "no answers in it"
            raise BadInput(f"{logged.name}: {said}")
        return wanted
    if wanted is None:
        fitting = [logged.default] if logged.default else usable
    else:
        fitting = [name for name in found if name == wanted] or [n for n in found if n.split(",")[0] == wanted]
    if len(fitting) == 1:
        return fitting[0]
    choices = ", ".join(fitting or usable) or "none that is a number"
    if wanted is not None and not fitting:
        raise BadInput(f"{logged.name}: no metric {wanted!r}: {suggest(wanted, usable)} (there are: {choices})")
    raise BadInput(f"{logged.name}: which metric? choose one with --metric (or metric = in the map): {choices}")


def _is_value(score: Value | None) -> bool:
    return score is not None and not isinstance(score, Unusable)


def _check_direction(logged: Logged, key: str, identity: Identity) -> None:
    worst, best = identity.scale
    if key in logged.falling and worst < best:
        raise BadInput(
            f"{logged.name}: of {key!r} less is better: turn it round with --scale WORST:BEST, as --scale 1:0"
        )


def _check_cases(answers: Sequence[Answer]) -> None:
    """A case id stands for one question."""
    first: dict[str, Answer] = {}
    for answer in answers:
        other = first.setdefault(answer.case, answer)
        if other.content != answer.content:
            raise BadInput(
                f"{answer.where}: case {brief(answer.case, 60)!r} is another question at {other.where}: "
                "choose a field with --case-id that every case has for itself"
            )


def _score(answer: Answer, key: str, identity: Identity, answers: Sequence[Answer]) -> tuple[str | None, float | None]:
    """(error, score): one of them is None."""
    given = answer.scores.get(key)
    if answer.error or given is None:
        return answer.error or "not scored", None
    if isinstance(given, Unmeasured):
        return given.why, None
    if isinstance(given, Unusable):
        raise BadInput(f"{answer.where}: {key}: given {given.given}: a score must be one number: choose another metric")
    worst, best = identity.scale
    score = (given - worst) / (best - worst)
    if not -ROUNDING <= score <= 1 + ROUNDING:
        numbers = [number for one in answers if isinstance(number := one.scores.get(key), float)]
        raise BadInput(
            f"{answer.where}: {key}: given {given:g}, outside {worst:g} to {best:g} (in this log: {min(numbers):g} to "
            f"{max(numbers):g}): say what is worst and best with --scale WORST:BEST, as --scale {_likely(numbers)}"
        )
    return None, min(max(score, 0.0), 1.0)


def _likely(numbers: Sequence[float]) -> str:
    low, high = min(numbers), max(numbers)
    return next((f"0:{top}" for top in (1, 10, 100, 1000) if low >= 0 and high <= top), f"{low:g}:{high:g}")


def _drawn(unit: str, share: float) -> str:
    """The split of a case or cluster, the same in every file and on every machine: a hash below the share is dev."""
    drawn = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return "dev" if int.from_bytes(drawn, "big") < share * 2**64 else "test"
