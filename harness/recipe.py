"""A recipe says how a candidate is trained; the run makes one adapter of it for every training seed.

# in experiment.toml
[candidates.sft]
method = "sft"
epochs = 3

[candidates.dpo]
method = "dpo"
start_from = "sft"

[candidates.dora]
method = "sft"
adapter = { kind = "dora", rank = 16 }

Every method, every adapter and every default is explained in docs/training.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.declaration import Declaration

Method = Literal["sft", "dpo", "kto", "grpo", "rloo", "rlhf", "orpo", "simpo", "external", "given", "merge"]
Combination = Literal["cat", "svd", "linear", "ties", "dare_ties", "ties_svd", "dare_ties_svd"]
Optimizer = Literal["adamw", "adamw_8bit", "paged_adamw", "paged_adamw_8bit"]
Kind = Literal["lora", "rslora", "dora", "pissa", "loftq", "ia3", "prefix", "full"]

NEEDS: dict[Method, tuple[str, ...]] = {
    "sft": ("train",),
    "dpo": ("preferences",),
    "kto": ("ratings", "preferences"),
    "grpo": ("train",),
    "rloo": ("train",),
    "rlhf": ("preferences",),
    "orpo": ("preferences",),
    "simpo": ("preferences",),
    "external": ("train", "preferences", "ratings"),
    "given": ("train", "preferences", "ratings"),
    "merge": (),
}
"""Which of a suite's files a method trains on: the first of them that the suite names. Weights that are given may have seen
them, and need none."""

RATES: dict[Method, float] = {
    "sft": 2e-4,
    "dpo": 5e-6,
    "kto": 5e-6,
    "grpo": 1e-5,
    "rloo": 1e-5,
    "rlhf": 1e-5,
    "orpo": 8e-6,
    "simpo": 5e-6,
    "external": 2e-4,
    "given": 2e-4,
    "merge": 2e-4,
}
"""Learning rates of LoRA adapters, ten times those of full fine-tuning (TRL's notes on "LoRA Without Regret")."""
FULL = 0.1
"""What of them full fine-tuning takes."""

BETAS: dict[Method, float] = {
    "dpo": 0.1,
    "kto": 0.1,
    "grpo": 0.0,
    "rloo": 0.05,
    "rlhf": 0.05,
    "orpo": 0.1,
    "simpo": 2.0,
}
"""How much nearness to the reference counts, each method's own default in TRL; ORPO's is the weight of its odds ratio,
SimPO's the scale of its rewards (arXiv 2405.14734)."""

ELSEWHERE: tuple[Method, ...] = ("external", "given", "merge")
"""What is trained by another program, or was trained already."""
UNTRAINED: tuple[Method, ...] = ("given", "merge")
"""What needs no rows of its own."""
EQUAL_RANKS: tuple[Combination, ...] = ("linear", "ties", "dare_ties")
"""Combinations that add the low-rank matrices one by one."""
OF_WHOLE: tuple[Combination, ...] = ("linear", "ties", "dare_ties")
"""Combinations of whole models."""
ONLINE: tuple[Method, ...] = ("grpo", "rloo", "rlhf")
"""Methods that write answers while they train, and are rewarded for them."""
PAIRED: tuple[Method, ...] = ("dpo", "orpo", "simpo", "rlhf")
"""Methods that train on pairs of answers, rows of about one length together."""
FROM_CHAT: tuple[Method, ...] = ("dpo", "kto", "grpo", "rloo", "rlhf")
"""Methods that shape what a model does already: they start from an adapter, or from a base that was tuned to chat."""
SEVERAL: tuple[Method, ...] = ("sft", "dpo")
"""Methods that several processes can share."""
FLOAT_ONLY: tuple[Kind, ...] = ("pissa", "full")
"""What changes the base's own weights, or decomposes them, and so cannot be had on quantised ones."""
QUANTISED_ONLY: tuple[Kind, ...] = ("loftq",)
"""What makes up for quantisation, and is nothing without it."""
FROM_BASE: tuple[Kind, ...] = (*FLOAT_ONLY, *QUANTISED_ONLY)
"""What begins with the base's weights, and so cannot go on from another adapter."""


class Adapter(Declaration):
    """What is trained: by default LoRA (arXiv 2106.09685) on every linear layer (arXiv 2305.14314).

    ``rslora`` scales by the root of the rank (arXiv 2312.03732), ``dora`` learns magnitude and direction apart (2402.09353),
    ``pissa`` starts from the principal components (2404.02948), ``loftq`` from what quantisation lost (2310.08659), ``ia3``
    scales activations (2205.05638), ``prefix`` puts ``tokens`` keys and values before every prompt (2101.00190), and ``full``
    trains every weight of the base.
    """

    kind: Kind = "lora"
    rank: int = Field(default=16, gt=0, le=1024)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target: str = "all-linear"
    tokens: int = Field(default=20, gt=0, le=1024)


class Recipe(Declaration):
    """How a candidate is trained. ``replay`` mixes in general examples, as a share of the task's own rows.

    ``learning_rate`` and ``beta`` are the method's own when left out. ``generations`` answers of at most
    ``max_new_tokens`` (the suite's, when left out) are written to each prompt by the methods that are rewarded for them.
    ``command`` and ``config`` are of method ``external``, and ``given`` names the weights of method ``given``, one a seed.
    ``merge`` makes one adapter of ``parts``, ``CANDIDATE@SUITE`` each, by PEFT's ``combination``.
    ``packing`` lays the rows of a batch end to end instead of padding them (SFT). ``keep = "best"`` answers dev every
    ``evaluate_every`` epochs and keeps the weights that answered it best; with ``patience`` the training ends when so many looks
    in a row were no better. ``processes`` train it together, one a GPU; each takes its share of a batch.
    """

    method: Method
    start_from: str | None = None
    from_base: bool = False
    prompt: str = "default"
    adapter: Adapter = Adapter()
    learning_rate: float | None = Field(default=None, gt=0, lt=1)
    epochs: float = Field(default=3, gt=0, le=1000)
    batch_size: int = Field(default=8, gt=0)
    accumulate: int = Field(default=1, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    optimizer: Optimizer = "adamw"
    max_length: int = Field(default=1024, gt=0)
    max_dropped: float = Field(default=0.0, ge=0, lt=1)
    loss: Literal["sigmoid", "ipo", "sigmoid+sft"] = "sigmoid"
    beta: float | None = Field(default=None, ge=0)
    gamma: float = Field(default=0.5, ge=0)
    generations: int = Field(default=8, gt=1, le=256)
    temperature: float = Field(default=1.0, gt=0, le=2)
    max_new_tokens: int | None = Field(default=None, gt=0, le=32768)
    command: tuple[str, ...] = ()
    config: str | None = None
    given: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    combination: Combination = "cat"
    weights: tuple[float, ...] = ()
    density: float = Field(default=0.5, gt=0, le=1)
    replay: float = Field(default=0.0, ge=0, le=10)
    replay_file: str | None = None
    packing: bool = False
    save_steps: int = Field(default=50, gt=0)
    keep: Literal["last", "best"] = "last"
    evaluate_every: float = Field(default=1.0, gt=0, le=1000)
    patience: int | None = Field(default=None, gt=0)
    processes: int = Field(default=1, gt=0, le=1024)

    @property
    def begins(self) -> tuple[str, ...]:
        """Names of the recipes whose adapters it is made from."""
        return (*filter(None, (self.start_from,)), *(part.partition("@")[0] for part in self.parts))

    @property
    def rate(self) -> float:
        """The learning rate, derived where it is not given."""
        if self.learning_rate is not None:
            return self.learning_rate
        return RATES[self.method] * (FULL if self.adapter.kind == "full" else 1)

    @property
    def strength(self) -> float:
        """Beta, derived where it is not given."""
        return BETAS.get(self.method, 0.0) if self.beta is None else self.beta

    @model_validator(mode="after")
    def _shared(self) -> Recipe:
        if self.processes > 1 and self.method not in SEVERAL:
            raise ValueError(
                f"processes: method {self.method!r} trains in one process, only {' and '.join(SEVERAL)} in several"
            )
        if self.batch_size % self.processes:
            raise ValueError(
                f"batch_size is {self.batch_size}, and processes {self.processes}: each takes the same share, so make it a multiple"
            )
        return self

    @model_validator(mode="after")
    def _possible(self) -> Recipe:
        if self.replay and not self.replay_file:
            raise ValueError('replay needs replay_file: a JSONL of general examples ({"messages": […]} a line)')
        if self.replay and self.method != "sft":
            raise ValueError(f"replay is for method 'sft', given {self.method!r}: leave it out")
        if self.loss != "sigmoid" and self.method != "dpo":
            raise ValueError(f"loss {self.loss!r} is one of method 'dpo', given {self.method!r}: leave it out")
        if self.method == "dpo" and self.beta == 0:
            raise ValueError("beta: given 0: DPO divides by it; write a number above zero, such as 0.1")
        if self.method == "kto" and self.batch_size < 2:
            raise ValueError("batch_size: given 1: KTO compares the rows of a batch, take 2 or more")
        updated = self.batch_size * self.accumulate
        if self.method in ONLINE and updated % self.generations:
            raise ValueError(
                f"batch_size × accumulate is {updated}, and generations {self.generations}: "
                "every update takes whole groups of answers, so make it a multiple"
            )
        if (self.method == "external") != bool(self.command) or (self.method == "given") != bool(self.given):
            raise ValueError(
                "method 'external' needs command, and method 'given' needs given, a list of folders or Hub ids; no other "
                "method has them"
            )
        if (self.method == "merge") != bool(self.parts) or len(self.parts) == 1:
            raise ValueError("method 'merge' needs parts, two or more of CANDIDATE@SUITE; no other method has them")
        if self.weights and len(self.weights) != len(self.parts):
            raise ValueError(f"weights: given {len(self.weights)} for {len(self.parts)} parts: write one for each")
        if self.method in ELSEWHERE and self.start_from is not None:
            raise ValueError(f"start_from: method {self.method!r} does not train here: leave it out")
        if self.start_from is not None and self.adapter.kind in FROM_BASE:
            raise ValueError(
                f"adapter.kind {self.adapter.kind!r} starts from the base: leave start_from out, or take another kind"
            )
        return self

    @model_validator(mode="after")
    def _packable(self) -> Recipe:
        if self.packing and self.method != "sft":
            raise ValueError(f"packing is for method 'sft', given {self.method!r}: leave it out")
        if self.packing and self.adapter.kind == "prefix":
            raise ValueError(
                "packing: a prefix stands before a row, and packed rows have one row together: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _choosing(self) -> Recipe:
        if self.keep == "best" and self.method in ELSEWHERE:
            raise ValueError(f"keep: method {self.method!r} does not train here and has no checkpoints: leave it out")
        if self.keep == "best" and self.processes > 1:
            raise ValueError(
                "keep: several processes cannot stop for a look at a checkpoint: leave keep or processes out"
            )
        if self.keep == "last" and (self.patience is not None or self.evaluate_every != 1.0):
            raise ValueError('patience and evaluate_every are of keep = "best", which chooses on dev: write that too')
        return self
