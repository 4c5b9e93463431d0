"""Whatever is given instead of a log is one line that names the file and the line or key."""

from __future__ import annotations

import contextlib
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from tests.importers.conftest import LOGS

SAMPLE = next((LOGS / "lm-eval" / "zero_shot").rglob("samples_towns_*.jsonl")).read_text().splitlines()[0]
EVAL = next((LOGS / "inspect" / "zero_shot").glob("*.eval"))
TOOLS = {"lm-eval": ".jsonl", "inspect": ".json", "promptfoo": ".json"}
HEADER = {"status": "success", "eval": {"task": "t", "model": "m"}}


def inspect_log(**first: Any) -> str:
    sample = {"id": "a", "epoch": 1, "scores": {"match": {"value": 1}}} | first
    return json.dumps({**HEADER, "samples": [sample]})


def results(**first: Any) -> str:
    result = {"provider": {"id": "p"}, "prompt": {"label": "q"}, "success": True, "score": 1, "vars": {"x": 1}} | first
    return json.dumps({"results": {"version": 3, "results": [result]}})


@pytest.mark.parametrize(
    ("tool", "content", "message"),
    [
        ("lm-eval", SAMPLE + '\n{"doc_id": 1, "do', "log.jsonl:2: not valid JSON"),
        ("lm-eval", SAMPLE + "\n[1]", "log.jsonl:2: given '[1]': every line must be a JSON object"),
        ("lm-eval", "{}", "log.jsonl:1: doc_id: missing: this is no sample that lm-eval's --log_samples wrote"),
        ("lm-eval", SAMPLE.replace('"doc":', '"dog":'), "log.jsonl:1: doc: missing"),
        ("lm-eval", "[" * 100_000, "log.jsonl:1: not valid JSON"),
        ("lm-eval", "", "log.jsonl: no answers in it"),
        ("inspect", "", "log.json: not valid JSON"),
        ("inspect", "[" * 100_000, "log.json: not valid JSON"),
        ("inspect", '{"eval": {}, "samples": []', "log.json: not valid JSON"),
        ("inspect", "[]", "log.json: given '[]': it must be a JSON object"),
        ("inspect", "{}", "log.json: samples: missing: this is not a log that can be imported"),
        ("inspect", '{"samples": {}}', "log.json: samples: given {}: it must be a JSON array"),
        ("inspect", '{"samples": []}', "log.json: eval: missing"),
        ("inspect", '{"samples": [], "eval": {}}', "log.json: model: missing"),
        ("inspect", json.dumps({**HEADER, "samples": []}), "log.json: no answers in it"),
        ("inspect", json.dumps({**HEADER, "samples": [3]}), "log.json: sample 1: given '3': it must be a JSON object"),
        ("inspect", inspect_log(id=None), "log.json: sample 1: no field 'id'"),
        ("inspect", inspect_log(id=["a"]), "log.json: sample 1: id: given ['a']: an id must be a text or a number"),
        ("inspect", inspect_log(epoch=0), "log.json: sample 1: epoch: given 0: it must be a whole number from 1"),
        ("inspect", inspect_log(scores={"match": 1}), "scores: match: given 1: it must be a JSON object"),
        ("inspect", inspect_log(scores={"match": {"value": [1]}}), "which metric"),
        ("inspect", inspect_log(scores={}), "log.json: nothing in it was scored: name the metric"),
        ("promptfoo", "<html>", "log.json: not valid JSON"),
        ("promptfoo", "{}", "log.json: results: missing"),
        ("promptfoo", '{"results": {}}', "log.json: results: results: missing"),
        ("promptfoo", '{"results": {"results": [1]}}', "log.json: result 1: given 1: it must be a JSON object"),
        ("promptfoo", results(provider=3), "log.json: result 1: provider: given 3"),
        ("promptfoo", results(provider={}), "log.json: result 1: provider: neither id nor label"),
        ("promptfoo", results(prompt=None), "log.json: result 1: prompt: given None"),
        ("promptfoo", results(success="yes"), "log.json: result 1: success: missing"),
        ("promptfoo", results(vars=None), "log.json: result 1: vars: missing"),
        ("promptfoo", results(score=10**400), "log.json: result 1: score: given 1000"),
        ("promptfoo", results(score="high"), "log.json: result 1: score: given 'high'"),
    ],
)
def test_what_is_no_log(imported: Callable, tmp_path: Path, tool: str, content: str, message: str) -> None:
    path = tmp_path / f"log{TOOLS[tool]}"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        imported(tool, path, suite="s", metric="acc" if tool == "lm-eval" and content else None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tool", TOOLS)
def test_bytes_that_are_no_text(imported: Callable, tmp_path: Path, tool: str) -> None:
    path = tmp_path / f"log{TOOLS[tool]}"
    path.write_bytes(b'{"a": "\xff\xfe"}\n')
    with pytest.raises(BadInput, match=r"not UTF-8|not valid JSON"):
        imported(tool, path, suite="s")


def test_half_a_surrogate_pair_is_stored_as_an_escape(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(inspect_log(id="\ud800", error="\udfff \x1b[31mred"))
    (row,) = imported("inspect", path, metric="match")
    assert (row["case_id"], row["error"]) == ("\\ud800", "\\udfff [31mred")


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.json", content)
    return path


def test_an_archive_that_is_no_log(imported: Callable, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a.eval: neither header.json nor _journal/start.json inside"):
        imported("inspect", packed(tmp_path / "a.eval", other=b"{}"))
    (tmp_path / "b.eval").write_text("no archive")
    with pytest.raises(BadInput, match=r"b.eval: not an .eval log \(a ZIP archive\)"):
        imported("inspect", tmp_path / "b.eval")


def test_a_bomb_is_refused_unread(imported: Callable, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.eval", header=json.dumps(HEADER).encode(), summaries=b"[" + b" " * 70_000_000 + b"]")
    assert path.stat().st_size < 100_000
    with pytest.raises(
        BadInput, match=r"a.eval: summaries.json: \d+ bytes say that they unpack to 70000002: more than 200"
    ):
        imported("inspect", path)


def test_a_member_that_lies_about_its_size_is_refused(imported: Callable, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.eval", header=json.dumps(HEADER).encode(), summaries=b"[" + b" " * 70_000_000 + b"]")
    content = path.read_bytes().replace(struct.pack("<I", 70_000_002), struct.pack("<I", 1_000))
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"a.eval: summaries.json: damaged: its length or checksum"):
        imported("inspect", path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000, "no more of it is unpacked than it says"


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_log_that_is_cut_off_or_damaged(imported: Callable, tmp_path: Path, at: float) -> None:
    whole = EVAL.read_bytes()
    path = tmp_path / "a.eval"
    path.write_bytes(whole[: int(len(whole) * at)])
    with pytest.raises(BadInput, match=r"a.eval: not an .eval log"):
        imported("inspect", path, metric="match")


def test_damaged_bytes_never_pass_unseen(imported: Callable, tmp_path: Path) -> None:
    whole, path = EVAL.read_bytes(), tmp_path / "a.eval"
    good = imported("inspect", EVAL, metric="match")
    refused = 0
    for at in range(0, len(whole), 499):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        with contextlib.suppress(BadInput):
            refused += 1
            assert imported("inspect", path, metric="match") == good
            refused -= 1
    assert refused > 3


def test_a_plan_of_too_many_samples_is_refused(imported: Callable, tmp_path: Path) -> None:
    header = {"status": "started", "eval": {"task": "t", "model": "m"}}
    header["eval"] |= {"dataset": {"sample_ids": ["a", "b"]}, "config": {"epochs": 10**9}}
    path = tmp_path / "log.json"
    path.write_text(json.dumps({**header, "samples": []}))
    with pytest.raises(BadInput, match="plans 2 samples in 1000000000 epochs: more than can be imported"):
        imported("inspect", path, metric="match")


def test_a_path_that_is_not_there(imported: Callable, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing.eval: no such file or folder"):
        imported("inspect", tmp_path / "nothing.eval")
