"""What fits on which card, by arithmetic: the tables of docs/gpu.md.

    python -m benchmarks.cuda.fits

Measured peaks stand beside it there where there are some. Everything is counted in GiB for batches of 4,096 tokens with activations
recomputed; a tenth is added for what an allocator cannot use, and 0.6 GiB for CUDA itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from benchmarks.cuda.scale import SHAPES, Shape

GIB = 2**30
NF4 = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""Bytes of a weight: 4 bits, an 8-bit scale for 64 of them, and a 32-bit one for 256 scales (arXiv 2305.14314)."""
BF16 = 2.0
ADAPTER = 16
"""Bytes of a trained weight: float32 itself, its gradient, and Adam's two moments."""
TOKENS = 4096
RANK = 16
CHUNK = 256
"""Places whose logits TRL's loss of SFT holds at once, in float32, with their gradient."""
WASTE, CONTEXT = 1.1, 0.6
CARDS = (16, 24, 48, 80, 141)
USABLE = 0.97
"""Of a card's memory, what its driver leaves."""


@dataclass(frozen=True, slots=True)
class Need:
    """GiB of a shape. ``pairs`` counts DPO's logits, which are not held in chunks."""

    shape: Shape

    def weights(self, each: float) -> float:
        return (self.shape.linear * each + self.shape.embeddings * BF16) / GIB

    def training(self, each: float, *, pairs: bool = False) -> float:
        shape = self.shape
        kept = shape.layers * TOKENS * shape.hidden * BF16
        layer = 2 * TOKENS * (6 * shape.hidden + 3 * shape.inner) * BF16
        unpacked = shape.hidden * shape.inner * BF16 if each < BF16 else 0
        places = TOKENS if pairs else CHUNK
        logits = places * shape.vocabulary * 4 * 2
        adapter = shape.lora(RANK) * ADAPTER
        return (self.weights(each) + (kept + layer + unpacked + logits + adapter) / GIB) * WASTE + CONTEXT

    def cached(self, each: float, card: float) -> int:
        """Tokens of prompts and answers whose keys and values fit beside the weights, in the half that the backend takes."""
        free = card * USABLE - self.weights(each) * WASTE - CONTEXT
        return max(0, floor(free / 2 * GIB / self.shape.kv_bytes()))


def training_table() -> str:
    lines = [
        "| shape | weights | QLoRA, SFT | QLoRA, DPO | LoRA on bf16, SFT | smallest card for QLoRA |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for shape in SHAPES.values():
        need = Need(shape)
        sft = need.training(NF4)
        fits = next((f"{card} GB" for card in CARDS if sft <= card * USABLE), "none")
        lines.append(
            f"| {shape.name} | {shape.parameters / 1e9:.1f} B | {sft:.1f} | {need.training(NF4, pairs=True):.1f} "
            f"| {need.training(BF16):.1f} | {fits} |"
        )
    return "\n".join(lines)


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
    print(training_table(), answering_table(), sep="\n\n")
