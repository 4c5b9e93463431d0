"""Every command with every option, given what nobody would give: an exit code of ours, one sentence, no traceback, no end of memory.

tox run -e fuzz           # 10,000 command lines; a few hundred in the ordinary tests
"""

from __future__ import annotations

import contextlib
import os
import resource
import string
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import app, main
from tests.conftest import set_up

CODES = {0, 1, 2, 3, 4}
GIB = 2**30
LEFT_OUT = {("embedded", "train"): "trains a model for hours"}
FILES = {
    "empty": b"",
    "bytes.jsonl": bytes(range(256)),
    "open.json": b'{"a": [',
    "deep.jsonl": b"[" * 5000,
    "null.jsonl": b"null\n{}\n",
    "nan.jsonl": b'{"input": NaN, "id": 1}\n',
    "twice.jsonl": b'{"id": "a", "id": "b"}\n',
    "bom.csv": b"\xef\xbb\xbfinput,output\n=1+1,2\n",
    "cut.parquet": b"PAR1\x00\x00PAR1",
    "cut.jsonl.gz": b"\x1f\x8b\x08\x00\x00",
    "cut.jsonl.zst": b"\x28\xb5\x2f\xfd\x00",
    "rows.jsonl": b'{"prompt": "1 + 1", "completion": "2"}\n' * 3,
    "scores.csv": b"suite,contender,technique,metric,case_id,split,score\na,b,prompt,m,1,test,0.5\n",
    "policy.toml": b"alpha = 2\n",
    "ascii\x1b[31m.toml": b"name = 'x'\n",
}
WORDS = (
    "sums",
    "sft",
    "zero_shot",
    "scripted:constant=4",
    "exact_match",
    "",
    "-",
    "*",
    "../..",
    "\x1b[2J",
    "a" * 300,
    "٣",
    "😀",
)


def commands() -> dict[tuple[str, ...], Any]:
    """Every command that can be given, by its words."""
    found = {}

    def go(command: Any, words: tuple[str, ...]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            go(inner, (*words, name))
        if not hasattr(command, "commands") and words not in LEFT_OUT:
            found[words] = command

    go(typer.main.get_command(app), ())
    return found


COMMANDS = commands()
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(["0", "1", "-1", "0.5", "1e309", "nan", "inf", "1_000", "0x10", ""]),
)
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    st.text(string.punctuation, min_size=1, max_size=6),
)
PLACES = st.sampled_from([
    *FILES, "experiment.toml", "suites/sums", "suites/sums/suite.toml", "suites", "baselines", ".", "absent", "absent/x.jsonl",
    "/dev/null", "/dev/full", "/proc/self/mem", "new.jsonl", "new.parquet", "new/dir", "x" * 300, "hf:nobody/nothing",
])  # fmt: skip


def value(parameter: Any) -> st.SearchStrategy[str]:
    kind = str(parameter.bare_type()).lower()
    if "path" in kind or "file" in kind:
        return st.one_of(PLACES, PLACES, TEXTS)
    if "int" in kind or "float" in kind:
        return st.one_of(NUMBERS, NUMBERS, TEXTS)
    return st.one_of(TEXTS, PLACES)


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command line: mostly well formed, with hostile values."""
    words = draw(st.sampled_from(sorted(COMMANDS)))
    said = list(words)
    for parameter in COMMANDS[words].params:
        needed = parameter.param_type_name == "argument"
        for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2] if needed else [0, 0, 1]))):
            if needed:
                said.append(draw(value(parameter)))
            elif parameter.is_flag:
                said.append(draw(st.sampled_from(parameter.opts)))
            else:
                said += [draw(st.sampled_from(parameter.opts)), draw(value(parameter))]
    return [*said, *draw(st.lists(st.sampled_from(["--trust", "--json", "--help", "--nonsense"]), max_size=1))]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with odd files beside it; nothing waits for a person, and nothing asks the network."""
    project = set_up(tmp_path)
    for name, content in FILES.items():
        (project.folder / name).write_bytes(content)
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr("os.environ", os.environ.copy())
    monkeypatch.setattr("harness.review.server.Server.run", lambda self, **_: None)
    return project.folder


def run(line: list[str]) -> tuple[int, str]:
    import io

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(line)
    return int(left.value.code or 0), out.getvalue() + err.getvalue()


def hold(line: list[str]) -> None:
    code, said = run(line)
    assert code in CODES, (line, said)
    assert "Traceback" not in said, (line, said)
    assert code != 4 or said.startswith(("harness: ", "Usage")), (line, said)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=120, deadline=None, suppress_health_check=QUIET, derandomize=True, database=None)
@given(line=lines())
def test_no_command_line_breaks_it(place: Path, line: list[str]) -> None:
    hold(line)


@pytest.mark.exhaustive
@settings(max_examples=10_000, deadline=None, suppress_health_check=QUIET, database=None)
@given(line=lines())
def test_ten_thousand_do_not_either(place: Path, line: list[str]) -> None:
    hold(line)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < 2 * GIB  # torch itself takes most of it
