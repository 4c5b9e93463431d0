"""A judge grades by the rubric, through the vendors' clients and a real HTTP server; its replies are kept, and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.evidence import evidence
from harness.experiment import Model, load_experiment
from harness.metrics import load_metric
from harness.metrics.judge import load_judge
from harness.metrics.juror import Grader, Juror
from harness.suite import Case, Suite
from tests.conftest import Project, Ran
from tests.judged_project import RUBRIC, fill
from tests.models.fake_api import Reply, serve
from tests.models.test_anthropic import message
from tests.models.test_openai import completion, failure

Harness = Callable[..., Ran]
GOOD = {"right": {"reason": "it is", "score": 4}, "short": {"reason": "yes", "score": 1}}
SCORE = (3 * 0.75 + 1 * 1.0) / 4


def said(body: dict[str, Any], text: str) -> Reply:
    """In the protocol that was spoken."""
    return completion(text) if "response_format" in body else message(text)


def scores(project: Project) -> list[tuple[str, float | None, str | None]]:
    with evidence(load_experiment(project.experiment)) as found:
        rows = found.rows(found.models[0]).to_pylist()
    return [(row["source"], row["score"], row["error"]) for row in rows if row["metric"] == "rubric"]


@pytest.fixture
def judged(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """The project with a rubric, and a judge at an address."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    project.replace(
        "suites/sums/suite.toml",
        'metric = "exact_match"',
        'metric = "exact_match"\nmetrics = ["rubric"]\nrubric = "rubric.md"',
    )
    project.write("suites/sums/rubric.md", RUBRIC)
    (project.folder / "baselines/few_shot.toml").unlink()
    text = project.experiment.read_text(encoding="utf-8")

    def at(model: str, more: str = "") -> Project:
        project.write("experiment.toml", f'{text}[judge]\nmodel = "{model}"\n{more}')
        return project

    return at


@pytest.mark.parametrize("vendor", ["openai:judge@{}/v1", "anthropic:judge@{}"])
def test_every_vendor_grades_by_a_schema(judged: Callable[..., Project], vendor: str) -> None:
    with serve(lambda number, body: said(body, json.dumps(GOOD))) as api:
        project = judged(vendor.format(api.url))
        outcome = fill(project)
        assert scores(project) == [("judge", pytest.approx(SCORE), None)] * 24
        assert len(api.bodies) == 24
        assert fill(project).generated == 0
        assert len(api.bodies) == 24, "what was graded is not graded again"
    assert outcome.scored == 48
    form = api.bodies[0].get("response_format") or api.bodies[0]["output_config"]
    text = json.dumps(form)
    assert '"enum": [1, 2, 3, 4, 5]' in text
    assert '"additionalProperties": false' in text
    asked = json.dumps(api.bodies[0])
    for part in ("right (1 to 5): Gives the sum.", "5: Exactly.", "A reference answer"):
        assert part in asked


def test_another_rubric_grades_anew_and_other_rules_do_not(judged: Callable[..., Project]) -> None:
    with serve(lambda number, body: said(body, json.dumps(GOOD))) as api:
        project = judged(f"openai:judge@{api.url}/v1")
        fill(project)
        project.write("suites/sums/rubric.md", RUBRIC + "  max words: 3\n")
        fill(project)
        assert len(api.bodies) == 24, "a rule is no part of what a judge reads"
        project.replace("suites/sums/rubric.md", "Not at all.", "Far off.")
        fill(project)
    assert len(api.bodies) == 48
    assert len(scores(project)) == 24


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("Sure! I give it a 5.", "it was not JSON"),
        ('["right"]', "it was not a JSON object"),
        ('{"right": {"score": 5}}', "'short' had the score 'None', allowed are 0 to 1"),
        (json.dumps(GOOD | {"right": {"reason": "", "score": 6}}), "'right' had the score '6', allowed are 1 to 5"),
        (json.dumps(GOOD | {"right": {"reason": "", "score": True}}), "'right' had the score 'True'"),
        ("[" * 100_000, "it was not JSON"),
    ],
)
def test_what_cannot_be_read_is_asked_again(judged: Callable[..., Project], bad: str, why: str) -> None:
    def once(number: int, body: dict[str, Any]) -> Reply:
        again = "could not be used" in json.dumps(body)
        return said(body, json.dumps(GOOD) if again else bad)

    with serve(once) as api:
        project = judged(f"openai:judge@{api.url}/v1")
        fill(project)
    assert len(api.bodies) == 48
    assert any(why.replace('"', '\\"') in json.dumps(body) for body in api.bodies)
    assert [row[1] for row in scores(project)] == [pytest.approx(SCORE)] * 24


def test_what_stays_unreadable_is_an_error_and_tried_again(judged: Callable[..., Project]) -> None:
    text = ["no"]
    with serve(lambda number, body: said(body, text[0])) as api:
        project = judged(f"openai:judge@{api.url}/v1", "tries = 2\n")
        fill(project)
        name = f"judge openai:judge@{api.url}/v1"
        assert scores(project) == [("judge", None, f"{name}: no reply could be read: it was not JSON")] * 24
        assert len(api.bodies) == 48
        text[0] = json.dumps(GOOD)
        fill(project)
        assert len(api.bodies) == 72
    assert [row[1] for row in scores(project)] == [pytest.approx(SCORE)] * 24


def test_a_server_that_fails_is_an_error_row_never_a_zero(judged: Callable[..., Project]) -> None:
    down = [True]

    def shaky(number: int, body: dict[str, Any]) -> Reply:
        return failure(400, "overloaded") if down[0] else said(body, json.dumps(GOOD))

    with serve(shaky) as api:
        project = judged(f"openai:judge@{api.url}/v1")
        fill(project)
        assert {row[1] for row in scores(project)} == {None}
        assert all("BadRequestError" in str(row[2]) for row in scores(project))
        down[0] = False
        fill(project)
    assert [row[1] for row in scores(project)] == [pytest.approx(SCORE)] * 24


def test_gradings_of_one_answer_are_averaged(judged: Callable[..., Project]) -> None:
    def moody(number: int, body: dict[str, Any]) -> Reply:
        return said(body, json.dumps(GOOD | {"right": {"reason": "", "score": 1 if number % 2 else 5}}))

    with serve(moody) as api:
        project = judged(f"openai:judge@{api.url}/v1", "repeats = 4\n")
        fill(project)
    assert len(api.bodies) == 96
    found = {row[1] for row in scores(project)}
    assert found <= {(3 * share + 1) / 4 for share in (0, 0.25, 0.5, 0.75, 1)}


def a_judge(folder: Path, rubric: str = RUBRIC) -> Juror:
    (folder / "rubric.md").write_text(rubric, encoding="utf-8")
    suite = Suite(name="t", folder=folder, metric="rubric", rubric="rubric.md")
    return load_judge(suite, [Grader(Model(id="scripted:echo"), "h")]).jurors[0]


@pytest.mark.parametrize(
    ("rubric", "said"),
    [
        ("- `a`: A.\n  5: good\n", "criterion 'a' has 1 anchor: who grades needs to know"),
        ("- `a`: A.\n", "criterion 'a' has 0 anchors"),
        ("- `a`: A.\n  5: good\n  5: bad\n", "rubric.md:3: score 5 of 'a' has two anchors"),
    ],
)
def test_a_rubric_must_say_what_scores_mean(tmp_path: Path, rubric: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        a_judge(tmp_path, rubric)


def test_rules_grade_where_there_is_no_judge(tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text(RUBRIC + "  max words: 1\n", encoding="utf-8")
    suite = Suite(name="t", folder=tmp_path, metric="rubric", rubric="rubric.md")
    assert load_metric("rubric", suite)(Case("c", "?", "!"), "two words") == 0.0


def test_a_missing_key_is_said_before_anything_is_asked(judged: Callable[..., Project], harness: Harness) -> None:
    ran = harness("run", judged("anthropic:judge").experiment)
    assert ran.code == 4
    assert "model 'anthropic:judge': no key: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN" in ran.err
    ran = harness("run", judged("anthropicc:judge").experiment)
    assert ran.code == 4
    assert "unknown scheme 'anthropicc': did you mean 'anthropic'" in ran.err


def test_the_plan_counts_gradings(judged: Callable[..., Project], harness: Harness) -> None:
    project = judged("openai:judge@http://127.0.0.1:9/v1", "repeats = 2\n")
    assert "48 gradings by openai:judge@" in harness("run", project.experiment, "--dry-run").out


def test_keys_are_in_no_row(judged: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456")
    with serve(lambda number, body: failure(400, "your key sk-secret-123456 is odd")) as api:
        project = judged(f"openai:judge@{api.url}/v1")
        fill(project)
    assert api.headers[0]["authorization"] == "Bearer sk-secret-123456"
    assert "sk-secret" not in str(scores(project))
    assert b"sk-secret" not in (project.folder / ".harness/results.duckdb").read_bytes()
