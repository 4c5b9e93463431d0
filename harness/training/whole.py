"""Whole models of one base become one, by mergekit: what full fine-tuning has made, or models that are given.

    [candidates.all]
    method = "merge"
    parts = ["full@triage", "full@extract"]
    combination = "ties"                          # linear, ties or dare_ties

``linear`` adds up what each part has changed of the base, times its weight: with weights that sum to one it is the average. ``ties``
(arXiv 2306.01708) and ``dare_ties`` (arXiv 2311.03099) keep the share ``density`` of the changes, by size or by chance, and where parts
disagree the larger side, as mergekit does them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import need
from harness.models.base import quiet
from harness.models.weights import locate, revision
from harness.recipe import Combination
from harness.training.job import Job

METHODS: dict[Combination, str] = {"linear": "task_arithmetic", "ties": "ties", "dare_ties": "dare_ties"}
"""Our name → mergekit's. Its ``linear`` mixes models and knows no base."""


def merge(job: Job, out: Path) -> None:
    """Merge the whole models in ``job.parts`` into the folder ``out``: config and weights.

    Raises:
        MissingExtra: without mergekit.
    """
    need("mergekit", extra="merge")
    with quiet():
        from mergekit.config import MergeConfiguration
        from mergekit.merge import run_merge
        from mergekit.options import MergeOptions

        options = MergeOptions(
            copy_tokenizer=False,
            write_model_card=False,
            quiet=True,
            random_seed=job.seed,
            trust_remote_code=job.model.trust_remote_code,
        )
        run_merge(MergeConfiguration.model_validate(configuration(job)), str(out), options)


def configuration(job: Job) -> dict[str, Any]:
    """What mergekit reads as YAML."""
    recipe = job.recipe
    weights = recipe.weights or (1.0,) * len(job.parts)
    more = {} if recipe.combination == "linear" else {"density": recipe.density}
    source, commit = locate(job.model), revision(job.model)
    return {
        "merge_method": METHODS[recipe.combination],
        "base_model": f"{source}@{commit}" if commit else str(source),
        "models": [
            {"model": str(folder), "parameters": {"weight": weight, **more}}
            for folder, weight in zip(job.parts, weights, strict=True)
        ],
        "dtype": "float32",
        "out_dtype": _dtype(job.parts[0]),
    }


def _dtype(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")
