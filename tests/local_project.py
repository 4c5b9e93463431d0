"""A whole matrix on a random model of two layers: two baselines, SFT and DPO, two seeds, a guard."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Project, write_rows
from tests.models.tiny_models import build_tiny

WORDS = ("boats", "lighthouse", "capital", "city", "land")

EXPERIMENT = """
name = "small"
models = [{model}]
suites = ["suites/*"]
baselines = ["baselines"]
training_seeds = 2
workers = {workers}

[candidates.sft]
method = "sft"
learning_rate = 1e-2
epochs = 2
batch_size = 4
save_steps = 2
with_rag = true

[candidates.dpo]
method = "dpo"
start_from = "sft"
learning_rate = 1e-3
epochs = 1
batch_size = 4
save_steps = 2
"""


def make(folder: Path, kind: str = "llama", *, chat_template: bool = True, workers: int = 1) -> Project:
    """A project in ``folder`` with a model of that kind beside it; ready to run."""
    project = Project(folder)
    model = build_tiny(kind, folder / "model", chat_template=chat_template)
    project.write("experiment.toml", EXPERIMENT.format(model=json.dumps(str(model)), workers=workers))
    project.write("baselines/zero_shot.toml", "")
    project.write("baselines/rag.toml", 'technique = "rag"\nretrieve = { retriever = "bm25", k = 1 }\n')
    project.write(
        "suites/label/suite.toml",
        'metric = "exact_match"\nmax_new_tokens = 4\ntrain = "train.jsonl"\npreferences = "preferences.jsonl"\n'
        'documents = "documents.jsonl"\n[prompts]\ndefault = "label"\n',
    )
    asked = [(f"the {word} {i}", word) for i, word in enumerate(WORDS * 4)]
    suite = folder / "suites" / "label"
    write_rows(
        suite / "cases.jsonl",
        [
            {"id": f"l{i}", "input": q, "reference": a, "split": "dev" if i % 4 == 0 else "test"}
            for i, (q, a) in enumerate(asked)
        ],
    )
    write_rows(suite / "train.jsonl", [{"prompt": q, "completion": a} for q, a in asked[:12]])
    write_rows(suite / "preferences.jsonl", [{"prompt": q, "chosen": a, "rejected": "red"} for q, a in asked[:8]])
    write_rows(suite / "documents.jsonl", [{"id": w, "text": f"the {w} is {w}"} for w in WORDS])
    project.write("suites/facts/suite.toml", 'role = "guard"\nform = "choice"\nmetric = "exact_match"\n')
    write_rows(
        folder / "suites/facts/cases.jsonl",
        [
            {"id": f"f{i}", "input": f"Which {w} {i}?", "reference": w, "choices": [w, "red", "old", "seven"]}
            for i, w in enumerate(WORDS * 3)
        ],
    )
    return project
