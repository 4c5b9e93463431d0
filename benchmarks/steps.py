"""What a training step need not do, measured without a GPU: the time of three ways to put rows into batches, and what a layer keeps.

    python benchmarks/steps.py               # about six minutes on two cores

drawn        rows drawn at random, padded to the longest of the batch: what TRL does when nothing is said
by length    rows of about one length together
no mask      the same, without the mask that hides padding on the right (harness/training/lean.py): what a training does

Rows are log-normally long, as those of `benchmarks/gpu.py`, on a random Llama of 8 M weights whose keys and values are shared by four heads
each. The second table counts the numbers that one layer keeps of one token for its backward pass, under bfloat16 autocast as on a
GPU; lean.py decides by them which batches are computed twice.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from overhead import Machine

from benchmarks.cuda.base import SEED, changed, demonstrations, model_of
from benchmarks.cuda.meter import Meter
from benchmarks.cuda.scale import FULL, SHAPES, Shape
from harness.experiment import Model
from harness.recipe import Adapter, Recipe
from harness.training import dpo, sft
from harness.training.job import Job
from harness.training.lean import BYTES, Lean, kept_bytes
from harness.training.session import Session

RESULTS = Path(__file__).parent / "results"
SMALL = Shape("llama-8m", "llama", 256, 704, 6, 8, 2, 8000)
SCALE = replace(FULL, steps=24, warm=0, rows=8, median=100, longest=640)
METHODS = {"sft": sft, "dpo": dpo}
WAYS = ("drawn", "by length", "no mask")
TOKENS, RANK = 64, 16


@dataclass(frozen=True, slots=True)
class Way:
    """One training: share of its tokens that were padding, real tokens a second, and the largest difference of a step's loss from *by
    length*.
    """

    method: str
    way: str
    padding: float
    tokens_per_second: float
    losses_apart: float | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Numbers of two bytes that a layer keeps of a token, as it is trained, as PEFT does by itself, and as lean.py counts."""

    shape: str
    ours: float
    widened: float
    counted: int


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--work", type=Path, default=Path(".harness/steps"))
    options = given.parse_args()
    machine = Machine()
    folder = model_of(SMALL, options.work)
    ways = [way for method in METHODS for way in _method(method, folder)]
    kept = [_kept(SHAPES[name]) for name in ("qwen-1.5b", "llama-8b")]
    told = {
        "machine": machine.conditions(),
        "ways": [asdict(way) for way in ways],
        "kept": [asdict(one) for one in kept],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "steps.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(machine)
    print("| method | batches | padding | real tokens/s | × drawn | losses apart |\n|---|---|---:|---:|---:|---:|")
    for way in ways:
        first = next(one for one in ways if one.method == way.method)
        apart = "–" if way.losses_apart is None else f"{way.losses_apart:.1e}"
        print(
            f"| {way.method} | {way.way} | {way.padding:.1%} | {way.tokens_per_second:,.0f} "
            f"| {way.tokens_per_second / first.tokens_per_second:.2f} | {apart} |"
        )
    print("\n| shape | kept | as PEFT widens | as lean.py counts |\n|---|---:|---:|---:|")
    for one in kept:
        print(f"| {one.shape} | {one.ours:,.0f} | {one.widened:,.0f} | {one.counted:,} |")


def _method(method: str, folder: Path) -> list[Way]:
    done = {way: _train(method, way, folder) for way in WAYS}
    losses = done["by length"][1]
    apart = max(abs(a - b) for a, b in zip(losses, done["no mask"][1], strict=True))
    return [replace(way, losses_apart=apart if name == "no mask" else None) for name, (way, _) in done.items()]


def _train(method: str, way: str, folder: Path) -> tuple[Way, list[float]]:
    recipe = Recipe(
        method=method, adapter=Adapter(rank=RANK), learning_rate=2e-4 if method == "sft" else 5e-6, epochs=1, batch_size=SCALE.rows,
        max_length=SCALE.longest, from_base=True, save_steps=10**6,
    )  # fmt: skip
    rows = demonstrations(SCALE, folder, pairs=method == "dpo")
    data = "preferences" if method == "dpo" else "train"
    with tempfile.TemporaryDirectory() as scratch, Meter(0) as meter, ExitStack() as changes:
        if way == "drawn":
            changes.enter_context(changed(METHODS[method], "BY_LENGTH", "random"))
        if way != "no mask":
            changes.enter_context(changed(Lean, "watch", lambda *_, **__: None))
        model = Model(id=str(folder), quantization="none")
        session = Session(
            Job("measured", model, recipe, way, "steps", SEED, rows, Path(scratch, "adapter"), data=data), _silent
        )
        session.run(lambda: METHODS[method]._trainer(session))
        real, seconds = sum(meter.tokens[1:]), meter.ends[-1] - meter.ends[0]
        padding = 1 - sum(meter.tokens) / sum(meter.places)
    return Way(method, way, padding, real / seconds, None), meter.losses


def _kept(shape: Shape) -> Kept:
    """What a second layer adds to what one keeps."""
    ours, widened = (
        (_bytes(shape, 2, lean=lean) - _bytes(shape, 1, lean=lean)) / (2 * TOKENS) for lean in (True, False)
    )
    return Kept(shape.name, ours, widened, kept_bytes(shape.config(context=TOKENS)) // (BYTES * shape.layers))


def _bytes(shape: Shape, layers: int, *, lean: bool) -> int:
    """Of tensors kept for the backward pass that are no weights, nor adapters cast to bfloat16."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = replace(shape, layers=layers, vocabulary=256).config(context=TOKENS)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).requires_grad_(False)
    model = get_peft_model(model, LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM")).train()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    adapters = {tuple(weight.shape) for weight in model.parameters() if weight.requires_grad}
    adapters |= {shape[::-1] for shape in adapters}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tuple(tensor.shape) not in adapters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    if lean:
        Lean().watch(model, recompute=False)
    ids = torch.zeros(1, TOKENS, dtype=torch.long)
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", dtype=torch.bfloat16), hooks:
        out = model.get_base_model().model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    del out
    return sum(kept.values())


def _silent(step: Any) -> None: ...


if __name__ == "__main__":
    main()
