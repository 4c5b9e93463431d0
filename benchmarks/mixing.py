"""One batch for several adapters, beside switching from one to the next: what does it win, by the size of a cell?

    python benchmarks/mixing.py                       # five minutes on one busy core
    python benchmarks/mixing.py --adapters 16 --cells 2 8 32

Random LoRA adapters of rank 16 on the embedded model and on a random Llama of 40 million weights; each adapter answers as many
questions as a cell has. Loading the base is not in the time, loading the adapters is. CPU seconds of this process are shown, since
they depend least on what else the machine does. Answers are compared, letter for letter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from generation import RESULTS, prompts, stack
from overhead import Machine

from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.models.local import Local
from harness.models.weights import locate
from harness.trial import Trial

RANK = 16
BUDGET = 8192
"""Tokens of a batch, as the run has them on a CPU."""


def random_llama(folder: Path) -> Path:
    """40 million random weights behind the embedded model's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = locate(Model(id="embedded:tiny"))
    tokenizer = AutoTokenizer.from_pretrained(source)
    config = AutoConfig.from_pretrained(source)
    config.update({"hidden_size": 640, "intermediate_size": 1792, "num_hidden_layers": 8, "head_dim": 64})
    config.update({"num_attention_heads": 10, "num_key_value_heads": 2})
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapters(base: Path | str, home: Path, count: int) -> list[str]:
    """Random adapters that change what is said."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from harness.models.base import quiet

    names = [f"adapter{number:02d}" for number in range(count)]
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        config = LoraConfig(r=RANK, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        with quiet():
            get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(home / "adapters" / name)
    return names


def cells(asked: Sequence[Trial], adapters: Sequence[str], size: int) -> Iterator[Trial]:
    """The same questions for every adapter."""
    for adapter in adapters:
        for trial in asked[:size]:
            yield replace(trial, id=fingerprint(adapter, trial.id), adapter=adapter)


def measure(
    model: Model, home: Path, trials: Sequence[Trial], at_once: int, repeats: int
) -> tuple[float, dict[str, Any]]:
    """Median CPU seconds, and the answers."""
    seconds, texts = [], {}
    for _ in range(repeats):
        local = Local(model, home=home, batch_tokens=BUDGET, at_once=at_once)
        with local.wearing(None):
            started = time.process_time()
            texts = {g.trial_id: g.text for batch in local.generate(trials) for g in batch}
            seconds.append(time.process_time() - started)
        local.close()
    return statistics.median(seconds), texts


def compare(name: str, model: Model, home: Path, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    names = make_adapters(locate(model), home, given.adapters)
    asked = prompts(max(given.cells), tokens=given.tokens, model=model.id)
    for size in given.cells:
        trials = list(cells(asked, names, size))
        apart, ours = measure(model, home, trials, 1, given.repeats)
        mixed, theirs = measure(model, home, trials, given.adapters, given.repeats)
        same = sum(ours[key] == theirs[key] for key in ours) / len(ours)
        yield {"base": name, "cell": size, "switching": apart, "mixed": mixed, "times": apart / mixed, "same": same}
        print(f"{name}, {size} a cell: {apart:.2f} s switching, {mixed:.2f} s mixed", flush=True)


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['adapters']} adapters of rank {RANK}, at most {result['tokens']} new tokens; {result['machine']}, torch "
        f"{result['stack']['torch']} with {result['stack']['threads']} threads; median CPU seconds of {result['repeats']}",
        "",
        "| base | questions a cell | switching, s | mixed, s | switching ÷ mixed | equal answers |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['base']} | {row['cell']} | {row['switching']:.2f} | {row['mixed']:.2f} | {row['times']:.2f} | "
            f"{row['same']:.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--adapters", type=int, default=8)
    parser.add_argument("--cells", type=int, nargs="+", default=[2, 8, 32, 128])
    parser.add_argument("--tokens", type=int, default=32, help="the most new tokens of an answer")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for mixing.md and mixing.json")
    given = parser.parse_args()
    machine, rows = Machine(), []
    with tempfile.TemporaryDirectory() as folder:
        large = random_llama(Path(folder) / "large")
        for name, id in (("embedded, 1 M", "embedded:tiny"), ("random Llama, 40 M", str(large))):
            rows += compare(name, Model(id=id), Path(folder) / name, given)
    result = {
        "adapters": given.adapters,
        "tokens": given.tokens,
        "repeats": given.repeats,
        "rows": rows,
        "stack": stack("cpu"),
        "conditions": machine.conditions(),
        "machine": str(machine),
    }
    shown = table(result)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "mixing.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "mixing.md").write_text(shown)
    print(shown)


if __name__ == "__main__":
    main()
