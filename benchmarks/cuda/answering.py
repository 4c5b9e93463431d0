"""Generated tokens and log-likelihoods a second: the local backend, one prompt at a time, lm-eval, and the memory's floor.

    measure(scale, shape="qwen-1.5b", way="batched", work=…)

Prompts are cases of the shipped suites behind zero to eight examples, as in `benchmarks/generation.py`, whose ways of answering
these are. A random model says no stop token, so that every answer has all of its tokens.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import model_of
from benchmarks.cuda.scale import Scale, Shape
from benchmarks.generation import batched, continuous, one_by_one, prompts, with_lm_eval
from harness.experiment import Model
from harness.models.batch import order, pack
from harness.models.local import Local
from harness.suite import load_task
from harness.trial import Trial

ROOT = Path(__file__).parent.parent.parent
BYTES = 2
"""Of a weight in bf16."""
WARM = 8
SMALL_CACHE = 8192
"""Tokens that the cache of continuous batching holds in a rehearsal."""


def measure(scale: Scale, work: Path, *, shape: str, way: str, batch: int = 64) -> dict[str, Any]:
    """Seconds for all prompts, or for the first of them when they are answered one by one."""
    folder = model_of(scale.shape(shape), work)
    local = Local(Model(id=str(folder), quantization="none"), home=work)
    trials = prompts(scale.prompts, tokens=scale.tokens, model=str(folder))
    with local.wearing(None) as model:
        answer = {
            "batched": lambda: batched(local),
            "single": lambda: one_by_one(local, model),
            "lm-eval": lambda: with_lm_eval(local, model, batch),
            "continuous": lambda: continuous(local, model, tokens=SMALL_CACHE if scale.small else None),
        }[way]()
        asked = trials[: scale.single] if way == "single" else trials
        answer(trials[-WARM:])
        started = time.perf_counter()
        answer(asked)
        seconds = time.perf_counter() - started
    tokens = len(asked) * scale.tokens
    found = {"prompts": len(asked), "tokens": tokens, "seconds": round(seconds, 2)}
    if way == "batched":
        found["read_bytes"] = _read(scale.shape(shape), local, trials)
    return found | {"tokens_per_second": round(tokens / seconds, 1)}


def _read(shape: Shape, local: Local, trials: Sequence[Trial]) -> int:
    """Bytes that must come out of memory: all weights once for each token of a batch, and the keys and values before it."""
    encoded = sorted(local._fitting(trials), key=order)
    total = 0
    for batch in pack(encoded, local.batch_tokens):
        steps = max(item.trial.max_new_tokens for item in batch)
        before = sum(len(item.ids) for item in batch)
        total += steps * (shape.parameters * BYTES + (before + len(batch) * steps // 2) * shape.kv_bytes())
    return total


def choices(scale: Scale, work: Path, *, shape: str, way: str) -> dict[str, Any]:
    """Questions with options a second, by the harness or by lm-eval around the same model."""
    folder = model_of(scale.shape(shape), work)
    local = Local(Model(id=str(folder), quantization="none"), home=work)
    asked = _questions(scale, str(folder))
    with local.wearing(None) as model:
        run = (lambda some: list(local.generate(some))) if way == "ours" else _lm_eval(local, model)
        run(asked[:WARM])
        started = time.perf_counter()
        run(asked)
        seconds = time.perf_counter() - started
    return {
        "questions": len(asked),
        "seconds": round(seconds, 2),
        "questions_per_second": round(len(asked) / seconds, 2),
    }


def _questions(scale: Scale, model: str) -> list[Trial]:
    """The general suite's, over and over, by letter as MMLU is asked."""
    cases = list(load_task(ROOT / "suites/general").cases)
    return [
        Trial(
            id=f"{number:06}",
            suite="general",
            contender="zero_shot",
            technique="prompt",
            model=model,
            case_id=case.id,
            split="test",
            cluster="",
            messages=({"role": "user", "content": f"{case.input} ({number})"},),
            max_new_tokens=1,
            choices=tuple(case.choices or ()),
            choice_by="letter",
        )
        for number, case in enumerate((cases * (scale.choices // len(cases) + 1))[: scale.choices])
    ]


def _lm_eval(local: Local, model: Any) -> Any:
    """``HFLM.loglikelihood`` by itself, with the batch size that the harness takes."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from harness.regression.choice import LARGE_VOCABULARY, question

    size = 8 if len(local.chat.tokenizer) > LARGE_VOCABULARY else 32
    lm = HFLM(
        pretrained=model, tokenizer=local.chat.tokenizer, backend="causal", batch_size=size, max_length=local.context
    )

    def run(some: Sequence[Trial]) -> None:
        letters = "ABCDEFGH"
        lm.loglikelihood(
            [
                Instance("loglikelihood", {}, (question(trial), f" {letters[place]}"), number)
                for number, trial in enumerate(some)
                for place in range(len(trial.choices))
            ],
            disable_tqdm=True,
        )

    return run
