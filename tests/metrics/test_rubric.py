from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.metrics import Metric, load_metric
from harness.metrics.rubric import load_rubric
from harness.suite import Case, Suite

RUBRIC = """# How an answer is graded

Graders read all of it.

- `thanks` (2): Thanks the customer,
  whatever else is said.
  rule: /thank(s| you)/i
- `no_promise`: Promises no date.
  rule: not /by (monday|tomorrow)/i
* `short` (0.5): Between three and nine words.
  - min words: 3
  - max words: 9
- `tone` (2): Sounds calm.

---
**Note**: be fair.
"""


@pytest.fixture
def metric(tmp_path: Path) -> Metric:
    return rubric(tmp_path, RUBRIC)


def rubric(folder: Path, text: str) -> Metric:
    (folder / "rubric.md").write_text(text, encoding="utf-8")
    return load_metric("rubric", Suite(name="t", folder=folder, metric="rubric", rubric="rubric.md"))


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("Thanks for writing, we look into it.", 3.5),
        ("THANK YOU", 3.0),
        ("We look into it by Monday.", 0.5),
        ("Thank you, it will be there by tomorrow without any further delay at all.", 2.0),
        ("", 1.0),
    ],
)
def test_weighted_share_of_rules_met(metric: Metric, text: str, met: float) -> None:
    assert metric(Case(id="c", input="?", reference=""), text) == pytest.approx(met / 3.5)


def test_criteria_keep_what_a_judge_needs(metric: Metric, tmp_path: Path) -> None:
    criteria = load_rubric(tmp_path / "rubric.md")
    assert [(c.id, c.weight, c.text, len(c.rules)) for c in criteria] == [
        ("thanks", 2.0, "Thanks the customer, whatever else is said.", 1),
        ("no_promise", 1.0, "Promises no date.", 1),
        ("short", 0.5, "Between three and nine words.", 2),
        ("tone", 2.0, "Sounds calm.", 0),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- polite: Thanks.\n", "rubric.md:1: given '- polite: Thanks.': write a criterion as - `id` (weight): "),
        ("\n- `a` (0): A.\n", "rubric.md:2: weight: given '0': write a number above zero"),
        ("- `a` (nan): A.\n", "rubric.md:1: weight: given 'nan'"),
        ("- `a` (much): A.\n", "rubric.md:1: weight: given 'much'"),
        ("- `a`: A.\n- `a`: B.\n", "rubric.md:2: duplicate criterion 'a'"),
        ("- `a`: A.\n  rules: /x/\n", "rubric.md:2: unknown key 'rules': did you mean 'rule'?"),
        ("- `a`: A.\n  rule: x\n", "rubric.md:2: rule: given 'x': write /regex/ or not /regex/"),
        ("- `a`: A.\n  rule: /(/\n", "rubric.md:2: rule: given '/(/': not a regular expression"),
        ("- `a`: A.\n  max words: many\n", "rubric.md:2: max words: given 'many': write a whole number"),
        ("  rule: /x/\n", "rubric.md:1: a rule without a criterion"),
        ("# Only a heading\n", "rubric.md: no criterion: write a list item"),
        ("- `a`: A.\n", "rubric.md: no criterion has a rule"),
    ],
)
def test_broken_rubrics_name_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        rubric(tmp_path, text)
    assert f"{tmp_path}/{said}" in str(caught.value)
