"""Where a base model's weights lie, and the hash of everything in them that can change an answer. Imports no torch.

>>> locate(Model(id="embedded:tiny"))
PosixPath('…/harness/embedded/tiny')
>>> identity(Model(id="embedded:tiny"))
'5b0c9d0f6a0e7c1d2b3a'
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from fnmatch import fnmatch
from pathlib import Path

from harness.embedded import TINY
from harness.errors import BadInput, need
from harness.experiment import Model
from harness.fingerprint import LENGTH, fingerprint

VERSION = 2
"""Raised when the same model would answer otherwise: chat rendering, decoding, quantisation."""
EMBEDDED = "embedded:"
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
COMMIT = re.compile(r"[0-9a-f]{40}")

READ_FULLY = (
    "config.json",
    "generation_config.json",
    "*token*.json",
    "*.index.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.jinja",
)
"""Files that say how words become tokens, how the weights are used, and when an answer stops."""
SMALL = 64 * 2**20
"""Weights up to this many bytes are hashed in full: 64 MiB take 0.1 s."""
BLOCKS, BLOCK = 64, 64 * 2**10
"""Of a larger file, so many blocks of so many bytes are hashed, evenly spaced, besides its header and its size."""


def locate(model: Model) -> Path | str:
    """The folder of a model's weights, or the Hub id under which ``transformers`` finds them.

    Raises:
        BadInput: for an unknown embedded model, a folder that is missing or incomplete, or weights only pickled.
    """
    if model.id.startswith(EMBEDDED):
        if model.id != EMBEDDED + "tiny":
            raise BadInput(f"model {model.id!r}: there is one embedded model, '{EMBEDDED}tiny'")
        return _checked(TINY, model)
    folder = Path(model.id).expanduser()
    if folder.is_dir() and model.id.strip():
        return _checked(folder, model)
    if folder.is_file():
        raise BadInput(f"model {model.id!r} is a file: give the folder that holds config.json and *.safetensors")
    if model.id.startswith((".", "~", os.sep)) or not HUB_ID.fullmatch(model.id):
        raise BadInput(f"model {model.id!r}: no such folder: give a folder, a Hub id (owner/name) or '{EMBEDDED}tiny'")
    return model.id


def revision(model: Model) -> str | None:
    """The commit of a Hub model: the cached snapshot's when there is one, else what the Hub says; None for a folder.

    Raises:
        BadInput: when it is not cached and the Hub cannot be asked.
    """
    source = locate(model)
    return None if isinstance(source, Path) else _commit(source, model.revision)


def identity(model: Model) -> str:
    """Fingerprint of weights, tokenizer, template, quantisation and dtype; name and place do not count.

    Raises:
        BadInput: as ``locate`` and ``revision``.
    """
    source = locate(model)
    content = _folder(source, model) if isinstance(source, Path) else [source, _commit(source, model.revision)]
    return fingerprint(VERSION, content, model.quantization, model.dtype)


def _checked(folder: Path, model: Model) -> Path:
    if not (folder / "config.json").is_file():
        raise BadInput(f"model path without weights: {folder} (model {model.id!r}) has no config.json")
    if any(folder.glob("*.safetensors")):
        return folder
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
    if pickled:
        raise BadInput(
            f"model path with pickled weights: {folder} (model {model.id!r}) has only {pickled[0]}, which can run code "
            "when it is read: save the model again as safetensors (model.save_pretrained)"
        )
    raise BadInput(f"model path without weights: {folder} (model {model.id!r}) has no *.safetensors")


def _folder(folder: Path, model: Model) -> list[list[str]]:
    """[[name, digest], …] of every file that can change an answer."""
    patterns = (*READ_FULLY, "*.py") if model.trust_remote_code else READ_FULLY
    read = [path for path in sorted(folder.iterdir()) if any(fnmatch(path.name, pattern) for pattern in patterns)]
    weights = sorted(folder.glob("*.safetensors"))
    return [[path.name, _digest(path)] for path in read if path.is_file()] + [[p.name, _sampled(p)] for p in weights]


def content_of(folder: Path) -> list[list[str]]:
    """[[name, digest], …] of a folder of weights, adapters included."""
    files = sorted([*folder.glob("adapter_config.json"), *folder.glob("config.json"), *folder.glob("*.safetensors")])
    return [[path.name, _sampled(path) if path.suffix == ".safetensors" else _digest(path)] for path in files]


def base_of(folder: Path) -> str:
    """The hash of the model that an adapter was trained on; empty where its folder does not say."""
    try:
        return str(json.loads((folder / "training.json").read_text(encoding="utf-8")).get("base", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def refuse_foreign(folder: Path, base: str, named: str) -> None:
    """An adapter fits its own base alone: the same weights behind the same tokenizer and template.

    Args:
        folder: The adapter, or a model that was trained whole.
        base: The hash of the model that it is to go with (``identity``).
        named: That model, for the message.

    Raises:
        BadInput: when the folder's record says another base.
    """
    trained = base_of(folder)
    if trained and trained != base:
        raise BadInput(
            f"adapter {folder.name} in {folder.parent} was trained on other weights than model {named!r} has now ({trained}, not "
            f"{base}; tokenizer and chat template count too): an adapter fits its own base alone; train it again, its data is portable"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:LENGTH]


def _sampled(path: Path) -> str:
    """Digest of a safetensors file: all of a small one; header, size and evenly spaced blocks of a large one."""
    size = path.stat().st_size
    if size <= SMALL:
        return _digest(path)
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        length = file.read(8)
        digest.update(length + file.read(int.from_bytes(length, "little")))
        start = file.tell()
        for i in range(BLOCKS):
            file.seek(start + (size - start - BLOCK) * i // (BLOCKS - 1))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()[:LENGTH]


def _commit(hub_id: str, asked: str | None) -> str:
    if asked is not None and COMMIT.fullmatch(asked):
        return asked  # nobody need be asked: CI judges stored rows without weights, token or network
    hub = need("huggingface_hub", extra="train")
    cached = hub.try_to_load_from_cache(hub_id, "config.json", revision=asked)
    if isinstance(cached, str):
        return Path(cached).parent.name
    try:
        return str(hub.HfApi().model_info(hub_id, revision=asked, timeout=10).sha)
    except Exception as error:  # the Hub's client raises its own, httpx's and the system's errors
        raise BadInput(
            f"model {hub_id!r}: there is no such folder, it is not in the local cache, and the Hub did not give it "
            f"({_first_line(error)}): check the name, or fetch it where there is a network: hf download {hub_id}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
