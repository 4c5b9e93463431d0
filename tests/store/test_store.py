"""The store keeps what it acknowledged, once, and hides nothing that is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.errors import BadInput, Incomplete
from harness.store import CellRow, Store, open_store
from harness.store.database import Database
from harness.trial import Generation, Look, Output, Score, Training, Trial
from tests.store.conftest import declare

METRICS = {"triage": {"exact": "h1"}}
# fmt: off
COLUMNS = [
    "suite", "contender", "technique", "metric", "case_id", "data_fraction", "training_seed", "repeat", "split",
    "cluster", "score", "error", "source", "flagged", "prompt_tokens", "output_tokens", "seconds", "cost",
]
# fmt: on

Make = Callable[..., Trial]
Answered = Callable[..., list[Generation]]


def texts(store: Store, experiment: str = "e") -> list[str | None]:
    return [answer["text"] for answer in store.answers(experiment, "triage")]


# --- the matrix


def test_declare_replaces_the_matrix_of_this_experiment_only(store: Store, trial: Make, answered: Answered) -> None:
    declare(store, "e", [trial(1), trial(2)])
    declare(store, "other", [trial(2), trial(3)])
    store.add_generations(answered(trial(1)))
    declare(store, "e", [trial(2)])
    assert [a["case_id"] for a in store.answers("e", "triage")] == ["c2"]
    assert [a["case_id"] for a in store.answers("other", "triage")] == ["c2", "c3"]
    assert store.missing([trial(1).id]) == set(), "the answer to what is no longer asked stays"
    assert store.experiments() == ["e", "other"]


def test_declaring_twice_doubles_nothing(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1), trial(1), trial(1, repeat=1)])
    declare(store, "e", [trial(1), trial(1, repeat=1)])
    assert store.rows("e", metrics=METRICS).num_rows == 2


def test_two_cells_in_one_place_are_refused(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1)])
    row = CellRow("a", "triage", "zero_shot", "prompt", "tiny")
    with pytest.raises(BadInput, match="'zero_shot' asks two different things in one place"):
        store.declare("e", [row, replace(row, cell="b")])
    assert [a["case_id"] for a in store.answers("e", "triage")] == ["c1"], "nothing of the refused matrix is kept"


def test_a_cell_is_complete_when_all_that_it_asks_is_answered(store: Store, trial: Make, answered: Answered) -> None:
    store.add_trials("a", [trial(1), trial(2)])
    store.add_trials("a", [trial(1), trial(2)])
    store.add_generations([*answered(trial(1)), Generation(trial(2).id, error="time-out")])
    assert store.asked({"a": 2, "b": 2}) == {"a"}
    assert store.complete({"a": 2, "b": 2}) == set()
    store.add_generations(answered(trial(2)))
    assert store.complete({"a": 2, "b": 2}) == {"a"}


def test_a_cell_that_was_asked_in_part_is_not_whole_and_is_asked_anew(
    store: Store, trial: Make, answered: Answered
) -> None:
    store.add_trials("a", [trial(1)])
    store.add_generations(answered(trial(1), trial(2)))
    assert store.asked({"a": 2}) == store.complete({"a": 2}) == set()
    store.add_trials("a", [trial(1), trial(2)])
    assert store.asked({"a": 2}) == store.complete({"a": 2}) == {"a"}


def test_declaring_the_same_again_writes_nothing(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1), trial(1, contender="few_shot")])
    before = (store.path.stat().st_size, store.path.with_suffix(".duckdb.wal").stat().st_size)
    store.declare("e", store.cells("e"))
    assert (store.path.stat().st_size, store.path.with_suffix(".duckdb.wal").stat().st_size) == before


def test_rates_are_what_was_measured(store: Store, trial: Make, answered: Answered) -> None:
    assert (store.rates().trial, store.rates().step) == (None, None)
    store.add_generations(answered(trial(1)))
    assert store.rates().trial == 0.5


def test_an_empty_matrix_is_a_matrix(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1)])
    declare(store, "e", [])
    assert store.counts("e") == []
    assert store.missing([]) == set()
    store.add_generations([])
    store.add_scores([])


def test_counts(store: Store, trial: Make, answered: Answered) -> None:
    declare(store, "e", [trial(1), trial(2), trial(3), trial(1, contender="few_shot", id="f")])
    store.add_generations([*answered(trial(1)), Generation(trial(2).id, error="time-out")])
    counted = [(c.contender, c.trials, c.generated, c.failed, c.missing) for c in store.counts("e")]
    assert counted == [("few_shot", 1, 0, 0, 1), ("zero_shot", 3, 1, 1, 1)]


# --- generations


def test_missing_are_those_without_an_answer(store: Store, trial: Make, answered: Answered) -> None:
    store.add_generations([*answered(trial(1)), Generation(trial(2).id, error="time-out")])
    assert store.missing([trial(i).id for i in (1, 2, 3)]) == {trial(2).id, trial(3).id}


def test_a_retry_replaces_an_error_and_nothing_replaces_an_answer(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1)])
    store.add_generations([Generation(trial(1).id, error="time-out")])
    store.add_generations([Generation(trial(1).id, error="500")])
    assert store.answers("e", "triage")[0]["error"] == "500"
    store.add_generations([Generation(trial(1).id, text="a"), Generation(trial(1).id, error="late")])
    store.add_generations([Generation(trial(1).id, error="later")])
    store.add_generations([Generation(trial(1).id, text="b")])
    (answer,) = store.answers("e", "triage")
    assert (answer["text"], answer["error"]) == ("a", None)


def test_a_generation_without_text_or_error_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="neither text nor error"):
        store.add_generations([Generation("t")])


@pytest.mark.parametrize("text", ["", "null\0byte", "😀 wofür", "'; DROP TABLE trials; --", "\n\t\r"])
def test_any_text_comes_back_as_it_was(store: Store, trial: Make, answered: Answered, text: str) -> None:
    declare(store, "e", [trial(1)])
    store.add_generations(answered(trial(1), text=text))
    assert texts(store) == [text]


def test_half_a_surrogate_pair_does_not_stop_a_run(store: Store, trial: Make, answered: Answered) -> None:
    asked = trial(1, id="s", messages=({"role": "user", "content": "cut \ud83d"},))
    declare(store, "e", [asked])
    store.add_generations(answered(asked, text="cut \ud83d off"))
    (answer,) = store.answers("e", "triage")
    assert answer["text"] == "cut ? off"
    assert answer["messages"] == list(asked.messages)


# --- scores


def test_unscored_are_distinct_answers_that_this_metric_has_not_scored(
    store: Store, trial: Make, answered: Answered
) -> None:
    row = CellRow("a", "triage", "zero_shot", "prompt", "tiny")
    store.declare("e", [row, replace(row, contender="renamed")])
    store.add_trials("a", [trial(1), trial(2), trial(3), trial(4)])
    store.add_generations([*answered(trial(1), trial(2), trial(3))])
    store.add_generations([Generation(trial(4).id, error="time-out")])
    store.add_scores([Score(trial(2).id, "exact", "h1", 1.0), Score(trial(3).id, "exact", "h1", None, "judge failed")])
    cases = ["c1", "c2", "c3", "c4"]
    output = Output("billing", 5, 2, 0.5, 0.001, "stop", [])
    unscored = [(trial(1).id, "c1", ["exact"], output), (trial(3).id, "c3", ["exact"], output)]
    assert store.unscored("a", {"exact": "h1"}, cases=cases) == unscored
    assert store.unscored("a", {"exact": "h1"}, cases=["c2", "c3"]) == unscored[1:], "of these cases alone"
    assert len(store.unscored("a", {"exact": "h2"}, cases=cases)) == 3, "a changed metric scores again"
    both = store.unscored("a", {"exact": "h1", "other": "o1"}, cases=cases)
    assert [names for _, _, names, _ in both] == [["exact", "other"], ["other"], ["exact", "other"]]
    assert [case for case, _ in store.outputs("a", cases=cases)] == ["c1", "c2", "c3"], "every answer, scored or not"
    assert store.unscored_cells("e", {"triage": {"exact": "h1", "other": "o1"}}) == [("a", "exact"), ("a", "other")]
    store.add_scores([Score(trial(i).id, "exact", "h1", 1.0) for i in (1, 3)])
    assert store.unscored_cells("e", METRICS) == []


def test_a_score_replaces_an_error_and_nothing_replaces_a_score(store: Store, trial: Make, answered: Answered) -> None:
    declare(store, "e", [trial(1)])
    store.add_generations(answered(trial(1)))
    score = Score(trial(1).id, "exact", "h1", 0.5)
    for error in ("first", "second"):
        store.add_scores([replace(score, value=None, error=error)])
        assert store.rows("e", metrics=METRICS)["error"].to_pylist() == [error]
    store.add_scores([replace(score, value=None, error="third"), score, replace(score, value=None, error="same batch")])
    store.add_scores([replace(score, value=None, error="later")])
    store.add_scores([replace(score, value=0.25)])
    assert store.rows("e", metrics=METRICS)["score"].to_pylist() == [0.5]
    assert store.rows("e", metrics=METRICS)["error"].null_count == 1
    assert [finding for finding in store.findings() if finding.kind == "twice"] == []


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_finite_number_is_an_error_and_no_score(
    store: Store, trial: Make, answered: Answered, value: float | None
) -> None:
    declare(store, "e", [trial(1)])
    store.add_generations(answered(trial(1)))
    store.add_scores([Score(trial(1).id, "exact", "h1", value)])
    (row,) = store.rows("e", metrics=METRICS).to_pylist()
    assert row["score"] is None
    assert row["error"] == f"metric 'exact' gave {value!r}, which is no finite number"


# --- rows of a verdict


def test_rows_have_the_columns_of_a_verdict_and_hide_nothing(store: Store, trial: Make, answered: Answered) -> None:
    tuned = trial(4, contender="qlora", technique="tune", training_seed=1001, adapter="a1", split="dev")
    declare(store, "e", [trial(1), trial(2), trial(3), tuned], fraction=0.5)
    store.add_generations([*answered(trial(1), trial(2)), Generation(trial(3).id, error="time-out")])
    store.add_scores([Score(trial(1).id, "exact", "h1", 1.0), Score(trial(2).id, "exact", "old", 1.0)])
    table = store.rows(
        "e",
        metrics=METRICS,
        sources={"exact": "judge"},
        flagged={("triage", "qlora"): ["c4", "c4"]},
    )
    assert table.column_names == COLUMNS
    assert table.schema.field("score").type == pa.float64()
    seen = [(r["case_id"], r["score"], r["error"], r["data_fraction"], r["flagged"]) for r in table.to_pylist()]
    assert seen == [
        ("c4", None, "not generated", 0.5, True),
        ("c1", 1.0, None, 1.0, False),
        ("c2", None, "not scored", 1.0, False),
        ("c3", None, "time-out", 1.0, False),
    ]
    first = table.to_pylist()[1]
    assert first == {
        "suite": "triage",
        "contender": "zero_shot",
        "technique": "prompt",
        "metric": "exact",
        "case_id": "c1",
        "data_fraction": 1.0,
        "training_seed": None,
        "repeat": 0,
        "split": "test",
        "cluster": "k1",
        "score": 1.0,
        "error": None,
        "source": "judge",
        "flagged": False,
        "prompt_tokens": 5,
        "output_tokens": 2,
        "seconds": 0.5,
        "cost": 0.001,
    }
    assert table["training_seed"].to_pylist()[0] == 1001


def test_rows_are_one_for_each_metric_of_a_suite(store: Store, trial: Make, answered: Answered) -> None:
    declare(store, "e", [trial(1), trial(2, suite="other"), trial(3, suite="third")])
    store.add_generations(answered(trial(1)))
    store.add_scores([Score(trial(1).id, "exact", "h1", 0.0), Score(trial(1).id, "length", "h2", 1.0)])
    table = store.rows("e", metrics={"triage": {"exact": "h1", "length": "h2"}, "other": {"exact": "h1"}})
    assert [(r["suite"], r["metric"], r["score"]) for r in table.to_pylist()] == [
        ("other", "exact", None),
        ("triage", "exact", 0.0),
        ("triage", "length", 1.0),
    ]


def test_contenders_that_ask_the_same_share_an_answer_but_not_a_row(
    store: Store, trial: Make, answered: Answered
) -> None:
    declare(store, "e", [trial(1), trial(1, contender="renamed")])
    store.add_generations(answered(trial(1)))
    store.add_scores([Score(trial(1).id, "exact", "h1", 1.0)])
    rows = store.rows("e", metrics=METRICS).to_pylist()
    assert [(r["contender"], r["score"]) for r in rows] == [("renamed", 1.0), ("zero_shot", 1.0)]


def test_rows_want_one_base_model(store: Store, trial: Make) -> None:
    declare(store, "e", [trial(1), trial(1, model="small")])
    assert store.models("e") == ["small", "tiny"]
    assert store.rows("e", metrics=METRICS, model="small").num_rows == 1
    with pytest.raises(BadInput, match="has the base models small, tiny: name one of them"):
        store.rows("e", metrics=METRICS)
    with pytest.raises(BadInput, match="no base model 'tinyy': did you mean 'tiny'"):
        store.rows("e", metrics=METRICS, model="tinyy")


def test_rows_of_an_experiment_that_was_never_run(store: Store) -> None:
    with pytest.raises(Incomplete, match="no results of experiment 'e' yet: run `harness run`"):
        store.rows("e", metrics=METRICS)


# --- answers to read


def test_answers_of_some_places(store: Store, trial: Make, answered: Answered) -> None:
    declare(store, "e", [trial(1), trial(2), trial(1, contender="few_shot", id="f")])
    store.add_generations(answered(trial(1), trial(2)))
    found = store.answers("e", "triage", places=[("zero_shot", "c2"), ("few_shot", "c1"), ("few_shot", "c2")])
    assert [(answer["contender"], answer["case_id"]) for answer in found] == [("few_shot", "c1"), ("zero_shot", "c2")]
    assert store.answers("e", "triage", places=[]) == []


def test_answers_tell_what_was_asked_and_what_came_of_it(store: Store, trial: Make, answered: Answered) -> None:
    with_documents = trial(1, documents=("d1", "d2"))
    declare(store, "e", [with_documents, trial(2), trial(1, contender="few_shot", id="f")])
    store.add_generations(answered(with_documents))
    store.add_scores([Score(with_documents.id, "exact", "h1", 0.0)])
    store.add_scores([Score(with_documents.id, "exact", "h2", 1.0)])
    store.add_scores([Score(with_documents.id, "judge", "j1", None, "unparsable")])
    first, second = store.answers("e", "triage", "zero_shot")
    assert first == {
        "suite": "triage",
        "contender": "zero_shot",
        "model": "tiny",
        "case_id": "c1",
        "split": "test",
        "training_seed": None,
        "repeat": 0,
        "trial_id": with_documents.id,
        "messages": list(with_documents.messages),
        "documents": ["d1", "d2"],
        "text": "billing",
        "error": None,
        "finish": "stop",
        "scores": {"exact": 1.0, "judge": None},
    }
    assert (second["text"], second["error"], second["scores"]) == (None, "not generated", {})
    assert len(store.answers("e", "triage")) == 3
    assert store.answers("e", "triage", "zero_shot", metrics={"exact": "h1"})[0]["scores"] == {"exact": 0.0}


# --- trainings and runs


def test_trainings(store: Store, trial: Make) -> None:
    row = Training(
        adapter="a1",
        recipe="qlora",
        suite="triage",
        model="tiny",
        seed=1001,
        path="/adapters/a1",
        seconds=3.5,
        steps=2,
        rows_in=10,
        rows_kept=9,
        tokens=1000,
        losses=[(1, 2.5, 1e-4, 0.7), (2, 2.25, 5e-5, 0.6)],
        versions={"torch": "2.13"},
        speed=812.5,
        looks=[Look(0, None, 2.5, 2.6, 9), Look(2, 0.75, 0.5, 0.75, 9)],
        kept=2,
    )
    store.add_training(replace(row, seconds=1.0))
    store.add_training(row)
    store.add_training(replace(row, adapter="a2"))
    assert store.training("a1") == row
    assert store.training("nope") is None
    assert [t.adapter for t in store.trainings()] == ["a1", "a2"]
    declare(store, "e", [trial(1, adapter="a2")])
    assert [t.adapter for t in store.trainings("e")] == ["a2"]


def test_runs(store: Store) -> None:
    assert store.last_run("e") is None
    store.start_run("e", {"n": 1}, {"torch": "2.13"}, {"cpu": 2})
    second = store.start_run("e", {"n": 2}, {"torch": "2.13"}, {"cpu": 2})
    store.start_run("other", {}, {}, {})
    run = store.last_run("e")
    assert run is not None
    assert (run.id, run.config, run.versions, run.hardware) == (second, {"n": 2}, {"torch": "2.13"}, {"cpu": 2})
    assert run.finished is None
    store.finish_run(second)
    finished = store.last_run("e")
    assert finished is not None
    assert finished.finished is not None
    assert finished.finished >= run.started


# --- many


def test_twenty_thousand_rows_go_through_every_method(home: Path, trial: Make, answered: Answered) -> None:
    trials = [trial(i) for i in range(21_000)]
    with open_store(home, write=True) as store:
        declare(store, "e", trials)
        assert len(store.missing([t.id for t in trials])) == 21_000
        store.add_generations(answered(*trials))
        store.add_generations(answered(*trials[:5]))
        ((cell, _),) = store.unscored_cells("e", METRICS)
        assert len(store.unscored(cell, {"exact": "h1"}, cases=[t.case_id for t in trials])) == 21_000
        store.add_scores([Score(t.id, "exact", "h1", 1.0) for t in trials])
    with open_store(home, write=False) as store:
        assert store.missing([t.id for t in trials]) == set()
        table = store.rows("e", metrics=METRICS)
        assert table.num_rows == 21_000
        assert table["score"].null_count == 0
        assert len(store.answers("e", "triage")) == 21_000


def test_the_run_that_was_noted_last_is_the_last_whatever_the_clock_said(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.store.runs.now", lambda: datetime(2030, 1, 1))
    store.start_run("e", {"n": 1}, {}, {})
    monkeypatch.setattr("harness.store.runs.now", lambda: datetime(2020, 1, 1))
    store.start_run("e", {"n": 2}, {}, {})
    found = store.last_run("e")
    assert found is not None
    assert found.config == {"n": 2}


def test_a_batch_that_fails_in_the_middle_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_generations([Generation("t1", error="time-out")])
    run = Database.run

    def failing(database: Database, sql: str, given: Any = None) -> list[Any]:
        if sql.startswith("INSERT INTO generations"):
            raise KeyboardInterrupt
        return run(database, sql, given)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "run", failing)
        with pytest.raises(KeyboardInterrupt):
            store.add_generations([Generation("t1", text="answered"), Generation("t2", text="answered")])
    assert store.missing(["t1", "t2"]) == {"t1", "t2"}
