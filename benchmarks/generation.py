"""Tokens a second of the local backend, beside answering one by one and beside lm-eval, with one model and the same prompts.

    python benchmarks/generation.py                              # the embedded model; a few minutes on two cores
    python benchmarks/generation.py --model org/name --prompts 200

All three use the one model object that the backend loads. Prompts are cases of the shipped suites behind zero to eight
examples, so that lengths are mixed. One by one is ``transformers``' generate on a batch of one; lm-eval is its
``HFLM.generate_until``. Tokenising and decoding are in the time, loading is not; a first small try is not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overhead import Machine

from harness.contender import Contender
from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.models.local import Local
from harness.prompt import Prompter
from harness.suite import load_task
from harness.trial import Trial

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
SEED = 4100
SHOTS = (0, 1, 2, 4, 8)
WARM = 8
OURS, SINGLE, LM_EVAL = "batched (ours)", "one by one", "lm-eval HFLM"
CONTINUOUS = "continuous batching (transformers)"

Answer = Callable[[Sequence[Trial]], list[str]]


def prompts(count: int, *, tokens: int, model: str) -> list[Trial]:
    """``count`` questions, drawn from every suite that is answered in words, behind every number of examples."""
    asked = []
    for path in sorted(ROOT.glob("suites/*/suite.toml")):
        task = load_task(path.parent)
        if task.suite.form == "choice":
            continue
        for shots in SHOTS:
            contender = Contender(name=f"few_shot_{shots}", technique="prompt", shots=shots)
            for case, ask in zip(task.cases, Prompter(task, contender, seed=SEED).ask_all(task.cases), strict=True):
                asked.append((task.suite.name, contender.name, case.id, ask.messages))
    chosen = random.Random(SEED).sample(asked, min(count, len(asked)))
    return [
        Trial(
            id=fingerprint(suite, contender, case, list(messages)),
            suite=suite,
            contender=contender,
            technique="prompt",
            model=model,
            case_id=case,
            split="test",
            cluster="",
            messages=messages,
            max_new_tokens=tokens,
        )
        for suite, contender, case, messages in chosen
    ]


def batched(local: Local) -> Answer:
    """The backend as the run calls it."""

    def answer(trials: Sequence[Trial]) -> list[str]:
        texts = {g.trial_id: g.text or "" for batch in local.generate(trials) for g in batch}
        return [texts[trial.id] for trial in trials]

    return answer


def one_by_one(local: Local, model: Any) -> Answer:
    """A loop over ``model.generate``."""
    import torch

    def answer(trials: Sequence[Trial]) -> list[str]:
        texts = []
        for trial in trials:
            ids = torch.tensor(local.chat.prompts([trial.messages]), device=model.device)
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=trial.max_new_tokens,
                do_sample=False,
                eos_token_id=sorted(local.chat.stops),
                pad_token_id=local.chat.pad,
            )
            texts.append(local.chat.decode(out[0, ids.shape[1] :].tolist()))
        return texts

    return answer


def continuous(local: Local, model: Any, *, tokens: int | None = None) -> Answer:
    """The continuous batching of ``transformers``: a row that ends makes room for the next. ``tokens`` is what its cache holds; None
    leaves that to it, which is nearly all memory.
    """
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    told = (
        {}
        if tokens is None
        else {"num_blocks": tokens // ContinuousBatchingConfig().page_size, "max_batch_tokens": tokens}
    )
    sizes = ContinuousBatchingConfig(**told)

    def answer(trials: Sequence[Trial]) -> list[str]:
        ids = local.chat.prompts([trial.messages for trial in trials])
        config = GenerationConfig(
            max_new_tokens=max(trial.max_new_tokens for trial in trials),
            do_sample=False,
            eos_token_id=sorted(local.chat.stops),
            pad_token_id=local.chat.pad,
        )
        found = model.generate_batch(ids, generation_config=config, continuous_batching_config=sizes)
        outs = sorted(found.items(), key=lambda item: int(item[0].rpartition("_")[2]))
        return [local.chat.decode(out.generated_tokens) for _, out in outs]

    return answer


def with_lm_eval(local: Local, model: Any, batch: int) -> Answer:
    """lm-eval's backend around the same model and tokenizer."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    tokenizer = local.chat.tokenizer
    hflm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, add_bos_token=False)
    until = [tokenizer.decode([token]) for token in sorted(local.chat.stops)]

    def answer(trials: Sequence[Trial]) -> list[str]:
        requests = [
            Instance(
                "generate_until",
                {},
                (
                    local.chat.render(trial.messages),
                    {"until": until, "max_gen_toks": trial.max_new_tokens, "do_sample": False},
                ),
                number,
            )
            for number, trial in enumerate(trials)
        ]
        texts: list[str] = hflm.generate_until(requests, disable_tqdm=True)
        return texts

    return answer


@dataclass
class Runs:
    """What one way of answering gave: seconds of every repeat, and the texts of the last."""

    seconds: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def compare(ways: dict[str, Answer], trials: Sequence[Trial], repeats: int) -> dict[str, Runs]:
    """Every way, ``repeats`` times; each repeat begins with another one."""
    runs = {name: Runs() for name in ways}
    for answer in ways.values():
        answer(trials[:WARM])
    names = list(ways)
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in [*names[turn:], *names[:turn]]:
            started = time.perf_counter()
            texts = ways[name](trials)
            runs[name].seconds.append(time.perf_counter() - started)
            runs[name].texts = texts
            print(f"repeat {repeat + 1}: {name}: {runs[name].seconds[-1]:.1f} s", flush=True)
    return runs


def summary(local: Local, runs: dict[str, Runs]) -> dict[str, dict[str, Any]]:
    """Figures of every way. Tokens are those of the texts, counted alike, and the one that ends each."""
    ours, reference = runs[OURS], runs[SINGLE].texts
    found = {}
    for name, run in runs.items():
        tokens = sum(len(ids) + 1 for ids in local.chat.encode(run.texts))
        found[name] = {
            "seconds": round(run.median, 3),
            "all_seconds": [round(value, 3) for value in run.seconds],
            "tokens": tokens,
            "tokens_per_second": round(tokens / run.median, 1),
            "times_ours": round(run.median / ours.median, 2),
            "same_as_one_by_one": sum(map(str.__eq__, run.texts, reference)) / len(reference),
        }
    return found


def table(result: dict[str, Any]) -> str:
    """The Markdown of all figures."""
    on, asked = result["stack"], result["prompts"]
    lines = [
        f"{result['model']}, {asked['count']:,} prompts of {asked['shortest']}–{asked['longest']} tokens (median "
        f"{asked['median']}), at most {asked['max_new_tokens']} new, on {on['device']}; {result['machine']}, torch "
        f"{on['torch']} with {on['threads']} threads, transformers {on['transformers']}; median of {result['repeats']}",
        "",
        "| | seconds | tokens/s | time, ours = 1 | texts equal to one by one |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, run in result["ways"].items():
        lines.append(
            f"| {name} | {run['seconds']:.1f} | {run['tokens_per_second']:,.0f} | {run['times_ours']:.2f} | "
            f"{run['same_as_one_by_one']:.1%} |"
        )
    return "\n".join(lines) + "\n"


def stack(device: str) -> dict[str, Any]:
    """The versions and the device that the figures depend on."""
    import torch
    import transformers

    return {
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="embedded:tiny", help="what experiment.toml would name")
    parser.add_argument("--quantization", choices=["nf4", "none"], default="nf4")
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=64, help="the most new tokens of an answer")
    parser.add_argument(
        "--lm-eval-batch", type=int, nargs="+", default=[64], help="batch sizes that lm-eval is tried with"
    )
    parser.add_argument(
        "--continuous",
        type=int,
        metavar="TOKENS",
        help="transformers' continuous batching too, with a cache of so many",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for generation.md and generation.json")
    given = parser.parse_args()

    local = Local(Model(id=given.model, quantization=given.quantization), home=ROOT / ".harness")
    trials = prompts(given.prompts, tokens=given.tokens, model=given.model)
    lengths = sorted(local.count(trial.messages) for trial in trials)
    with local.wearing(None) as model:
        ways = {OURS: batched(local), SINGLE: one_by_one(local, model)}
        if given.continuous:
            ways[CONTINUOUS] = continuous(local, model, tokens=given.continuous)
        ways |= {f"{LM_EVAL}, batch {size}": with_lm_eval(local, model, size) for size in given.lm_eval_batch}
        result: dict[str, Any] = {
            "model": f"{given.model} ({given.quantization})",
            "prompts": {
                "count": len(trials),
                "shortest": lengths[0],
                "median": lengths[len(lengths) // 2],
                "longest": lengths[-1],
                "max_new_tokens": given.tokens,
            },
            "repeats": given.repeats,
            "stack": stack(str(model.device)),
        }
        machine = Machine()
        result["ways"] = summary(local, compare(ways, trials, given.repeats))
        result |= {"conditions": machine.conditions(), "machine": str(machine)}
    shown = table(result)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "generation.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "generation.md").write_text(shown)
    print(shown)


if __name__ == "__main__":
    main()
