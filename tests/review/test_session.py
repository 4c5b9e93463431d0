"""A decision is in the store before it counts; stopped anywhere, it goes on; everything can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import BadInput, StoreBusy
from harness.experiment import load_experiment
from harness.matrix import Cell
from harness.review import session as module
from harness.store import open_store
from harness.store.reviews import Review
from harness.trial import Trial
from tests.conftest import Project
from tests.review.reviewed import JUDGE, SUITE, brief, prefer, say, sit


def kept(project: Project) -> list[Review]:
    with open_store(load_experiment(project.experiment).home, write=False) as store:
        return store.reviews()


def test_each_decision_is_a_row_and_says_who_without_a_name(ready: Project) -> None:
    session = sit(ready)
    item = session.view()["item"]
    assert session.compare(item["number"], brief(item["answers"]))
    (row,) = kept(ready)
    assert (row.score, row.drawn, row.grades) == (1.0, "even", None)
    assert row.seconds is not None
    assert row.reviewer == session.reviewer
    assert "ada" not in row.reviewer.lower()
    assert session.view()["item"]["number"] == 2


def test_left_and_right_are_the_contenders_own(ready: Project) -> None:
    session = sit(ready)
    prefer(session, lambda answers: "left")
    rows = kept(ready)
    assert {row.score for row in rows} == {0.0, 1.0}
    assert all((row.score == 1.0) is row.on_left for row in rows)


def test_stopped_and_started_it_goes_on(ready: Project) -> None:
    first = sit(ready)
    for choice in ("left", "skip", "tie"):
        first.compare(first.view()["item"]["number"], choice)
    there = first.view()
    again = sit(ready)
    assert again.view()["item"] == there["item"]
    assert again.view()["progress"] | {"minutes": None} == there["progress"] | {"minutes": None}
    more = sit(ready, cases=12)
    assert more.view()["progress"]["done"] == 3
    assert more.view()["progress"]["total"] == 12
    assert sit(ready, " ADA ").view()["progress"]["done"] == 3, "the same name"
    assert sit(ready, "Bo").view()["progress"]["done"] == 0


def test_undo_goes_back_as_far_as_one_likes(ready: Project) -> None:
    session = sit(ready)
    for choice in ("left", "tie", "skip", "right"):
        session.compare(session.view()["item"]["number"], choice)
    session.undo()
    assert session.view()["item"]["number"] == 4
    later = sit(ready)
    for number in (3, 2, 1):
        later.undo()
        assert later.view()["item"]["number"] == number
        assert len(kept(ready)) == number - 1
    with pytest.raises(BadInput, match="nothing to undo"):
        later.undo()


def test_what_was_skipped_comes_again_when_asked_for(ready: Project) -> None:
    session = sit(ready, cases=4)
    prefer(session, lambda answers: "skip")
    assert session.view() == {"item": None, "progress": {"done": 4, "total": 4, "skipped": 4, "minutes": None}}
    session.again()
    assert session.view()["progress"]["skipped"] == 0
    assert session.view()["item"]["number"] == 1


def test_a_decision_counts_once(ready: Project) -> None:
    session = sit(ready)
    assert session.compare(1, "left")
    assert not session.compare(1, "right"), "another window"
    (row,) = kept(ready)
    assert (row.score == 1.0) is row.on_left


def test_a_busy_store_keeps_nothing_and_says_so(ready: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    session = sit(ready)
    with open_store(session.home, write=True), pytest.raises(StoreBusy):
        session.compare(1, "left")
    assert session.view()["progress"]["done"] == 0
    assert session.compare(1, "left")
    with open_store(session.home, write=False), pytest.raises(StoreBusy):
        session.undo()
    assert session.view()["progress"]["done"] == 1


def half(cell: Cell, trial: Trial) -> str:
    """Every second case is answered alike by all."""
    return str(int(trial.case_id[1:]) % 2 * (cell.seed or 0))


def test_ties_of_equal_answers_are_kept_as_they_are_passed(project: Project) -> None:
    session = sit(say(project, half), cases=16)
    ties = sum(map(len, session.ties.values()))
    assert len(session.items) + ties == 16
    assert ties > 3
    assert not kept(project), "opening the page says nothing"
    seen = []
    while (item := session.view()["item"]) is not None:
        session.compare(item["number"], "left")
        seen.append(sum(row.seconds is None for row in kept(project)))
    assert seen == sorted(seen)
    assert seen[-1] == ties
    assert seen[len(seen) // 2] < ties, "who stops early has not found more ties than there are"
    session.undo()
    assert sum(row.seconds is None for row in kept(project)) == ties - len(session.ties.get(len(session.items), ()))


def test_where_all_answers_are_equal_nobody_is_asked(project: Project) -> None:
    session = sit(say(project, lambda cell, trial: "yes"), cases=5)
    assert session.view()["item"] is None
    session.settle()
    assert [row.score for row in kept(project)] == [0.5] * 5
    assert session.said_of().endswith("0 of 0 pairs decided; 5 pairs more with the same answer on both sides: ties")


def test_rating(ready: Project) -> None:
    session = sit(ready, rates=True)
    with pytest.raises(BadInput, match="'short' had the score 'None', allowed are 0 to 1"):
        session.rate(1, {"right": 2})
    with pytest.raises(BadInput, match="no criterion 'shrt': did you mean 'short'"):
        session.rate(1, {"right": 2, "shrt": 1})
    with pytest.raises(BadInput, match="choice: given 'left'"):
        session.compare(1, "left")
    session.rate(1, {"right": 1, "short": 1})
    (row,) = kept(ready)
    assert row.score == pytest.approx((3 * 0.5 + 1) / 4)
    assert row.grades == {"right": 1, "short": 1}
    assert sit(ready, rates=True).view()["progress"]["done"] == 1
    ready.replace("suites/sums/rubric.md", "Nearly", "Almost")
    assert sit(ready, rates=True).view()["progress"]["done"] == 0, "it was rated by other words"


@pytest.mark.parametrize(
    ("suite", "more", "wanted", "said"),
    [
        ("", "", {}, "to decide or to be shown, the suite needs metrics"),
        ('metrics = ["pairwise:zero_shot"]\n', "", {}, "decisions are rows of a verdict: pairwise:zero_shot"),
        ('metrics = ["rubric"]\n', JUDGE, {"rates": True}, "ratings are rows of a verdict, beside the judge's"),
        ("", "", {"rates": True}, "no judge grades this suite by its rubric: ratings are kept"),
        ("", "", {"drawn": "disagree"}, "what is decided here enters no verdict"),
    ],
)
def test_what_becomes_of_it_is_said(project: Project, suite: str, more: str, wanted: dict[str, Any], said: str) -> None:
    assert said in sit(say(project, suite=SUITE + suite, more=more), **wanted).becomes


@pytest.mark.parametrize(("number", "choice"), [(0, "left"), (11, "left"), (1, "up"), (1, "")])
def test_what_is_not_there(ready: Project, number: int, choice: str) -> None:
    with pytest.raises(BadInput, match="given"):
        sit(ready).compare(number, choice)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_is_none(ready: Project, name: str) -> None:
    with pytest.raises(BadInput, match="give a name or a pseudonym"):
        sit(ready, name)
