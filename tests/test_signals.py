"""``harness data signals``: what people said becomes rows, with where each comes from; and what is ambiguous does not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.advice import advise
from harness.data.feedback import Feedback
from harness.data.signals import Signals, Thresholds, derive
from tests.conftest import Ran, write_rows

Harness = Callable[..., Ran]
Row = dict[str, Any]
ASK = "My box is late."


def rated(output: str, rating: float, who: str = "p-a", **more: Any) -> Feedback:
    name = f"{output}/{rating}/{who}"
    return Feedback(f"f.jsonl:{name}", name, more.pop("input", ASK), output, rating=rating, who=who, **more)


def edited(output: str, correction: str, who: str = "p-a", **more: Any) -> Feedback:
    return Feedback(f"f.jsonl:{output}", f"{output}>{correction}", more.pop("input", ASK), output, correction, who=who, **more)  # fmt: skip


def signals(*feedback: Feedback, **thresholds: Any) -> Signals:
    return derive(feedback, scale=5, thresholds=Thresholds(**thresholds))


def sides(found: Signals) -> list[tuple[str, str]]:
    return [(row["chosen"], row["rejected"]) for row in found.preferences]


def test_a_correction_is_learnt_and_preferred() -> None:
    found = signals(edited("No.", "We will look for it.", when="2026-03-01", intent="complaint"))
    source = {"id": "No.>We will look for it.", "where": "f.jsonl:No.", "when": "2026-03-01", "who": "p-a"}
    common = {"intent": "complaint", "because": "correction", "feedback": [source]}
    assert found.sft == [{"prompt": ASK, "completion": "We will look for it.", **common}]
    assert found.preferences == [{"prompt": ASK, "chosen": "We will look for it.", "rejected": "No.", **common}]


def test_an_output_that_was_left_as_it_is_is_learnt_and_not_preferred() -> None:
    found = signals(edited("Yes.", " Yes. "))
    assert [row["completion"] for row in found.sft] == [" Yes. "]
    assert found.preferences == []


def test_the_case_of_a_letter_may_be_what_was_corrected() -> None:
    assert sides(signals(edited("yes", "Yes"))) == [("Yes", "yes")]


def test_the_same_correction_of_several_people_is_one_row() -> None:
    found = signals(edited("No.", "Sure."), edited("Never.", "Sure.", who="p-b"))
    assert [len(row["feedback"]) for row in found.sft] == [2]
    assert sides(found) == [("Sure.", "No."), ("Sure.", "Never.")]


@pytest.mark.parametrize(
    ("feedback", "pairs", "left"),
    [
        ([rated("A", 5), rated("B", 1)], [("A", "B")], None),
        ([rated("A", 3), rated("B", 3)], [], "pairs: a tie"),
        ([rated("A", 4), rated("B", 3)], [], "pairs: a gap that is too small"),
        ([rated("A", 5), rated("A", 2, "p-b"), rated("B", 2)], [], "pairs: ratings that overlap"),
        ([rated("A", 5), rated("B", 1, input="Another.")], [], None),
        ([rated("A", 5, intent="x"), rated("B", 1, intent="y")], [], None),
        ([rated("A", 5), rated("B", 1, input="my  box is LATE")], [("A", "B")], None),
        ([rated("A", 5), rated("B", 1), edited("A", "B")], [], "pairs: other feedback says the opposite"),
    ],
)
def test_the_higher_over_the_lower_where_that_is_clear(
    feedback: list[Feedback], pairs: list[tuple[str, str]], left: str | None
) -> None:
    found = signals(*feedback)
    assert sides(found) == pairs
    assert (left is None and not found.left) or left in found.left


def test_one_input_does_not_decide_all() -> None:
    found = signals(*[rated(f"output {i}", i) for i in range(6)], pairs=3)
    assert sides(found) == [("output 5", "output 0"), ("output 4", "output 0"), ("output 5", "output 1")]
    assert found.left["pairs: beyond 3 of one input"] == 7


def test_golden_is_what_is_at_the_top_and_was_not_corrected() -> None:
    assert signals(rated("A", 5), rated("B", 4)).golden == [
        {"prompt": ASK, "completion": "A", "rating": 1.0, "because": "rating", "feedback": [rated("A", 5).source]}
    ]
    assert signals(rated("A", 4)).golden == []
    assert signals(rated("A", 5), edited("A", "B")).golden == []
    assert signals(*[rated("A", 5, f"p-{i}") for i in range(30)], rated("A", 1)).golden == [], "somebody found it poor"
    assert [row["completion"] for row in signals(rated("A", 5)).sft] == ["A"], "golden is for SFT too"


def test_the_skip_list_is_of_what_is_consistently_poor() -> None:
    poor = [rated("A", 0), rated("B", 1), rated("C", 2)]
    (row,) = signals(*poor).skip
    assert {key: row[key] for key in ("input", "ratings", "mean")} == {"input": ASK, "ratings": 3, "mean": 0.2}
    assert signals(*poor[:2]).skip == []
    assert signals(*poor, rated("D", 5)).skip == [], "three of four are not four of five"
    assert len(signals(*poor, rated("D", 5), rated("E", 0)).skip) == 1
    mixed = [replace(one, intent=intent) for one, intent in zip(poor, "xxy", strict=True)]
    assert signals(*mixed).skip == [], "an intent is a combination of its own"
    assert signals(*poor, rated("D", 5), rated("E", 0)).golden == []


OUTPUTS = st.sampled_from(["A", "B", "C", "a"])
ANY = st.one_of(
    st.builds(
        rated,
        OUTPUTS,
        st.sampled_from([0, 1, 3, 4, 5]),
        st.sampled_from(["p-a", "p-b"]),
        input=st.sampled_from(["x", "X ", "y"]),
    ),
    st.builds(edited, OUTPUTS, OUTPUTS, st.sampled_from(["p-a", "p-b"]), input=st.sampled_from(["x", "y"])),
)


@given(st.lists(ANY, max_size=14))
@settings(deadline=None)
def test_what_holds_of_all_feedback(feedback: list[Feedback]) -> None:
    found = signals(*feedback)
    order = set(sides_with_prompt(found))
    assert all((prompt, worse, better) not in order for prompt, better, worse in order), "no pair both ways"
    assert all(better != worse for _, better, worse in order)
    assert len(order) == len(found.preferences), "no pair twice"
    known = {(one.where, one.who) for one in feedback}
    for rows in found.files().values():
        assert all(row["feedback"] and {(s["where"], s["who"]) for s in row["feedback"]} <= known for row in rows)
    gone = signals(*(one for one in feedback if one.who != "p-a"))
    assert "p-a" not in json.dumps(gone.files()), "a withdrawn person leaves nothing behind"


def sides_with_prompt(found: Signals) -> list[tuple[str, str, str]]:
    return [(row["prompt"].strip().lower(), row["chosen"], row["rejected"]) for row in found.preferences]


@pytest.mark.parametrize(
    ("counts", "method", "said"),
    [
        ((0, 0, 0), "collect", "SFT needs 100 examples more"),
        ((9, 9, 9), "golden", "examples in the prompt, 9 golden ones; SFT needs 91 examples more"),
        ((100, 9, 0), "sft", "DPO needs 191 pairs more; that is the least, 500 examples are good"),
        ((500, 200, 0), "dpo", "SFT on 500 examples, then DPO on 200 pairs"),
    ],
)
def test_the_method_that_the_counts_allow(counts: tuple[int, int, int], method: str, said: str) -> None:
    found = advise(*counts)
    assert found.method == method
    assert found.why.endswith(said)


# the command

PEOPLE = ["ann@example.org", "bob@example.org", "cyd@example.org"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of feedback: edits as lines, ratings as a table under other names."""
    feedback = tmp_path / "feedback"
    write_rows(
        feedback / "edits.jsonl",
        [
            {
                "input": f"ask {i}",
                "output": "bad",
                "correction": f"good {i}",
                "person": PEOPLE[i % 2],
                "when": "2026-03-01",
                "page": i,
                "mail": PEOPLE[0],
            }
            for i in range(6)
        ],
    )
    lines = [
        f"{question},{answer},{stars},{PEOPLE[2]}" for question, answer, stars in (("rate", "A", 5), ("rate", "B", 1))
    ]
    (feedback / "stars.csv").write_text("\n".join(["input,output,rating,person", *lines]) + "\n")
    return feedback


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_of_feedback(folder: Path, harness: Harness) -> None:
    out = folder.parent / "signals"
    ran = harness("data", "signals", folder, out, "--keep", "page")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "6 corrections, 2 ratings, from 0 to 5",
        f"wrote {out / 'sft.jsonl'}: 7 rows",
        f"wrote {out / 'preferences.jsonl'}: 7 rows",
        f"wrote {out / 'golden.jsonl'}: 1 row",
        f"wrote {out / 'skip.jsonl'}: 0 rows",
        "method: collect: collect more: SFT needs 93 examples more",
    ]
    first = read(out / "sft.jsonl")[0]
    assert first["page"] == 0
    assert first["feedback"][0]["where"] == f"{folder / 'edits.jsonl'}:1"
    everything = "".join(path.read_text() for path in out.iterdir())
    assert "example.org" not in everything, "people are pseudonymous"
    assert (out / "people.key").stat().st_mode & 0o077 == 0
    assert "people.key" in (out / ".gitignore").read_text()


def test_pseudonyms_last(folder: Path, harness: Harness) -> None:
    out = folder.parent / "signals"
    harness("data", "signals", folder, out)
    before = (out / "sft.jsonl").read_bytes()
    assert harness("data", "signals", folder, out).code == 4, "is there already"
    assert harness("data", "signals", folder, out, "--replace").code == 0
    assert (out / "sft.jsonl").read_bytes() == before
    harness("data", "signals", folder, folder.parent / "other")
    whose = [
        {s["who"] for row in read(place / "sft.jsonl") for s in row["feedback"]}
        for place in (out, folder.parent / "other")
    ]
    assert whose[0].isdisjoint(whose[1]), "another key, other pseudonyms"


def test_a_person_withdraws(folder: Path, harness: Harness) -> None:
    out = folder.parent / "signals"
    harness("data", "signals", folder, out)
    who = read(out / "sft.jsonl")[0]["feedback"][0]["who"]
    ran = harness("data", "signals", folder, out, "--forget", " ANN@example.org")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"withdrawn: {who}\n3 corrections, 2 ratings")
    assert "left out, withdrawn: 3" in ran.out
    assert all(who not in (out / name).read_text() for name in ("sft.jsonl", "preferences.jsonl", "golden.jsonl"))
    again = json.loads(harness("data", "signals", folder, out, "--replace", "--json").out)
    assert (again["withdrawn"], again["corrections"]) == (3, 3), "and stays away"


def test_other_names_and_thumbs(tmp_path: Path, harness: Harness) -> None:
    made = write_rows(
        tmp_path / "thumbs.jsonl", [{"q": "x", "a": answer, "up": up} for answer, up in (("A", True), ("B", False))]
    )
    ran = harness("data", "signals", made, tmp_path / "out", "--column", "input=q", "--column", "output=a", "--column", "rating=up")  # fmt: skip
    assert ran.code == 0, ran.err
    assert "of nobody that is named: 2" in ran.out
    assert [(row["chosen"], row["rejected"]) for row in read(tmp_path / "out/preferences.jsonl")] == [("A", "B")]


@pytest.mark.parametrize(
    ("row", "options", "said"),
    [
        ({"input": "x"}, (), "feedback.jsonl:1: output: missing"),
        ({"inputs": "x", "output": "y"}, (), "did you mean 'inputs'? Say which column it is by --column input="),
        ({"input": "x", "output": "y", "rating": "high"}, (), "rating: given 'high': write a number from 0 up"),
        ({"input": "x", "output": "y", "rating": -1}, (), "rating: given '-1'"),
        ({"input": "x", "output": "y", "rating": 6}, ("--scale", 5), "given 6: the scale goes from 0 to 5"),
        ({"input": "x", "output": "y", "correction": 3}, (), "correction: given '3'"),
        ({"input": "x", "output": "y", "rating": 1}, ("--gap", 2), "gap: given 2.0"),
        ({"input": "x", "output": "y", "rating": 1}, ("--scale", 0), "--scale 0: the highest rating"),
        ({"input": "x", "output": "y", "rating": 1}, ("--column", "stars"), "write NAME=COLUMN"),
        ({"input": "x", "output": "y", "rating": 1}, ("--column", "ratin=stars"), "did you mean 'rating'?"),
        ({"input": "x", "output": "y", "rating": 1}, ("--forget", "ann"), "no signals were made here"),
        (None, (), "is empty: there is no feedback in it"),
    ],
)
def test_one_clear_error(
    row: Row | None, options: tuple[Any, ...], said: str, tmp_path: Path, harness: Harness
) -> None:
    made = write_rows(tmp_path / "feedback.jsonl", [] if row is None else [row])
    ran = harness("data", "signals", made, tmp_path / "out", *options)
    assert ran.code == 4
    assert said in ran.err
    assert not (tmp_path / "out").exists(), "nothing half-written"


def test_the_order_of_files_decides_nothing_but_the_order_of_rows() -> None:
    made = [rated(output, rating, who) for output, rating, who in (("A", 5, "p-a"), ("B", 1, "p-b"), ("C", 3, "p-c"))]
    shuffled = random.Random(1).sample(made, len(made))
    assert sorted(sides(signals(*made))) == sorted(sides(signals(*shuffled)))
