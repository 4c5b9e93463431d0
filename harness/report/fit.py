"""How far what a training learnt on its rows holds on dev, and which checkpoint dev chose.

    sft: the loss a token fell from 2.31 to 0.04 on training answers, and fell from 2.29 to 0.31 on dev references (60 of each,
    3 trainings): 87 % of what was learnt holds on dev.

Both losses are measured alike, before the first step and with the weights that answer, so that dev may be easier or harder
than the rows: what counts is how far each fell. A training is over-fitted where dev's fell less than half as far as the rows',
or rose, and where its loss was lower at an earlier look. Under 20 cases nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harness.plural import plural
from harness.report.gathered import Fit
from harness.report.numbers import points
from harness.trial import Look, Training

LEAST = 20
"""Cases from which a share is said: the mean of fewer varies by more than a fifth of its spread."""
RISE = 0.05
"""By which share of it a loss on dev must have risen to be called a rise."""
HALF = 0.5
"""What of the fall on the training rows must hold on dev: below it, most of what was learnt is those rows."""


def fits(trainings: Sequence[Training]) -> tuple[Fit, ...]:
    """One a recipe, in the order of ``trainings``; none of a recipe that was not looked at."""
    recipes = dict.fromkeys(training.recipe for training in trainings)
    some = ((recipe, [t for t in trainings if t.recipe == recipe]) for recipe in recipes)
    return tuple(fit for recipe, mine in some if (fit := _fit(recipe, mine)))


def _fit(recipe: str, trainings: Sequence[Training]) -> Fit | None:
    pairs = [(one.looks[0], _answering(one)) for one in trainings if len(one.looks) > 1]
    measured = [(begun, ended) for begun, ended in pairs if ended.rows >= LEAST]
    kept = tuple(_kept(one) for one in trainings if one.kept is not None)
    if not measured:
        return Fit(recipe, "", over=False, kept=kept) if kept else None
    rows = [fmean(look.train_loss or 0.0 for look in looks) for looks in zip(*measured, strict=True)]
    dev = [fmean(look.dev_loss or 0.0 for look in looks) for looks in zip(*measured, strict=True)]
    said = (
        f"{recipe}: the loss a token {_moved(*rows)} on training answers, and {_moved(*dev)} on dev references "
        f"({measured[0][1].rows} of each, {plural(len(measured), 'training')})"
    )
    learnt, held = rows[0] - rows[1], dev[0] - dev[1]
    if learnt <= 0:  # preferences and rewards make references no likelier, and need not
        return Fit(recipe, f"{said}.", over=False, kept=kept)
    risen = _risen(trainings, dev[1])
    over = held < HALF * learnt
    return Fit(recipe, f"{said}: {_holds(held / learnt, over)}{risen}.", over or bool(risen), kept)


def _risen(trainings: Sequence[Training], ended: float) -> str:
    """That dev's loss was lower at an earlier look; empty where it was not."""
    steps = [{look.step: look.dev_loss for look in one.looks[1:] if look.dev_loss} for one in trainings]
    shared = set[int].intersection(*(set(some) for some in steps))
    means = {step: fmean(some[step] for some in steps) for step in sorted(shared)}
    lowest = min(means, key=means.__getitem__, default=None)
    if lowest is None or means[lowest] * (1 + RISE) >= ended:
        return ""
    return f"; after {plural(lowest, 'step')} dev's loss was {means[lowest]:.3g}, so that later ones learnt the rows by heart"


def _answering(training: Training) -> Look:
    """The look at the weights that answer."""
    wanted = training.looks[-1].step if training.kept is None else training.kept
    return next(look for look in training.looks if look.step == wanted)


def _moved(before: float, after: float) -> str:
    return f"{'fell' if after <= before else 'rose'} from {before:.3g} to {after:.3g}"


def _holds(share: float, over: bool) -> str:
    if not over:
        return f"{100 * min(share, 1):.0f} % of what was learnt holds on dev"
    held = (
        f"only {100 * share:.0f} % of what was learnt holds on dev"
        if share > 0
        else "nothing of what was learnt holds on dev"
    )
    return f"{held}, so that it is over-fitted: take fewer epochs, a lower rate, or more data"


def _kept(training: Training) -> str:
    scored = [look for look in training.looks if look.score is not None]
    steps = ", ".join(f"{points(look.score or 0.0)} points after {look.step}" for look in scored)
    return f"{training.recipe}, seed {training.seed}: dev kept the weights after {plural(training.kept or 0, 'step')}: {steps}."
