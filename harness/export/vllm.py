"""A script that serves the base with every adapter on it, by vLLM: one base in memory, an adapter a request.

./serve.sh                               # the adapters lie beside it
curl … -d '{"model": "sft@triage", …}'   # and are asked for by their names
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.export.adapter import copy
from harness.export.trained import Trained
from harness.models.weights import locate

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What ``--max-lora-rank`` may be (vllm/config/lora.py); any adapter of a rank up to it is served."""
KINDS = ("lora", "rslora", "pissa", "loftq")
"""What vLLM puts on a base: plain LoRA matrices (its documentation; DoRA and IA3 are not served)."""


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """Adapters of one base, and ``serve.sh``.

    Raises:
        BadInput: for several bases, a whole model, or an adapter that vLLM does not serve, by its kind or rank.
    """
    bases = list(dict.fromkeys(one.job.model.id for one in trained))
    if len(bases) > 1:
        raise BadInput(f"one server has one base, given {', '.join(bases)}: export each by itself")
    for one in trained:
        if _kind(one) not in KINDS:
            raise BadInput(
                f"{one.name} is of kind {_kind(one)!r}, which vLLM does not serve on a base: export it as "
                f"{'adapter' if _kind(one).startswith('prefix') else 'merged'}"
            )
        copy(one, folder / one.name)
    script = folder / "serve.sh"
    script.write_text(_script(trained), encoding="utf-8")
    script.chmod(0o755)
    return [f"{len(trained)} on {bases[0]}: run serve.sh where vLLM is installed"]


def _kind(one: Trained) -> str:
    if one.whole:
        return "full"
    config = json.loads((one.folder / "adapter_config.json").read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA":
        return str(config.get("peft_type", "unknown")).lower()
    return "dora" if config.get("use_dora") else "lora"


def _rank(trained: Sequence[Trained]) -> int:
    """The least that vLLM can be told and no adapter exceeds."""
    ranks = {
        one.name: int(json.loads((one.folder / "adapter_config.json").read_text(encoding="utf-8"))["r"])
        for one in trained
    }
    name = max(ranks, key=lambda name: ranks[name])
    if ranks[name] > RANKS[-1]:
        raise BadInput(f"{name} has rank {ranks[name]}, and vLLM serves up to {RANKS[-1]}: export it as merged")
    return next(rank for rank in RANKS if rank >= ranks[name])


def _script(trained: Sequence[Trained]) -> str:
    model = trained[0].job.model
    quantised = " --quantization bitsandbytes" if model.quantization == "nf4" else ""
    revision = f" --revision {shlex.quote(model.revision)}" if model.revision else ""
    modules = " \\\n  ".join(f'{shlex.quote(one.name)}="$here"/{shlex.quote(one.name)}' for one in trained)
    return (
        "#!/bin/sh\n"
        "# The base with its adapters; clients name an adapter as the model.\n"
        'here=$(cd "$(dirname "$0")" && pwd)\n'
        f"exec vllm serve {shlex.quote(str(locate(model)))}{revision}{quantised} --enable-lora --max-loras {len(trained)} "
        f"--max-lora-rank {_rank(trained)} "
        f'--lora-modules \\\n  {modules} \\\n  "$@"\n'
    )
