"""What fits on which card, by arithmetic: the tables of docs/gpu.md.

    python -m benchmarks.cuda.fits

Measured peaks stand beside it there where there are some. Everything is counted in GiB for batches of 4,096 tokens with activations
recomputed; a tenth is added for what an allocator cannot use, and 0.6 GiB for CUDA itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from benchmarks.cuda.scale import SHAPES, Shape
from harness.training.lean import OF_HIDDEN, OF_INNER, SHARE

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
        layer = TOKENS * (self.of_layer + shape.hidden + 2 * shape.inner) * BF16
        unpacked = shape.hidden * shape.inner * BF16 if each < BF16 else 0
        places, words = TILE
        logits = min(TOKENS, places) * min(shape.vocabulary, words) * BF16 + TOKENS * shape.hidden * 4
        adapter = shape.lora(RANK) * ADAPTER
        return (self.weights(each) + (kept + layer + unpacked + logits + adapter) / GIB) * WASTE + CONTEXT

    @property
    def of_layer(self) -> int:
        """Numbers that one layer keeps of a token (harness/training/lean.py)."""
        return OF_HIDDEN * self.shape.hidden + OF_INNER * self.shape.inner

    def once(self, each: float, card: float) -> int:
        """Tokens of a batch whose activations are kept, and not computed twice."""
        free = card * USABLE - self.weights(each) * WASTE - CONTEXT
        return max(0, floor(SHARE * free * GIB / (self.shape.layers * self.of_layer * BF16)))

    def cached(self, each: float, card: float) -> int:
        """Tokens of prompts and answers whose keys and values fit beside the weights, in the half that the backend takes."""
        free = card * USABLE - self.weights(each) * WASTE - CONTEXT
        return max(0, floor(free / 2 * GIB / self.shape.kv_bytes()))


def training_table() -> str:
    lines = [
        "| shape | weights | QLoRA | LoRA on bf16 | smallest card for QLoRA |",
        "|---|---:|---:|---:|---:|",
    ]
    for shape in SHAPES.values():
        need = Need(shape)
        quantised = need.training(NF4)
        fits = next((f"{card} GB" for card in CARDS if quantised <= card * USABLE), "none")
        lines.append(
            f"| {shape.name} | {shape.parameters / 1e9:.1f} B | {quantised:.1f} | {need.training(BF16):.1f} | {fits} |"
        )
    return "\n".join(lines)


def once_table() -> str:
    lines = [
        f"| shape | {' | '.join(f'{card} GB' for card in CARDS)} |",
        f"|---|{'---:|' * len(CARDS)}",
    ]
    for shape in SHAPES.values():
        need = Need(shape)
        lines.append(f"| {shape.name} | {' | '.join(_hundreds(need.once(NF4, card)) for card in CARDS)} |")
    return "\n".join(lines)


def _hundreds(count: int) -> str:
    return f"{count // 100 * 100:,}" if count >= 100 else "–"


def answering_table() -> str:
    lines = [
        f"| shape | NF4 | bf16 | {' | '.join(f'{card} GB' for card in CARDS)} |",
        f"|---|---:|---:|{'---:|' * len(CARDS)}",
    ]
    for shape in SHAPES.values():
        need = Need(shape)
        room = [_tokens(need.cached(NF4, card)) for card in CARDS]
        lines.append(f"| {shape.name} | {need.weights(NF4):.1f} | {need.weights(BF16):.1f} | {' | '.join(room)} |")
    return "\n".join(lines)


def _tokens(count: int) -> str:
    return f"{count // 1000:,} k" if count >= 1000 else "–"


if __name__ == "__main__":
    print(training_table(), once_table(), answering_table(), sep="\n\n")
