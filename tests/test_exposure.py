"""Flags come from the training data itself: what a candidate trained on, its start and its replay, guards too."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.exposure import exposure
from harness.matrix import expand
from harness.store import open_store
from tests.conftest import Project, Ran, cases, write_rows
from tests.made_project import CASES, POLICY, fill, make

Harness = Callable[..., Ran]
SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "zan")
TRAIN = "suites/sums/train.jsonl"


def words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))) for _ in range(count)]


def lesson(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "2"}]}


@pytest.fixture
def told(project: Project) -> Project:
    """The made project with cases of 25 words, and training rows of the same kind that no case is among."""
    make(project)
    rng = random.Random(1)
    write_rows(project.folder / CASES, [case | {"input": " ".join(words(rng, 25))} for case in cases(108)])
    write_rows(project.folder / TRAIN, [lesson(" ".join(words(rng, 25))) for _ in range(150)])
    return project


def leak(project: Project, share: float) -> set[str]:
    """Copies of so many of the test cases into the training rows, two words of each edited; the cases' ids."""
    rng = random.Random(2)
    read = [json.loads(line) for line in (project.folder / CASES).read_text().splitlines()]
    tested = [case for case in read if case["split"] == "test"]
    taken = rng.sample(tested, round(share * len(tested)))
    rows = [json.loads(line) for line in (project.folder / TRAIN).read_text().splitlines()]
    for case in taken:
        said = case["input"].split()
        said[rng.randrange(12)], said[rng.randrange(13, 25)] = words(rng, 2)
        rows.append(lesson(" ".join(said)))
    rng.shuffle(rows)
    write_rows(project.folder / TRAIN, rows)
    return {case["id"] for case in taken}


def flagged(project: Project) -> dict[tuple[str, str], set[str]]:
    found = exposure(expand(load_experiment(project.experiment)))
    return {place: set(matches) for place, matches in found.items()}


def verdict(harness: Harness, project: Project) -> tuple[str, dict[str, dict[str, str]]]:
    found = json.loads(harness("verdict", project.experiment, "--json").out)["suites"]["sums"]
    return found["verdict"], {gate["name"]: gate for gate in found["gates"]}


def test_a_third_of_the_cases_in_training_makes_the_verdict_invalid(told: Project, harness: Harness) -> None:
    taken = leak(told, 0.3)
    fill(told)
    assert flagged(told) == {("sums", "sft"): taken}
    answer, gates = verdict(harness, told)
    assert (answer, gates["flagged"]["status"]) == ("INVALID", "fail")
    assert gates["flagged"]["evidence"].startswith("sft: 31% of its test cases overlap its training data")
    with open_store(told.folder / ".harness", write=False) as store:
        assert store.ledger() == [], "what a gate forbids is no look"


def test_the_same_answers_without_the_leak_are_decided(told: Project, harness: Harness) -> None:
    fill(told)
    assert flagged(told) == {}
    answer, gates = verdict(harness, told)
    assert answer != "INVALID"
    assert gates["flagged"]["status"] == "pass"


def test_claims_are_made_on_the_clean_cases(told: Project) -> None:
    taken = leak(told, 0.05)
    fill(told)
    with evidence(load_experiment(told.experiment)) as found:
        rows = found.rows("embedded:tiny").to_pylist()
        claims = found.verdicts["embedded:tiny"].suites["sums"].claims
    assert {(row["contender"], row["case_id"]) for row in rows if row["flagged"]} == {("sft", case) for case in taken}
    assert {claim.n for claim in claims if claim.name.startswith("gain")} == {72 - len(taken)}


def test_the_start_the_replay_and_the_guards_count(told: Project) -> None:
    rng = random.Random(5)
    fact, general, preferred = (" ".join(words(rng, 12)) for _ in range(3))
    read = [json.loads(line) for line in (told.folder / CASES).read_text().splitlines()]
    (first, second, third) = [case for case in read if case["split"] == "test"][:3]
    write_rows(
        told.folder / "suites/general/cases.jsonl",
        [
            {"id": f"g{i}", "input": text, "reference": "a", "choices": ["a", "b"]}
            for i, text in enumerate((fact, general, preferred))
        ],
    )
    told.write("suites/general/suite.toml", 'role = "guard"\nform = "choice"\nmetric = "exact_match"\n')
    write_rows(told.folder / TRAIN, [lesson(first["input"]), lesson(fact)])
    write_rows(told.folder / "replay.jsonl", [lesson(second["input"]), lesson(general)])
    write_rows(
        told.folder / "suites/sums/preferences.jsonl",
        [{"prompt": text, "chosen": "2", "rejected": "3"} for text in (third["input"], preferred)],
    )
    told.replace("suites/sums/suite.toml", "train =", 'preferences = "preferences.jsonl"\ntrain =')
    told.write(
        "experiment.toml",
        'name = "sums"\nmodels = ["embedded:tiny"]\nsuites = ["suites/*"]\nbaselines = ["baselines"]\ntraining_seeds = 2\n'
        '[candidates.sft]\nmethod = "sft"\n'
        '[candidates.mixed]\nmethod = "sft"\nreplay = 0.5\nreplay_file = "replay.jsonl"\n'
        f'[candidates.dpo]\nmethod = "dpo"\nstart_from = "mixed"\n{POLICY}',
    )
    one, two, three = first["id"], second["id"], third["id"]
    shown = {("sums", "few_shot"): {one}}  # the training rows are its examples
    assert flagged(told) == shown | {
        ("sums", "sft"): {one},
        ("sums", "mixed"): {one, two},
        ("sums", "dpo"): {one, two, three},
        ("general", "sft@sums"): {"g0"},
        ("general", "mixed@sums"): {"g0", "g1"},
        ("general", "dpo@sums"): {"g0", "g1", "g2"},
    }
    found = exposure(expand(load_experiment(told.experiment)))
    assert found["sums", "dpo"][two].where == f"{told.folder / 'replay.jsonl'}:1"


def test_what_prompts_show_counts(told: Project, harness: Harness) -> None:
    """Golden examples that hold a case where the likest are shown, of fixed ones those that are; documents that answer it."""
    read = [json.loads(line) for line in (told.folder / CASES).read_text().splitlines()]
    tested = [case for case in read if case["split"] == "test"]
    golden = [lesson(" ".join(words(random.Random(3), 25))) for _ in range(30)]
    write_rows(told.folder / "suites/sums/golden.jsonl", golden + [lesson(case["input"]) for case in tested[:30]])
    pages = [f"{case['input']}? {case['reference']}" for case in tested[40:43]] + [
        case["input"] for case in tested[50:]
    ]
    write_rows(told.folder / "suites/sums/pages.jsonl", [{"id": str(i), "text": text} for i, text in enumerate(pages)])
    told.replace("suites/sums/suite.toml", "train =", 'golden = "golden.jsonl"\ndocuments = "pages.jsonl"\ntrain =')
    told.write("baselines/golden.toml", 'technique = "golden"\nshots = 2\nretrieve = {k = 2}\n')
    told.write("baselines/rag.toml", 'technique = "rag"\nretrieve = {k = 2}\n')
    matrix = expand(load_experiment(told.experiment))
    (few,) = (cell for cell in matrix.cells if cell.contender.name == "few_shot")
    shown = {question["content"] for question, _ in few.prompter.examples}
    held = {case["id"] for case in tested if case["input"] in shown}
    assert flagged(told) == {
        ("sums", "golden"): {case["id"] for case in tested[:30]},
        ("sums", "rag"): {case["id"] for case in tested[40:43]},
        **({("sums", "few_shot"): held} if held else {}),
    }
    fill(told)
    answer, gates = verdict(harness, told)
    assert answer == "INVALID"
    assert gates["flagged"]["evidence"] == "golden: 42% of its test cases overlap what it is shown, allowed is 10%"


def test_other_words_count_where_the_experiment_says_so(told: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which model, and what it finds, is told by name: ``harness.data.meaning`` has its own tests."""
    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return lambda texts: np.eye(len(texts) or 1, 200, dtype=np.float32)

    monkeypatch.setattr("harness.exposure.load_encoder", load)
    (told.folder / "model").mkdir()
    assert flagged(told) == {}
    told.replace("experiment.toml", "[policy]", '[leaks]\nembed = "dense:model"\nsimilar = 0.9\n[policy]')
    found = exposure(expand(load_experiment(told.experiment)))
    assert set(asked) == {str(told.folder / "model")}
    assert {match.kind for match in found["sums", "sft"].values()} == {"meaning"}


def test_the_shipped_suites_are_clean(pytestconfig: pytest.Config) -> None:
    matrix = expand(load_experiment(pytestconfig.rootpath / "experiment.toml"))
    for (suite, contender), matches in exposure(matrix).items():
        assert len(matches) <= 0.01 * matrix.task(suite).counts["test"], (suite, contender, matches)
        assert not [match for match in matches.values() if match.kind == "verbatim"]


def test_what_was_found_is_kept_by_what_was_compared(told: Project) -> None:
    """A second look reads it; other training rows are compared anew, and a broken or missing file costs only time."""
    leak(told, 0.2)
    first = flagged(told)
    kept = max((told.folder / ".harness/overlaps").iterdir(), key=lambda path: path.stat().st_size)
    kept.write_text(kept.read_text().replace('"s1', '"S1'), encoding="utf-8")
    assert flagged(told) != first, "it was read"
    for broken in ("{", "[]", '{"s1": {"kinds": 3}}'):
        kept.write_text(broken, encoding="utf-8")
        assert flagged(told) == first, broken
    write_rows(told.folder / TRAIN, [lesson("nothing of the kind") for _ in range(150)])
    assert flagged(told) == {}
