"""Several adapters of one base become one, by PEFT: for runtimes that can load only one.

    [candidates.all]
    method = "merge"
    parts = ["sft@triage", "sft@extract"]
    combination = "ties_svd"
    suites = ["triage", "extract"]

Only ``cat`` keeps what each part does; the others lose some of it (of two random adapters ``linear`` and ``ties`` lose about all,
``svd`` half). So a merged adapter is a new candidate, and is measured like any other. Whole models are merged by mergekit
(``harness.training.whole``).
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.models.base import load_base, quiet, release
from harness.models.mix import is_plain_lora
from harness.models.weights import identity
from harness.recipe import EQUAL_RANKS, OF_WHOLE
from harness.training.job import Job, Say, publish
from harness.training.whole import merge as merge_models
from harness.trial import Training


def train(job: Job, say: Say) -> Training:
    """Merge the parts of ``job``.

    Raises:
        BadInput: when a part is not there, cannot be merged with the others, or ranks are not equal where they must be.
        MissingExtra: when whole models are merged, without mergekit.
    """
    started = time.perf_counter()
    whole = [_is_whole(folder) for folder in job.parts]
    made = job.work / "merged"
    shutil.rmtree(made, ignore_errors=True)
    if all(whole):
        _refuse_combination(job)
        merge_models(job, made)
    elif any(whole):
        raise BadInput(
            f"{job.named}: some of {', '.join(job.recipe.parts)} are whole models and some are adapters: merge like with like"
        )
    else:
        _refuse_unequal(job)
        with quiet():
            _merged(job).save_pretrained(str(made), selected_adapters=["default"])
            release()
    (made / "README.md").unlink(missing_ok=True)
    training = job.record(
        seconds=time.perf_counter() - started,
        base=identity(job.model),
        notes=[f"merged by {job.recipe.combination} from {', '.join(job.recipe.parts)}"],
    )
    return publish(made, job, training)


def _merged(job: Job) -> Any:
    from peft import PeftModel
    from transformers import set_seed

    recipe, names = job.recipe, [f"part{number}" for number in range(len(job.parts))]
    model = PeftModel.from_pretrained(load_base(job.model), str(job.parts[0]), adapter_name=names[0])
    for name, folder in zip(names[1:], job.parts[1:], strict=True):
        model.load_adapter(str(folder), adapter_name=name)
    set_seed(job.seed)  # DARE drops weights by chance
    options: dict[str, Any] = {} if recipe.combination in ("cat", "svd", "linear") else {"density": recipe.density}
    model.add_weighted_adapter(
        names, list(recipe.weights or [1.0] * len(names)), "default", combination_type=recipe.combination, **options
    )
    return model


def _refuse_unequal(job: Job) -> None:
    ranks = [_rank(folder, job) for folder in job.parts]
    if job.recipe.combination in EQUAL_RANKS and len(set(ranks)) > 1:
        named = ", ".join(f"{part} has {rank}" for part, rank in zip(job.recipe.parts, ranks, strict=True))
        raise BadInput(
            f"{job.named}: combination {job.recipe.combination!r} needs equal ranks, and {named}: take 'cat', 'svd' or 'ties_svd'"
        )


def _refuse_combination(job: Job) -> None:
    if job.recipe.combination not in OF_WHOLE:
        raise BadInput(
            f"{job.named}: combination {job.recipe.combination!r} is one of adapters, and {', '.join(job.recipe.parts)} are whole "
            f"models: {', '.join(OF_WHOLE)} merge those"
        )


def _is_whole(folder: Path) -> bool:
    return not (folder / "adapter_config.json").is_file() and (folder / "config.json").is_file()


def _rank(folder: Path, job: Job) -> int:
    """The rank of a LoRA adapter that is two matrices a layer and nothing else; weights that are given may be anything."""
    try:
        rank = int(json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{job.named}: there is no LoRA adapter in {folder} to merge: train it first") from error
    if not is_plain_lora(folder):
        raise BadInput(
            f"{job.named}: the adapter in {folder} is more than two matrices a layer (DoRA's magnitudes, whole modules, new tokens), "
            "which a merge would lose without a word: merge plain LoRA adapters"
        )
    return rank
