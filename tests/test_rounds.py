"""A search for a recipe, round by round, on made answers: nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.contender import SEARCH
from harness.errors import BadInput, HarnessError, Incomplete
from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import Cell, Matrix, expand
from harness.rounds import foreseen, grown, overtried, settle, unsettled
from harness.scoring import hashes_of, metrics_of
from harness.store import Store, open_store
from harness.trial import DIVERGED, Generation, Score, Training
from harness.verdict import load_rows
from harness.verdict.board import load_board
from harness.verdict.gates import variants
from tests.conftest import Project, Ran, cases, write_rows
from tests.made_project import CASES, make

Harness = Callable[..., Ran]
SEARCHING = """[candidates.sft.search]
learning_rate = [1e-4, 5e-4, 1e-3]
lora_rank = [8, 16]
rungs = [0.5, 1.0]
"""
BEST = {"learning_rate": 5e-4, "lora_rank": 16}


@pytest.fixture
def searching(project: Project) -> Project:
    made = make(project)
    made.replace("experiment.toml", "[policy]", f"{SEARCHING}[policy]")
    write_rows(made.folder / CASES, cases(24))
    return made


def worth(matrix: Matrix, cell: Cell) -> float:
    """How often a cell is right: a recipe, the more the nearer it is to the best."""
    job = next((job for job in matrix.jobs if job.adapter == cell.adapter), None)
    if job is None:
        return 0.3
    near = 0.4 * (job.recipe.rate == BEST["learning_rate"]) + 0.2 * (job.recipe.adapter.rank == BEST["lora_rank"])
    return 0.3 + near


def answer(store: Store, matrix: Matrix, *, worth: Callable[[Matrix, Cell], float] = worth) -> int:
    """Everything that a matrix asks; how many cells had no answers yet."""
    metrics, fresh = metrics_of(matrix), 0
    store.declare(matrix.experiment.name, [cell.row for cell in matrix.cells])
    whole = store.complete(matrix.sizes)
    for cell in matrix.cells:
        if cell.id in whole:
            continue
        fresh += 1
        trials = list(cell.trials())
        store.add_trials(cell.id, trials)
        store.add_generations([Generation(trial.id, "x", seconds=0.01) for trial in trials])
        right = round(worth(matrix, cell) * len(trials))
        for name, metric in metrics[cell.suite.name].items():
            store.add_scores([Score(t.id, name, metric.hash, float(i < right)) for i, t in enumerate(trials)])
    return fresh


def rounds(project: Project, store: Store) -> Iterator[Matrix]:
    """The matrices that a run would work through."""
    declared = expand(load_experiment(project.experiment))
    before = ""
    while True:
        matrix = grown(declared, store, hashes_of(metrics_of(declared), amounts=False))
        if matrix.id == before:
            return
        yield matrix
        before = matrix.id
        if settle(declared, store, hashes_of(metrics_of(declared), amounts=False)):
            declared = expand(load_experiment(project.experiment))


def search(project: Project, **how: Any) -> list[Matrix]:
    """A whole run."""
    done = []
    with open_store(project.folder / ".harness", write=True) as store:
        for matrix in rounds(project, store):
            answer(store, matrix, **how)
            done.append(matrix)
    return done


def tries(matrix: Matrix) -> list[Cell]:
    return [cell for cell in matrix.cells if cell.contender.technique == SEARCH]


def test_rung_by_rung_and_then_the_candidate_with_what_dev_chose(searching: Project) -> None:
    first, second, last = search(searching)
    assert [len(tries(matrix)) for matrix in (first, second, last)] == [6, 8, 8], "six on a half, two on all"
    assert not [job for job in first.jobs if job.recipe_name == "sft"], "nobody trains what is not known yet"
    assert {cell.contender.name for cell in first.cells} >= {"zero_shot", "few_shot"}, "baselines need not wait"
    trained = [job for job in last.jobs if job.recipe_name == "sft"]
    assert [job.seed for job in trained] == [1000, 1001, 1002]
    assert {(job.recipe.rate, job.recipe.adapter.rank) for job in trained} == {(5e-4, 16)}
    halves = {len(job.rows) for job in first.jobs if job.recipe_name.startswith("sft/")}  # type: ignore[arg-type]
    assert halves == {2}


def test_test_cases_and_the_trainings_that_they_see_are_never_touched(searching: Project) -> None:
    *_, last = search(searching)
    assert {case.split for cell in tries(last) for case in cell.cases} == {"dev"}
    assert {cell.seed for cell in tries(last)} == {1500}
    tested = {cell.adapter for cell in last.cells if cell.contender.technique == "tune"}
    assert not tested & {cell.adapter for cell in tries(last)}
    with open_store(searching.folder / ".harness", write=False) as store:
        assert len(store.rows("sums", metrics=hashes_of(metrics_of(last)))) == 8 * 8 + (2 + 3) * 24


def test_killed_anywhere_it_goes_on_to_the_same_end(searching: Project) -> None:
    home = searching.folder / ".harness"
    seen = []
    for _ in range(5):  # a round a process
        with open_store(home, write=True) as store:
            matrix = next(rounds(searching, store))
            seen.append(answer(store, matrix))
            settle(matrix, store, hashes_of(metrics_of(matrix), amounts=False))
    assert seen == [8, 2, 3, 0, 0]
    kept = next((home / "searches").glob("*.json"))
    before = kept.read_text(encoding="utf-8")
    for broken in (None, before[:40], '{"tries": [], "winner": 3}'):  # lost or cut, it is found again in the scores
        kept.unlink() if broken is None else kept.write_text(broken, encoding="utf-8")
        *_, last = search(searching)
        assert kept.read_text(encoding="utf-8") == before
        assert {job.recipe.rate for job in last.jobs if job.recipe_name == "sft"} == {5e-4}


def test_another_metric_may_choose_otherwise(searching: Project) -> None:
    search(searching)
    searching.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "contains"')

    def other(matrix: Matrix, cell: Cell) -> float:
        return float(any(job.adapter == cell.adapter and job.recipe.rate == 1e-3 for job in matrix.jobs))

    *_, last = search(searching, worth=other)
    assert {job.recipe.rate for job in last.jobs if job.recipe_name == "sft"} == {1e-3}


def test_scores_that_changed_choose_anew(searching: Project) -> None:
    *_, last = search(searching)
    home = searching.folder / ".harness"
    digest = {"sums": {"exact_match": "another version"}}
    with open_store(home, write=True) as store:
        for share in (0.5, 1.0):
            matrix = grown(expand(load_experiment(searching.experiment)), store, digest)
            assert share in {cell.contender.share for cell in tries(matrix)}
            rates = {job.adapter: job.recipe.rate for job in matrix.jobs}
            for cell in tries(matrix):
                value = float(rates[cell.adapter or ""] == 1e-4)
                store.add_trials(cell.id, cell.trials())
                store.add_scores([Score(t.id, "exact_match", "another version", value) for t in cell.trials()])
            settle(matrix, store, digest)
    assert {job.recipe.rate for job in last.jobs if job.recipe_name == "sft"} == {5e-4}
    last = expand(load_experiment(searching.experiment))
    assert {job.recipe.rate for job in last.jobs if job.recipe_name == "sft"} == {1e-4}


def test_each_experiment_seed_has_its_own_order_and_the_same_one_always(searching: Project) -> None:
    searching.replace("experiment.toml", "lora_rank = [8, 16]", "lora_rank = [8, 16]\ntrials = 4")

    def tried() -> list[dict[str, float]]:
        found = foreseen(expand(load_experiment(searching.experiment)), None, {"sums": {"exact_match": "0"}})
        jobs = {job.recipe_name: job for job in found.jobs if job.recipe_name.endswith("on 0.5")}
        return [{"rate": job.recipe.rate, "rank": job.recipe.adapter.rank} for job in jobs.values()]

    one = tried()
    assert one == tried()
    searching.replace("experiment.toml", 'name = "sums"', 'name = "sums"\nseed = 2')
    assert (len(one), one == tried()) == (4, False)


def test_what_diverged_is_asked_nothing_and_cannot_win(searching: Project) -> None:
    home = searching.folder / ".harness"
    with open_store(home, write=True) as store:
        first = next(rounds(searching, store))
        lost = [job for job in first.jobs if job.recipe.rate == 5e-4 and job.recipe_name.startswith("sft/")]
        for job in lost:
            store.add_training(diverged(job.adapter))
        answer(store, first)
    *_, last = search(searching)
    assert {job.recipe.rate for job in last.jobs if job.recipe_name == "sft"} != {5e-4}
    assert not {job.adapter for job in lost} & {cell.adapter for cell in last.cells}
    with open_store(home, write=True) as store:
        for job in last.jobs:
            if job.recipe_name.startswith("sft/"):
                store.add_training(diverged(job.adapter))
        declared = expand(load_experiment(searching.experiment))
        with pytest.raises(HarnessError, match="the search for sft on sums: all of its 6 recipes diverged"):
            settle(declared, store, hashes_of(metrics_of(declared), amounts=False))


def test_where_every_score_is_the_same_the_losses_say_who_goes_on(searching: Project) -> None:
    home = searching.folder / ".harness"
    with open_store(home, write=True) as store:
        for matrix in rounds(searching, store):
            for job in matrix.jobs:
                loss = abs(job.recipe.rate - 5e-4) + (job.recipe.adapter.rank != 8)
                losses = [(step, 4.0 if step < 10 else loss, 0.0, 0.0) for step in range(1, 11)]
                store.add_training(
                    Training(job.adapter, job.recipe_name, "sums", "m", job.seed, "", 1.0, 10, 4, 4, 9, losses)
                )
            answer(store, matrix, worth=lambda matrix, cell: 0.0)
    trained = [job.recipe for job in matrix.jobs if job.recipe_name == "sft"]
    assert {(recipe.rate, recipe.adapter.rank) for recipe in trained} == {(5e-4, 8)}


def diverged(adapter: str) -> Training:
    return Training(adapter, "sft/1", "sums", "m", 1500, "", 0.0, 0, 0, 0, 0, notes=[f"{DIVERGED}the loss is nan"])


def test_what_starts_from_a_searched_recipe_waits_for_it(searching: Project) -> None:
    text = searching.experiment.read_text(encoding="utf-8")
    more = (
        '[candidates.dpo]\nmethod = "dpo"\nstart_from = "sft"\nsearch = { beta = [0.1, 0.5], rungs = [1.0] }\n[policy]'
    )
    searching.write("experiment.toml", text.replace("[policy]", more))
    pair = {"prompt": "1 + 1", "chosen": "2", "rejected": "3"}
    searching.write("suites/sums/pairs.jsonl", "".join(json.dumps(pair) + "\n" for _ in range(4)))
    searching.replace("suites/sums/suite.toml", 'train = "', 'preferences = "pairs.jsonl"\ntrain = "')
    done = search(searching)
    assert [sorted({cell.contender.recipe for cell in tries(matrix)}) for matrix in done] == [
        ["sft"],
        ["sft"],
        ["dpo", "sft"],
        ["dpo", "sft"],
    ]
    before, third, last = done[2], done[2], done[3]
    fielded = {job.recipe_name for job in third.jobs if "/" not in job.recipe_name and job.seed < 1500}
    assert fielded == {"sft"}, "dpo is still searched for"
    starts = {job.out: job for job in last.jobs}
    for job in last.jobs:
        if job.recipe_name.startswith("dpo"):
            assert job.start_from is not None
            assert starts[job.start_from].recipe.rate == 5e-4, "it goes on from what the search has found"
            assert starts[job.start_from].seed == job.seed
    assert {job.seed for job in before.jobs if job.recipe_name.startswith("dpo/")} == {1500}


def test_it_counts_against_tuning(searching: Project, harness: Harness) -> None:
    *_, last = search(searching)
    with evidence(load_experiment(searching.experiment)) as found:
        policy = found.policy
        board = load_board(load_rows(found.rows("embedded:tiny")), "sums", "exact_match")
    assert len(board.tried) == 6
    assert set(board.dev) == {"zero_shot", "few_shot", "sft"}, "and is chosen by nobody"
    gate = variants(board, policy)
    assert (gate.status, gate.evidence.partition(":")[0]) == (
        "fail",
        "2 prompt variants and 6 tuning configurations tried (6 of them by a search)",
    )
    assert list(overtried(last)) == [
        "sums: 6 recipes would be tried on dev, and 2 prompt variants: the gate prompt_variants fails when tuning is given "
        "more tries than prompting: lower trials, or add prompts"
    ]
    for name in ("a", "b", "c", "d"):
        searching.write(f"baselines/{name}.toml", f'technique = "prompt"\nprompt = "{name}"\n')
        text = (searching.folder / "suites/sums/suite.toml").read_text(encoding="utf-8")
        searching.write("suites/sums/suite.toml", f'{text}{name} = "Add {name}."\n')
    search(searching)
    said = json.loads(harness("verdict", searching.experiment, "--json").out)["suites"]["sums"]
    assert {gate["name"]: gate["status"] for gate in said["gates"]}["prompt_variants"] == "pass"
    report = harness("report", searching.experiment)
    assert report.code == 0
    page = (searching.folder / "reports/sums/report.html").read_text(encoding="utf-8")
    assert (
        "sft: of 6 recipes tried on 8 dev cases, learning_rate 0.0005, lora_rank 16 was chosen, with 87.5 on all of the data."
        in page
    )
    assert page.count('<th scope="row" class="tuned"><i></i>sft/') == 6, "in the table of tries, and in no other"


def test_what_it_takes_is_said_before(searching: Project, harness: Harness) -> None:
    fresh = json.loads(harness("run", searching.experiment, "--dry-run", "--json").out)
    found = [(cell["contender"], cell["data_fraction"]) for cell in fresh["cells"] if cell["technique"] == SEARCH]
    assert len([share for _, share in found if share == 0.5]) == 6
    assert len([share for _, share in found if share == 1.0]) == 2
    assert len(fresh["trainings"]) == 6 + 2 + 3
    assert fresh["searches"][0] | {"winner": None} == {
        "model": "embedded:tiny",
        "suite": "sums",
        "candidate": "sft",
        "tries": 6,
        "rungs": [0.5, 1.0],
        "winner": None,
    }
    said = harness("run", searching.experiment, "--dry-run").out
    assert "search for sft on sums: 6 recipes, 6 on 50 %, 2 on 100 % of the data" in said
    assert "as it is, this decides nothing: sums: 6 recipes would be tried on dev" in said
    searching.replace("experiment.toml", "training_seeds", "probes = true\ntraining_seeds")
    assert "not counted: the probes of sums" in harness("run", searching.experiment, "--dry-run").out
    searching.replace("experiment.toml", "probes = true\n", "")
    search(searching)
    said = harness("run", searching.experiment, "--dry-run").out
    assert "search for sft on sums: of 6 recipes dev chose learning_rate 0.0005, lora_rank 16" in said
    assert "up to 0 answers" in said
    plan = harness("plan", searching.experiment).out
    assert "search for sft on sums: of 6 recipes dev chose" in plan
    assert "the gate prompt_variants fails" in plan


def test_a_verdict_waits_for_its_end(searching: Project, harness: Harness) -> None:
    with open_store(searching.folder / ".harness", write=True) as store:
        first = next(rounds(searching, store))
        answer(store, first)
        assert [one.said for one in unsettled(first)] == ["sft on sums"]
    ran = harness("verdict", searching.experiment)
    assert ran.code == 3
    assert "the search for sft on sums has not come to its end: run `harness run`" in ran.err
    with evidence(load_experiment(searching.experiment)) as found, pytest.raises(Incomplete, match="to its end"):
        _ = found.verdicts


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lora_rank = [8, 16]", "lora_rank = [8, 2000]", "candidates.sft.search: learning_rate 0.0001, lora_rank 2000"),
        ("lora_rank = [8, 16]", "lora_rnk = [8, 16]", "candidates.sft.search.lora_rnk: unknown key: did you mean 'lora_rank'?"),
        ('"split": "dev"', '"split": "test"', "no case has the split 'dev', by which candidates.sft.search chooses"),
    ],
)  # fmt: skip
def test_bad_input_is_said_before_anything_is_paid_for(
    searching: Project, harness: Harness, old: str, new: str, message: str
) -> None:
    name = "experiment.toml" if "split" not in old else "suites/sums/cases.jsonl"
    searching.replace(name, old, new)
    ran = harness("run", searching.experiment, "--dry-run")
    assert ran.code == 4
    assert message in ran.err


def test_a_suite_that_people_score_cannot_be_searched(searching: Project) -> None:
    matrix = expand(load_experiment(searching.experiment))
    with (
        open_store(searching.folder / ".harness", write=True) as store,
        pytest.raises(
            BadInput, match=r"candidates\.sft\.search: suite 'sums' is scored by 'exact_match', which gives no"
        ),
    ):
        grown(matrix, store, {"sums": {}})


def test_the_end_of_a_search_that_cannot_be_kept_is_said(searching: Project, tmp_path: Path) -> None:
    searching.write(".harness/searches", "a file where a folder should be")
    with open_store(searching.folder / ".harness", write=True) as store:
        answer(store, next(rounds(searching, store)))
        declared = expand(load_experiment(searching.experiment))
        with pytest.raises(HarnessError, match="the end of a search cannot be kept"):
            settle(declared, store, hashes_of(metrics_of(declared), amounts=False))
