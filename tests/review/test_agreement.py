"""How far reviewers agree, and whether one of them prefers a side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.review import agreements
from harness.review.agreement import Agreed
from harness.stats import fleiss, kappa, krippendorff
from tests.conftest import Project, Ran
from tests.review.reviewed import brief, grade, prefer, sit

Harness = Callable[..., Ran]


def agreed(project: Project) -> list[Agreed]:
    with evidence(load_experiment(project.experiment)) as found:
        return agreements(found, "sums")


def number(answers: list[str]) -> int:
    """Of the case that the answers name."""
    return int(re.findall(r"s(\d+)", answers[0])[0])


def now_and_then(answers: list[str]) -> str:
    """As ``brief`` says, but for a tie on every fourth case and the other one on every seventh."""
    case = number(answers)
    return "tie" if case % 4 == 0 else brief(answers[::-1]) if case % 7 == 0 else brief(answers)


def test_two_reviewers_as_the_statistics_have_them(ready: Project) -> None:
    prefer(sit(ready, "Ada", cases=40), brief)
    prefer(sit(ready, "Bo", cases=30), now_and_then)
    (one,) = agreed(ready)
    cases = [int(case.id[1:]) for case in sample(ready, 30)]
    ada = np.ones(30)
    bo = np.array([0.5 if case % 4 == 0 else 0.0 if case % 7 == 0 else 1.0 for case in cases])
    counts = np.stack([[(ada == c) * 1 + (bo == c) * 1] for c in (0, 0.5, 1)], axis=-1)[0]
    assert (one.kind, one.shared, one.cases) == ("compared", 30, 30)
    got = {name: bounds.estimate for name, bounds in one.whole.items()}
    assert got == pytest.approx(
        {
            "accuracy": np.mean(ada == bo),
            "cohen": kappa(ada, bo, categories=(0, 0.5, 1)).value,
            "fleiss": fleiss(counts).value,
            "krippendorff": krippendorff(np.stack([ada, bo]), level="ordinal").value,
        }
    )
    bounds = one.whole["accuracy"]
    assert bounds.lower < bounds.estimate < bounds.upper


def sample(project: Project, count: int) -> list:  # type: ignore[type-arg]
    return [item.case for item in sit(project, cases=count).items]


def test_one_who_likes_the_left_is_seen(ready: Project) -> None:
    prefer(sit(ready, "Ada", cases=30), lambda answers: "left")
    prefer(sit(ready, "Bo", cases=30), brief)
    (one,) = agreed(ready)
    by = {who.lefts: who for who in one.reviewers}
    biased = by[30]
    assert biased.left is not None
    assert biased.left.lower > 0.8
    fair = next(who for who in one.reviewers if who is not biased)
    assert fair.left is not None
    assert fair.left.lower < 0.5 < fair.left.upper


def test_three_reviewers_and_missing_decisions(ready: Project) -> None:
    prefer(sit(ready, "Ada", cases=20), brief)
    prefer(sit(ready, "Bo", cases=20), now_and_then)
    prefer(sit(ready, "Cy", cases=20), lambda answers: "skip" if number(answers) % 2 else "tie")
    (one,) = agreed(ready)
    assert set(one.whole) == {"fleiss", "krippendorff"}
    assert sum(who.skipped for who in one.reviewers) > 0
    assert one.shared == 20


def test_one_reviewer_has_nobody_to_agree_with(ready: Project, harness: Harness) -> None:
    prefer(sit(ready, "Ada", cases=5), brief)
    (one,) = agreed(ready)
    assert (one.shared, dict(one.whole)) == (0, {})
    ran = harness("review", "sums", ready.experiment, "--agreement")
    assert "0 pairs of 0 cases that two or more decided" in ran.out


def test_on_the_terminal_and_as_json(ready: Project, harness: Harness) -> None:
    for name in ("Ada", "Bo"):
        prefer(sit(ready, name, cases=12), brief)
    prefer(sit(ready, "Ada", cases=12, drawn="disagree"), brief)
    ran = harness("review", "sums", ready.experiment, "--agreement")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "sums (embedded:tiny), pairs compared"
    assert re.fullmatch(
        r"  r[0-9a-f]{10}: 12 decided; the left one \d+ times of 12 \(0\.\d\d to 0\.\d\d\); 0 s each", lines[1]
    )
    assert lines[3:8] == [
        "  12 pairs of 12 cases that two or more decided",
        "    accuracy 1.00 (1.00 to 1.00)",
        "    cohen 1.00 (1.00 to 1.00)",
        "    fleiss 1.00 (1.00 to 1.00)",
        "    krippendorff 1.00 (1.00 to 1.00)",
    ]
    assert lines[8] == "sums (embedded:tiny), pairs compared where scores differ most"
    told = json.loads(harness("review", "sums", ready.experiment, "--agreement", "--json").out)
    assert told[0]["whole"]["cohen"] == {"estimate": 1.0, "lower": 1.0, "upper": 1.0}
    assert told[0]["reviewers"][0]["decided"] == 12


def test_rated_answers_by_criterion(ready: Project) -> None:
    def by(off: int) -> Callable[[str], dict[str, int]]:
        def marks(answer: str) -> dict[str, int]:
            case = number([answer])
            return {"right": (case + off * (case % 5 == 0)) % 3, "short": case % 2}

        return marks

    for name, off in (("Ada", 0), ("Bo", 1)):
        grade(sit(ready, name, rates=True, cases=8), by(off))
    (one,) = agreed(ready)
    assert (one.kind, one.shared, one.cases) == ("rated", 16, 8)
    assert set(one.whole) == {"krippendorff"}
    assert one.whole["krippendorff"].estimate < 1.0
    assert set(one.criteria) == {"right", "short"}
    assert one.criteria["short"]["cohen"].estimate == 1.0
    assert one.criteria["right"]["cohen"].estimate < 1.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sumz", "--agreement"), "no suite 'sumz' in the experiment: did you mean 'sums'"),
        (("sums", "--agreement"), "nobody has reviewed suite 'sums': run `harness review sums --reviewer NAME`"),
        (("sums",), "--reviewer: missing: give your name or a pseudonym"),
        (("sums", "--reviewer", " "), "--reviewer: given ' ': give a name or a pseudonym"),
        (("sums", "--reviewer", "a", "--model", "big"), "no base model 'big'"),
        (("sums", "--reviewer", "a", "--port", "70000"), "Invalid value for '--port'"),
        (("sums", "--reviewer", "a", "--between", "sft"), "--between: given sft: name two contenders"),
    ],
)
def test_bad_input_is_one_line(ready: Project, harness: Harness, arguments: tuple[str, ...], said: str) -> None:
    suite, *rest = arguments
    ran = harness("review", suite, ready.experiment, *rest)
    assert ran.code == 4
    assert said in ran.err
    assert ran.err.count("\n") == 1
