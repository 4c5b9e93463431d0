"""The terminal report as a whole string."""

from __future__ import annotations

from dataclasses import replace

from harness.report import to_terminal
from tests.report.report_worlds import HOSTILE, small

WHOLE = """\
demo
====

base model embedded:tiny

suite   answer            contender     gain (interval)     over          1,000 answers
triage  Fine-tune         sft           +8.3 (5.1 to 11.5)  few_shot      6.2 s
    sft minus few_shot: 8.3 points (5.1 to 11.5, 400 cases, 3 seeds): more than the 3.0 asked, over the only baseline.
reply   Not shown yet     formal|short  +2 (no interval)    formal|short  –
    Dpo has 1 training seed: train 3 seeds.
broken  Invalid evidence  –             –                   –             –
    No test rows of suite 'broken': run it, or take it out of the policy."""


def test_whole() -> None:
    assert to_terminal(small()) == WHOLE


def test_hostile_names_stay_on_their_line() -> None:
    gathered = small(experiment="".join(HOSTILE))
    base = gathered.models[0]
    suite = replace(base.suites[0], name=HOSTILE[3], reasons=(HOSTILE[2],))
    shown = to_terminal(replace(gathered, models=(replace(base, suites=(suite,), model=HOSTILE[3]),)))
    assert not {c for c in shown if c < " " and c != "\n"}
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 8
