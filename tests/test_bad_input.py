"""Whatever a user gets wrong is one clear error: where, what was given, what is allowed; exit 4 and no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, Ran

Harness = Callable[..., Ran]
Bend = Callable[[Project], object]

SUITE = "suites/sums/suite.toml"
CASES = "suites/sums/cases.jsonl"
LINE = '{"id": "x", "input": "1 + 1", "reference": "2"}\n'


def tuned(project: Project, recipe: str, *, model: str = '"embedded:tiny"') -> None:
    """An experiment with one candidate."""
    declared = f'name="a"\nmodels=[{model}]\nsuites=["suites/sums"]\nbaselines=["baselines"]\n'
    project.write("experiment.toml", f'{declared}[candidates.a]\nmethod="sft"\n{recipe}\n')


WRONG: dict[str, tuple[Bend, tuple[str, ...]]] = {
    "unknown key in a suite": (
        lambda p: p.replace(SUITE, "metric =", "metrik ="),
        ("suite.toml: metrik: unknown key: did you mean 'metric'?", "suite.toml: metric: missing"),
    ),
    "unknown key in a gate": (
        lambda p: p.write(SUITE, 'metric = "exact_match"\n[[gates]]\nname = "g"\nminimun = 0.5\n'),
        ("gates.0.minimun: unknown key: did you mean 'minimum'?",),
    ),
    "unknown key in an experiment": (
        lambda p: p.replace("experiment.toml", "suites =", "suits ="),
        ("experiment.toml: suits: unknown key: did you mean 'suites'?",),
    ),
    "unknown key in a baseline": (
        lambda p: p.write("baselines/few_shot.toml", "shot = 2\n"),
        ("few_shot.toml: shot: unknown key: did you mean 'shots'?",),
    ),
    "unknown key in a recipe": (
        lambda p: p.write(
            "experiment.toml",
            'name="a"\nmodels=["embedded:tiny"]\nsuites=["suites/sums"]\n[candidates.sft]\nmethod="sft"\nlearning_rat=1e-3\n',
        ),
        ("candidates.sft.learning_rat: unknown key: did you mean 'learning_rate'?",),
    ),
    "unknown key in the policy": (
        lambda p: p.write("experiment.toml", p.experiment.read_text() + "[policy]\nalfa = 0.1\n"),
        ("policy", "alfa", "did you mean 'alpha'?"),
    ),
    "not TOML": (lambda p: p.write("experiment.toml", "name = \n"), ("experiment.toml: not valid TOML", "line 1")),
    "no experiment": (lambda p: p.experiment.unlink(), ("experiment.toml: no such file",)),
    "no suite": (lambda p: p.replace("experiment.toml", "suites/sums", "suites/sum"), ("no such suite folder",)),
    "broken JSONL": (lambda p: p.write(CASES, LINE + '{"id": \n'), ("cases.jsonl:2: not valid JSON",)),
    "a line that is no object": (lambda p: p.write(CASES, LINE + "[1]\n"), ("cases.jsonl:2: given '[1]'",)),
    "duplicate ids": (lambda p: p.write(CASES, LINE + LINE), ("cases.jsonl:2: duplicate id 'x'", "line 1")),
    "a missing reference": (
        lambda p: p.write(CASES, '{"id": "x", "input": "1"}\n'),
        ("cases.jsonl:1: reference: missing",),
    ),
    "a number for a reference": (
        lambda p: p.write(CASES, LINE.replace('"2"', "2")),
        ("cases.jsonl:1: reference: given 2: write it as a string",),
    ),
    "a misspelt case key": (
        lambda p: p.write(CASES, LINE.replace("reference", "refrence")),
        ("unknown key 'refrence': did you mean 'reference'?",),
    ),
    "an unknown split": (
        lambda p: p.write(CASES, LINE.replace("}", ', "split": "train"}')),
        ("cases.jsonl:1: split: given 'train': choose 'dev' or 'test'",),
    ),
    "no test cases": (
        lambda p: p.write(CASES, LINE.replace("}", ', "split": "dev"}')),
        ("cases.jsonl: no case has the split 'test'",),
    ),
    "not UTF-8": (lambda p: (p.folder / CASES).write_bytes(b'{"id": "\xff"}\n'), ("cases.jsonl: not UTF-8",)),
    "an unknown metric": (
        lambda p: p.replace(SUITE, '"exact_match"', '"exact_mach"'),
        ("exact_mach", "suite.toml", "did you mean 'exact_match'?"),
    ),
    "an unknown prompt": (
        lambda p: p.write("baselines/few_shot.toml", 'prompt = "defualt"\n'),
        ("no prompt 'defualt': did you mean 'default'?",),
    ),
    "an unknown retriever": (
        lambda p: (
            p.write("baselines/rag.toml", 'technique = "rag"\nretrieve = { retriever = "bm52" }\n'),
            p.write("suites/sums/documents.jsonl", '{"id": "d", "text": "2"}\n'),
            p.replace(SUITE, "train =", 'documents = "documents.jsonl"\ntrain ='),
        ),
        ("bm52", "did you mean 'bm25'?"),
    ),
    "a named file that is not there": (
        lambda p: p.replace(SUITE, '"train.jsonl"', '"trian.jsonl"'),
        ("'trian.jsonl' is named but", "does not exist"),
    ),
    "an example without an answer": (
        lambda p: p.write("suites/sums/train.jsonl", '{"messages": [{"role": "user", "content": "1"}]}\n'),
        ("train.jsonl:1: an example needs 'messages'",),
    ),
    "a model path without weights": (
        lambda p: (
            p.replace("experiment.toml", "scripted:constant=4", "models/empty"),
            p.write("models/empty/a.txt", ""),
        ),
        ("models/empty",),
    ),
    "an unknown scheme": (
        lambda p: p.replace("experiment.toml", "scripted:constant=4", "opnai:gpt"),
        ("unknown scheme 'opnai': did you mean 'openai'?",),
    ),
    "candidates for a model that cannot be trained": (
        lambda p: p.write("experiment.toml", p.experiment.read_text() + '[candidates.sft]\nmethod = "sft"\n'),
        ("cannot be trained",),
    ),
    "a whole model on quantised weights": (
        lambda p: (
            p.write("suites/sums/train.jsonl", '{"prompt": "1+1", "completion": "2"}\n'),
            p.write(
                "suites/sums/suite.toml", (p.folder / "suites/sums/suite.toml").read_text() + 'train="train.jsonl"\n'
            ),
            p.write(
                "experiment.toml",
                'name="a"\nmodels=["embedded:tiny"]\nsuites=["suites/sums"]\n'
                '[candidates.big]\nmethod="sft"\nadapter={kind="full"}\n',
            ),
        ),
        ("candidates.big.adapter.kind: 'full' needs the weights as they are", 'quantization = "none"'),
    ),
    "LoftQ on weights that nothing was taken from": (
        lambda p: tuned(p, 'adapter={kind="loftq"}', model='{id="embedded:tiny", quantization="none"}'),
        (
            "candidates.a.adapter.kind: 'loftq' begins with what quantisation lost, and model 'embedded:tiny' is not quantised",
        ),
    ),
    "a best checkpoint without dev": (
        lambda p: (tuned(p, 'keep="best"'), p.replace("suites/sums/cases.jsonl", '"dev"', '"test"')),
        ("candidates.a.keep: dev chooses the best checkpoint, and suite 'sums' has no dev cases",),
    ),
    "a best checkpoint by what others grade": (
        lambda p: (
            tuned(p, 'keep="best"'),
            p.replace(SUITE, 'metric = "exact_match"', 'metric = "pairwise:zero_shot"'),
            p.write("experiment.toml", p.experiment.read_text() + '[judge]\nmodel="scripted:constant=A"\n'),
        ),
        ("candidates.a.keep: metric 'pairwise:zero_shot' of suite 'sums' cannot score checkpoints",),
    ),
    "an adapter of a whole model": (
        lambda p: p.write(
            "experiment.toml",
            'name="a"\nmodels=["embedded:tiny"]\nsuites=["suites/sums"]\n'
            '[candidates.big]\nmethod="sft"\nadapter={kind="full"}\n[candidates.dpo]\nmethod="dpo"\nstart_from="big"\n',
        ),
        ("candidates.dpo.start_from: 'big' trains the whole model and leaves no adapter",),
    ),
    "a circle of recipes": (
        lambda p: p.write(
            "experiment.toml",
            'name="a"\nmodels=["embedded:tiny"]\nsuites=["suites/sums"]\n'
            '[candidates.a]\nmethod="dpo"\nstart_from="b"\n[candidates.b]\nmethod="dpo"\nstart_from="a"\n',
        ),
        ("goes in a circle",),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_clear_error(name: str, project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    bend, said = WRONG[name]
    bend(project)
    monkeypatch.chdir(project.folder)
    ran = harness("run", "experiment.toml")
    assert ran.code == 4, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for part in said:
        assert part in ran.err


def test_all_errors_of_a_file_at_once(project: Project, harness: Harness) -> None:
    project.write(SUITE, 'metric = 3\nmax_new_tokens = 0\ncolour = "red"\n')
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert all(key in ran.err for key in ("metric", "max_new_tokens", "colour"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_store(project: Project, harness: Harness) -> None:
    project.folder.chmod(0o500)
    try:
        ran = harness("run", project.experiment)
    finally:
        project.folder.chmod(0o700)
    assert ran.code == 4
    assert "cannot be" in ran.err


def test_a_store_where_a_file_lies(project: Project, harness: Harness) -> None:
    project.write(".harness", "not a folder")
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert ".harness" in ran.err


def test_usage_errors_are_bad_input(harness: Harness) -> None:
    assert harness("run", "--dry-rn").code == 4
    assert harness("verdit").code == 4


def test_a_missing_extra_says_what_brings_it(
    project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    project.replace("experiment.toml", "scripted:constant=4", "openai:gpt-x")
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert "pip install 'tuneworthy[api]'" in ran.err


def test_require_must_name_a_suite_and_an_answer(project: Project, harness: Harness) -> None:
    assert harness("run", project.experiment).code in (2, 3)
    wrong = harness("verdict", project.experiment, "--require", "sum=fine-tune")
    assert (wrong.code, wrong.out) == (4, "")
    assert "did you mean 'sums'?" in wrong.err
    asked = harness("verdict", project.experiment, "--require", "sums=rag", "--require", "sums=finetune")
    assert (asked.code, asked.out) == (4, "")
    assert "did you mean 'fine-tune'?" in asked.err
    assert harness("verdict", project.experiment, "--require", "sums=fine-tune").code == 1


def test_init_refuses_to_overwrite(tmp_path: Path, harness: Harness) -> None:
    assert harness("init", tmp_path / "new").code == 0
    again = harness("init", tmp_path / "new")
    assert again.code == 4
    assert "exists already" in again.err
