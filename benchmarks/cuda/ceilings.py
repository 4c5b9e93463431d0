"""What the chip gives at best: a copy of 4 GiB within its memory, and products of bf16 matrices of 8,192."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.cuda.base import device
from benchmarks.cuda.scale import Scale

TRIES = 20


def measure(scale: Scale) -> dict[str, Any]:
    """Bytes read and written a second, and floating point operations a second: the best of ``TRIES``."""
    import torch

    on = device()
    size, side = (2**24, 512) if scale.small else (2**32, 8192)
    source = torch.empty(size, dtype=torch.uint8, device=on)
    target = torch.empty_like(source)
    left, right = (torch.randn(side, side, device=on, dtype=torch.bfloat16) for _ in range(2))
    copied = _best(lambda: target.copy_(source))
    multiplied = _best(lambda: left @ right)
    return {
        "device": torch.cuda.get_device_name() if on == "cuda" else "cpu",
        "memory_gib": round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1) if on == "cuda" else None,
        "copy_gb_per_second": round(2 * size / copied / 1e9, 1),
        "bf16_tflops": round(2 * side**3 / multiplied / 1e12, 2),
    }


def _best(work: Any) -> float:
    import torch

    found = []
    for _ in range(TRIES):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return min(found)
