"""A champion is recorded by the command line, and what comes after is held against it by ``pytest suites/``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.matrix import Cell
from tests.conftest import Project, Ran, cases, set_up, write_rows
from tests.made_project import CASES, fill, make

Harness = Callable[..., Ran]

GATES = """
[[gates]]
name = "half are right"
contender = "sft"
minimum = 0.5

[[gates]]
name = "no worse than the champion"
over = "blessed"
margin = -0.1
"""
RECORDED = "suites/sums/blessed.jsonl"


def right(share: int) -> Callable[[Cell, int], bool]:
    """Trainings are right on ``share`` cases of 20, of which a seed misses one; what is not trained on half of them."""
    return lambda cell, case: (
        case % 20 < 10 if cell.seed is None else case % 20 < share and case % 60 != cell.seed - 999
    )


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make(set_up(pytester.path))
    made.replace("suites/sums/suite.toml", "[prompts]", GATES + "\n[prompts]")
    write_rows(made.folder / CASES, cases(300))
    monkeypatch.chdir(made.folder)
    fill(made, right=right(16))
    return made


@pytest.fixture
def replay(project: Project, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(
            "-p", "no:hypothesispytest", "-p", "no:randomly", "--replay", "suites", *arguments
        )

    return run


def recorded(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.folder / RECORDED).read_text().splitlines()]


def rewrite(project: Project, change: Callable[[list[dict[str, Any]]], object]) -> None:
    rows = recorded(project)
    change(rows)
    write_rows(project.folder / RECORDED, rows)


def test_a_champion_is_recorded_with_every_training(project: Project, harness: Harness) -> None:
    said = harness("bless", "sums=sft")
    assert said.code == 0, said.err
    assert said.out == f"wrote {RECORDED}: sft on embedded:tiny, 200 test cases, 3 training seeds\n"
    head, *lines = recorded(project)
    assert (head["contender"], head["technique"], head["seeds"]) == ("sft", "tune", [1000, 1001, 1002])
    assert (head["model"], head["experiment"], list(head["metrics"])) == ("embedded:tiny", "sums", ["exact_match"])
    assert [line["case"] for line in lines] == [f"s{i}" for i in range(300) if i % 3]
    found = {line["case"]: line["scores"]["exact_match"] for line in lines}
    assert (found["s4"], found["s17"]) == ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    assert (found["s1"], found["s2"]) == ([0.0, 1.0, 1.0], [1.0, 0.0, 1.0])


def test_what_is_as_good_passes_and_what_is_worse_does_not(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    harness("bless", "sums=sft")
    found = replay("-v")
    found.stdout.fnmatch_lines(
        [
            "*no worse than the champion[[]zero_shot[]] FAILED*",
            "*no worse than the champion[[]sft[]] PASSED*",
            "*_ no worse than the champion[[]zero_shot[]] _*",
            "lost: exact_match of zero_shot over blessed sft, paired, is -0.28*, *(199 cases*",
        ]
    )


def test_the_champion_against_itself_differs_by_nothing(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    harness("bless", "sums=sft")
    replay("--contender", "sft", "--junitxml=out.xml").assert_outcomes(passed=2)
    facts = facts_of(project.folder / "out.xml", "no worse than the champion[sft]")
    assert (float(facts["estimate"]), facts["cases"], facts["seeds"]) == (0.0, "199", "3")
    project.replace("suites/sums/suite.toml", "margin = -0.1", "margin = 0.0")
    replay("--contender", "sft").assert_outcomes(passed=1, failed=1)


def facts_of(path: Path, name: str) -> dict[str, str]:
    case = next(one for one in ElementTree.parse(path).iter("testcase") if one.get("name") == name)
    return {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}


def test_another_recipe_is_held_to_the_champion_of_before(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    harness("bless", "sums=sft")
    project.replace("experiment.toml", 'method = "sft"', 'method = "sft"\nlearning_rate = 0.5')
    replay("--contender", "sft").assert_outcomes(errors=2)  # never measured
    fill(project, right=right(13))
    found = replay("--contender", "sft")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["lost: exact_match of sft over blessed sft, paired, is -0.151, *3 training seeds*"])


def test_every_adapter_is_held_to_the_champions_where_the_claim_is_of_artefacts(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    project.replace("experiment.toml", "[policy]", '[policy]\nestimand = "artefact"')
    assert harness("bless", "sums=sft").code == 0
    assert recorded(project)[0]["seeds"] == [1000, 1001, 1002]
    replay("--contender", "sft").assert_outcomes(passed=2)
    rewrite(project, lambda rows: [row["scores"].update(exact_match=[1.0, 1.0, 1.0]) for row in rows[1:]])
    found = replay("--contender", "sft")
    found.stdout.fnmatch_lines(["lost: exact_match of sft#1000 over blessed#1000, paired, *"])


def test_what_is_the_same_is_not_written_again(project: Project, harness: Harness) -> None:
    harness("bless", "sums=sft")
    rewrite(project, lambda rows: rows[0].update(at="2020-01-01 00:00:00 UTC"))
    said = harness("bless", "sums=sft")
    assert said.out == f"{RECORDED}: holds this already: sft on embedded:tiny, 200 test cases, 3 training seeds\n"
    assert recorded(project)[0]["at"] == "2020-01-01 00:00:00 UTC"
    rewrite(project, lambda rows: rows[1]["scores"].update(exact_match=[0.5, 0.5, 0.5]))
    assert harness("bless", "sums=sft").out.startswith("wrote ")
    assert recorded(project)[1]["scores"] == {"exact_match": [0.0, 1.0, 1.0]}


def test_a_dry_run_writes_nothing(project: Project, harness: Harness) -> None:
    said = harness("bless", "sums=sft", "--dry-run")
    assert (said.code, said.out.startswith(f"would write {RECORDED}: ")) == (0, True)
    assert not (project.folder / RECORDED).exists()


def test_what_loses_its_own_gates_is_no_champion(project: Project, harness: Harness) -> None:
    project.replace("suites/sums/suite.toml", "minimum = 0.5", "minimum = 0.9")
    said = harness("bless", "sums=sft")
    assert said.code == 1
    assert "sums: half are right: lost: exact_match of sft is 0.7" in said.err
    assert "not recorded: 'sft' on 'sums' would be a champion that does not hold its own gates; --force" in said.err
    assert not (project.folder / RECORDED).exists()
    assert harness("bless", "sums=zero_shot").code == 0  # it is another contender's gate
    assert harness("bless", "sums=sft", "--force").code == 0
    assert recorded(project)[0]["contender"] == "sft"


def test_a_worse_one_does_not_follow_a_champion(project: Project, harness: Harness) -> None:
    harness("bless", "sums=sft")
    said = harness("bless", "sums=zero_shot", "--json")
    assert said.code == 1
    [told] = json.loads(said.out)
    assert (told["refused"], told["changed"], told["contender"]) == (True, False, "zero_shot")
    assert told["lost"][0].startswith("no worse than the champion: lost: exact_match of zero_shot over blessed sft")
    assert recorded(project)[0]["contender"] == "sft"


def test_what_was_not_measured_is_no_champion_even_by_force(project: Project, harness: Harness) -> None:
    write_rows(project.folder / CASES, cases(330))
    said = harness("bless", "sums=sft", "--force")
    assert said.code == 3
    assert "test answers of 'sft' on suite 'sums' have no 'exact_match': never asked as they stand now" in said.err
    assert not (project.folder / RECORDED).exists()


def test_cases_that_were_changed_are_not_compared(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    harness("bless", "sums=sft")
    rows = cases(300)
    for row in rows[60:]:
        row["reference"] += " "
    write_rows(project.folder / CASES, rows)
    fill(project, right=right(16))
    found = replay("--contender", "sft")
    found.assert_outcomes(passed=1, errors=1)
    found.stdout.fnmatch_lines(["*blessed.jsonl: only 40 of 200 test cases are as they were when it was recorded: *"])
    rows[60:200] = cases(300)[60:200]
    write_rows(project.folder / CASES, rows)
    fill(project, right=right(16))
    replay("--contender", "sft", "--junitxml=out.xml").assert_outcomes(passed=2)
    assert facts_of(project.folder / "out.xml", "no worse than the champion[sft]")["cases"] == "132"


def test_overlap_with_its_training_is_kept_in_mind(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    harness("bless", "sums=sft")
    rewrite(project, lambda rows: [row.update(flagged=True) for row in rows[1:51]])
    replay("--contender", "sft", "--junitxml=out.xml")
    assert facts_of(project.folder / "out.xml", "no worse than the champion[sft]")["cases"] == "150"


def test_without_a_champion_nothing_is_passed(
    project: Project, harness: Harness, replay: Callable[..., pytest.RunResult]
) -> None:
    found = replay("--contender", "sft")
    found.assert_outcomes(passed=1, errors=1)
    found.stdout.fnmatch_lines(["*blessed.jsonl: no such file: nothing was blessed yet: harness bless sums=CONTENDER*"])
    said = harness("bless", "sums=sft")  # the first has none before it
    assert said.code == 0
    assert "no worse than the champion: not compared with the champion before it: " in said.err


def drop_metric(rows: list[dict[str, Any]]) -> None:
    rows[0]["metrics"] = {}
    for row in rows[1:]:
        row["scores"] = {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[0]["metrics"].update(exact_match="0" * 8), "'exact_match' is another metric now than when"),
        (drop_metric, "no 'exact_match' was recorded of 'sft'"),
        (lambda rows: rows[0].update(format=2), "blessed.jsonl:1: given format 2: this version reads format 1"),
        (lambda rows: rows[0].update(seeds=[1, 1, 2]), "blessed.jsonl:1: seeds: given [[]1, 1, 2[]]: each training"),
        (lambda rows: rows[3].update(scors={}), "blessed.jsonl:4: scors: unknown key: did you mean 'scores'?"),
        (
            lambda rows: rows[3]["scores"].update(exact_match=[1.0]),
            "blessed.jsonl:4: scores.exact_match: given 1 score:",
        ),
        (lambda rows: rows[3]["scores"].update(exact_match=[2, 0, 0]), "given 2.0: a score is a share from 0 to 1"),
        (lambda rows: rows[3]["scores"].update(rouge_l=[1, 0, 0]), "scores.rouge_l: the first line has no hash of"),
        (lambda rows: rows.append(rows[3]), "blessed.jsonl:202: case: given 's4', which stands on an earlier line too"),
        (lambda rows: rows.clear(), "blessed.jsonl:1: format: missing: it must be given"),
    ],
)
def test_a_file_that_cannot_be_compared_with_is_an_error(
    project: Project,
    harness: Harness,
    replay: Callable[..., pytest.RunResult],
    change: Callable[[list[dict[str, Any]]], object],
    said: str,
) -> None:
    harness("bless", "sums=sft")
    rewrite(project, change)
    found = replay("--contender", "sft")
    found.assert_outcomes(passed=1, errors=1)
    found.stdout.fnmatch_lines([f"*{said}*"])
    assert harness("bless", "sums=sft").code == 0  # which mends it
    replay("--contender", "sft").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sums"], "given 'sums': write SUITE=CONTENDER, such as triage=sft"),
        (["sum=sft"], "no suite 'sum': did you mean 'sums'?"),
        (["sums=stf"], "no contender 'stf' on suite 'sums': did you mean 'sft'?"),
        (["sums=sft", "--model", "x"], "--model 'x': 'sft' is not fielded on it: choose one of embedded:tiny"),
        (["sums=sft", "sums=zero_shot"], "given 'sums=sft', 'sums=zero_shot': a suite has one champion"),
    ],
)
def test_bad_input_is_said_once(project: Project, harness: Harness, arguments: list[str], said: str) -> None:
    found = harness("bless", *arguments)
    assert (found.code, said in found.err) == (4, True), found.err
    assert not (project.folder / RECORDED).exists()


def test_no_contender_is_called_like_what_is_recorded(project: Project, harness: Harness) -> None:
    project.write("baselines/blessed.toml", 'technique = "prompt"\n')
    said = harness("run", "--dry-run")
    assert said.code == 4
    assert (
        "experiment.toml: a contender is called 'blessed', which is the name of what `harness bless` recorded"
        in said.err
    )


def test_one_that_lies_elsewhere_is_asked_for(
    project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "rows.jsonl"
    elsewhere.write_text("kept\n")
    (project.folder / RECORDED).symlink_to(elsewhere)
    monkeypatch.delenv("TUNEWORTHY_TRUST")
    said = harness("bless", "sums=sft")
    assert (said.code, "blessed.jsonl': lies outside" in said.err) == (4, True), said.err
    assert harness("bless", "sums=sft", "--trust").code == 0
    assert elsewhere.read_text() == "kept\n"
    assert not (project.folder / RECORDED).is_symlink()
