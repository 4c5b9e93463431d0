"""What GitHub Actions reads in the log of `pytest suites/`, and on the run's page; a scripted model whose answers are commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SUITE = """
metric = "exact_match"

[prompts]
default = "Say it."

[[gates]]
name = "mostly right: 100%, or so"
minimum = 0.8

[[gates]]
name = "anything goes"
minimum = 0.1
"""
COMMAND = "::error title=pwned::by a model"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = pytester.path / "nested"
    rows = [
        {
            "id": f"{COMMAND} {i}" if i else "##[error]pwned",
            "input": COMMAND,
            "reference": "never" if i % 2 == 0 else COMMAND,
            "split": split,
        }
        for i, split in enumerate(["test"] * 30 + ["dev"] * 10)
    ]
    for name, text in {
        "experiment.toml": 'name = "tiny"\nmodels = ["scripted:echo"]\nsuites = ["suites/*"]\n',
        "baselines/plain.toml": 'technique = "prompt"\n',
        "suites/words/suite.toml": SUITE,
        "suites/words/cases.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    return folder


def obeyed(lines: list[str]) -> list[str]:
    """The commands that GitHub's runner takes from a log: ``::…`` at the start of a line, ``##[`` anywhere, none while stopped."""
    found, token = [], None
    for line in lines:
        said = line.strip()
        if token is not None:
            token = None if said == f"::{token}::" else token
        elif stopped := re.fullmatch(r"::stop-commands::(\w+)", said):
            token = stopped[1]
        elif said.startswith("::") or "##[" in said:
            found.append(said)
    assert token is None, "commands are read again at the end"
    return found


def run(pytester: pytest.Pytester, folder: Path, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(str(folder / "suites"), "-p", "no:hypothesispytest", *arguments)


def test_a_lost_gate_is_an_annotation_and_a_model_gives_no_commands(pytester: pytest.Pytester, project: Path) -> None:
    result = run(pytester, project, "-rA", "--junitxml=suites.xml")
    result.assert_outcomes(passed=1, failed=1)
    assert any(line.strip().startswith(COMMAND) for line in result.outlines), "what a model wrote is shown"
    assert obeyed(result.outlines) == [
        "::error file=nested/suites/words/suite.toml,line=8,title=mostly right%3A 100%25%2C or so[plain]::lost: exact_match of "
        "plain is 0.500, at most 0.653 (30 cases, 95%25 one-sided); needed: at least 0.8"
    ]
    page = (pytester.path / "summary.md").read_text(encoding="utf-8")
    assert page.startswith("## Gates: 1 of 2 held\n\n")
    assert page.index("| lost |") < page.index("| held |")

    (suite,) = ElementTree.parse(pytester.path / "suites.xml").getroot()
    facts: dict[str, dict[str, Any]] = {
        str(case.get("name")): {p.get("name"): p.get("value") for p in case.iter("property")} for case in suite
    }
    found = facts["anything goes[plain]"]
    assert (found["suite"], found["contender"], found["metric"]) == ("words", "plain", "exact_match")
    assert (float(found["estimate"]), found["cases"]) == (0.5, "30")
    assert (float(found["lower"]), float(found["upper"])) == (
        pytest.approx(0.347, abs=0.01),
        pytest.approx(0.653, abs=0.01),
    )


def test_what_could_not_be_measured_is_one_too(pytester: pytest.Pytester, project: Path) -> None:
    result = run(pytester, project, "--replay")
    result.assert_outcomes(errors=2)
    said = obeyed(result.outlines)
    assert [line.partition(",title")[0] for line in said] == [
        f"::error file=nested/suites/words/suite.toml,line={line}" for line in (8, 12)
    ]
    assert all("no results yet at " in line for line in said)
    assert (pytester.path / "summary.md").read_text(encoding="utf-8").count("| not measured |") == 2


def test_nothing_of_it_elsewhere(pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    result = run(pytester, project)
    assert not any(line.startswith(("::stop", "::error file")) for line in result.outlines)
    assert not (pytester.path / "summary.md").exists()
