"""From a trained candidate to what is deployed: ``harness export merged sft@triage out/``.

    adapter    the adapter with a model card: data, scores, verdict, limits
    merged     one model in 16 bits, its answers compared with those that were evaluated
    vllm       a script that serves the base with every adapter on it
    ollama     the merged model with a Modelfile that says the same template and stop tokens
    gguf       the merged model as one file, by llama.cpp's converter
    axolotl    the recipe as a YAML of Axolotl

A form is one file and one line in ``FORMS``. Everything is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import BadInput, suggest
from harness.export.shape import refuse
from harness.export.trained import Trained

FORMS: dict[str, str] = {
    "adapter": "harness.export.adapter:write",
    "merged": "harness.export.merged:write",
    "vllm": "harness.export.vllm:write",
    "ollama": "harness.export.ollama:write",
    "gguf": "harness.export.gguf:write",
    "axolotl": "harness.export.axolotl:write",
}
"""Form → ``module:function``, called with (trained, folder, options), which gives lines for a person."""

Write = Callable[[Sequence[Trained], Path, dict[str, Any]], list[str]]


def export(form: str, trained: Sequence[Trained], out: Path, **options: Any) -> list[str]:
    """Write trained candidates into the new folder ``out``; what is said of it.

    Raises:
        BadInput: for an unknown form, a folder that is there already, or what the form cannot carry.
    """
    if form not in FORMS:
        raise BadInput(f"unknown form {form!r}: {suggest(form, FORMS)}")
    if out.exists():
        raise BadInput(f"{out}: is there already: name another folder, or remove it")
    refuse(form, trained)
    module, _, function = FORMS[form].partition(":")
    write: Write = getattr(import_module(module), function)
    draft = out.with_name(f".{out.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        said = write(trained, draft, options)
        draft.replace(out)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror}: choose another folder") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [*said, f"wrote {out}"]
