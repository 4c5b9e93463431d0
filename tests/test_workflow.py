"""The reusable workflow of GitHub Actions: what it says, and every command of it run in a project that was recorded elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Project, Ran

Harness = Callable[..., Ran]

WORKFLOW = Path(__file__).parents[1] / ".github" / "workflows" / "suites.yml"
GATE = '\n[[gates]]\nname = "says four"\ncontender = "zero_shot"\nminimum = 0.0\n'


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def recorded(project: Project, harness: Harness) -> Project:
    """A project with its rows exported, and no store: what a checkout is."""
    suite = project.folder / "suites/sums/suite.toml"
    project.replace("experiment.toml", "scripted:constant=4", "scripted:echo")
    rows = [
        f'{{"id": "s{i}", "input": "{i}", "reference": "{i}", "split": "{"dev" if i % 3 == 0 else "test"}"}}'
        for i in range(60)
    ]
    project.write("suites/sums/cases.jsonl", "\n".join(rows) + "\n")
    suite.write_text(suite.read_text(encoding="utf-8") + GATE.replace("0.0", "0.8"), encoding="utf-8")
    assert harness("run", project.experiment).code in (2, 3)
    assert harness("store", "export", project.folder / "recorded", project.experiment, "--only", "sums").code == 0
    (project.folder / ".harness").rename(project.folder.parent / "elsewhere")
    return project


def steps(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in workflow["jobs"]["suites"]["steps"] if "run" in step}


def carry_out(workflow: dict[Any, Any], project: Project, name: str, **given: str) -> subprocess.CompletedProcess[str]:
    """A step as GitHub runs it."""
    defaults = {key: one["default"] for key, one in workflow[True]["workflow_call"]["inputs"].items()}
    step = steps(workflow)[name]
    told = {
        key: defaults[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for key, value in step.get("env", {}).items()
    }
    github = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(project.folder.parent)}
    github["GITHUB_STEP_SUMMARY"] = str(project.folder.parent / "summary.md")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=project.folder,
        env={**os.environ, **github, "PATH": path, **told, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_asks_for_nothing_that_it_does_not_need(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in WORKFLOW.read_text(encoding="utf-8")
    commands = [step["run"] for step in steps(workflow).values()]
    assert not any("${{" in command for command in commands), (
        "inputs come by the environment: they are no part of a script"
    )


def test_a_pull_request_that_changes_nothing_passes(workflow: dict[Any, Any], recorded: Project) -> None:
    for name in ("recorded rows", "gates", "report"):
        done = carry_out(workflow, recorded, name)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    page = (recorded.folder.parent / "summary.md").read_text(encoding="utf-8")
    assert page.startswith("## Gates: 1 of 1 held\n")
    assert "every interval is a 90 % interval" in page, "the report follows"
    asked = carry_out(workflow, recorded, "verdict", REQUIRE="sums=fine-tune")
    assert asked.returncode == 1


def test_a_prompt_that_nobody_measured_is_an_error(workflow: dict[Any, Any], recorded: Project) -> None:
    recorded.replace("suites/sums/suite.toml", '"Add."', '"Add them."')
    assert carry_out(workflow, recorded, "recorded rows").returncode == 0
    done = carry_out(workflow, recorded, "gates")
    assert done.returncode == 1
    assert (
        "::error file=project/suites/sums/suite.toml,line=8,title=says four[zero_shot]::40 of 40 test answers"
        in done.stdout
    )
    assert "never asked as they stand now" in done.stdout


def test_what_is_lost_is_a_failure(workflow: dict[Any, Any], recorded: Project) -> None:
    recorded.replace("suites/sums/suite.toml", "minimum = 0.8", "minimum = 0.99")
    assert carry_out(workflow, recorded, "recorded rows").returncode == 0
    done = carry_out(workflow, recorded, "gates")
    assert done.returncode == 1
    assert "::not shown: exact_match of zero_shot is 1.000" in done.stdout
    assert "1 failed" in done.stdout
