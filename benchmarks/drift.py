"""How often rounds that did not drift are called drifted, and how soon a drift is found: by simulation, seeds fixed.

    python benchmarks/drift.py                    # Markdown, 5 minutes on one core
    python benchmarks/drift.py --draws 100        # a look

Worlds of 50 rounds after round 0, 200 cases of unequal difficulty:

fresh     every answer is drawn anew in each round (a temperature, a server that is not deterministic)
greedy    an answer stays what it was, but for one in fifty
swapped   from round 5 on another model answers, greedily, that is as good over all cases there could be and not on each of these
sources   as fresh, five cases a source that fail together
lacking   as fresh, 3 % of the answers of each round are missing
scarce    as fresh, 20 cases

A shift takes 5 points of accuracy from round 10 on: fresh and greedy. The alarm is about these cases (in ``swapped`` it is no false one:
the model is another), "in general" about cases like these. Beside them stands what is not shipped, the last round alone against
round 0 with the spending of "in general".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from statistics import median
from time import perf_counter

import numpy as np
from scipy.special import stdtr

from harness.stats import Codes, Floats, alarm, change, general
from harness.stats.drift import contrast
from harness.stats.looks import unplanned_alpha

ALPHA, ROUNDS, CASES, SHIFTED, SWAPPED = 0.05, 50, 200, 10, 5
SEED = 20261126
Draw = Callable[[np.random.Generator, float], tuple[Floats, Codes | None]]
Heard = Callable[[Floats, Codes | None], int | None]


def chances(random: np.random.Generator, count: int = CASES) -> Floats:
    """Of a right answer: a mean of 0.8, many cases near 1."""
    return random.beta(2.0, 0.5, count)


def fresh(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    p = np.repeat(chances(random)[None, :], ROUNDS + 1, axis=0)
    p[SHIFTED:] = lowered(p[SHIFTED:], shift)
    return (random.random(p.shape) < p).astype(np.float64), None


def greedy(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    """A shift turns right answers wrong, and leaves them so."""
    first = (random.random(CASES) < chances(random)).astype(np.float64)
    rounds = np.repeat(first[None, :], ROUNDS + 1, axis=0)
    lost = (random.random(CASES) < shift / 0.8) & (first > 0)
    rounds[SHIFTED:, lost] = 0.0
    again = random.random(rounds.shape) < 0.02
    return np.where(again, (random.random(rounds.shape) < 0.8).astype(np.float64), rounds), None


def swapped(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    p = chances(random)
    ours, theirs = ((random.random(CASES) < p).astype(np.float64) for _ in range(2))
    rounds = np.repeat(ours[None, :], ROUNDS + 1, axis=0)
    rounds[SWAPPED:] = theirs
    return rounds, None


def sources(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    """Five cases share an uncertainty of their source, drawn anew in each round."""
    codes = np.arange(CASES) // 5
    p = chances(random)
    common = random.random((ROUNDS + 1, codes.max() + 1))[:, codes]
    own = random.random((ROUNDS + 1, CASES))
    shared = random.random((ROUNDS + 1, CASES)) < 0.5
    return (np.where(shared, common, own) < p).astype(np.float64), codes


def scarce(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    rounds, _ = fresh(random, shift)
    return rounds[:, :20], None


def lacking(random: np.random.Generator, shift: float) -> tuple[Floats, Codes | None]:
    rounds, _ = fresh(random, shift)
    return np.where(random.random(rounds.shape) < 0.03, np.nan, rounds), None


def lowered(p: Floats, shift: float) -> Floats:
    """Chances whose mean is ``shift`` lower."""
    return p * (1 - shift / p.mean())


# --- alarms ------------------------------------------------------------------------------------------------------------


def shipped(scores: Floats, codes: Codes | None) -> int | None:
    found = alarm(scores, codes, alpha=ALPHA)
    return found.round if found else None


def alone(scores: Floats, codes: Codes | None) -> int | None:
    """The last round against round 0."""
    for last in range(1, len(scores)):
        found = contrast(scores[[0, last]], 1, 1, codes)
        assert found is not None
        if 2 * stdtr(found.df, -abs(found.centre) / sqrt(found.v_case)) <= unplanned_alpha(ALPHA, last):
            return last
    return None


def in_general(scores: Floats, codes: Codes | None) -> int | None:
    found = general(scores, codes, alpha=ALPHA)
    return found.round if found else None


HEARD: dict[str, Heard] = {"alarm": shipped, "in general": in_general, "last round alone": alone}
NULLS: dict[str, Draw] = {
    "fresh": fresh,
    "greedy": greedy,
    "swapped": swapped,
    "sources": sources,
    "lacking": lacking,
    "scarce": scarce,
}


@dataclass(frozen=True)
class Power:
    """Of alarms after a shift: shares by 5, 10 and 40 rounds, the median wait in rounds of those heard, and false ones before."""

    by: tuple[float, ...]
    wait: float
    early: float


def false_alarms(draw: Draw, heard: Heard, draws: int) -> float:
    random = np.random.default_rng(SEED)
    return sum(heard(*draw(random, 0.0)) is not None for _ in range(draws)) / draws


def power(draw: Draw, heard: Heard, shift: float, draws: int) -> Power:
    random = np.random.default_rng(SEED + 1)
    found = [heard(*draw(random, shift)) for _ in range(draws)]
    waits = [at - SHIFTED + 1 for at in found if at is not None and at >= SHIFTED]
    by = tuple(sum(wait <= most for wait in waits) / draws for most in (5, 10, 40))
    early = sum(at is not None and at < SHIFTED for at in found) / draws
    return Power(by, median(waits) if waits else float("nan"), early)


def places(draw: Draw, shift: float, draws: int, rounds: int) -> tuple[float, float, float]:
    """Of a change after an alarm: how often its interval has the true place, its median width, and how often the size's interval
    has the true size.
    """
    random = np.random.default_rng(SEED + 2)
    inside, widths, sized, count = 0, list[int](), 0, 0
    for _ in range(draws):
        scores, codes = draw(random, shift)
        scores = scores[: rounds + 1]
        if shipped(scores, codes) is None:
            continue
        found = change(scores, codes, alpha=ALPHA)
        assert found is not None
        count += 1
        inside += found.earliest <= SHIFTED <= found.latest
        widths.append(found.latest - found.earliest + 1)
        sized += found.size.lower <= -shift <= found.size.upper
    return inside / max(count, 1), median(widths), sized / max(count, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=1500)
    draws = parser.parse_args().draws
    began = perf_counter()
    print(f"{draws} draws, {ROUNDS} rounds, {CASES} cases, alpha {ALPHA}\n\n| any false alarm | {' | '.join(HEARD)} |")
    print("|---|" + "---|" * len(HEARD))
    for name, draw in NULLS.items():
        shown = " | ".join(f"{false_alarms(draw, heard, draws):.1%}" for heard in HEARD.values())
        print(f"| {name} | {shown} |", flush=True)
    print(
        "\n| a shift of 5 points | alarm | within 5 rounds | 10 | 40 | median wait | before it |\n|---|---|---|---|---|---|---|"
    )
    for name, draw in (("fresh", fresh), ("greedy", greedy)):
        for which, heard in HEARD.items():
            found = power(draw, heard, 0.05, draws // 2)
            shares = " | ".join(f"{share:.0%}" for share in found.by)
            print(f"| {name} | {which} | {shares} | {found.wait:g} | {found.early:.1%} |", flush=True)
    print(
        "\n| place of the change | rounds | interval has it | median width | size's interval has −5 |\n|---|---|---|---|---|"
    )
    for name, draw in (("fresh", fresh), ("greedy", greedy)):
        for rounds in (20, 50):
            covered, width, sized = places(draw, 0.05, draws // 4, rounds)
            print(f"| {name} | {rounds} | {covered:.1%} | {width:g} | {sized:.1%} |", flush=True)
    print(f"\n{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
