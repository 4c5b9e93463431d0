"""The measured error rates as Markdown: every number comes from a finished run.

page(result)                                 # docs/error-rates.md
tables(result)                               # benchmarks/results/planted_truth.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.planted import beside, leaks
from benchmarks.planted.catalogue import BY_NAME, CATALOGUE, Entry
from benchmarks.planted.goals import GOALS, Row, judged, worst
from benchmarks.planted.properties import CHECKS, NAME
from benchmarks.planted.rules import RULES
from benchmarks.planted.trial import Tally

Result = Mapping[str, Any]
VERDICTS = ("JUSTIFIED", "NOT_JUSTIFIED", "INCONCLUSIVE", "INVALID")
PARTS = {
    "not justified": "Fine-tuning is not justified, each time for another reason",
    "judges": "A judge that favours the tuned side",
    "gain at the margin": "The gain is exactly the margin: the hardest place for a false JUSTIFIED",
    "cost route": "The cost route: cheaper and no worse",
    "margin and three points more": "The gain is the margin and three points: NOT_JUSTIFIED would be false",
    "power": "Large gains, which must be seen",
    "remedies": "One right thing to do, and enough cases to see it",
    "looks": "Up to five looks while cases are added; the gain is exactly the margin",
    "drawn": "Worlds drawn from the ranges, five draws from each",
    "beyond the promise": "Beyond the promise: what the rows cannot show",
}


def tables(result: Result) -> str:
    """Goals, then the rules in common use, then every world."""
    parts = [_conditions(result), "", *_goals(result), "", *_rules(result)]
    if detected := _leaks(result):
        parts += ["", "### The leak detector", "", *detected]
    for title, entries in _parts(result):
        parts += ["", f"### {title}", "", *_worlds(entries, result)]
    return "\n".join(parts) + "\n"


def page(result: Result, others: Result | None = None) -> str:
    """What users are sent to; ``others`` is a run of benchmarks/leaks.py."""
    missed = [row for row in _rows(result) if not row.passed]
    flipped, detected = _checks(result), _leaks(result)
    lines = [
        "# How often the verdict is wrong",
        "",
        *_wrap(INTRO),
        "",
        f"{_conditions(result)}. Again, with the same numbers: `{result['command']}`.",
        "",
        "## What is promised, and what came out",
        "",
        *_goals(result),
        "",
        *_wrap(MARKS),
        "",
        "## Where it misses",
        "",
        *(_missed(missed) or [_none_missed(result)]),
        "",
        *_wrap(LIMITS),
        "",
        *([*_wrap(FLIPS), "", *flipped, ""] if flipped else []),
        *(["## The leak detector", "", *_wrap(DETECTOR), "", *detected, ""] if detected else []),
        *(["### Beside other detectors", "", *_wrap(BESIDE), "", beside.tables(others), ""] if others else []),
        "## Rules in common use, on the same draws",
        "",
        *_wrap(COMMON),
        "",
        *_rules(result),
        "",
        "## Every world",
        "",
        *_wrap(COLUMNS),
    ]
    for title, entries in _parts(result):
        lines += ["", f"### {title}", "", *_worlds(entries, result)]
    return "\n".join([*lines, "", "## What was simulated", "", *_wrap(MODEL), ""])


INTRO = """
A verdict that asks for trust should say how often it is wrong. So answers were drawn from worlds in which the right
answer is known, because the worlds were made so; their rows went through `harness.decide`, the function that judges your
rows; and every verdict that contradicts its world was counted. *Planted truth*, and nothing of it is visible in the rows.

The short form: a false JUSTIFIED is rare by design (5 % at the very worst place, a gain of exactly the margin; far less
where tuning gains nothing), and the price is paid in INCONCLUSIVE, which says what would decide it.
"""
MARKS = """
A bound of 5 % is held against .05 + 1.645·√(.05·.95/R) with R draws: a rate of exactly 5 % then passes 95 times in a hundred,
and of a hundred worlds that sit exactly on the bound about five show more by chance. The other marks are taken as they are.
"""
LIMITS = """
What no procedure can see in rows, and so is promised nowhere: test cases that were trained on and that nothing flags; a
failure of one training in ten that none of five trainings happened to meet; a better prompt that dev, being small, passed
over, or that nobody tried. They are measured under *Beyond the promise*. What helps is more trainings, a larger dev split,
and looking for leaks with more than one detector.
"""
FLIPS = """
Turning one tuned answer from wrong to right should never make the verdict worse. Where a verdict lies on its boundary it
sometimes does: an answer gained in the training that was best already makes the trainings differ more. That is the price
of counting trainings as a sample. With three or four trainings no rule escapes it that errs in 5 % whatever the trainings'
spread and that shows a gain surely once there are cases enough: one that an answer more can never hurt would show a gain that
is small beside that spread at most 40 % of the time with three, 80 % with four, though all trainings agreed on it. With five
and more such rules exist, and are not taken for other reasons. The proof, and what they cost, are in
[verdict.md](verdict.md#when-one-more-right-answer-hurts).
"""
DETECTOR = """
Cases were copied into training rows: as they are, or with a share of their words replaced, left out or joined by others;
always in other case, white space, punctuation or Unicode form, and half of them inside a longer text. *Prose* is made-up words as frequent as Zipf
says; notes, tickets, questions and replies come from the embedded model's world; letters, sums and the form are
templates with few or many values in their slots. Templated text shares most of its words with its neighbours and must not be flagged for it.
Rows without a promise show where the detector ends: copies with their sentences in another order pass as often as not. Translations are not looked for, and other
words only by an embedding model (below).
"""
BESIDE = """
The same planted texts, given to what a team would take that has no tool of its own, each as it is commonly set: a *13-gram overlap*
(one run of 13 normalised words in common, as for GPT-3; of 8 where the case is shorter), *datasketch* (MinHash of 128 permutations on
runs of three words, LSH at a Jaccard of 0.7) and *text-dedup* (its MinHash with its own defaults: runs of five words, 250
permutations, 0.7). They were made for other ends: MinHash compares whole texts, so a case inside a longer row escapes it, and a
run of words in common is what a template gives everybody.

*In other words* are English letters of five parts (a purchase, a product, a fault, what was tried, a wish), of which a share was put in
another wording while names and days stayed: 20 % is one part of five. *tuneworthy --embed* is the embedding model's part alone,
here with WordLlama's vectors of words, which know no order; a larger model sees more. No detector here sees a letter of which
every part was reworded, but for the 13-gram overlap, which flags nearly all letters, copied or not.
"""
COMMON = """
Share of draws in which each rule says "fine-tune". In all of these worlds that is wrong. The rules compare the first tuned
contender with the prompt that dev liked best, on the test cases, with two-sided tests at 5 %; *best seed* takes the training
with the highest mean. The last two columns are this procedure with dev's favourite as its only baseline, and as it is.
"""
COLUMNS = """
Shares of all draws in per cent. *wrong* is what contradicts the world: JUSTIFIED where it is not, NOT_JUSTIFIED where the
gain is three points over the margin. *remedy* is the
share in which the right thing to do was recommended (an INVALID verdict recommends nothing). *cover* is the share
of 90 % intervals (gains and guard drops) that hold the truth, with the shares that lie wholly above and below it; INVALID draws and
fewer than 100 cases are left out.
"""
MODEL = """
An answer is right when a standard normal variable lies under a quantile, so that accuracies are exact whatever is shared. Half
of the variable's variance belongs to the case (cases are easy or hard for everybody), 15 % to the case with that contender, the rest to
the single answer. With clusters, 40 % of the first two belong to the cluster. A training's accuracy is drawn around its recipe's, with the seed SD
that a world names, normally or with heavy tails (Student's t, 3 degrees of freedom). Unless a world says otherwise: the best prompt answers 60 % right; five
prompts were tried on 150 dev cases; 400 test cases, 5 trainings, seed SD 2 points; the policy is the default (margin 3 points, alpha 5 %, guards
may lose less than 3 points).

The right answer comes from these accuracies alone: justified is a tuned contender that beats *every* untrained one, tried or
not, by more than the margin, and loses less than the limit on the guard. The right remedy is the cheapest layer that no costlier one
beats by the margin; more data where two more doublings would reach it.

Families of worlds draw everything: 30–1,000 cases, 60–200 on dev, 3–5 trainings, seed SD 0–4 points, a quarter with heavy tails,
clusters of 1–10, even or uneven, gains of −5 to +15 over the best untrained contender, prompts 1–15 points apart, RAG and constrained decoding from −5 to +10,
guard drops of 0–6, leaks of 0–30 % (a detector that marks 95 % of them and 1 % of the others is assumed, but in the worlds *end to end*, where texts are written, copied and looked through by the detector itself; what it marks is measured under *The leak detector*), judges
biased by 0–10 points with 50–100 human labels, a slope of 0–4 points a doubling, now and then missing outputs.
"""


def _wrap(text: str) -> list[str]:
    """Paragraphs, one a line."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n")).split("\n")


def _conditions(result: Result) -> str:
    about = result["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{result['replicates']:,} draws a world, seed {result['seed']}, {about['date']}; {versions}; {about['machine']}; {about['minutes']:.0f} minutes{_later(about)}"


def _later(about: Result) -> str:
    """Worlds that were added to a finished run."""
    found = about.get("later", {})
    return (
        f"; added later, with the same seed: {', '.join(f'{name} ({day})' for name, day in sorted(found.items()))}"
        if found
        else ""
    )


def _tallies(result: Result) -> dict[str, Tally]:
    """In the catalogue's order, worlds that were not run left out."""
    return {e.name: Counter(result["tallies"][e.name]) for e in CATALOGUE if e.name in result["tallies"]}


def _rows(result: Result) -> list[Row]:
    return list(judged(_tallies(result)))


def _goals(result: Result) -> list[str]:
    rows = _rows(result)
    lines = [
        "| | promise | worlds | nearest to its mark | share | mark | n | |",
        "|---|---|---:|---|---:|---:|---:|---|",
    ]
    for goal in GOALS:
        mine = [row for row in rows if row.goal == goal.name]
        if mine:
            row, failed = worst(mine), sum(not row.passed for row in mine)
            said = "PASS" if not failed else f"**MISSED** in {failed} of {len(mine)}"
            lines.append(
                f"| {goal.name} | {goal.promise} | {len(mine)} | {row.world} | {row.share:.1%} | {row.mark} | {row.n:,} | {said} |"
            )
    tally = Counter(result["tallies"].get(NAME, {}))
    broken = [
        f"{check}: {tally[f'changed:{check}']} of {tally[check]:,}" for check in CHECKS if tally[f"changed:{check}"]
    ]
    if tally:
        said = "PASS" if not broken else "**MISSED**"
        tried = max(tally[check] for check in CHECKS)
        lines.append(
            f"| G7 | identical bytes, no order matters, sides negate, a right answer never hurts | drawn | {'; '.join(broken) or 'none'} | | 0 | {tried:,} | {said} |"
        )
    lines += _leak_goals(result) or ["| G8 | the leak detector | | not run | | | | |"]
    lines.append("| G9 | rules in common use | | the table below | | | | |")
    return lines


def _leak_goals(result: Result) -> list[str]:
    tally = Counter(result["tallies"].get(leaks.NAME, {}))
    lines = []
    for goal, promise, rows in leaks.goals(tally) if tally else ():
        nearest = min(rows, key=lambda row: row.share if goal == "G8" else -row.share)
        failed = sum(not row.passed for row in rows)
        said = "PASS" if not failed else f"**MISSED** in {failed} of {len(rows)}"
        share = f"{nearest.share:.1%} | {nearest.mark} | {nearest.n:,}"
        lines.append(f"| {goal} | {promise} | {len(rows)} | {nearest.world} | {share} | {said} |")
    return lines


def _leaks(result: Result) -> list[str]:
    """What the detector sees, kind by kind, the promised first."""
    tally = Counter(result["tallies"].get(leaks.NAME, {}))
    lines = ["| copies of test cases in training | found | n | promised |", "|---|---:|---:|---|"]
    for kind, copy in leaks.COPIES.items():
        share, n = leaks.share(tally, "found", "planted", kind)
        lines.append(f"| {kind} | {share:.1%} | {n:,} | {'≥ 95 %' if copy.promised else ''} |")
    lines += ["", "| text written independently | flagged | n | promised |", "|---|---:|---:|---|"]
    for kind in (*leaks.CLEAN, "prose"):
        share, n = leaks.share(tally, "false", "clean", kind)
        lines.append(f"| {kind} | {share:.2%} | {n:,} | ≤ 1 % |")
    return lines if tally else []


def _none_missed(result: Result) -> str:
    tally = result["tallies"].get(NAME, {})
    if any(tally.get(f"changed:{check}") for check in CHECKS):
        return "No mark of a world was missed in this run; what fails of G7 is told below."
    return "No mark was missed in this run."


def _missed(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    lines = ["| | world | what is planted | share | mark | n |", "|---|---|---|---:|---:|---:|"]
    for row in rows:
        lines.append(
            f"| {row.goal} | {row.world} | {_why(BY_NAME[row.world])} | {row.share:.1%} | {row.mark} | {row.n:,} |"
        )
    return lines


def _checks(result: Result) -> list[str]:
    tally = Counter(result["tallies"].get(NAME, {}))
    lines = ["| check, on drawn worlds | tried | failed |", "|---|---:|---:|"]
    lines += [f"| {said} | {tally[check]:,} | {tally[f'changed:{check}']:,} |" for check, said in CHECKS.items()]
    return lines if tally else []


def _rules(result: Result) -> list[str]:
    lines = [f"| world | {' | '.join(RULES)} | **this procedure** |", f"|---|{'---:|' * (len(RULES) + 1)}"]
    for name, tally in _tallies(result).items():
        entry = BY_NAME[name]
        if entry.part in ("not justified", "judges") or name in (
            "close prompts, 150 on dev",
            "margin, three baselines",
            "drawn, at the margin",
        ):
            shares = [f"{tally[f'rule:{rule}'] / tally['draws']:.1%}" for rule in RULES]
            lines.append(f"| {name} | {' | '.join(shares)} | **{tally['justified'] / tally['draws']:.1%}** |")
    return lines


def _parts(result: Result) -> Iterator[tuple[str, list[Entry]]]:
    there = [entry for entry in CATALOGUE if entry.name in result["tallies"]]
    for part, entries in groupby(there, key=lambda entry: entry.part):
        yield PARTS[part], list(entries)


def _worlds(entries: Iterable[Entry], result: Result) -> list[str]:
    lines = [
        f"| world | what is planted | {' | '.join(VERDICTS)} | wrong | remedy | cover (above, below) |",
        f"|---|---|{'---:|' * 7}",
    ]
    for entry in entries:
        tally = Counter(result["tallies"][entry.name])
        draws = tally["draws"]
        shares = [f"{100 * tally[f'answer:{verdict}'] / draws:.1f}" for verdict in VERDICTS]
        false = max(tally["false:JUSTIFIED"], tally["false:NOT_JUSTIFIED"]) / draws
        cells = [*shares, f"{100 * false:.1f}", f"{100 * tally['right remedy'] / draws:.1f}", _cover(tally)]
        lines.append(f"| {entry.name} | {_why(entry)} | {' | '.join(cells)} |")
    return lines


def _why(entry: Entry) -> str:
    return entry.source.why


def _cover(tally: Tally) -> str:
    count, covered, under, over = (
        sum(tally[f"{kind}:{what}"] for kind in ("gain", "drop")) for what in ("intervals", "covered", "under", "over")
    )
    return f"{100 * covered / count:.1f} ({100 * under / count:.1f}, {100 * over / count:.1f})" if count else ""
