"""The merged model as one GGUF file, by llama.cpp's own converter, where a copy of llama.cpp is at hand (``--llama-cpp``)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, HarnessError
from harness.export import merged
from harness.export.trained import Trained

CONVERTER = "convert_hf_to_gguf.py"
LAST = 5
TYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}
"""How the converter calls them; left to itself it makes 16 bits of everything."""


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """``model.gguf`` beside the card and the comparison of what it was made from.

    Raises:
        BadInput: without llama.cpp.
        HarnessError: when its converter fails.
    """
    (one,) = trained
    home = options.get("llama_cpp")
    if home is None or not (Path(home) / CONVERTER).is_file():
        raise BadInput(f"gguf needs a copy of llama.cpp: name its folder, the one with {CONVERTER}, as --llama-cpp DIR")
    model = folder / "model"
    model.mkdir()
    said = merged.write(trained, model, options)
    command = [sys.executable, str(Path(home) / CONVERTER), str(model), "--outfile", str(folder / "model.gguf")]
    command += ["--outtype", TYPES[options.get("dtype") or "bfloat16"]]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        last = " | ".join((ran.stderr or ran.stdout).strip().splitlines()[-LAST:])
        raise HarnessError(f"{one.name}: llama.cpp's converter ended with exit code {ran.returncode}: {last}")
    for name in ("README.md", merged.RECORD):
        shutil.move(model / name, folder / name)
    shutil.rmtree(model)
    return said
