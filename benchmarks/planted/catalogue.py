"""The worlds that have a name, and which promise each one tests.

BY_NAME["true null"].source, BY_NAME["true null"].goals
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.planted.ranges import FAMILIES, Family
from benchmarks.planted.world import LIMIT, MARGIN, Contender, Judge, Leak, World

BASE = 0.60
"""Accuracy of the best prompt, where a world does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A world or a family, the goals whose marks it must meet, and under which heading it is shown."""

    source: World | Family
    part: str
    goals: tuple[str, ...]

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name


def prompts(base: float = BASE, *, test: bool = False) -> list[Contender]:
    """Five prompts; dev sees all, test the best, and the gap is wide enough for dev to know which that is."""
    rest = [Contender(f"prompt_{i}", "prompt", max(base - 0.3, 0.001), test=test) for i in range(4)]
    return [Contender("few_shot", "prompt", base), *rest]


def sft(gain: float, base: float = BASE, **more: Any) -> Contender:
    """The usual candidate, its level given as a gain over the best prompt."""
    return Contender("sft", "tune", round(base + gain, 9), **more)


def plain(name: str, why: str, gain: float, *, base: float = BASE, **shape: Any) -> World:
    """Five prompts and one tuned contender."""
    return World(name, (*prompts(base), sft(gain, base)), why, **shape)


def _with(name: str, why: str, more: Sequence[Contender], **shape: Any) -> World:
    return World(name, (*prompts(test=shape.get("dev") == 0), *more), why, **shape)


def named() -> Iterator[Entry]:
    """Where fine-tuning is not justified, each in another way."""
    g1 = ("G1", "G3")
    not_this = ("G1",)
    part = "not justified"
    yield Entry(plain("true null", "tuning changes nothing; seed SD 1 pt", 0.0, seed_sd=0.01), part, g1)
    yield Entry(plain("seed lottery", "tuning changes nothing; seed SD 4 pt", 0.0, seed_sd=0.04), part, g1)
    leak = plain("leak", "30 % of the test cases were trained on; 95 % of them are flagged", 0.0, leak=Leak(0.3))
    yield Entry(leak, part, not_this)
    small = plain("small leak", "8 % of the test cases were trained on; 95 % of them are flagged", 0.0, leak=Leak(0.08))
    yield Entry(small, part, not_this)
    for name, share, edits in (("leak, end to end", 0.3, 0.0), ("small leak, end to end", 0.08, 0.1)):
        how = f"copied into training rows, {edits:.0%} of their words edited" if edits else "copied into training rows"
        why = f"{share:.0%} of the test cases were {how}; what the detector finds in the texts is flagged"
        yield Entry(plain(name, why, 0.0, leak=Leak(share, found=edits)), part, not_this)
    knowledge = [Contender("bm25", "rag", BASE + 0.12), sft(0.06)]
    yield Entry(_with("knowledge gap", "RAG gains 12, tuning 6", knowledge), part, g1)
    form = [Contender("json", "constrain", BASE + 0.12), sft(0.12)]
    yield Entry(_with("format gap", "constrained decoding gains 12, tuning the same 12", form), part, g1)
    weak = (Contender("default", "prompt", BASE), sft(0.08))
    why = "one prompt was tried; one that gains 8 was not, and tuning gains the same 8"
    yield Entry(World("weak default prompt", weak, why, untried=BASE + 0.08), part, not_this)
    fair = [Contender("default", "prompt", BASE - 0.08), sft(0.0)]
    yield Entry(_with("prompts tried", "the same, but the good prompt is among the five that dev saw", fair), part, g1)
    kept = [sft(0.10, guard=0.60 - 0.06)]
    why = "gain +10, general ability −6 (twice what is tolerated)"
    yield Entry(_with("general drop", why, kept, guard=0.60), part, ("G1", "G1 drop", "G3"))
    edge = [sft(0.15, guard=0.60 - LIMIT)]
    yield Entry(_with("drop at its limit", "gain +15, general ability −3", edge, guard=0.60), part, g1)
    yield Entry(
        plain("missing outputs", "nothing gained; 2 % of the answers ended in an error", 0.0, missing=0.02),
        part,
        not_this,
    )
    yield Entry(plain("two seeds", "gain at the margin, two trainings", MARGIN, seeds=2, seed_sd=0.04), part, not_this)
    yield Entry(
        plain("eight clusters", "gain at the margin, 8 clusters of 10", MARGIN, cases=80, cluster=10), part, not_this
    )


def judges() -> Iterator[Entry]:
    """A judge likes the tuned side; people graded some cases."""
    part = "judges"
    bias = "the judge adds 10 points to the tuned side; people graded 100 of 400 cases"
    yield Entry(plain("biased judge", bias, 0.0, judge=Judge(0.10)), part, ("G1", "G3"))
    edge = "the same, and the true gain is exactly the margin"
    yield Entry(plain("biased judge, at the margin", edge, MARGIN, judge=Judge(0.10)), part, ("G1", "G3"))
    one = "the same; people graded the answers of one training of five"
    yield Entry(
        plain("biased judge, one seed graded", one, MARGIN, seed_sd=0.04, judge=Judge(0.10, labelled_seeds=1)),
        part,
        ("G1", "G3"),
    )
    few = "the same, with 20 labels"
    yield Entry(plain("judge alone", few, 0.0, judge=Judge(0.10, labels=20)), part, ("G1",))


def margins() -> Iterator[Entry]:
    """The gain is exactly the margin, in every shape: the hardest place for a false "justified"."""
    part = "gain at the margin"
    for cases in (30, 100, 200, 400, 1000):
        for seeds in (3, 5):
            for sd in (0.0, 0.02, 0.04):
                for cluster in (1, 10) if cases >= 100 else (1, 3):
                    name = f"margin, {cases} cases, {seeds} seeds, SD {sd * 100:.0f}, clusters of {cluster}"
                    shape: dict[str, Any] = {
                        "cases": cases,
                        "seeds": seeds,
                        "seed_sd": sd,
                        "cluster": cluster,
                        "dev": 60,
                    }
                    yield Entry(_bare(name, MARGIN, **shape), part, ("G1", "G3") if cases >= 100 else ("G1",))
    for base in (0.05, 0.25, 0.85, 0.92, 0.96):
        yield Entry(_bare(f"margin, base {base:.2f}", MARGIN, base=base, dev=300), part, ("G1", "G3"))
    for cases in (100, 400):
        uneven: dict[str, Any] = {"cases": cases, "cluster": 10, "uneven": True, "icc": 0.6, "dev": 60}
        yield Entry(_bare(f"margin, {cases} cases, uneven clusters", MARGIN, **uneven), part, ("G1", "G3"))
    # beyond G3: with about four sources' worth of evidence its intervals are too wide (96.5 % in 2,000 draws), not too narrow
    half: dict[str, Any] = {"cases": 400, "largest": 0.5, "icc": 0.6, "dev": 60}
    yield Entry(_bare("margin, one source of half the cases", MARGIN, **half), part, ("G1",))
    for seeds in (3, 5):
        heavy: dict[str, Any] = {"tail": "t3", "seeds": seeds, "seed_sd": 0.04, "dev": 60}
        yield Entry(_bare(f"margin, heavy-tailed seeds, {seeds}", MARGIN, **heavy), part, ("G1", "G3"))
    yield Entry(_bare("margin, graded scores", MARGIN, graded=4, dev=60), part, ("G1", "G3"))
    yield from _choices(part)


def costs() -> Iterator[Entry]:
    """The cost route: cheaper and no worse."""
    part, limit = "cost route", -LIMIT
    why = "a fifth of the price, and exactly the loss that is no longer tolerated"
    yield Entry(plain("cheaper, at the limit", why, limit, prices=(0.010, 0.002)), part, ("G1", "G3"))
    why = "twice the price for the same answers"
    yield Entry(plain("dearer", why, 0.0, prices=(0.010, 0.020)), part, ("G1", "G3"))


def _choices(part: str) -> Iterator[Entry]:
    """Several contenders at the margin: choosing among them must not make one of them look better."""
    three = [Contender(f"sft_{i}", "tune", BASE + MARGIN) for i in range(3)]
    yield Entry(
        _with("margin, three recipes", "three recipes, all at the margin; dev chooses", three), part, ("G1", "G3")
    )
    yield Entry(
        _with("margin, three recipes, no dev", "the same without a dev split: Holm", three, dev=0), part, ("G1", "G3")
    )
    five = [Contender(f"sft_{i}", "tune", BASE + MARGIN) for i in range(5)]
    for seeds in (3, 5):
        why = "five recipes, 600 dev cases, seed SD 4: dev chooses the luckiest trainings, which are as lucky on test"
        world = _with(f"margin, five recipes, {seeds} seeds", why, five, cases=1000, dev=600, seeds=seeds, seed_sd=0.04)
        yield Entry(world, part, ("G1",))
    pair = [Contender("sft", "tune", BASE + MARGIN), Contender("both", "tune+rag", BASE + MARGIN)]
    yield Entry(
        _with("margin, tuned with and without RAG", "two techniques, both at the margin", pair), part, ("G1", "G3")
    )
    near = [Contender("json", "constrain", BASE), Contender("bm25", "rag", BASE), sft(MARGIN)]
    yield Entry(
        _with("margin, three baselines", "prompt, constrained decoding and RAG are equally good", near),
        part,
        ("G1", "G3"),
    )
    artefact = plain(
        "margin, one artefact",
        "seeds are artefacts of their own, SD 4; each its own truth",
        MARGIN,
        seed_sd=0.04,
        policy={"estimand": "artefact"},
    )
    yield Entry(artefact, part, ("G1", "G3"))


def clear_gains() -> Iterator[Entry]:
    """The gain is the margin and three points: to say "not justified" is an error."""
    part = "margin and three points more"
    for cases in (30, 100, 400, 1000):
        for seeds in (3, 5):
            for sd in (0.0, 0.04):
                name = f"clear, {cases} cases, {seeds} seeds, SD {sd * 100:.0f}"
                yield Entry(_bare(name, MARGIN + 0.03, cases=cases, seeds=seeds, seed_sd=sd, dev=60), part, ("G2",))
    yield Entry(_bare("clear, clusters of 10", MARGIN + 0.03, cases=100, cluster=10, dev=60), part, ("G2",))
    near = [Contender("json", "constrain", BASE), Contender("bm25", "rag", BASE), sft(MARGIN + 0.03)]
    yield Entry(_with("clear, three baselines", "three equally good baselines", near, cases=100), part, ("G2",))
    kept = [sft(MARGIN + 0.03, guard=0.58)]
    yield Entry(_with("clear, guard −2", "gain +6, general ability −2", kept, guard=0.60), part, ("G2",))


def powers() -> Iterator[Entry]:
    """Large gains that must be seen, at the usual seed SD of 2 points."""
    for gain, cases, goal in ((0.08, 800, "G4"), (0.10, 400, "G4"), (0.15, 200, "G4 +15")):
        name = f"gain +{gain * 100:.0f}, {cases} cases"
        yield Entry(
            plain(name, f"five seeds, SD 2; gain +{gain * 100:.0f}", gain, cases=cases), "power", ("G2", "G3", goal)
        )


def remedies() -> Iterator[Entry]:
    """One right thing to do, and enough cases to see it."""
    part, goals = "remedies", ("G3", "G5")
    big = {"cases": 800}

    def rungs(constrain: float = 0.0, rag: float = 0.0) -> list[Contender]:
        return [Contender("json", "constrain", BASE + constrain), Contender("bm25", "rag", BASE + rag)]

    yield Entry(_with("remedy: prompt", "nothing beats the prompt", [*rungs(), sft(0.0)], **big), part, goals)
    small = _with("remedy: prompt, 400 cases", "nothing beats the prompt", [*rungs(), sft(0.0)])
    yield Entry(small, part, goals)
    form = [*rungs(0.10, 0.10), sft(0.10)]
    yield Entry(
        _with("remedy: constrain", "constrained decoding gains 10, nothing more on top", form, **big), part, goals
    )
    facts = [*rungs(0.0, 0.10), sft(0.05)]
    yield Entry(_with("remedy: RAG", "RAG gains 10, tuning 5", facts, **big), part, goals)
    skill = [*rungs(0.02, 0.02), sft(0.12)]
    yield Entry(_with("remedy: fine-tune", "tuning gains 12, the others 2", skill, **big), part, goals)
    both = [*rungs(0.0, 0.06), sft(0.06), Contender("sft+rag", "tune+rag", BASE + 0.18)]
    yield Entry(_with("remedy: both", "RAG gains 6, tuning 6, together 18", both, **big), part, goals)
    alone = [*rungs(), sft(0.12), Contender("sft+rag", "tune+rag", BASE + 0.12)]
    yield Entry(
        _with("remedy: fine-tune, not both", "tuning gains 12; RAG adds nothing to it", alone, **big), part, goals
    )
    more = [*rungs(), sft(0.0, slope=0.04)]
    why = "nothing gained yet, four points a doubling; 1,000 cases, seed SD ½"
    yield Entry(_with("remedy: more data", why, more, cases=1000, seed_sd=0.005), part, goals)


def looks() -> Iterator[Entry]:
    """Cases are added and looked at up to five times."""
    part = "looks"
    for seeds, sd in ((5, 0.0), (5, 0.02), (3, 0.04)):
        name = f"five looks, {seeds} seeds, SD {sd * 100:.0f}"
        yield Entry(_bare(name, MARGIN, looks=5, cases=500, dev=60, seeds=seeds, seed_sd=sd), part, ("G6",))
    unplanned: dict[str, Any] = {"looks": 5, "planned": False, "cases": 500, "dev": 60}
    yield Entry(
        _bare("five looks that nobody planned", MARGIN, why="the first look at full alpha", **unplanned), part, ("G6",)
    )
    yield Entry(_bare("five looks, clusters of 10", MARGIN, looks=5, cases=1000, dev=60, cluster=10), part, ("G6",))


def beyond() -> Iterator[Entry]:
    """Nothing promised: what rows cannot show. Measured, so that nobody takes it for granted."""
    part = "beyond the promise"
    why = "at the margin on average: one training in ten ends far below, the others are alike"
    yield Entry(_bare("collapsing seeds", MARGIN, why=why, tail="collapse", seed_sd=0.04, dev=60), part, ())
    blind = plain(
        "unseen leak", "30 % of the test cases were trained on, and nothing is flagged", 0.0, leak=Leak(0.3, 0.0, 0.0)
    )
    yield Entry(blind, part, ())
    close = (*(Contender(f"prompt_{i}", "prompt", BASE - 0.01 * i) for i in range(5)), sft(MARGIN))
    for dev in (150, 600):
        why = f"at the margin of the best of five prompts one point apart; {dev} dev cases do not always know which that is"
        yield Entry(World(f"close prompts, {dev} on dev", close, why, dev=dev), part, ())
    more = [Contender("json", "constrain", BASE), Contender("bm25", "rag", BASE), sft(-0.01, slope=0.04)]
    why = "a loss of one point, four a doubling; 400 cases, seed SD 2: the slope drowns in the trainings"
    yield Entry(_with("more data, unseen", why, more), part, ())


def _bare(name: str, gain: float, *, why: str = "", **shape: Any) -> World:
    """As few rows as decide: the tuned contender has no dev rows, because there is nothing to choose."""
    return plain(name, why, gain, dev_rows_of_tuned=False, **shape)


def entries() -> Iterator[Entry]:
    """All of them, in the order of the page."""
    yield from named()
    yield from judges()
    yield from margins()
    yield from costs()
    yield from clear_gains()
    yield from powers()
    yield from remedies()
    yield from looks()
    yield Entry(FAMILIES[0], "drawn", ("G1", "G2", "G3"))
    yield Entry(FAMILIES[1], "drawn", ("G1", "G3"))
    yield Entry(FAMILIES[2], "drawn", ("G2", "G3"))
    yield from beyond()


CATALOGUE = tuple(entries())
BY_NAME = {entry.name: entry for entry in CATALOGUE}
