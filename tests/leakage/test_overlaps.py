"""Which cases stand in training rows. How often it is right is measured in ``benchmarks/planted/leaks.py``."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import Match, Row, overlaps
from harness.suite import Case

WORDS = [
    f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te", "so") for b in ("ban", "den", "fil", "gor", "hup", "jax", "nim")
]
PROSE = (
    "the old mill by the river was sold in spring to a baker from the next valley who means to grind rye again there"
)


def asked(*texts: str) -> list[Case]:
    return [Case(f"c{number}", text, "yes") for number, text in enumerate(texts)]


def taught(*texts: str, answer: str = "yes") -> list[Row]:
    return [Row(f"train.jsonl:{number}", (text,), (answer,)) for number, text in enumerate(texts, 1)]


def kinds(cases: Sequence[Case], rows: Sequence[Row]) -> dict[str, str]:
    return {case: match.kind for case, match in overlaps(cases, rows).items()}


def text(rng: random.Random, length: int) -> str:
    return " ".join(rng.choice(WORDS) + rng.choice(WORDS) for _ in range(length))


def test_a_whole_copy_inside_a_longer_text() -> None:
    rows = taught("nothing of the kind", f"Listen: “{PROSE.upper()}”, he said, and went on.")
    assert overlaps(asked(PROSE), rows) == {"c0": Match("c0", "train.jsonl:2", "verbatim")}


def test_a_copy_may_stand_in_an_answer() -> None:
    assert kinds(asked(PROSE), [Row("r", ("what is new?",), (f"well, {PROSE}",))]) == {"c0": "verbatim"}


def test_a_copy_does_not_run_over_the_end_of_a_message() -> None:
    first, second = PROSE[:40], PROSE[40:]
    assert (
        kinds(
            asked("one two three four five six seven eight"),
            [Row("r", ("one two three four",), ("five six seven eight",))],
        )
        == {}
    )
    assert kinds(asked(f"{first} {second}"), [Row("r", (first, second))]) != {"c0": "verbatim"}


def test_an_edited_copy() -> None:
    edited = PROSE.replace("sold", "given").replace("rye ", "").replace("next", "very next")
    match = overlaps(asked(PROSE), taught("nothing of the kind", edited))["c0"]
    assert (match.where, match.kind) == ("train.jsonl:2", "near")
    assert match.similarity == pytest.approx(22 / 24)
    assert 20 < match.bits < 200


def test_five_edited_copies_do_not_hide_each_other() -> None:
    rng = random.Random(1)
    cases = asked(*(text(rng, 25) for _ in range(60)))
    copies = []
    for number in range(5):
        said = cases[0].input.split()
        said[number * 4] = "other"
        copies.append(" ".join(said))
    assert kinds(cases, taught(*(text(rng, 25) for _ in range(150)), *copies)) == {"c0": "near"}


def test_the_same_template_is_no_copy_but_the_same_values_are() -> None:
    def written(rng: random.Random) -> str:
        return (
            f"Dear team, my name is {text(rng, 2)} and I bought a {text(rng, 1)} in your shop in {text(rng, 1)}. Sadly it stopped "
            f"after {rng.randint(2, 900)} days. Could you please tell me how I can send it back?"
        )

    rng = random.Random(2)
    cases = asked(*(written(rng) for _ in range(100)))
    rows = [written(rng) for _ in range(200)]
    assert kinds(cases, taught(*rows)) == {}
    changed = cases[7].input.replace("Sadly", "Oh").replace("please ", "").replace("bought", "got")
    assert kinds(cases, taught(*rows, changed)) == {"c7": "near"}


def test_a_reference_is_no_leak() -> None:
    assert kinds(asked("Is it so?"), taught("Was it so?", answer="yes")) == {}
    assert kinds(asked("yes"), taught("Was it so?", answer="yes")) == {}


def test_a_short_text_counts_when_it_is_all_that_is_asked() -> None:
    cases = asked("1 + 1", "2 + 2", "Who looks after the Topis lamp?")
    assert kinds(cases, taught("1  + 1 ?", "2 / 2", "Now: who looks after the Topis lamp?")) == {"c0": "verbatim"}


def test_other_scripts() -> None:
    chinese = "这台旧磨坊在春天卖给了邻近山谷的一位面包师他打算重新磨黑麦"
    edited = chinese.replace("春天", "夏天").replace("重新", "")
    assert kinds(asked(chinese), taught("请问现在几点", f"他说{chinese}。")) == {"c0": "verbatim"}
    assert kinds(asked(chinese), taught("请问现在几点", edited)) == {"c0": "near"}


def test_two_cases_with_one_text_are_both_touched() -> None:
    assert kinds(asked(PROSE, PROSE.title()), taught(PROSE)) == {"c0": "verbatim", "c1": "verbatim"}


def test_nothing_to_compare() -> None:
    assert overlaps([], taught("a")) == {}
    assert overlaps(asked("a"), []) == {}
    assert overlaps(asked("", "…"), taught("", "!")) == {}


def test_very_long_texts() -> None:
    rng = random.Random(3)
    long = text(rng, 6000)
    other = " ".join("x" if number % 10 == 0 else one for number, one in enumerate(long.split()))
    assert kinds(asked(long), taught(f"{long} and more")) == {"c0": "verbatim"}
    assert kinds(asked(long), taught(other)) == {"c0": "near"}
    assert kinds(asked("a " * 20_000), taught("b c " * 20_000)) == {}


def test_rows_are_looked_at_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many: what is found is the same, and so is the row that it is found in."""
    rng = random.Random(4)
    said = [text(rng, rng.randint(5, 40)) for _ in range(80)]
    rows = [Row(f"r{n}", (text(rng, rng.randint(1, 60)),), (text(rng, 3),)) for n in range(200)]
    for n, one in enumerate(said[:12]):
        kept = one.split()
        kept[len(kept) // 2] = "other"
        rows.insert(17 * n, Row(f"copy {n}", (one if n % 2 else f"{text(rng, 9)} {' '.join(kept)}",)))
    rows += [Row("empty", ()), rows[5]._replace(where="again")]
    whole = overlaps(asked(*said), rows)
    assert {match.kind for match in whole.values()} == {"verbatim", "near"}
    for words_at_once in (1, 37, 1000):
        monkeypatch.setattr("harness.data.grams.AT_ONCE", words_at_once)
        assert overlaps(asked(*said), rows) == whole


def test_a_run_that_very_many_rows_hold() -> None:
    """More than are listed of any run: the copy is still told from its neighbours."""
    template = "please sum up the meeting of the sales department about the new machine and list what was decided there"
    rng = random.Random(5)
    said = [f"{template} by {text(rng, 3)}" for _ in range(40)]
    rows = [Row(f"r{n}", (f"{template} by {text(rng, 3)}",)) for n in range(700)]
    rows[600] = Row("copy", (said[3].upper(),))
    assert overlaps(asked(*said), rows) == {"c3": Match("c3", "copy", "verbatim")}


TEXTS = st.lists(st.text(max_size=80) | st.lists(st.sampled_from("ab c!東3-"), max_size=40).map("".join), max_size=6)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_any_text(cases: list[str], rows: list[str]) -> None:
    found = overlaps(asked(*cases), taught(*rows))
    assert found == overlaps(asked(*cases), taught(*rows))
    assert all(0.5 <= match.similarity <= 1 and match.case == case for case, match in found.items())
    assert set(overlaps(asked(*rows), taught(*rows))) >= {
        f"c{i}" for i, row in enumerate(rows) if len(row.split()) > 90
    }


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=8, max_size=40), TEXTS)
def test_no_whole_copy_escapes(case: list[str], rows: list[str]) -> None:
    said = " ".join(case)
    assert overlaps(asked(said), taught(*rows, f"So: {said}; so."))["c0"].kind == "verbatim"
