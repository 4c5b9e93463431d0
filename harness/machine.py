"""What the harness runs on: cores, GPUs, versions; found without importing torch.

>>> hardware()
{'machine': 'x86_64', 'processor': 'AMD EPYC', 'cores': 2, 'memory_gib': 23.4, 'gpus': [], 'system': 'Linux 6.1'}
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "tuneworthy", "torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets", "tokenizers",
    "lm-eval", "evaluate", "anthropic", "openai", "duckdb", "numpy", "scipy", "rouge-score", "sacrebleu", "bm25s", "ray", "submitit",
)  # fmt: skip


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def gpu_names() -> tuple[str, ...]:
    """NVIDIA GPUs that are visible, by name."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible == "" or shutil.which("nvidia-smi") is None:
        return ()
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    names = tuple(line.strip() for line in asked.stdout.splitlines() if line.strip()) if asked.returncode == 0 else ()
    return names[: len(visible.split(","))] if visible else names


def gpus() -> int:
    return len(gpu_names())


def room(folder: Path) -> str:
    """``0.2 GiB are free there``, or that nobody can say."""
    try:
        return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB are free there"
    except OSError:
        return "how much is free there is not known"


def devices() -> list[str]:
    """The visible GPUs, as ``CUDA_VISIBLE_DEVICES`` names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[: gpus()] if visible else [str(number) for number in range(gpus())]


def versions() -> dict[str, str]:
    """Python and every package that can change a number, as installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Machine, cores, memory and GPUs."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": _memory(),
        "gpus": list(gpu_names()),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _memory() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
