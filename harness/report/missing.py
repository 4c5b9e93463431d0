"""What the best prompt is missing and why, as one bar from 0 to 100: its score, form, knowledge, and what is left.

    found = missing.split(suite)    # Missing(parts=(Part("score", "few_shot", 0.62, "62.0 (58.1 to 65.8)", …), …), …)
    missing.bar(found)              # <svg class="missing" role="img" aria-label="of 100 points: few_shot 62.0 …">…</svg>
    missing.others(suite)           # what else was diagnosed: a strip and a sentence each

The parts are shares of one whole, so they are drawn without their intervals; the list beside the bar gives those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from harness.report.charts import Row, Scale, axis, forest
from harness.report.gathered import Difference, Rung, Span, Suite
from harness.report.numbers import gain, points, score
from harness.visible import visible

TALL, OVER = 34, 20
"""Height of the bar, and the room over it for the name of the tuned contender; pixels."""
LABELLED = 0.12
"""From this share on a part has room for its number, on a phone too."""
NAMED = 18
"""Characters of a name that half of the bar has room for on a phone, 390 pixels wide."""
SHARES = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
IN_THE_BAR = {"format_loss", "format_gap", "knowledge_gap", "skill_residual"}
NAMES: Mapping[str, str] = {"format": "form", "knowledge": "knowledge"}
SKILL = "Missing even with the form held and the passage given: left to training, more data or a better model."
SAID: Mapping[str, tuple[str, str, str]] = {
    "retrieval_gap": (
        "Retrieval misses passages: the right one alone gives more",
        "Retrieval gives more than the one right passage",
        "Retrieval is not shown to miss what the right passage gives",
    ),
    "latent_ability": (
        "It can, but not reliably: one of several tries is right more often than the single answer",
        "Several tries do worse than the single answer",
        "Several tries are not shown to be better than the single answer",
    ),
    "interaction": (
        "Adapter and retrieval help each other",
        "Adapter and retrieval get in each other’s way",
        "Adapter and retrieval are not shown to help or hinder each other",
    ),
    "leakage": (
        "The gain is larger on cases that overlap the training data: some of it is memory",
        "The gain is smaller on cases that overlap the training data",
        "The gain is not shown to differ on cases that overlap the training data",
    ),
    "gain_with_touched": (
        "With the cases that overlap the training data the gain is above zero; the claims leave them out",
        "Even with the cases that overlap the training data the gain is below zero; the claims leave them out",
        "With the cases that overlap the training data no gain is shown either; the claims leave them out",
    ),
    "memory": (
        "The gain is larger on facts that the training data states: some of it is memory",
        "The gain is smaller on facts that the training data states",
        "The gain is not shown to differ between facts that the training data states and others",
    ),
}
"""What a difference means when it is shown above zero, when it is shown below, and when neither is shown."""

Gaps = Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the bar, 0 to 1; ``value`` is the number as measured, ``meaning`` one or two sentences.

    ``kind`` is ``score``, ``format``, ``knowledge``, ``skill``, or ``open``: not told apart.
    """

    kind: str
    name: str
    share: float
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The bar; ``tuned`` is the contender in question, ``ask`` says what would measure what was not."""

    parts: tuple[Part, ...]
    tuned: Rung | None
    ask: str


def split(suite: Suite, *, probed: bool = False) -> Missing | None:
    """The bar of a suite, from its ladder and its diagnosis; None where no prompt was measured.

    ``probed`` says that the run had its probes: what is unknown then cannot be measured on this suite.
    """
    gaps = dict(suite.diagnosis)
    best = _best(suite.ladder, gaps)
    if best is None:
        return None
    measured = dict(_measured(gaps))
    unknown = [name for kind, name in NAMES.items() if kind not in measured]
    own = Part("score", best.contender, best.span.estimate, score(best.span), "What the best prompt scores.")
    parts = [_gap(kind, gap, gaps) for kind, gap in measured.items()]
    rest = _rest(best.span, [gap.span for gap in measured.values()], unknown, gaps.get("skill_residual"))
    tuned = next((rung for rung in suite.ladder if rung.contender == suite.contender), None)
    return Missing((own, *parts, rest), tuned, _ask(unknown, probed=probed))


def bar(found: Missing) -> Markup:
    """The parts side by side, over them where the tuned contender stands, under them the axis."""
    drawn = Markup("").join(_block(part, start, width) for part, start, width in _placed(found.parts) if width > 0)
    said = "of 100 points: " + "; ".join(f"{part.name} {part.value}" for part in found.parts)
    mark = Markup("")
    if found.tuned:
        said += f"; the tuned {found.tuned.contender} scores {score(found.tuned.span)}"
        mark = _mark(found.tuned)
    svg = Markup('<svg class="missing" role="img" aria-label="{}" width="100%" height="{}">{}{}</svg>').format(
        visible(said), OVER + TALL, drawn, mark
    )
    return svg + axis(SHARES)


def others(suite: Suite) -> tuple[list[tuple[Row, str]], Markup]:
    """The differences that the bar does not show: a strip and a sentence each, and their axis."""
    gaps = dict(suite.diagnosis)
    left = {key: gap for key, gap in gaps.items() if key not in IN_THE_BAR}
    strips, scale = forest(list(left.values()), floor=None, layer="probe")
    titled = [replace(strip, name=_title(key), note="") for key, strip in zip(left, strips, strict=True)]
    return [(row, says(key, gap)) for row, (key, gap) in zip(titled, left.items(), strict=True)], scale


def says(key: str, gap: Difference) -> str:
    """What a difference means, and between whom it is."""
    sides = f"{gap.ours} minus {gap.theirs}"
    if key not in SAID:
        return f"{sides}."
    above, below, neither = SAID[key]
    return f"{above if gap.span.lower > 0 else below if gap.span.upper < 0 else neither} ({sides})."


def _best(ladder: Sequence[Rung], gaps: Gaps) -> Rung | None:
    """The prompt that the diagnosis compares with; without one the finalist, else the one with the highest mean."""
    prompts = [rung for rung in ladder if rung.technique == "prompt"]
    compared = {gap.theirs for key, gap in gaps.items() if key in ("format_gap", "knowledge_gap", "latent_ability")}
    ranked = sorted(prompts, key=lambda rung: (-rung.span.estimate, rung.contender))
    return min(ranked, key=lambda rung: (rung.contender not in compared, not rung.finalist), default=None)


def _measured(gaps: Gaps) -> Iterator[tuple[str, Difference]]:
    form, facts = gaps.get("format_loss") or gaps.get("format_gap"), gaps.get("knowledge_gap")
    yield from ((kind, gap) for kind, gap in (("format", form), ("knowledge", facts)) if gap)


def _gap(kind: str, gap: Difference, gaps: Gaps) -> Part:
    """What holding the form, or knowing the facts, adds to the best prompt; less than nothing counts as nothing."""
    meaning = f"What the passage that holds the answer adds when it stands in the prompt ({gap.ours})."
    if kind == "format":
        meaning = f"What holding the answer to its form while decoding adds ({gap.ours})."
        if "format_loss" in gaps:
            meaning = "Right in substance, not in form: what a lenient reading of the same answers adds."
            held = gaps.get("format_gap")
            meaning += f" Constrained decoding ({held.ours}) gains {gain(held.span)}." if held else ""
    if gap.span.lower <= 0:
        meaning += " Here it takes away." if gap.span.upper < 0 else " Not shown to be more than nothing."
    return Part(kind, NAMES[kind].capitalize(), max(gap.span.estimate, 0.0), gain(gap.span), meaning)


def _rest(best: Span, gaps: Sequence[Span], unknown: Sequence[str], residual: Difference | None) -> Part:
    """What is left up to 1. Its number is what was measured with form and passage given; else its interval adds the others'
    ends up, as if they erred together: the widest it can be.
    """
    used = [(best.estimate, best.lower, best.upper)]
    used += [(max(g.estimate, 0.0), max(g.lower, 0.0), max(g.upper, 0.0)) for g in gaps]
    middle, most, least = (min(max(1.0 - sum(ends), 0.0), 1.0) for ends in zip(*used, strict=True))
    value = score(Span(middle, min(least, middle), max(most, middle)))
    if not all(span.known for span in (best, *gaps)):
        value = f"{points(middle)} (no interval)"
    if not unknown:
        return Part("skill", "Skill", middle, score(residual.span) if residual else value, SKILL)
    what = " or ".join([", ".join(unknown), "skill"])
    return Part("open", "Not told apart", middle, value, f"{what[:1].upper()}{what[1:]}: not measured apart.")


def _ask(unknown: Sequence[str], *, probed: bool) -> str:
    if not unknown:
        return ""
    what = " and ".join(unknown)
    if probed:
        return f"The run had its probes, but this suite gives none that would tell {what} from skill."
    return f"Write probes = true into the experiment and run it again: that tells {what} from skill."


def _title(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _placed(parts: Sequence[Part]) -> Iterator[tuple[Part, float, float]]:
    """(part, start, width): one after the other, and nothing beyond 1."""
    start = 0.0
    for part in parts:
        width = min(part.share, 1.0 - start)
        yield part, start, width
        start += width


def _block(part: Part, start: float, width: float) -> Markup:
    block = Markup('<rect class="part {}" x="{:.2f}%" y="{}" width="{:.2f}%" height="{}"/>').format(
        part.kind, 100 * start, OVER, 100 * width, TALL
    )
    if width < LABELLED:
        return block
    return block + Markup('<text class="part {}" x="{:.2f}%" y="{}">{}</text>').format(
        part.kind, 100 * (start + width / 2), OVER + TALL / 2 + 4, part.value.partition(" ")[0].removeprefix("+")
    )


def _mark(tuned: Rung) -> Markup:
    """An upright line with the contender's name over it, turned to where there is more room."""
    x, left = SHARES.at(tuned.span.estimate), tuned.span.estimate > 0.5
    name = tuned.contender if len(tuned.contender) <= NAMED else f"{tuned.contender[: NAMED - 1]}…"
    text = Markup('<text class="{}" x="{}" dx="{}" y="12">{}</text>').format(
        "last" if left else "first", x, -5 if left else 5, visible(f"{name} {points(tuned.span.estimate)}")
    )
    return Markup('<line class="edge" x1="{}" x2="{}" y1="0" y2="{}"/>').format(x, x, OVER + 6) + text
