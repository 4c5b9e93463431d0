"""Models of a shape with random weights, and rows to train them on; made once in the work folder.

    folder = model_of(FULL.shape("qwen-1.5b"), work)       # config, safetensors, and the embedded model's tokenizer
    rows = demonstrations(scale, folder)                   # {"prompt": …, "completion": …}, tokens log-normally long

The tokenizer knows few words of the shape's vocabulary, which costs nothing: the matrices have the sizes of the real ones.
"""

from __future__ import annotations

import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cuda.scale import Scale, Shape

SEED = 20261126
CONTEXT = 4096
ROOT = Path(__file__).parent.parent.parent
SPREAD = 0.85
"""Standard deviation of the logarithm of a row's length: a twelfth of all rows is longer than a thousand at a median of 300."""
PART = 0.6
"""Share of a row that is its prompt."""


def device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def apart(module: str, *given: object, cpu: bool = False) -> subprocess.Popen[bytes]:
    """A module of this package as a process of its own; with ``cpu`` it sees no GPU."""
    paths = [str(ROOT), str(ROOT / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | ({"CUDA_VISIBLE_DEVICES": ""} if cpu else {})
    command = [sys.executable, "-m", f"benchmarks.cuda.{module}", *map(str, given)]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for it.

    Raises:
        RuntimeError: when it failed.
    """
    if process.wait():
        raise RuntimeError(f"{process.args}: ended with {process.returncode}")


@contextmanager
def changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Something of the harness is otherwise for as long as this is entered."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def model_of(shape: Shape, work: Path) -> Path:
    """The folder of a model of that shape; a half-written one is made anew."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.embedded import TINY
    from harness.models.base import quiet, release

    folder = work / "models" / f"{shape.name}-{shape.hidden}"
    if (folder / "made").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.model_max_length = CONTEXT
    torch.manual_seed(SEED)
    config = shape.config(
        context=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with quiet():
        with torch.device(device()):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    del model
    release()
    (folder / "made").touch()
    return folder


def lengths(scale: Scale, count: int) -> list[int]:
    """Tokens of each row, the same every time."""
    draw = random.Random(SEED)
    drawn = (draw.lognormvariate(math.log(scale.median), SPREAD) for _ in range(count))
    return [min(max(int(tokens), 16), scale.longest - 16) for tokens in drawn]


def _words(folder: Path) -> tuple[list[str], Any]:
    """Words that are one token each, behind a space too."""
    from harness.models.chat import load_chat

    chat = load_chat(folder)
    words = [word for word in chat.tokenizer.get_vocab() if word.isalpha() and word.isascii() and len(word) > 2]
    alone = [
        word for word in sorted(words) if len(chat.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1
    ]
    return alone, chat


def demonstrations(scale: Scale, folder: Path, *, pairs: bool = False) -> tuple[dict[str, str], ...]:
    """Rows for ``scale.steps`` updates; with ``pairs`` of a chosen and a rejected answer."""
    words, _ = _words(folder)
    draw = random.Random(SEED + 1)

    def text(tokens: int) -> str:
        return " ".join(draw.choices(words, k=max(tokens, 1)))

    rows = []
    for tokens in lengths(scale, scale.steps * scale.rows):
        asked, answer = int(PART * tokens), tokens - int(PART * tokens)
        if pairs:
            rows.append({"prompt": text(asked), "chosen": text(answer), "rejected": text(answer)})
        else:
            rows.append({"prompt": text(asked), "completion": text(answer)})
    return tuple(rows)
