"""What every training must come through: each form writes it, or refuses it by name before any work begins.

trained = as_trained(job, matrix)                  # a job of no experiment, with the questions of one
exports(trained, tmp_path)
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import load_experiment
from harness.export import FORMS, axolotl, export
from harness.export.shape import refusal, shape
from harness.export.trained import Trained
from harness.matrix import Matrix, expand
from harness.training import Job
from harness.training.rows import Row
from tests.conftest import Project, write_rows

CLOSE = 1e-4
"""Of the largest logit: what float32 leaves between base with adapter and the merged model."""
CONVERTER = """
import pathlib, sys
assert (pathlib.Path(sys.argv[1]) / "config.json").is_file()
pathlib.Path(sys.argv[3]).write_bytes(b"GGUF")
"""
"""A stand-in for llama.cpp's converter; ``test_llama.py`` runs the real one."""


def questions(folder: Path, model: Path, rows: tuple[Row, ...], *, home: Path) -> Matrix:
    """The matrix of one suite that asks the rows' prompts, whose adapters lie in ``home``."""
    project = Project(folder)
    project.write(
        "experiment.toml",
        f'models = [{json.dumps(str(model))}]\nsuites = ["suites/*"]\nbaselines = ["baselines"]\n[candidates.sft]\nmethod = "sft"\nadapter = {{ rank = 4 }}\n',
    )
    project.write("baselines/zero_shot.toml", "")
    project.write("suites/towns/suite.toml", 'metric = "exact_match"\nmax_new_tokens = 8\ntrain = "train.jsonl"\n')
    write_rows(folder / "suites/towns/train.jsonl", [dict(row) for row in rows])
    cases = [{"id": f"t{i}", "input": row["prompt"], "reference": row["completion"]} for i, row in enumerate(rows)]
    write_rows(folder / "suites/towns/cases.jsonl", cases)
    home.mkdir(parents=True, exist_ok=True)
    (folder / ".harness").symlink_to(home, target_is_directory=True)
    return expand(load_experiment(project.experiment))


def as_trained(job: Job, matrix: Matrix) -> Trained:
    """A finished training, which is asked what the matrix asks its one candidate."""
    (cell, *_) = [cell for cell in matrix.cells if cell.adapter is not None]
    asked = replace(cell, model=job.model, adapter=job.adapter)
    return Trained(job, matrix.tasks[0], replace(matrix, cells=(asked,)))


def exports(one: Trained, folder: Path) -> None:
    """Every form of ``FORMS``."""
    tool = folder / "llama.cpp"
    tool.mkdir()
    (tool / "convert_hf_to_gguf.py").write_text(CONVERTER)
    for form in FORMS:
        out = folder / form
        reason = refusal(form, shape(one)) or _unwritten(form, one)
        if reason is not None:
            with pytest.raises(BadInput) as refused:
                export(form, [one], out)
            assert one.name in str(refused.value)
            assert reason in str(refused.value)
            assert not out.exists()
            continue
        export(form, [one], out, dtype="float32", **({"llama_cpp": tool} if form == "gguf" else {}))
        _holds(form, one, out)


def _unwritten(form: str, one: Trained) -> str | None:
    recipe = one.job.recipe
    written = recipe.method in axolotl.TYPES and recipe.adapter.kind in axolotl.ADAPTERS
    return "is not written for Axolotl" if form == "axolotl" and not written else None


def _holds(form: str, one: Trained, out: Path) -> None:
    """What was written is whole, and a merged model answers as what was evaluated."""
    if form in ("merged", "gguf"):
        found = json.loads((out / "export.json").read_text())
        assert found["identical"] == found["answers"] == 10
        assert found["logits"] < CLOSE
    if form == "merged":
        assert "quantization_config" not in json.loads((out / "config.json").read_text())
    if form == "adapter":
        assert (out / "adapter_model.safetensors").read_bytes() == (
            one.folder / "adapter_model.safetensors"
        ).read_bytes()
    if form == "vllm":
        subprocess.run(["sh", "-n", str(out / "serve.sh")], check=True)
        assert (out / one.name / "adapter_config.json").is_file()
    if form == "ollama":
        assert (out / "Modelfile").read_text().startswith("FROM ./model\nTEMPLATE ")
        assert (out / "model" / "model.safetensors").is_file()
    if form in ("adapter", "merged", "gguf"):
        assert f"| method | {one.job.recipe.method} |" in (out / "README.md").read_text()
