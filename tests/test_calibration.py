"""How far a judge can be believed: beside people criterion by criterion, beside itself, and at equal length."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from harness.evidence import Evidence, evidence
from harness.experiment import load_experiment
from harness.gradings import gradings
from harness.lengths import length, lengths
from harness.matrix import expand
from harness.scoring import metrics_of, subjects
from harness.store import CellRow, open_store
from harness.trial import Generation, Score
from harness.verdict import load_rows
from tests import made_project
from tests.conftest import Project, Ran, write_rows
from tests.judged_project import RUBRIC, fill, judged

Harness = Callable[..., Ran]


def calibrated(project: Project, harness: Harness) -> dict[str, Any]:
    ran = harness("judge", "calibrate", project.experiment, "--json")
    assert ran.code == 0, ran.err
    (of_model,) = json.loads(ran.out).values()
    return of_model["sums"]


def test_each_criterion_has_its_kappas_and_its_confusion(project: Project, harness: Harness) -> None:
    """People give each answer marks by rule; the judge gives 5 and 1 to what is right, 1 and 0 to what is not."""
    fill(judged(project, "fair", count=45))
    matrix = expand(load_experiment(project.experiment))
    trials = [trial for cell in matrix.cells for trial in cell.trials() if trial.split == "test"]
    with open_store(project.folder / ".harness", write=False) as store:
        texts = {name: text or "" for name, (text, *_) in store.replies([trial.id for trial in trials]).items()}
    lines, pairs = [], []
    for number, trial in enumerate(trials):
        reference = str(2 * int(trial.case_id[1:]))
        judge = 5 if reference in texts[trial.id] else 1
        people = min(max(judge + number % 3 - 1, 1), 5)
        pairs.append((judge, people))
        lines.append({"trial": trial.id, "reviewer": "a", "scores": {"right": people, "short": int(judge == 5)}})
    write_rows(project.folder / "suites/sums/labels.jsonl", lines)
    declared = (project.folder / "suites/sums/suite.toml").read_text(encoding="utf-8")
    project.write("suites/sums/suite.toml", f'labels = "labels.jsonl"\n{declared}')

    found = calibrated(project, harness)["rubric"]["people"]
    assert (found["answers"], found["cases"]) == (90, 30)
    judged_, people_ = map(list, zip(*pairs, strict=True))
    right, scale = found["criteria"]["right"], range(1, 6)
    assert right["scale"] == list(scale)
    assert right["confusion"] == confusion_matrix(people_, judged_, labels=scale).tolist()
    assert right["kappa"][0] == pytest.approx(cohen_kappa_score(judged_, people_))
    assert right["agreement"][0] == pytest.approx(
        cohen_kappa_score(judged_, people_, weights="quadratic", labels=scale)
    )
    assert right["accuracy"][0] == pytest.approx(np.mean(np.equal(judged_, people_)))
    for name in ("accuracy", "kappa", "agreement"):
        estimate, lower, upper = right[name]
        assert lower < estimate < upper
    assert found["criteria"]["short"]["kappa"] == [1.0, 1.0, 1.0]
    shown = harness("judge", "calibrate", project.experiment).out
    assert "`right`: the same on" in shown
    assert "people, judge      1      2" in shown


def test_the_spread_between_gradings_is_found_again(project: Project, harness: Harness) -> None:
    fill(judged(project, "moody", more="repeats = 3\n"))
    with evidence(load_experiment(project.experiment)) as found:
        graded = gradings(found, "sums", "rubric", found.models[0])
    assert {len(one.heard[0].gradings) for one in graded} == {3}
    by_hand = np.sqrt(np.mean([np.var(one.heard[0].gradings, ddof=1) for one in graded]))
    steady = calibrated(project, harness)["rubric"]["steadiness"]
    assert steady["spread"][0] == pytest.approx(by_hand)
    assert steady["spread"][1] < by_hand < steady["spread"][2]
    assert (steady["alpha"], steady["flips"], steady["answers"]) == (None, None, 48)
    assert "graded again, an answer's score varies by" in harness("judge", "calibrate", project.experiment).out
    fill(judged(project, "fair", more="repeats = 3\n"))
    assert calibrated(project, harness)["rubric"]["steadiness"]["spread"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("names", "least", "most"), [(("fair", "fair2", "kind"), 0.2, 0.8), (("fair", "fair2"), 1, 1)])
def test_jurors_agreement_is_shown(
    project: Project, harness: Harness, names: tuple[str, ...], least: float, most: float
) -> None:
    from tests.judged_project import JUDGES

    (project.folder / "judges.py").write_text(
        JUDGES.read_text(encoding="utf-8") + "\n\nfair2 = fair\n", encoding="utf-8"
    )
    judged(project, *names)
    text = project.experiment.read_text(encoding="utf-8")
    project.write("experiment.toml", text.replace(str(JUDGES), f"{project.folder}/judges.py"))
    fill(project)
    alpha = calibrated(project, harness)["rubric"]["steadiness"]["alpha"]
    assert least <= alpha[0] <= most
    assert "the jurors agree" in harness("judge", "calibrate", project.experiment).out


@pytest.mark.parametrize(("name", "flips"), [("fair", 0.0), ("forward", 1.0)])
def test_the_flip_rate_is_published_beside_the_metric(
    project: Project, harness: Harness, name: str, flips: float
) -> None:
    fill(judged(project, name, metrics='"pairwise:lost"'))
    steady = calibrated(project, harness)["pairwise:lost"]["steadiness"]
    assert steady["flips"] == [flips] * 3
    assert steady["pairs"] == 32, "the opponent itself is not compared"
    assert f"the two orders disagree on {flips:.0%} ({flips:.0%} to {flips:.0%}) of 32 pairs" in (
        harness("judge", "calibrate", project.experiment).out
    )


def test_the_report_says_how_far_a_judge_can_be_believed(project: Project, harness: Harness) -> None:
    fill(judged(project, "fair", "kind", "moody", metrics='"pairwise:lost"', more="repeats = 2\n"))
    said = harness("judge", "calibrate", project.experiment).out.splitlines()[1:]
    assert len(said) == 4, "nobody of people, the spread, the jurors' agreement, the flips"
    ran = harness("report", project.experiment, "--markdown")
    assert ran.code == 0, ran.err
    assert "The judge on **pairwise:lost**, scripted:" in ran.out
    harness("report", project.experiment)
    page = (project.folder / "reports/sums/report.html").read_text(encoding="utf-8")
    assert "The judge on pairwise:lost" in page
    for word in ("the two orders disagree on", "Krippendorff’s alpha", "varies by"):
        assert word.replace("’", "'") in ran.out.replace("\\", "").replace("’", "'")
        assert word.replace("’", "'") in page.replace("&#39;", "'").replace("’", "'")


def test_failed_gradings_are_left_out_and_nothing_is_asked(project: Project, harness: Harness) -> None:
    fill(judged(project, "broken"))
    steady = calibrated(project, harness)["rubric"]["steadiness"]
    assert (steady["answers"], steady["spread"]) == (0, None)


# --- what of a difference is length, and who is compared with whom: on a project with trainings


def trained(project: Project, metric: str) -> Project:
    """Answers of three trainings, longer by a word a seed than the prompt's; the judge's score grows with their length."""
    made_project.make(project)
    text = project.experiment.read_text(encoding="utf-8")
    project.write("experiment.toml", text.replace("[policy]", '[judge]\nmodel = "scripted:echo"\n[policy]'))
    project.write("suites/sums/rubric.md", RUBRIC)
    project.replace("suites/sums/suite.toml", 'metric = "exact_match"', f'metric = "{metric}"\nrubric = "rubric.md"')
    matrix = expand(load_experiment(project.experiment))
    metrics = metrics_of(matrix)
    rng = np.random.default_rng(3)
    with open_store(matrix.experiment.home, write=True) as store:
        store.declare(
            matrix.experiment.name,
            [
                CellRow(c.id, c.suite.name, c.contender.name, c.contender.technique, c.model.id, c.seed, c.adapter)
                for c in matrix.cells
            ],
        )
        for cell in matrix.cells:
            trials = list(cell.trials())
            store.add_trials(cell.id, trials)
            words = {t.id: "x" * int(rng.integers(20, 60) * (2 if cell.seed else 1)) for t in trials}
            store.add_generations([Generation(name, f"{cell.seed} {text}") for name, text in words.items()])
            digest = metrics["sums"][metric].hash
            store.add_scores(
                [Score(name, metric, digest, 0.1 * length(f"{cell.seed} {text}")) for name, text in words.items()]
            )
    return project


def test_a_gain_that_is_length_is_shown_as_such(project: Project, harness: Harness) -> None:
    trained(project, "rubric")
    with evidence(load_experiment(project.experiment)) as found:
        rows = load_rows(found.rows(found.models[0]))
        made = lengths(found, rows, "sums", "rubric", found.models[0])
    (one,) = made
    assert (one.ours, one.theirs) == ("sft", "zero_shot")
    assert one.equal is not None
    assert one.raw.lower > 0.05
    assert one.equal.estimate == pytest.approx(0.0, abs=1e-9)
    assert one.slope == pytest.approx(0.1)
    ran = harness("judge", "calibrate", project.experiment)
    assert "sft minus zero_shot: +0.09 (" in ran.out
    assert "at equal length +0.00 (" in ran.out
    assert "+0.10 for each doubling" in ran.out


def rivals(found: Evidence, metric: str, contender: str, seed: int | None) -> set[str]:
    """Of which training the rivals of a cell's answers are."""
    (cell,) = (c for c in found.matrix.cells if c.contender.name == contender and c.seed == seed)
    stored = [(t.id, c, "") for t, c in zip(cell.trials(), cell.cases, strict=True)]
    made = subjects(found.matrix, found.store, cell, found.metrics["sums"][metric], stored)
    assert len(made) == 108
    return {str(one.rival).split()[0] for one in made}


def test_rivals_have_the_same_training_seed_or_the_first(project: Project) -> None:
    trained(project, "pairwise:sft")
    with evidence(load_experiment(project.experiment)) as found:
        first, *others = found.experiment.seeds
        assert rivals(found, "pairwise:sft", "zero_shot", None) == {str(first)}
        for seed in (first, *others):
            assert rivals(found, "pairwise:sft", "sft", seed) == {str(seed)}


def test_an_untrained_opponent_is_every_trainings_rival(project: Project) -> None:
    trained(project, "pairwise:zero_shot")
    with evidence(load_experiment(project.experiment)) as found:
        for seed in found.experiment.seeds:
            assert rivals(found, "pairwise:zero_shot", "sft", seed) == {"None"}


def test_another_recipe_of_the_opponent_is_another_metric(project: Project) -> None:
    trained(project, "pairwise:sft")
    before = metrics_of(expand(load_experiment(project.experiment)))["sums"]["pairwise:sft"].hash
    project.replace("experiment.toml", 'method = "sft"\n', 'method = "sft"\nepochs = 7\n')
    assert metrics_of(expand(load_experiment(project.experiment)))["sums"]["pairwise:sft"].hash != before
