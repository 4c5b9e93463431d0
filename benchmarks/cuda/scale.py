"""How large a measurement is: real shapes for a GPU, or the same code on shapes that two CPU cores can bear.

    FULL.shape("llama-8b").parameters          # 8030261248
    REHEARSAL.shape("llama-8b").hidden         # 64: nothing is measured by it, every path is walked

The shapes are those of the models' published ``config.json``; the weights are random, so that nothing has to be fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder of the Llama or Qwen2 family."""

    name: str
    family: str
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    tied: bool = False

    @property
    def linear(self) -> int:
        """Weights of the layers' linear maps: what NF4 quantises and every LoRA adapter stands beside."""
        width = self.hidden // self.heads
        attention = 2 * self.hidden * self.heads * width + 2 * self.hidden * self.kv_heads * width
        return self.layers * (attention + 3 * self.hidden * self.inner)

    @property
    def embeddings(self) -> int:
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        bias = self.layers * (self.heads + 2 * self.kv_heads) * (self.hidden // self.heads)
        norms = (2 * self.layers + 1) * self.hidden
        return self.linear + self.embeddings + norms + (bias if self.family == "qwen2" else 0)

    def lora(self, rank: int) -> int:
        """Parameters of an adapter of that rank on every linear map."""
        width = self.hidden // self.heads
        attention = 2 * (self.hidden + self.heads * width) + 2 * (self.hidden + self.kv_heads * width)
        return self.layers * rank * (attention + 3 * (self.hidden + self.inner))

    def kv_bytes(self) -> int:
        """Keys and values of one token in 16 bits."""
        return 2 * 2 * self.layers * self.kv_heads * (self.hidden // self.heads)

    def training_flops(self, length: float, *, recomputed: bool = False) -> float:
        """Floating point operations of a trained token, the base frozen: forward, and backward through activations alone.

        Two a weight each way, the head included, and 4·length·hidden a layer for attention's two products over all places
        (half of them, being causal). A checkpointed layer goes forward twice.
        """
        forward = 2 * (self.linear + self.vocabulary * self.hidden) + 2 * self.layers * length * self.hidden
        return forward * (3 if recomputed else 2)

    def config(self, *, context: int, **tokens: Any) -> Any:
        from transformers import LlamaConfig, Qwen2Config

        make = Qwen2Config if self.family == "qwen2" else LlamaConfig
        return make(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            max_position_embeddings=context,
            tie_word_embeddings=self.tied,
            **tokens,
        )


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("qwen-1.5b", "qwen2", 1536, 8960, 28, 12, 2, 151936, tied=True),
        Shape("llama-8b", "llama", 4096, 14336, 32, 32, 8, 128256),
        Shape("llama-13b", "llama", 5120, 13824, 40, 40, 40, 32000),
        Shape("qwen-32b", "qwen2", 5120, 27648, 64, 40, 8, 152064),
        Shape("llama-70b", "llama", 8192, 28672, 80, 64, 8, 128256),
    )
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of everything that is measured.

    Attributes:
        steps: Updates of a measured training; the first ``warm`` are not counted.
        rows: Rows in a batch.
        median, longest: Tokens of training rows: log-normal, cut.
        prompts, single: Prompts that are answered together, and those of them that are answered one by one.
        tokens: New tokens of an answer.
        adapters, asked: Adapters on one base, and prompts that each answers.
        choices: Questions with choices.
        cases: Cases of each split of each suite of the whole matrix; None takes all.
        seeds: Trainings of each candidate of the matrix.
    """

    name: str
    small: bool
    steps: int = 24
    warm: int = 4
    rows: int = 16
    median: int = 300
    longest: int = 2048
    prompts: int = 1000
    single: int = 16
    tokens: int = 128
    adapters: int = 8
    asked: int = 64
    choices: int = 1140
    cases: int | None = None
    seeds: int = 3

    def shape(self, name: str) -> Shape:
        shape = SHAPES[name]
        return (
            replace(shape, hidden=64, inner=128, layers=2, heads=4, kv_heads=2, vocabulary=4096)
            if self.small
            else shape
        )


FULL = Scale("full", small=False)
REHEARSAL = Scale(
    "rehearsal", True, steps=4, warm=1, rows=2, median=40, longest=120, prompts=12, single=3, tokens=8, adapters=2,
    asked=4, choices=8, cases=4, seeds=2,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (FULL, REHEARSAL)}
