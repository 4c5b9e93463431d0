"""A small project on disk that every test may bend, and the command line run in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: threads of arithmetic would only fight over them
    os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pytester"]

Row = dict[str, Any]


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass
class Project:
    """A project folder: one suite ``sums`` on a scripted model, two baselines."""

    folder: Path

    @property
    def experiment(self) -> Path:
        return self.folder / "experiment.toml"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def replace(self, name: str, old: str, new: str) -> Path:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        return self.write(name, text.replace(old, new))


def cases(count: int = 24) -> list[Row]:
    """``count`` sums, a third of them for dev."""
    return [
        {"id": f"s{i}", "input": f"{i} + {i}", "reference": str(2 * i), "split": "dev" if i % 3 == 0 else "test"}
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests declare is their own; what a stranger's declarations may do is in test_trust."""
    monkeypatch.setenv("TUNEWORTHY_TRUST", "1")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return set_up(tmp_path)


def set_up(folder: Path) -> Project:
    """A project below ``folder``."""
    made = Project(folder / "project")
    made.write(
        "experiment.toml",
        'name = "sums"\nmodels = ["scripted:constant=4"]\nsuites = ["suites/sums"]\nbaselines = ["baselines"]\n',
    )
    made.write("baselines/zero_shot.toml", 'technique = "prompt"\n')
    made.write("baselines/few_shot.toml", 'technique = "prompt"\nshots = 2\n')
    made.write(
        "suites/sums/suite.toml", 'metric = "exact_match"\ntrain = "train.jsonl"\n\n[prompts]\ndefault = "Add."\n'
    )
    write_rows(made.folder / "suites/sums/cases.jsonl", cases())
    lesson = [{"role": "user", "content": "1 + 1"}, {"role": "assistant", "content": "2"}]
    write_rows(made.folder / "suites/sums/train.jsonl", [{"messages": lesson}] * 4)
    return made


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """``harness("verdict", "--json")``: the command line in this process."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(int(left.value.code or 0), said.out, said.err)

    return run
