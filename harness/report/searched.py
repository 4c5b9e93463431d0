"""What searches tried on dev, as a report's values.

>>> searched(sought, dev=80).sentence                                 # doctest: +SKIP
'sft: of 9 recipes tried on 80 dev cases, learning_rate 0.0005, lora_rank 16 was chosen, with 71.0 on all of the data.'
"""

from __future__ import annotations

from harness.plural import plural
from harness.report.gathered import Searched, Tried
from harness.report.numbers import points
from harness.search import Course, Try, said
from harness.sought import Sought


def searched(sought: Sought, *, dev: int) -> Searched | None:
    """A search that came to its end, the best of those that got farthest first; ``dev`` is the number of its cases."""
    course = sought.found
    if course is None or course.winner is None:
        return None
    shares = sought.search.rungs
    names = tuple(course.winner.settings)
    tries = [_tried(one, course, shares, names) for one in course.tries]
    tries.sort(key=lambda one: (*(-(score or 0.0) for score in reversed(one.scores)), one.number))
    return Searched(sought.name, _sentence(sought, course, dev), names, shares, tuple(tries))


def _sentence(sought: Sought, course: Course, dev: int) -> str:
    """In one sentence, with how many recipes went on to each share."""
    last = sought.search.rungs[-1]
    best = course.best(last)
    on = "all" if last == 1 else f"{100 * last:.3g} %"
    told = f", with {points(best)} on {on} of the data" if best is not None else ""
    tried = f"of {plural(len(course.tries), 'recipe')} tried on {plural(dev, 'dev case')}"
    return f"{sought.name}: {tried}, {said(course.winner.settings) if course.winner else ''} was chosen{told}."


def _tried(one: Try, course: Course, shares: tuple[float, ...], names: tuple[str, ...]) -> Tried:
    settings = tuple(f"{one.settings[name]:g}" for name in names)
    scores = tuple(course.scores.get((one.number, share)) for share in shares)
    return Tried(one.number, settings, scores, course.winner == one)
