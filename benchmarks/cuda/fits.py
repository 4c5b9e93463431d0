"""What fits on which card, by arithmetic: the tables of docs/gpu.md.

    python -m benchmarks.cuda.fits

Measured peaks stand beside it there where there are some. Everything is counted in GiB for batches of 4,096 tokens with activations
recomputed; a tenth is added for what an allocator cannot use, and 0.6 GiB for CUDA itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

from benchmarks.cuda.scale import SHAPES, Shape
from harness.training.lean import SHARE, kept_bytes

GIB = 2**30
NF4 = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""Bytes of a weight: 4 bits, an 8-bit scale for 64 of them, and a 32-bit one for 256 scales (arXiv 2305.14314)."""
BF16 = 2.0
ADAPTER = 16
"""Bytes of a trained weight: float32 itself, its gradient, and Adam's two moments."""
TOKENS = 4096
RANK = 16
TILE = 4096, 32768
"""Places and words whose logits TRL 1.16 holds at once, in 16 bits, for SFT and DPO alike (trl/kernels/chunked_logprob.py)."""
WASTE, CONTEXT = 1.1, 0.6
CARDS = (16, 24, 48, 80, 141)
USABLE = 0.97
"""Of a card's memory, what its driver leaves."""


@dataclass(frozen=True, slots=True)
class Need:
    """GiB of a shape."""

    shape: Shape

    def weights(self, each: float) -> float:
        return (self.shape.linear * each + self.shape.embeddings * BF16) / GIB

    def training(self, each: float) -> float:
        """With activations computed twice: what goes into each layer is kept, and one layer's own activations with their gradients."""
        shape = self.shape
        kept = shape.layers * TOKENS * shape.hidden * BF16
        layer = TOKENS * (self.kept / shape.layers + (shape.hidden + 2 * shape.inner) * BF16)
        unpacked = shape.hidden * shape.inner * BF16 if each < BF16 else 0
        places, words = TILE
        logits = min(TOKENS, places) * min(shape.vocabulary, words) * BF16 + TOKENS * shape.hidden * 4
        adapter = shape.lora(RANK) * ADAPTER
        return (self.weights(each) + (kept + layer + unpacked + logits + adapter) / GIB) * WASTE + CONTEXT

    @property
    def kept(self) -> int:
        """Bytes of a token's activations in all layers, as a training counts them."""
        return kept_bytes(self.shape.config(context=TOKENS))

    def free(self, each: float, card: float) -> float:
        """Bytes beside the weights."""
        return (card * USABLE - self.weights(each) * WASTE - CONTEXT) * GIB

    def once(self, each: float, card: float) -> int:
        """Tokens of a batch whose activations are kept, and not computed twice."""
        return max(0, floor(SHARE * self.free(each, card) / self.kept))

    def cached(self, each: float, card: float) -> int:
        """Tokens of prompts and answers whose keys and values fit beside the weights, in the half that the backend takes."""
        return max(0, floor(self.free(each, card) / 2 / self.shape.kv_bytes()))


def training_table() -> str:
    def row(need: Need) -> list[str]:
        quantised = need.training(NF4)
        fits = next((f"{card} GB" for card in CARDS if quantised <= card * USABLE), "none")
        return [f"{need.shape.parameters / 1e9:.1f} B", f"{quantised:.1f}", f"{need.training(BF16):.1f}", fits]

    return _table(["weights", "QLoRA", "LoRA on bf16", "smallest card for QLoRA"], row)


def once_table() -> str:
    return _table(_cards(), lambda need: [_rounded(need.once(NF4, card), 100) for card in CARDS])


def answering_table() -> str:
    def row(need: Need) -> list[str]:
        room = [_rounded(need.cached(NF4, card), 1000, " k") for card in CARDS]
        return [f"{need.weights(NF4):.1f}", f"{need.weights(BF16):.1f}", *room]

    return _table(["NF4", "bf16", *_cards()], row)


def _table(heads: Sequence[str], row: Callable[[Need], Sequence[str]]) -> str:
    """Markdown with a line a shape."""
    lines = [f"| shape | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(row(Need(shape)))} |" for name, shape in SHAPES.items())])


def _cards() -> list[str]:
    return [f"{card} GB" for card in CARDS]


def _rounded(count: int, step: int, unit: str = "") -> str:
    """Rounded down to a whole ``step``, or in steps where they have a ``unit``."""
    whole = count // step
    return "–" if not whole else f"{whole:,}{unit}" if unit else f"{whole * step:,}"


if __name__ == "__main__":
    print(training_table(), once_table(), answering_table(), sep="\n\n")
