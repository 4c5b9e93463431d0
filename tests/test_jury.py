"""Juries: every juror grades each answer, the median counts, and who fails is not left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.matrix import expand
from harness.scoring import metrics_of
from harness.store import open_store
from tests.conftest import Project, Ran
from tests.judged_project import fill, judged, juror, scores
from tests.models.fake_api import Reply, serve
from tests.models.test_openai import completion

Harness = Callable[..., Ran]


def test_the_median_counts(project: Project) -> None:
    fill(judged(project, "fair", "kind", "strict"))
    found = scores(project)
    assert {found["zero_shot", f"s{i}"][0] for i in range(24)} == {1.0}
    assert {found["lost", f"s{i}"][0] for i in range(24)} == {0.0}
    fill(judged(project, "kind", "strict"))
    assert {score for score, _ in scores(project).values()} == {0.5}


def test_a_juror_who_fails_is_an_error_of_the_answer(project: Project) -> None:
    fill(judged(project, "fair", "kind", "broken"))
    name = juror("broken")
    assert set(scores(project).values()) == {(None, f"judge {name}: TimeoutError: too slow")}


def test_another_juror_grades_anew_and_the_others_replies_are_found_again(project: Project) -> None:
    fill(judged(project, "fair", "kind", "strict"))
    assert fill(judged(project, "kind", "fair", "strict")).generated == 0, "their order does not matter"
    outcome = fill(judged(project, "fair", "kind", "wordy"))
    # two of three prompts give answers that are the same to none of the 24 cases, the third always says one thing
    assert outcome.generated == 72


def test_the_plan_counts_every_juror_repeat_and_order(project: Project, harness: Harness) -> None:
    judged(project, "fair", "kind", "strict", more="repeats = 2\n", metrics='"rubric", "pairwise:lost"')
    expected = 3 * 24 * 3 * 2 + 2 * 24 * 3 * 2 * 2
    ran = harness("run", project.experiment, "--dry-run")
    assert f"{expected:,} gradings by {juror('fair')}, {juror('kind')}, {juror('strict')}" in ran.out
    assert json.loads(harness("run", project.experiment, "--dry-run", "--json").out)["gradings"] == expected
    assert fill(project).generated <= expected + 72


def test_the_plan_counts_what_a_new_judge_owes_of_stored_answers(project: Project, harness: Harness) -> None:
    judged(project, "fair")
    text = project.experiment.read_text(encoding="utf-8")
    project.write("experiment.toml", text.partition("[judge]")[0])
    project.write(
        "suites/sums/rubric.md",
        (project.folder / "suites/sums/rubric.md").read_text(encoding="utf-8") + "  max words: 3\n",
    )
    fill(project)
    project.write("experiment.toml", text)
    assert "72 gradings" in harness("run", project.experiment, "--dry-run").out
    fill(project)
    assert "gradings" not in harness("run", project.experiment, "--dry-run").out


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ('model = "scripted:echo"\nmodels = ["scripted:echo"]', "name one judge as model"),
        ("repeats = 2", "name one judge as model"),
        ('models = ["scripted:echo", "scripted:echo"]', "a juror twice is no second opinion"),
        ('models = ["scripted:echo", "openaii:gpt"]', "unknown scheme 'openaii': did you mean"),
    ],
)
def test_a_wrong_jury_is_said_at_once(project: Project, harness: Harness, declared: str, said: str) -> None:
    judged(project, "fair")
    text = project.experiment.read_text(encoding="utf-8").partition("[judge]")[0]
    project.write("experiment.toml", f"{text}[judge]\n{declared}\n")
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert said in ran.err
    assert not (project.folder / ".harness").exists()


def test_a_jury_of_one_is_a_judge(project: Project) -> None:
    one = metrics_of(expand(load_experiment(judged(project, "fair").experiment)))["sums"]["rubric"].hash
    text = project.experiment.read_text(encoding="utf-8")
    project.write("experiment.toml", text.replace("model = ", "models = [").replace(':fair"\n', ':fair"]\n'))
    assert metrics_of(expand(load_experiment(project.experiment)))["sums"]["rubric"].hash == one


def jury_of(project: Project, url: str) -> None:
    """Two served jurors of one server."""
    judged(project, "fair")
    text = project.experiment.read_text(encoding="utf-8").partition("[judge]")[0]
    project.write("experiment.toml", f'{text}[judge]\nmodels = ["openai:gpt@{url}/v1", "openai:qwen@{url}/v1"]\n')
    project.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "rubric"')


def test_jurors_are_served_by_different_models_and_that_is_no_change(
    project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    grades = json.dumps({"right": {"reason": "", "score": 4}, "short": {"reason": "", "score": 1}})
    month = ["august"]

    def reply(number: int, body: dict[str, Any]) -> Reply:
        said = completion(grades)
        return Reply({**said.body, "model": f"{body['model']}-{month[0]}"})

    with serve(reply) as api:
        jury_of(project, api.url)
        fill(project)
        assert "not comparable" not in harness("verdict", project.experiment).err
        assert len(api.bodies) == 2 * 72
        # one juror's replies to one prompt's answers are lost, and another model answers under its name
        month[0] = "september"
        with open_store(project.folder / ".harness", write=True) as store:
            store._database.run(
                "DELETE FROM generations WHERE served = 'qwen-august' AND trial_id IN "
                "(SELECT trial_id FROM generations WHERE served = 'qwen-august' LIMIT 20)"
            )
            store._database.run("DELETE FROM scores WHERE metric = 'rubric'")
        fill(project)
        ran = harness("verdict", project.experiment)
    assert ran.code == 3
    assert "gpt-august with qwen-august (52) and gpt-august with qwen-september (20) and are not comparable" in ran.err
    assert "`harness forget --served qwen-september`" in ran.err


def test_every_juror_is_priced(project: Project, harness: Harness) -> None:
    jury_of(project, "http://127.0.0.1:9")
    text = project.experiment.read_text(encoding="utf-8")
    cost = "input_cost_per_token = 0.001, output_cost_per_token = 0.001"
    for name in ("gpt", "qwen"):
        text = text.replace(f'"openai:{name}@', f'{{ {cost}, id = "openai:{name}@', 1).replace(
            f'{name}@http://127.0.0.1:9/v1"', f'{name}@http://127.0.0.1:9/v1" }}'
        )
    project.write("experiment.toml", text)
    ran = harness("run", project.experiment, "--dry-run")
    assert ran.code == 0, ran.err
    bills = [line for line in ran.out.splitlines() if " for 72 gradings (" in line]
    assert [line.partition("@")[0] for line in bills] == ["openai:gpt", "openai:qwen"]
