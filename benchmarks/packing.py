"""Whether a training may do without padding, and what that wins: SFT of one recipe, its batches put together in several ways.

    python benchmarks/packing.py                    # the embedded model, two suites; about two minutes on two cores

drawn       rows drawn at random, padded to the longest of the batch
by length   rows of about one length together, padded: what a training does
flattened   the same rows laid end to end in one, without padding (TRL's padding_free; attention by SDPA)
packed      TRL's packing: as many rows as fit into 1,024 tokens are one row of the batch

A way is exact when its losses and weights are those of *by length* up to rounding. *packed* puts other rows into an update than the
recipe says, so it is another training; how many updates it takes is shown instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from overhead import Machine

from harness.experiment import Model
from harness.recipe import Adapter, Recipe
from harness.training.job import Job
from harness.training.session import Session
from harness.training.sft import _row
from harness.training.start import policy

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
WAYS: dict[str, dict[str, Any]] = {
    "drawn": {"train_sampling_strategy": "random"},
    "by length": {},
    "flattened": {"padding_free": True},
    "packed": {"train_sampling_strategy": "random"},
}
LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Way:
    """One training: share of its tokens that were padding, seconds of one core a step, updates, and how far it is from *by length*."""

    suite: str
    way: str
    updates: int
    padding: float
    seconds: float
    loss_apart: float | None
    weights_apart: float | None


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--model", default="embedded:tiny")
    given.add_argument("--suites", nargs="+", default=["triage", "handbook"])
    given.add_argument("--epochs", type=float, default=2)
    options = given.parse_args()
    machine = Machine()
    found = [way for suite in options.suites for way in _suite(suite, options.model, options.epochs)]
    RESULTS.mkdir(exist_ok=True)
    told = {"machine": machine.conditions(), "model": options.model, "ways": [asdict(way) for way in found]}
    (RESULTS / "packing.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(machine)
    print(
        "| suite | batches | updates | padding | CPU s a step | losses apart | weights apart |\n|---|---|---|---|---|---|---|"
    )
    for way in found:
        apart = ["–" if value is None else f"{value:.1e}" for value in (way.loss_apart, way.weights_apart)]
        print(
            f"| {way.suite} | {way.way} | {way.updates} | {way.padding:.1%} | {way.seconds:.3f} | {' | '.join(apart)} |"
        )


def _suite(suite: str, model: str, epochs: float) -> list[Way]:
    done = {name: _train(suite, name, model, epochs) for name in WAYS}
    _, losses, weights = done["by length"]
    ways = []
    for name, (way, ours, theirs) in done.items():
        same = name == "flattened"
        apart = max(abs(a - b) for a, b in zip(losses, ours, strict=True)) if same else None
        far = max(_far(weights[key], theirs[key]) for key in weights) if same else None
        ways.append(Way(**{**asdict(way), "loss_apart": apart, "weights_apart": far}))
    return ways


def _far(ours: Any, theirs: Any) -> float:
    return float((ours - theirs).abs().max() / ours.abs().max())


def _train(suite: str, way: str, model: str, epochs: float) -> tuple[Way, list[float], dict[str, Any]]:
    recipe = Recipe(
        method="sft", learning_rate=1e-3, epochs=epochs, batch_size=16, adapter=Adapter(rank=32), save_steps=10**6
    )
    import datasets

    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            way, Model(id=model), recipe, "sft", suite, 1000, ROOT / f"suites/{suite}/train.jsonl", Path(folder, way)
        )
        seen, spent = [], []
        datasets.disable_progress_bars()
        session = Session(job, lambda step: None)
        session.run(lambda: _watched(_trainer(session, way), seen, spent))
        from safetensors.torch import load_file

        weights = load_file(job.out / "adapter_model.safetensors")
        losses = [loss for _, loss, *_ in json.loads((job.out / "training.json").read_text())["losses"]]
    padding = 1 - sum(real for real, _ in seen) / sum(whole for _, whole in seen)
    return Way(suite, way, len(losses), padding, sum(spent[1:]) / len(spent[1:]), None, None), losses, weights


def _trainer(session: Session, way: str) -> Any:
    from trl import pack_dataset
    from trl.trainer.sft_config import SFTConfig

    rows = session.dataset([_row(lesson) for lesson in session.lessons])
    packing = {}
    if way == "packed":
        rows = pack_dataset(rows.select_columns(["input_ids", "labels"]), LENGTH, "bfd")
        packing = {"packing": True, "max_length": LENGTH}
    return session.trainer("SFTTrainer")(
        model=policy(session),
        args=SFTConfig(
            **{
                **session.arguments(),
                "max_length": None,
                "shuffle_dataset": False,
                "train_sampling_strategy": "group_by_length",
                "dataset_kwargs": {"skip_prepare_dataset": True},
                **WAYS[way],
                **packing,
            }
        ),
        train_dataset=rows,
        processing_class=session.chat.tokenizer,
    )


def _watched(trainer: Any, seen: list[tuple[int, int]], spent: list[float]) -> Any:
    """Counts what is real and what is padding in every batch, and the seconds of one core that its step took."""
    step = trainer.training_step

    def training_step(model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        mask = inputs.get("attention_mask")
        whole = inputs["input_ids"].numel()
        seen.append((whole if mask is None else int(mask.sum()), whole))
        started = time.process_time()
        try:
            return step(model, inputs, *rest, **named)
        finally:
            spent.append(time.process_time() - started)

    trainer.training_step = training_step
    return trainer


if __name__ == "__main__":
    main()
