"""Raises the embedded model from a seed: a tokenizer, stages of pretraining, weights as transformers saves them.

    harness embedded train --out my-tiny            # about an hour and a half on two cores
    harness embedded train --out /tmp/t --tokens 2  # millions of tokens; a short run to see that it works

What each stage holds, and why in that order, stands in ``stages.py``. Matrices are trained with Muon and the rest with AdamW; the loss of an example sits
on the answers that can be known, with a small weight on the rest of its text.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from harness.embedded.stages import MIXTURES, Mixture, draw_many
from harness.embedded.world import Draw, World

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CONTEXT_WEIGHT = 0.1
"""Share of the loss that a token outside the last answer carries."""
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Stage:
    """One mixture for some millions of tokens, the learning rate going from ``rate`` to ``last_rate`` by a cosine."""

    mixture: str
    tokens: float
    rate: float
    last_rate: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the weights."""

    seed: int = 7
    vocabulary: int = 1024
    width: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    context: int = 2048
    stages: tuple[Stage, ...] = (
        Stage("first", tokens=10.0, rate=3.0e-3, last_rate=2.65e-3),
        Stage("second", tokens=14.8, rate=2.65e-3, last_rate=1.3e-3),
        Stage("third", tokens=16.0, rate=1.5e-3, last_rate=1.0e-4),
        Stage("fourth", tokens=15.0, rate=1.5e-3, last_rate=5.0e-5),
        Stage("fifth", tokens=6.0, rate=1.5e-3, last_rate=1.5e-3),
        Stage("sixth", tokens=14.0, rate=1.5e-3, last_rate=5.0e-5),
    )
    batch_tokens: int = 8192
    warm_up: int = 100
    compiled: bool = True


Progress = Callable[[str], None]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def train_tokenizer(plan: Plan, world: World) -> Any:
    """Byte-level BPE over the world's own text, digits one by one."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rng = random.Random(plan.seed)
    texts = [plain(draw) for draw in draw_many(MIXTURES["second"](world), rng, 20_000)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[\n{}\[\]]"), "isolated"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=plan.vocabulary,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=SPECIALS[0],
        eos_token=SPECIALS[2],
        additional_special_tokens=[SPECIALS[1]],
        chat_template=TEMPLATE,
        model_max_length=plan.context,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def plain(draw: Draw) -> str:
    """The draw's words without special tokens: what the tokenizer learns from."""
    return "\n".join(f"{m['role']}\n{m['content']}" for m in draw.messages) + draw.text + draw.answer


def encode(draw: Draw, tokenizer: Any) -> tuple[list[int], list[float]]:
    """Token ids of a draw and the weight of each in the loss."""
    pieces: list[tuple[str, float]] = [(draw.text, CONTEXT_WEIGHT), (draw.answer + SPECIALS[0], 1.0)]
    if draw.messages:
        learnt = draw.learnt or (len(draw.messages) - 1,)
        pieces = []
        for number, message in enumerate(draw.messages):
            pieces.append((f"<|im_start|>{message['role']}\n", CONTEXT_WEIGHT))
            pieces.append((message["content"] + "<|im_end|>", 1.0 if number in learnt else CONTEXT_WEIGHT))
            pieces.append(("\n", CONTEXT_WEIGHT))
        pieces.pop()
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in pieces:
        tokens = tokenizer.encode(text, add_special_tokens=False) if text else []
        ids += tokens
        weights += [weight] * len(tokens)
    return ids, weights


BUCKETS = (64, 96, 128, 192, 256, 384, 512)
"""Lengths that batches are padded to; each is compiled once."""


def batches(mixture: Mixture, tokenizer: Any, plan: Plan, rng: random.Random) -> Iterator[Batch]:
    """Endless batches of equal shape within a bucket: ids, labels and loss weights, each [rows, bucket]."""
    waiting: dict[int, list[tuple[list[int], list[float]]]] = {b: [] for b in BUCKETS}
    while True:
        for draw in draw_many(mixture, rng, 512):
            ids, weights = encode(draw, tokenizer)
            bucket = next((b for b in BUCKETS if len(ids) <= b + 1), None)
            if bucket is None:
                continue
            waiting[bucket].append((ids, weights))
            rows = plan.batch_tokens // bucket
            if len(waiting[bucket]) == rows:
                yield collate(waiting[bucket], bucket)
                waiting[bucket] = []


def collate(examples: list[tuple[list[int], list[float]]], bucket: int) -> Batch:
    """Next-token batches padded on the right: a causal model never sees the padding."""
    ids = torch.zeros(len(examples), bucket, dtype=torch.long)
    labels = torch.full((len(examples), bucket), IGNORED)
    weights = torch.zeros(len(examples), bucket)
    for row, (tokens, shares) in enumerate(examples):
        length = len(tokens) - 1
        ids[row, :length] = torch.tensor(tokens[:-1])
        labels[row, :length] = torch.tensor(tokens[1:])
        weights[row, :length] = torch.tensor(shares[1:])
    return ids, labels, weights


def build(plan: Plan) -> Any:
    """A Llama with tied embeddings, as random as the seed says."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(plan.seed)
    config = LlamaConfig(
        vocab_size=plan.vocabulary,
        hidden_size=plan.width,
        intermediate_size=plan.inner,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        max_position_embeddings=plan.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def optimisers(model: Any) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers (arXiv 2502.16982), AdamW for embeddings and norms."""
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(inner, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def rate(stage: Stage, step: int, steps: int, warm_up: int) -> float:
    """The learning rate of a step: a warm-up, and a cosine from the stage's first rate to its last."""
    warm = min(1.0, (step + 1) / warm_up)
    return warm * (stage.last_rate + (stage.rate - stage.last_rate) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def pretrain(plan: Plan, out: Path, *, start: Path | None = None, skip: int = 0, say: Progress = print) -> Path:
    """Train and save to ``out``; returns it. Deterministic for one machine and one version of torch.

    Every finished stage is kept as ``OUT-<stage>``; ``start`` is such a folder, and ``skip`` the stages that it saves.
    """
    from transformers import AutoTokenizer, LlamaForCausalLM

    world = World(seed=plan.seed)
    tokenizer = AutoTokenizer.from_pretrained(start) if start else train_tokenizer(plan, world)
    model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32) if start else build(plan)
    say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    torch._dynamo.config.recompile_limit = 2 * len(BUCKETS)
    for number, stage in list(enumerate(plan.stages, 1))[skip:]:
        mixture = MIXTURES[stage.mixture](world)
        stream = batches(mixture, tokenizer, plan, random.Random(plan.seed + number))
        run_stage(stage, model, stream, plan, say)
        save(model, tokenizer, plan, out.with_name(f"{out.name}-{stage.mixture}"))
    save(model, tokenizer, plan, out)
    return out


def objective(model: Any) -> Callable[..., torch.Tensor]:
    """(ids, labels, weights) to the weighted mean loss, in bfloat16 where that is exact enough."""

    def loss(ids: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
            logits = model.lm_head(hidden).flatten(0, 1)
        losses = F.cross_entropy(logits.float(), labels.flatten(), reduction="none", ignore_index=IGNORED)
        share = weights.flatten()
        return (losses * share).sum() / share.sum()

    return loss


def run_stage(stage: Stage, model: Any, stream: Iterator[Batch], plan: Plan, say: Progress) -> None:
    """One stage with optimisers of its own."""
    loss_of = torch.compile(objective(model), dynamic=False) if plan.compiled else objective(model)
    opts = optimisers(model)
    steps = max(1, int(stage.tokens * 1e6 / plan.batch_tokens))
    started, recent = time.perf_counter(), []
    for step, batch in zip(range(steps), stream, strict=False):
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = rate(stage, step, steps, plan.warm_up)
        loss = loss_of(*batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        recent.append(loss.item())
        if (step + 1) % 50 == 0:
            speed = (step + 1) * plan.batch_tokens / (time.perf_counter() - started) / 1e3
            left = (steps - step - 1) * plan.batch_tokens / speed / 6e4
            mean = sum(recent) / len(recent)
            done = f"{stage.mixture} stage · step {step + 1} of {steps} · loss {mean:.3f}"
            say(f"{done} · {speed:.1f} k tokens/s · {left:.0f} min left")
            recent.clear()


def save(model: Any, tokenizer: Any, plan: Plan, out: Path) -> None:
    """Weights, tokenizer and plan, as ``transformers`` reads them."""
    model.generation_config.do_sample = False
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
