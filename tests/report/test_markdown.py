"""The Markdown report as a whole string."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.report import to_html, to_markdown
from harness.report.markdown import escaped
from tests.report.report_worlds import HOSTILE, small

WHOLE = r"""## Is fine-tuning justified? demo

Base model embedded:tiny.

| suite | answer | contender | gain (interval) | over | 1,000 answers |
| --- | --- | --- | --- | --- | --- |
| triage | 🟧 **Fine-tune** | sft | +8.3 (5.1 to 11.5) | few\_shot | 6.2 s |
| reply | ⬜ **Not shown yet** | formal\|short | +2 (no interval) | formal\|short | – |
| broken | 🟥 **Invalid evidence** | – | – | – | – |

**triage.** Fine-tuning is justified; fine-tune (sft).

1. sft minus few\_shot: 8.3 points (5.1 to 11.5, 400 cases, 3 seeds): more than the 3.0 asked, over the only baseline.

What would change it: a margin above 5.1 points.

Lock: locked on 2026-01-01 08:00 UTC, before any test score; changed since: margin 0.05 → 0.03.

**reply.** Undecided; a prompt suffices (formal\|short).

1. Dpo has 1 training seed: train 3 seeds.

What would change it: train 5 seeds (there are 1).

**broken.** No decision, the evidence is not valid.

1. No test rows of suite 'broken': run it, or take it out of the policy.

What would change it: repair measured and decide again.

<details><summary>General ability</summary>

| guard | tuned contender | drop (interval) | limit | state |
| --- | --- | --- | --- | --- |
| general | sft@triage | 0.4 (−0.6 to 1.4) | 3.0 | holds |

</details>

<details><summary>triage: every contender</summary>

| layer | contender | json\_exact (interval) | prompt tokens | output tokens | 1,000 answers | training |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| prompt | few\_shot | 75.2 (71.6 to 78.5) | 212 | 18 | 12 s | – |
| tuned | sft | 83.5 (80.1 to 86.6) | 64 | 18 | 6.2 s | 5 min 12 s |

- **Over-fitted.** sft: only 31 % of what was learnt holds on dev.
- dev kept step 24.

</details>

Points of each suite's metric; every interval is a 90 % interval of a paired comparison on the same cases.
"""


def test_whole() -> None:
    assert to_markdown(small()) == WHOLE


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a|b", r"a\|b"),
        ("`x`\ny", r"\`x\` y"),
        ("<b>&amp;", r"\<b\>&amp;amp;"),
        ("[l](http://e.example)", r"\[l\](http\://e.example)"),
        ("ask @team, not sft@triage", "ask @<!-- -->team, not sft@triage"),
        ("- item", r"\- item"),
        ("\x1b[0m", r"\\x1b\[0m"),
    ],
)
def test_text_stays_text(given: str, shown: str) -> None:
    assert escaped(given) == shown


def test_hostile_names_make_no_markup() -> None:
    base = small().models[0]
    suite = replace(base.suites[0], name="".join(HOSTILE), reasons=HOSTILE, metric=HOSTILE[0])
    shown = to_markdown(small(models=(replace(base, suites=(suite,)),)))
    assert not re.search(r"(?<!\\)<(?!/?details|/?summary|!-- -->)", shown)
    assert not {c for c in shown if c < " " and c != "\n"}
    rows = [line for line in shown.splitlines() if line.startswith("| ") and "Fine-tune" in line]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [7]


def test_what_touched_cases_change_is_said() -> None:
    made = small()
    said = "Touched test cases: 12 of 400 cases of sft|x, which scores 81.0 with them and 78.2 without."
    base = made.models[0]
    suites = (replace(base.suites[0], touched=said), *base.suites[1:])
    made = replace(made, models=(replace(base, suites=suites),))
    assert "\n\nTouched test cases: 12 of 400 cases of sft\\|x, which" in to_markdown(made)
    assert "Touched test cases: 12 of 400 cases of sft|x, which" in to_html(made)
