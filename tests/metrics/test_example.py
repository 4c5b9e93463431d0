"""Graded examples in a rubric: read, checked with file and line, shown to the judge, and part of its identity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.metrics import load_metric
from harness.metrics.example import Example, Grade, load_examples
from harness.metrics.judge import load_judge
from harness.metrics.juror import Grader, Jury, Subject
from harness.metrics.rubric import load_rubric
from harness.suite import Case, Suite

CRITERIA = """# Replies

- `action` (2): says first what will be done.
  1: It does.
  0: It does not.
- `calm`: makes no fuss.
  2: Plain.
  0: Fuss.
  max words: 30
"""
EXAMPLES = """
## Examples

Asked: My oven hums.

> We will send a technician, Mira.
>
> Orrin and Vale

- `action` 1: The first words say so.
- `calm` 2

Some prose, and a second one.

### At its worst

> Oh no!!
- `calm` 0: Two marks.
- `action` 0: Nothing is done.

## After

- `brief`: stays short.
  1: Yes.
  0: No.
"""


def jury(folder: Path, text: str) -> Jury:
    (folder / "rubric.md").write_text(text, encoding="utf-8")
    suite = Suite(name="t", folder=folder, metric="rubric", rubric="rubric.md")
    return load_judge(suite, [Grader(Model(id="scripted:echo"), "h")])


def test_examples_are_read(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text(CRITERIA + EXAMPLES.partition("## After")[0], encoding="utf-8")
    criteria = load_rubric(tmp_path / "rubric.md")
    assert [criterion.id for criterion in criteria] == ["action", "calm"]
    assert load_examples(tmp_path / "rubric.md", criteria) == (
        Example(
            "We will send a technician, Mira.\n\nOrrin and Vale",
            (("action", Grade(1, "The first words say so.")), ("calm", Grade(2))),
            "My oven hums.",
        ),
        Example("Oh no!!", (("action", Grade(0, "Nothing is done.")), ("calm", Grade(0, "Two marks.")))),
    )


def test_criteria_may_follow_the_examples(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text(CRITERIA + EXAMPLES, encoding="utf-8")
    assert [criterion.id for criterion in load_rubric(tmp_path / "rubric.md")] == ["action", "calm", "brief"]


def test_a_rubric_without_examples_has_none(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text(CRITERIA, encoding="utf-8")
    assert load_examples(tmp_path / "rubric.md", load_rubric(tmp_path / "rubric.md")) == ()


def test_the_judge_is_shown_them_in_the_form_of_its_reply(tmp_path: Path) -> None:
    judge = jury(tmp_path, CRITERIA + EXAMPLES.partition("## After")[0]).jurors[0]
    asked = judge.ask(Subject("t1", Case("c1", "My lamp flickers.", ""), "No."), 0).messages[1]["content"]
    before, _, rest = asked.partition("An example.\nWhat was asked:\nMy oven hums.\nAnswer:\n")
    assert "- action (0 to 1): says first what will be done." in before
    assert rest.startswith("We will send a technician, Mira.\n\nOrrin and Vale\nGrades:\n")
    grades = rest.partition("Grades:\n")[2].splitlines()[0]
    assert judge.read(grades) == 1.0
    assert list(json.loads(grades)) == ["action", "calm"]
    assert asked.index("Oh no!!") < asked.index("My lamp flickers.") < asked.index("ANSWER")


def test_an_example_is_part_of_the_identity_and_prose_is_not(tmp_path: Path) -> None:
    examples = EXAMPLES.partition("## After")[0]
    first = jury(tmp_path, CRITERIA + examples).hash
    assert jury(tmp_path, CRITERIA + examples.replace("Some prose", "Other prose")).hash == first
    assert jury(tmp_path, CRITERIA + examples.replace("`calm` 2", "`calm` 1")).hash != first
    assert jury(tmp_path, CRITERIA).hash != first


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("> Hm.\n- `action` 1\n- `calm` 3\n", 14, "'calm' had the score '3', allowed are 0 to 2"),
        ("> Hm.\n- `action` 1\n", 12, "this example has no score of 'calm': add a line - `calm` 4"),
        ("> Hm.\n- `action` 1\n- `clam` 1\n", 14, "no criterion 'clam': did you mean 'calm'"),
        ("> Hm.\n- `action` 1\n- `action` 1\n", 14, "'action' is graded twice in one example"),
        ("> Hm.\n- `action`: good\n", 13, "given '- `action`: good': write a criterion's score in an example as"),
        ("- `action` 1\n", 12, "a score without an answer: quote the answer above it"),
        ("Asked: Why?\n- `action` 1\n", 13, "a score without an answer"),
        ("> Hm.\n- `action` 1\n- `calm` 1\n\n> Again.\n", 16, "this example has no score of 'action'"),
    ],
)
def test_a_broken_example_names_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        jury(tmp_path, f"{CRITERIA}\n## Examples\n{text}")
    assert f"{tmp_path}/rubric.md:{line}: {said}" in str(caught.value)


@pytest.mark.parametrize(
    "line", ["1-5: bad to good", "4.5: nearly", "-1: worse", "5) good", "5 = good", "1000: huge", "1 to 3: so"]
)
def test_a_scale_that_cannot_be_read_names_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadInput) as caught:
        jury(tmp_path, f"- `a`: A.\n  2: good\n  {line}\n  0: bad\n")
    assert f"rubric.md:3: scale of 'a': given {line!r}: write one whole number of 0 to 999" in str(caught.value)


@pytest.mark.parametrize("line", ["30 words at most.", "24/7 is fine", "2 or more of them, said well"])
def test_a_number_in_the_text_is_no_scale(tmp_path: Path, line: str) -> None:
    (tmp_path / "rubric.md").write_text(f"- `a`: A,\n  {line}\n  max words: 3\n", encoding="utf-8")
    assert load_rubric(tmp_path / "rubric.md")[0].text == f"A, {line}"


def test_a_criterion_without_anchors_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"rubric\.md:4: criterion 'b' has 1 anchor: who grades needs to know"):
        jury(tmp_path, "- `a`: A.\n  1: yes\n  0: no\n- `b`: B.\n  1: yes\n")


def test_rules_grade_a_rubric_with_examples_too(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text(CRITERIA + EXAMPLES, encoding="utf-8")
    suite = Suite(name="t", folder=tmp_path, metric="rubric", rubric="rubric.md")
    assert load_metric("rubric", suite)(Case("c1", "?", ""), "short") == 1.0
