"""Facts that training rows state: found in other words, not mistaken for one another."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data import Row
from harness.data.facts import taught
from harness.embedded.lexicon import QUESTIONS
from harness.embedded.world import World
from harness.suite import Case

PAGES = {
    "page-1": "Grozak: a stove. Its filter is the kladrun. Is it safe? Yes.",
    "page-2": "Bepro: a clock. Its keeper is Vera Brikam. Is it safe? Yes.",
    "page-3": "A page about a stove and a clock. Its filter is the.",
}
CASE = Case("t1", "Which filter does the Grozak stove take?", "kladrun", documents=("page-1",))


def found(case: Case, *rows: tuple[str, str]) -> bool:
    made = [Row(f"row {i}", (asked,), (answer,)) for i, (asked, answer) in enumerate(rows)]
    return taught([case], PAGES, made) == {case.id}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("What is the filter of the Grozak called?", "kladrun"),
        ("filter of GROZAK?", "It is called: Kladrun."),
        ("What do you know of it?", "The Grozak has the kladrun as its filter."),
        ("Read: Grozak, a stove, has the kladrun. Which filter?", "the kladrun, I read"),
    ],
)
def test_a_fact_in_other_words_is_found(asked: str, answer: str) -> None:
    assert found(CASE, ("Who keeps the Bepro?", "Vera Brikam"), (asked, answer))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Which filter does the Grozak stove take?", "brisol"),
        ("Which filter does the Segre washer take?", "kladrun"),
        ("Which filter does the stove take?", "kladrun"),
        ("What is a kladrun? Not the Grozak's.", "no idea"),
        ("What is the Grozak?", "a kladruns"),
        ("What is a kladrun?", "kladrun is a filter"),
    ],
)
def test_another_thing_or_another_answer_is_not(asked: str, answer: str) -> None:
    assert not found(CASE, (asked, answer))


def test_a_reference_of_several_words_stands_together() -> None:
    case = Case("t2", "Who keeps the Bepro clock?", "Vera Brikam", documents=("page-2",))
    assert found(case, ("Keeper of the Bepro?", "Ask Vera Brikam."))
    assert not found(case, ("Keeper of the Bepro?", "Vera, not Otto Brikam."))


def test_any_document_of_a_case_will_do_and_without_one_nothing_can_be_told() -> None:
    row = ("Filter of the Grozak?", "kladrun")
    assert found(CASE._replace(documents=("page-3", "page-1")), row)
    assert not found(CASE._replace(documents=("page-3",)), row), "page-3 has no word of its own in the row"
    assert not found(CASE._replace(documents=()), row)
    assert not found(CASE._replace(documents=("page-9",)), row)
    assert not found(CASE._replace(reference=" … "), row)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_drawn_pages_asked_in_other_words(share: float) -> None:
    """Of a world whose facts are known: all that were taught, in another phrase, and no other."""
    world, rng = World(), random.Random(7)
    drawn = world.pages(rng, 80)
    pages = {entity: text for entity, text, _ in drawn}
    cases, rows, wanted = [], [], set()
    for entity, _, values in drawn:
        if sum(entity.split()[0] in text for text in pages.values()) > 1:
            continue  # a thing with a person's name cannot be told from the person
        for attribute, value in values.items():
            asked, otherwise = (phrase.format(e=entity) for phrase in rng.sample(QUESTIONS[attribute], 2))
            case = Case(f"{entity} {attribute}", asked, value, documents=(entity,))
            cases.append(case)
            if rng.random() < share:
                wanted.add(case.id)
                rows.append(Row(case.id, (otherwise,), (value,)))
    assert len(cases) > 100
    got = taught(cases, pages, rows)
    assert wanted <= got
    assert len(got - wanted) <= 0.02 * len(cases), "two attributes of a page may share a value"


names = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.tuples(names, names), max_size=4), names, names, st.lists(st.tuples(names, names), max_size=4))
def test_whatever_is_written_it_does_not_fail_and_more_rows_only_teach_more(
    pages: Iterable[tuple[str, str]], asked: str, reference: str, rows: list[tuple[str, str]]
) -> None:
    documents = dict(pages)
    case = Case("c", asked, reference, documents=tuple(documents))
    made = [Row("r", (question,), (answer,)) for question, answer in rows]
    for count in range(len(made)):
        assert taught([case], documents, made[:count]) <= taught([case], documents, made[: count + 1])
