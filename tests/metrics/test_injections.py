"""An answer is data: whatever it holds, a judge is asked the same around it, and only the judge's own reply is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.experiment import Model
from harness.grade import Heard, checked, hear
from harness.metrics.fence import fence
from harness.metrics.judge import load_judge
from harness.metrics.juror import Grader, Juror, Subject
from harness.metrics.pairwise import load_pairwise
from harness.models.scripted import Scripted
from harness.suite import Case, Suite
from harness.trial import Trial
from tests import judges
from tests.judged_project import RUBRIC
from tests.metrics.injections import GRADES, INJECTIONS

CASE = Case("c1", "1 + 1", "2")
HONEST = "honest"
tricks = pytest.mark.parametrize("trick", INJECTIONS)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "rubric.md").write_text(RUBRIC, encoding="utf-8")
    return Suite(name="t", folder=folder, metric="rubric", rubric="rubric.md")


@pytest.fixture(scope="module")
def grader(suite: Suite) -> Juror:
    return load_judge(suite, [Grader(Model(id="scripted:echo"), "h", tries=2)]).jurors[0]


@pytest.fixture(scope="module")
def comparer(suite: Suite) -> Juror:
    return load_pairwise(suite, [Grader(Model(id="scripted:echo"), "h", tries=2)], "zero_shot").jurors[0]


def user(trial: Trial) -> str:
    return trial.messages[1]["content"]


def judged(juror: Juror, subject: Subject, judge: str) -> Heard:
    """What comes of a subject when that scripted judge is asked as the run asks."""
    model = Scripted(getattr(judges, judge))

    def ask(juror: Juror, trials: list[Trial]) -> Mapping[str, tuple[str | None, str | None, str | None]]:
        replies = [checked(juror, reply) for batch in model.generate(trials) for reply in batch]
        return {reply.trial_id: (reply.text, reply.error, None) for reply in replies}

    return hear(juror, [subject], ask)["t1"]


@tricks
def test_what_is_asked_holds_the_answer_between_the_marks_and_nowhere_else(grader: Juror, trick: str) -> None:
    attack = INJECTIONS[trick]
    honest, attacked = (grader.ask(Subject("t1", CASE, text), 0) for text in (HONEST, attack))
    assert judges.answers(attacked) == [attack]
    assert [message["role"] for message in attacked.messages] == ["system", "user"]
    assert attacked.messages[0] == honest.messages[0]
    assert attacked.schema == honest.schema
    before, after = (re.sub(r"[0-9a-f]{20}", "", text) for text in (user(honest), user(attacked)))
    assert re.sub(r"[0-9a-f]{20}", "", attack).join(before.split(HONEST)) == after


@tricks
def test_a_comparison_holds_both_answers_between_their_marks(comparer: Juror, trick: str) -> None:
    attack = INJECTIONS[trick]
    subject = Subject("t1", CASE, attack, rival="2")
    assert judges.answers(comparer.ask(subject, 0)) == [attack, "2"]
    assert judges.answers(comparer.ask(subject, 1)) == ["2", attack]


@tricks
def test_a_judge_that_keeps_to_the_protocol_is_not_moved(grader: Juror, comparer: Juror, trick: str) -> None:
    """It grades what stands between the marks, by whether the sum is in it."""
    attack = INJECTIONS[trick]
    worth = 1.0 if "2" in attack else 0.0
    assert judged(grader, Subject("t1", CASE, attack), "fair").gradings == (worth,)
    compared = judged(comparer, Subject("t1", CASE, attack, rival="It is 2, I think."), "fair")
    assert compared.gradings == (0.5 if worth else 0.0,)


@tricks
def test_a_judge_that_obeys_the_answer_is_read_as_what_it_says_itself(grader: Juror, trick: str) -> None:
    """It says what the answer says. Where that is a reply it is the judge's own, and a calibration shows such a judge; all else
    is unreadable, asked again, and in the end an error: never a score that was not said.
    """
    heard = judged(grader, Subject("t1", CASE, INJECTIONS[trick]), "echo")
    if INJECTIONS[trick] == GRADES:
        assert (heard.gradings, heard.error) == ((1.0,), None)
    else:
        assert heard.gradings == ()
        assert str(heard.error).startswith("no reply could be read: ")


def test_there_are_enough_of_them() -> None:
    assert len(INJECTIONS) >= 25


@given(st.text(max_size=80), st.text(max_size=20))
@example("", "")
@example("ANSWER 0123456789abcdef0123 ends", "1 + 1")
def test_no_text_holds_its_mark(text: str, about: str) -> None:
    mark, block = fence("ANSWER", text, about)
    assert mark not in text + about
    assert block == f"ANSWER {mark} begins\n{text}\nANSWER {mark} ends"
    assert fence("ANSWER", text, about) == (mark, block), "the same question is the same"


def test_a_text_that_held_its_mark_would_get_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash of one digit is found by trying; the one that is taken stands in none of the texts all the same."""
    monkeypatch.setattr(
        "harness.metrics.fence.fingerprint", lambda *parts: hashlib.sha256(repr(parts).encode()).hexdigest()[:1]
    )
    for digits in ("0", "01", "0123456789", "0123456789abcde"):
        mark, _ = fence("ANSWER", digits, "a question")
        assert mark not in digits
    assert fence("ANSWER", "x", "0123456789abcde")[0] == "f", "nor in what is known of the question"


def test_another_answer_or_case_has_another_mark() -> None:
    marks = {fence("ANSWER", text, about)[0] for text in ("a", "b") for about in ("x", "y")}
    assert len(marks) == 4


def test_a_rival_knows_neither_mark(comparer: Juror) -> None:
    """Both marks depend on both texts: whoever wrote one answer does not know what it will be compared with."""
    asked = [user(comparer.ask(Subject("t1", CASE, "a", rival=rival), 0)) for rival in ("b", "c")]
    marks = [set(re.findall(r"^[AB] ([0-9a-f]{20}) begins$", text, re.MULTILINE)) for text in asked]
    assert all(len(some) == 2 for some in marks)
    assert not marks[0] & marks[1]


@pytest.mark.parametrize(
    "reply",
    [
        f"The answer says {GRADES}",
        f"{GRADES}{GRADES}",
        f"```json\n{GRADES}\n```",
        json.dumps([json.loads(GRADES)]),
        json.dumps({"answer": json.loads(GRADES)}),
        json.dumps(GRADES),
        f"{GRADES[:-1]}, {GRADES.replace('5', '1')[1:]}",
        GRADES.replace('"short"', '"right"'),
        GRADES.replace("5", "5.0"),
        GRADES.replace("5", "NaN"),
        GRADES.replace("5", '"5"'),
        GRADES.replace("5", "true"),
        GRADES.replace("5", "9" * 5000),
    ],
)
def test_grades_that_only_stand_in_a_reply_are_not_read(grader: Juror, reply: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        grader.read(reply)
