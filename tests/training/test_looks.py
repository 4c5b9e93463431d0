"""Dev chooses among the checkpoints of a training, outside the trainer; what it saw is kept, and a kill changes nothing."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.matrix import expand
from harness.recipe import Recipe
from harness.suite import Case
from harness.training import Job, train
from harness.training.job import Exam, adapter_fingerprint
from harness.training.looks import Looks, due, loss_of
from harness.trial import Look, Step

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests import local_project
from tests.models.tiny_models import build_tiny
from tests.training.test_training import NAMES, RECIPE, demonstrations, job, same

BEST = Recipe.model_validate({**RECIPE.model_dump(), "keep": "best", "epochs": 4})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    folder = tmp_path_factory.mktemp("towns")
    (folder / "suite.toml").write_text('metric = "exact_match"\n')
    cases = tuple(Case(f"d{i}", f"label the message of {name}", name, "dev") for i, name in enumerate(NAMES))
    asked = tuple(({"role": "user", "content": case.input},) for case in cases)
    return Exam(folder, "exact_match", "m", 4, cases, asked)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


class Scores:
    """Stands in for the answers of checkpoints: the score of each step as given; says which were looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, scores: dict[int, float]) -> None:
        self.asked: list[int] = []

        def score(exam: Exam, local: Any, adapter: str) -> float:
            self.asked.append(int(adapter.removeprefix("step-")))
            return scores[self.asked[-1]]

        monkeypatch.setattr("harness.training.looks._score", score)


def test_the_best_checkpoint_is_kept(base: Path, home: Path, exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights are those that a training has after as many steps of the same schedule."""
    kept: dict[str, Path] = {}
    monkeypatch.setattr(Looks, "_tidy", lambda looks: None)

    def copied(looks: Looks) -> None:
        import shutil

        kept["third"] = Path(shutil.copytree(looks.folder(9), home.parent / "third"))

    scores = Scores(monkeypatch, {3: 0.25, 6: 0.5, 9: 0.75, 12: 0.75})
    end = Looks.score

    def scored(looks: Looks) -> None:
        end(looks)
        if looks.over:
            copied(looks)

    monkeypatch.setattr(Looks, "score", scored)
    asked = job(base, home, recipe=BEST, exam=exam)
    training = train(asked)
    assert scores.asked == [3, 6, 9, 12]
    assert [(look.step, look.score) for look in training.looks] == [
        (0, None),
        (3, 0.25),
        (6, 0.5),
        (9, 0.75),
        (12, 0.75),
    ]
    assert training.kept == 9  # of equals the first
    assert training.steps == 12
    assert len(training.losses) == 12
    assert same(asked.out, kept["third"])
    assert sorted(p.name for p in asked.out.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    ]
    assert not asked.work.exists()


def test_patience_ends_a_training(base: Path, home: Path, exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Scores(monkeypatch, {3: 0.25, 6: 0.75, 9: 0.5, 12: 1.0})
    patient = BEST.model_copy(update={"patience": 1})
    asked = job(base, home, recipe=patient, exam=exam)
    training = train(asked)
    assert scores.asked == [3, 6, 9]
    assert (training.kept, training.steps, len(training.losses)) == (6, 9, 9)
    whole = job(base, home, adapter="whole")
    assert train(whole).losses[:9] == training.losses  # the schedule is that of all epochs, and no leg shows


@pytest.mark.exhaustive
def test_a_kill_changes_nothing(base: Path, home: Path, exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first leg, in the last, and when all is done but for the adapter's name."""
    scores = Scores(monkeypatch, {3: 0.25, 6: 0.75, 9: 0.5, 12: 1.0})
    patient = BEST.model_copy(update={"patience": 1})
    asked = job(base, home, recipe=patient, exam=exam)
    training = train(asked)
    again = job(base, home, adapter="again", recipe=patient, exam=exam)
    for stop in (5, 8):
        with pytest.raises(KeyboardInterrupt):
            train(again, stopping(stop))
    with monkeypatch.context() as patched:
        patched.setattr("harness.training.session.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            train(again)
    scores.asked.clear()
    resumed = train(again, never)
    assert scores.asked == []
    assert (resumed.losses, resumed.looks, resumed.kept) == (training.losses, training.looks, training.kept)
    assert same(asked.out, again.out)


def test_real_answers_are_scored(base: Path, home: Path, exam: Exam) -> None:
    """The dev cases are among the training rows here, so that what is learnt shows."""
    rows = tuple({"prompt": case.input, "completion": case.reference} for case in exam.cases)
    recipe = BEST.model_copy(update={"epochs": 60, "evaluate_every": 20.0})
    training = train(job(base, home, recipe=recipe, rows=rows, exam=exam))
    scores = {look.step: look.score for look in training.looks}
    assert list(scores) == [0, 20, 40, 60]
    assert scores[training.kept or 0] == 1.0
    first, last = training.looks[0], training.looks[-1]
    assert first.train_loss == pytest.approx(first.dev_loss)  # the same questions and answers
    assert last.dev_loss is not None
    assert last.dev_loss < 0.1 < (first.dev_loss or 0)
    assert first.rows == 4


def test_losses_are_measured_where_nothing_is_chosen(base: Path, home: Path, exam: Exam) -> None:
    """And measuring them leaves the training as it was."""
    plain, told = job(base, home, adapter="plain"), job(base, home, adapter="told", exam=exam)
    training, looked = train(plain), train(told)
    assert training.losses == looked.losses
    assert same(plain.out, told.out)
    assert training.looks == []
    assert [(look.step, look.score, look.rows) for look in looked.looks] == [(0, None, 4), (12, None, 4)]
    assert looked.kept is None
    begun, ended = looked.looks
    assert (ended.train_loss or 9) < (begun.train_loss or 0)
    read = json.loads((told.out / "training.json").read_text())
    assert [Look(**look) for look in read["looks"]] == looked.looks


def test_a_loss_is_that_of_the_trainer(base: Path) -> None:
    """The mean over the tokens of all answers, not over rows."""
    import torch
    from torch.nn.functional import cross_entropy

    from harness.experiment import Model
    from harness.models.base import load_base

    model = load_base(Model(id=str(base), quantization="none")).train()
    pairs = [([5, 6, 7], [8]), ([9, 10], [11, 12, 13])]
    losses = [
        cross_entropy(model(torch.tensor([[*p, *a]])).logits[0, len(p) - 1 : -1], torch.tensor(a), reduction="none")
        for p, a in pairs
    ]
    assert loss_of(model, pairs, pad=0) == pytest.approx(float(torch.cat(losses).mean()), rel=1e-5)
    assert model.training


@pytest.mark.parametrize(
    ("total", "epochs", "every", "expected"),
    [
        (12, 4, 1, [3, 6, 9, 12]),
        (12, 4, 0.5, [2, 3, 5, 6, 8, 9, 11, 12]),
        (10, 2.5, 1, [4, 8, 10]),
        (7, 1, 5, [7]),
    ],
)
def test_looks_of_fractions_of_an_epoch(total: int, epochs: float, every: float, expected: list[int]) -> None:
    assert [step for step in range(1, total + 1) if due(step, total, epochs=epochs, every=every)] == expected


def test_an_exam_is_what_the_candidate_is_asked_on_dev(tmp_path: Path) -> None:
    def jobs() -> dict[str, Job]:
        matrix = expand(load_experiment(project.experiment))
        for made in matrix.jobs:
            assert pickle.loads(pickle.dumps(made)) == made
            [cell] = [c for c in matrix.cells if c.adapter == made.adapter and c.contender.name == made.recipe_name]
            asked = [trial.messages for trial in cell.trials() if trial.split == "dev"]
            assert made.exam is not None
            assert list(made.exam.asked) == asked
        return {made.recipe_name: made for made in matrix.jobs}

    project = local_project.make(tmp_path)
    project.replace(
        "experiment.toml", "[candidates.dpo]", '[candidates.best]\nmethod = "sft"\nkeep = "best"\n[candidates.dpo]'
    )
    before = jobs()
    project.replace(
        "suites/label/cases.jsonl", '"reference": "boats", "split": "dev"', '"reference": "Ada", "split": "dev"'
    )
    after = jobs()
    same = {name: before[name].adapter == after[name].adapter for name in before}
    assert same == {"sft": True, "best": False, "dpo": True}


@pytest.mark.exhaustive
def test_a_run_keeps_what_dev_liked_best(tmp_path: Path) -> None:
    from harness.progress import Console
    from harness.run import run
    from harness.store import open_store

    project = local_project.make(tmp_path)
    project.replace("experiment.toml", "with_rag = true", 'keep = "best"\npatience = 1')
    experiment = load_experiment(project.experiment)
    outcome = run(experiment, progress=Console(quiet=True))
    assert outcome.trained == 4
    with open_store(experiment.home, write=False) as store:
        trainings = {t.adapter: t for t in store.trainings() if t.recipe == "sft"}
        rows = store.rows("small", model=experiment.bases[0].id, metrics={"label": hashes(outcome.matrix)}).to_pylist()
    for training in trainings.values():
        chosen = next(look.score for look in training.looks if look.step == training.kept)
        own = [
            r["score"]
            for r in rows
            if (r["contender"], r["training_seed"], r["split"]) == ("sft", training.seed, "dev")
        ]
        assert chosen == pytest.approx(sum(own) / len(own))  # the run asks the adapter the same, and hears the same


def hashes(matrix: Any) -> dict[str, str]:
    from harness.scoring import hashes_of, metrics_of

    return hashes_of(metrics_of(matrix))["label"]


def test_what_dev_asks_counts_only_where_it_chooses(exam: Exam) -> None:
    rows = demonstrations(2)

    def of(recipe: Recipe, exam: Exam | None) -> str:
        return adapter_fingerprint(model="m", recipe=recipe, rows=rows, seed=1, exam=exam)

    other = replace(exam, cases=exam.cases[:3], asked=exam.asked[:3])
    assert of(RECIPE, exam) == of(RECIPE, other) == of(RECIPE, None)
    patient = BEST.model_copy(update={"patience": 2})
    assert len({of(RECIPE, exam), of(BEST, exam), of(BEST, other), of(patient, exam)}) == 4


def stopping(at: int) -> Any:
    def say(step: Step) -> None:
        if step.step == at:
            raise KeyboardInterrupt

    return say


def never(step: Step) -> None:
    raise AssertionError(f"step {step.step} was trained again")


def killed(*_: Any) -> None:
    raise KeyboardInterrupt
