"""What a search tries, and who goes on: by the scores alone."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from pydantic import ValidationError

from harness.errors import MissingExtra
from harness.experiment import Candidate
from harness.proposals import proposals
from harness.recipe import Adapter, Recipe
from harness.search import Course, Range, Search, Try, course

RATES = (1e-4, 2e-4, 5e-4)


def played(search: Search, worth: Any, *, seed: int = 1) -> Course:
    """A search whose tries score what ``worth`` says of their settings and share."""
    return course(search, proposals(search, seed=seed), lambda one, share: worth(one.settings, share))


def test_the_best_of_every_rung_go_on() -> None:
    search = Search(learning_rate=RATES, lora_rank=(8, 16, 64), rungs=(0.25, 0.5, 1.0))
    found = played(search, lambda settings, share: settings["learning_rate"] * settings["lora_rank"] * share)
    assert [sum(share == at for _, share in found.asked) for at in search.rungs] == [9, 3, 1]
    assert [count for _, count in search.stages] == [9, 3, 1]
    assert found.winner is not None
    assert found.winner.settings == {"learning_rate": 5e-4, "lora_rank": 64}
    assert found.best(1.0) == 5e-4 * 64


def test_what_is_not_known_is_waited_for() -> None:
    search = Search(learning_rate=RATES, rungs=(0.5, 1.0))
    known = {1e-4: 0.5, 2e-4: 0.7}
    waiting = played(search, lambda settings, share: known.get(settings["learning_rate"]) if share < 1 else None)
    assert (waiting.winner, waiting.over, {share for _, share in waiting.asked}) == (None, False, {0.5})
    known[5e-4] = 0.6
    onwards = played(search, lambda settings, share: known[settings["learning_rate"]] if share < 1 else None)
    assert [one.settings["learning_rate"] for one, share in onwards.asked if share == 1] == [2e-4]


def test_equals_go_by_their_loss_and_then_by_their_number() -> None:
    search = Search(learning_rate=RATES)
    assert played(search, lambda settings, share: 0.5).winner == Try(1, search.shuffled(1)[0])
    losses = {1e-4: 2.0, 2e-4: 1.0, 5e-4: 3.0}
    found = course(
        search,
        proposals(search, seed=1),
        lambda one, share: 0.0,
        lambda one, share: losses[one.settings["learning_rate"]],
    )
    assert found.winner is not None
    assert found.winner.settings == {"learning_rate": 2e-4}
    assert [one.settings["learning_rate"] for one, share in found.asked if share == 1] == [2e-4]


def test_what_diverged_goes_nowhere() -> None:
    search = Search(learning_rate=RATES, factor=2)
    found = played(search, lambda settings, share: -inf if settings["learning_rate"] > 1e-4 else 0.1)
    assert found.winner is not None
    assert found.winner.settings["learning_rate"] == 1e-4
    assert [share for _, share in found.asked].count(1.0) == 1, "two of three would have gone on"
    lost = played(search, lambda settings, share: -inf)
    assert (lost.over, lost.winner) == (True, None)


def test_lists_are_drawn_by_the_seed_and_more_trials_have_the_fewer_among_them() -> None:
    few, more = (Search(learning_rate=RATES, lora_rank=(8, 16, 64), trials=trials) for trials in (4, 6))
    assert few.shuffled(1) == more.shuffled(1)[:4]
    assert few.shuffled(1) != few.shuffled(2)
    assert sorted(map(str, Search(learning_rate=RATES, lora_rank=(8, 16, 64)).shuffled(3))) == sorted(
        map(str, more.grid)
    )


def test_ranges_are_proposed_and_later_waves_learn() -> None:
    search = Search(
        learning_rate=Range(low=1e-5, high=1e-2, log=True), lora_rank=Range(low=4, high=64), trials=12, waves=3
    )

    def worth(settings: Any, share: float) -> float:
        return 1 - abs(settings["learning_rate"] - 1e-3) - (settings["lora_rank"] == 4)

    found = played(search, worth)
    assert [one.number for one in found.tries] == list(range(1, 13))
    assert all(1e-5 <= one.settings["learning_rate"] <= 1e-2 for one in found.tries)
    assert all(isinstance(one.settings["lora_rank"], int) for one in found.tries)
    assert len({str(one.settings) for one in found.tries}) == 12
    assert found == played(search, worth), "the same scores lead to the same proposals"
    other = played(search, lambda settings, share: settings["learning_rate"])
    assert found.tries[:4] == other.tries[:4]
    assert found.tries[4:] != other.tries[4:], "and other scores to others"
    assert [try_.settings for try_ in played(search, worth, seed=2).tries] != [try_.settings for try_ in found.tries]


def test_ranges_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    proposals(Search(learning_rate=RATES), seed=1)
    with pytest.raises(MissingExtra, match=r"optuna.*tuneworthy\[search\]"):
        proposals(Search(learning_rate=Range(low=1e-5, high=1e-3), trials=3), seed=1)


def test_one_word_searches_around_the_recipe() -> None:
    search = Candidate(method="dpo", epochs=6, search=True).searched  # type: ignore[arg-type]
    assert search is not None
    assert search.space == {"learning_rate": (2.5e-6, 5e-6, 1.25e-5), "lora_rank": (16, 64), "epochs": (2, 6)}
    assert search.count == 9
    whole = Search().around(Recipe(method="sft", adapter=Adapter(kind="full")))
    assert set(whole.space) == {"learning_rate", "epochs"}
    assert Candidate(method="sft", search=False).search is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"learning_rate": [1e-4]}, "one setting alone is nothing to choose from"),
        ({"learning_rate": [1e-4, 1e-4]}, "each value once is enough"),
        ({"learning_rate": {"low": 1e-3, "high": 1e-4}, "trials": 4}, "low must be below high"),
        ({"learning_rate": {"low": 1e-5, "high": 1e-4}}, "say how many settings are tried"),
        ({"lora_rank": [8.5, 16]}, "given 8.5: it is a whole number"),
        ({"learning_rate": [1e-4, 2e-4], "rungs": [1.0, 0.5]}, "shares of the data must rise"),
        ({"learning_rate": [1e-4, 2e-4], "rungs": []}, "rungs"),
        ({"learning_rate": [1e-4, 2e-4], "waves": 2}, "every wave tries one at least"),
        ({"learning_rates": [1e-4, 2e-4]}, "learning_rates"),
        ({"learning_rate": [-1e-4, 2e-4]}, "greater than 0"),
    ],
)
def test_impossible_searches_are_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Search.model_validate(said)


@pytest.mark.parametrize(
    ("recipe", "search", "message"),
    [
        ({"method": "given", "given": ["a"]}, True, "does not train here"),
        ({"method": "sft", "adapter": {"kind": "ia3"}}, {"lora_rank": [8, 16]}, "has no rank"),
        ({"method": "sft"}, {"beta": [0.1, 0.2]}, "method 'sft' has no beta"),
    ],
)
def test_recipes_without_what_is_searched_are_refused(recipe: dict[str, Any], search: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Candidate.model_validate({**recipe, "search": search})


def test_settings_stand_in_the_recipe() -> None:
    declared = Candidate(method="sft", adapter=Adapter(kind="dora"), search=Search(learning_rate=RATES))
    made = declared.tried(Try(1, {"learning_rate": 5e-4, "lora_rank": 64, "batch_size": 4}).settings, where="sft")
    assert (made.rate, made.adapter.rank, made.adapter.kind, made.batch_size, made.search) == (
        5e-4,
        64,
        "dora",
        4,
        None,
    )
