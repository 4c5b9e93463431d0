"""A script that serves the base with every adapter on it, by vLLM: one base in memory, an adapter a request.

./serve.sh                               # the adapters lie beside it
curl … -d '{"model": "sft@triage", …}'   # and are asked for by their names

The options are those of vLLM's parser (vllm/entrypoints/openai/cli_args.py, vllm/engine/arg_utils.py, vllm/config/lora.py).
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


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """Adapters of one base, and ``serve.sh``.

    Raises:
        BadInput: for several bases, or a rank that vLLM does not serve.
    """
    bases = list(dict.fromkeys(one.job.model.id for one in trained))
    if len(bases) > 1:
        raise BadInput(f"one server has one base, given {', '.join(bases)}: export each by itself")
    text = _script(trained)
    for one in trained:
        copy(one, folder / one.name)
    script = folder / "serve.sh"
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    return [f"{len(trained)} on {bases[0]}: run serve.sh where vLLM is installed"]


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
    source = locate(model)
    base = shlex.quote(str(source.resolve() if isinstance(source, Path) else source))
    modules = " \\\n  ".join(shlex.quote(f"{one.name}=./{one.name}") for one in trained)
    return (
        "#!/bin/sh\n"
        "# The base with its adapters; clients name an adapter as the model. vLLM parts NAME=PATH at every =, so paths are said from\n"
        "# here. Of generation_config.json it takes the stop tokens alone, and no penalties: answers were evaluated without any.\n"
        'cd "$(dirname "$0")" || exit\n'
        f"exec vllm serve {base}{revision}{quantised} --generation-config vllm --enable-lora --max-loras {len(trained)} "
        f"--max-lora-rank {_rank(trained)} "
        f'--lora-modules \\\n  {modules} \\\n  "$@"\n'
    )
