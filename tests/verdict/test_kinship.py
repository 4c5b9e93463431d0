"""A judge does not grade its own family: who is kin to whom, and what a verdict makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from harness.errors import BadInput
from harness.evidence import kinship
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.verdict import Gate, Kin, Kinship, Verdict, decide
from harness.verdict.kinship import FAMILIES, families
from tests.conftest import Project
from tests.made_project import make


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai:gpt-5-mini", {"gpt"}),
        ("openai:o3-mini", {"gpt"}),
        ("openai/gpt-oss-20b", {"gpt"}),
        ("chatgpt-4o-latest", {"gpt"}),
        ("gpt4o", {"gpt"}),
        ("anthropic:claude-opus-5", {"claude"}),
        ("us.anthropic.claude-3-haiku", {"claude"}),
        ("google/gemma-3-4b-it", {"gemini"}),
        ("mistralai/Ministral-8B-Instruct", {"mistral"}),
        ("Qwen/QwQ-32B", {"qwen"}),
        ("Qwen2.5VL", {"qwen"}),
        ("ollama/qwen3", {"qwen"}),
        ("microsoft/Phi-4", {"phi"}),
        ("CohereForAI/c4ai-command-r", {"command"}),
        ("embedded:tiny", {"embedded"}),
        ("/models/Llama-3.1-8B-GPTQ", {"llama"}),
        ("models--Qwen--Qwen3-8B/snapshots/0a1b", {"qwen"}),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", {"deepseek", "qwen"}),
        ("openai:Qwen/Qwen3-8B@http://gpt-server:8000/v1", {"qwen"}),
        ("openai:mine@http://llama:8000/v1", set()),
        ("anthropic:mine@http://localhost:8000", set()),
        ("cognitivecomputations/dolphin-2.9", set()),
        ("acme/philosopher-7b", set()),
        ("", set()),
    ],
)
def test_families_are_read_from_words_of_the_name(name: str, found: set[str]) -> None:
    assert families(name) == found
    assert families(name.upper()) == found


def test_a_word_is_of_one_family() -> None:
    words = [word for some in FAMILIES.values() for word in some]
    assert len(words) == len(set(words))
    assert all(family in some or family == "gemini" for family, some in FAMILIES.items())


@pytest.mark.parametrize(
    ("judge", "other", "shared"),
    [
        (Kin(id="openai:gpt-5"), Kin(id="gpt-4o"), {"gpt"}),
        (Kin(id="Qwen/Qwen3-8B"), Kin(id="deepseek-r1-distill-qwen-7b"), {"qwen"}),
        (Kin(id="a", family="Acme"), Kin(id="b", family="acme"), {"acme"}),
        (Kin(id="a", family="gpt"), Kin(id="openai:gpt-5"), {"gpt"}),
        (Kin(id="EleutherAI/gpt-j-6b", family="eleuther"), Kin(id="openai:gpt-5"), set()),
        (Kin(id="acme-7b"), Kin(id="Acme-7B"), {"acme-7b"}),
        (Kin(id="a"), Kin(id="b"), set()),
    ],
)
def test_kin_are_of_one_family_or_one_name(judge: Kin, other: Kin, shared: set[str]) -> None:
    assert judge.like(other) == shared
    assert bool(other.like(judge)) == bool(shared)


# --- planted rows


def rows(planted: Any, table: Any, *, source: str = "judge") -> pa.Table:
    """A large gain by that source; what a judge saw, people saw too: justified, but for who judged."""
    columns = planted(1, n=400).prompts().add("sft", "tune", 0.2, seeds=5).columns
    return by(columns, table, source) if source != "judge" else graded(columns, table)


def by(columns: dict[str, list[Any]], table: Any, source: str) -> pa.Table:
    return table(columns | {"source": [source] * len(columns["source"])})


def graded(columns: dict[str, list[Any]], table: Any) -> pa.Table:
    """By a judge, and on test by people who agree."""
    judged = by(columns, table, "judge")
    people = by(columns, table, "human")
    return pa.concat_tables([judged, people.filter(pc.equal(people["split"], "test"))])


def gate(verdict: Verdict, name: str = "kinship") -> Gate:
    (suite,) = verdict.suites.values()
    return next(gate for gate in suite.gates if gate.name == name)


def answer(verdict: Verdict) -> str:
    (suite,) = verdict.suites.values()
    return suite.verdict


KIN = {"judges": ["openai:gpt-5-mini"], "models": ["Qwen/Qwen3-8B"], "teachers": {"sft": ["openai:gpt-5"]}}


def test_a_judge_of_the_teachers_family_decides_nothing(planted: Any, table: Any) -> None:
    verdict = decide(rows(planted, table), {"kinship": KIN})
    assert answer(verdict) == "INVALID"
    (suite,) = verdict.suites.values()
    assert [gate.name for gate in suite.failed] == ["kinship"]
    assert [reason.sentence for reason in suite.reasons] == [
        "The judge openai:gpt-5-mini is of one family (gpt) with openai:gpt-5, which wrote the training data of sft: "
        "take a judge of another family, or let people grade."
    ]


def test_a_judge_of_the_base_models_family_decides_nothing(planted: Any, table: Any) -> None:
    verdict = decide(rows(planted, table), {"kinship": KIN | {"judges": ["qwen-max"]}})
    assert answer(verdict) == "INVALID"
    assert "(qwen) with Qwen/Qwen3-8B, which is what the contenders run on: " in gate(verdict).evidence


def test_any_juror_counts(planted: Any, table: Any) -> None:
    jury = ["anthropic:claude-opus-5", "mistral-large", "openai:gpt-5"]
    verdict = decide(rows(planted, table), {"kinship": KIN | {"judges": jury}})
    assert answer(verdict) == "INVALID"
    assert gate(verdict).evidence.startswith("the judge openai:gpt-5 itself wrote the training data of sft: ")


@pytest.mark.parametrize(
    ("kin", "said"),
    [
        (KIN | {"judges": ["anthropic:claude-opus-5"]}, "no judge is of a family with Qwen/Qwen3-8B, openai:gpt-5"),
        (KIN | {"judges": ["acme-7b"]}, 'could not tell the family of acme-7b: say it with family = "…"'),
        (KIN | {"judges": [{"id": "acme-7b", "family": "acme"}]}, "no judge is of a family with "),
        ({}, "could not tell whether a judge graded its own family: which model judged is not said"),
        (
            {"judges": ["openai:gpt-5"]},
            "could not tell whether a judge graded its own family: who the contenders run on",
        ),
    ],
)
def test_another_family_passes_and_what_cannot_be_told_says_so(
    planted: Any, table: Any, kin: dict[str, Any], said: str
) -> None:
    verdict = decide(rows(planted, table), {"kinship": kin})
    assert answer(verdict) == "JUSTIFIED"
    assert (gate(verdict).status, gate(verdict).evidence.startswith(said)) == ("pass", True), gate(verdict).evidence


def test_only_who_is_tuned_has_a_teacher(planted: Any, table: Any) -> None:
    verdict = decide(rows(planted, table), {"kinship": KIN | {"teachers": {"few_shot": ["openai:gpt-5"]}}})
    assert answer(verdict) == "JUSTIFIED"


@pytest.mark.parametrize("source", ["program", "human"])
def test_programs_and_people_have_no_kin(planted: Any, table: Any, source: str) -> None:
    verdict = decide(rows(planted, table, source=source), {"kinship": KIN})
    (suite,) = verdict.suites.values()
    assert "kinship" not in {gate.name for gate in suite.gates}


def test_what_an_experiment_knows_is_added_and_changes_no_hash(planted: Any, table: Any) -> None:
    found = rows(planted, table)
    plain, told = decide(found), decide(found, kinship=Kinship.model_validate(KIN))
    assert (answer(plain), answer(told)) == ("JUSTIFIED", "INVALID")
    assert plain.hashes == told.hashes
    both = decide(found, {"kinship": {"judges": ["openai:gpt-5"]}}, kinship=Kinship(models=("gpt-oss-20b",)))
    assert answer(both) == "INVALID"


def test_guards_are_held_to_it_too(planted: Any, table: Any) -> None:
    guard = planted(9, n=200, dev=0, suite="general").add("zero_shot", "prompt").add("sft@triage", "tune", seeds=5)
    found = pa.concat_tables([rows(planted, table, source="program"), graded(guard.columns, table)])
    suites = {"triage": {}, "general": {"role": "guard", "noninferiority": 0.2}}
    verdict = decide(found, {"suites": suites, "kinship": KIN})
    assert [gate.name for gate in verdict.suites["triage"].failed] == ["kinship:general"]


@pytest.mark.parametrize(
    ("kin", "said"),
    [
        (
            {"teachers": {"sftt": ["x"]}},
            "policy: kinship.teachers.sftt: no row has the contender 'sftt': did you mean 'sft'?",
        ),
        ({"judge": ["x"]}, "policy: kinship.judge: unknown key: did you mean 'judges'?"),
        ({"judges": [5]}, "policy: kinship.judges.0"),
        ({"judges": [{"id": "x", "familly": "y"}]}, "familly"),
    ],
)
def test_what_is_wrong_is_said(planted: Any, table: Any, kin: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        decide(rows(planted, table), {"kinship": kin})
    assert said in str(caught.value)


# --- what an experiment knows


MORE = """
[candidates.dpo]
method = "dpo"
start_from = "sft"
teacher = { id = "acme-7b", family = "acme" }
[judge]
model = "anthropic:claude-opus-5"
"""


def test_an_experiment_knows_judge_base_and_teachers(project: Project) -> None:
    make(project)
    project.replace("experiment.toml", 'method = "sft"', 'method = "sft"\nteacher = "openai:gpt-5"')
    project.replace("experiment.toml", "[policy]", f"{MORE}[policy]")
    project.replace(
        "experiment.toml", 'models = ["embedded:tiny"]', 'models = [{ id = "embedded:tiny", family = "small" }]'
    )
    lines = [{"prompt": "1 + 1", "chosen": "2", "rejected": "3"}] * 4
    project.write("suites/sums/preferences.jsonl", "".join(f"{line}\n".replace("'", '"') for line in lines))
    project.replace(
        "suites/sums/suite.toml", 'train = "train.jsonl"', 'train = "train.jsonl"\npreferences = "preferences.jsonl"'
    )
    matrix = expand(load_experiment(Path(project.experiment)))
    known = kinship(matrix, matrix.experiment.bases[0])
    assert known == Kinship(
        judges=(Kin(id="anthropic:claude-opus-5"),),
        models=(Kin(id="embedded:tiny", family="small"),),
        teachers={
            "sft": (Kin(id="openai:gpt-5"),),
            "dpo": (Kin(id="acme-7b", family="acme"), Kin(id="openai:gpt-5")),
        },
    )


def test_naming_a_teacher_trains_nothing_anew(project: Project) -> None:
    make(project)
    before = [job.adapter for job in expand(load_experiment(project.experiment)).jobs]
    project.replace("experiment.toml", 'method = "sft"', 'method = "sft"\nteacher = "openai:gpt-5"')
    assert [job.adapter for job in expand(load_experiment(project.experiment)).jobs] == before
