"""How much data a method needs, and which one the data allows.

Under 100 examples fine-tuning teaches little that examples in the prompt do not; 100 to 500 are the least, from 500 on is good;
DPO needs 200 pairs. OpenAI's guide asks for 50 to 100 examples to see an effect at all, and LIMA (arXiv 2305.11206) got far
with 1,000; the lines are a rule of thumb, and what they are worth on a task is what the verdict says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.plural import plural

Method = Literal["collect", "golden", "sft", "dpo"]

FEW, ENOUGH, GOOD = 4, 100, 500
"""Examples: for a prompt, for SFT at all, and for SFT in comfort."""
PAIRS = 200
"""Pairs for DPO."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The method, why, and what the next one needs."""

    method: Method
    why: str
    sft: int
    pairs: int
    golden: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"needed": {"sft": ENOUGH, "sft_good": GOOD, "pairs": PAIRS, "golden": FEW}}


def advise(sft: int, pairs: int, golden: int) -> Advice:
    """The method that these counts allow. DPO starts from an SFT adapter, so it needs both."""
    if sft >= ENOUGH and pairs >= PAIRS:
        method: Method = "dpo"
        why = f"SFT on {plural(sft, 'example')}, then DPO on {plural(pairs, 'pair')}"
    elif sft >= ENOUGH:
        method, why = "sft", f"SFT on {plural(sft, 'example')}; DPO needs {plural(PAIRS - pairs, 'pair')} more"
    elif golden >= FEW:
        method = "golden"
        why = (
            f"examples in the prompt, {plural(golden, 'golden one')}; SFT needs {plural(ENOUGH - sft, 'example')} more"
        )
    else:
        method, why = "collect", f"collect more: SFT needs {plural(ENOUGH - sft, 'example')} more"
    if method in ("sft", "dpo") and sft < GOOD:
        why += f"; that is the least, {GOOD} examples are good"
    return Advice(method, why, sft, pairs, golden)
