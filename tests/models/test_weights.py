"""Where weights lie and what their hash depends on; nothing here imports torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.models import weights
from harness.models.weights import identity, locate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model's."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "chat_template.jinja").write_text("{{ messages }}")
    (path / "README.md").write_text("a model")
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    return path


def test_locate(folder: Path) -> None:
    assert locate(Model(id=str(folder))) == folder
    assert locate(Model(id="Qwen/Qwen3-0.6B")) == "Qwen/Qwen3-0.6B"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("embedded:huge", "there is one embedded model, 'embedded:tiny'"),
        ("./nowhere", "no such folder"),
        ("/nowhere/at/all", "no such folder"),
        ("too/many/parts", "no such folder"),
        ("", "no such folder"),
    ],
)
def test_locate_refuses(given: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=said):
        locate(Model(id=given))


def test_folder_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"model path without weights: .* has no \*.safetensors"):
        locate(Model(id=str(folder)))
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"has only pytorch_model.bin, which can run code"):
        identity(Model(id=str(folder)))
    (folder / "config.json").unlink()
    with pytest.raises(BadInput, match=r"model path without weights: .* has no config.json"):
        locate(Model(id=str(folder)))


def test_file_instead_of_a_folder(folder: Path) -> None:
    with pytest.raises(BadInput, match="is a file: give the folder"):
        locate(Model(id=str(folder / "model.safetensors")))


def test_identity_does_not_depend_on_the_place_or_the_card(folder: Path, tmp_path: Path) -> None:
    before = identity(Model(id=str(folder)))
    moved = shutil.copytree(folder, tmp_path / "moved")
    (moved / "README.md").write_text("another card")
    assert identity(Model(id=str(moved))) == before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"])
def test_identity_changes_with_files(folder: Path, name: str) -> None:
    before = identity(Model(id=str(folder)))
    (folder / name).write_text('{"changed": true}')
    assert identity(Model(id=str(folder))) != before


def test_identity_changes_with_the_declaration(folder: Path) -> None:
    declared = Model(id=str(folder))
    others = [declared.model_copy(update={"quantization": "none"}), declared.model_copy(update={"dtype": "bfloat16"})]
    assert len({identity(model) for model in [declared, *others]}) == 3


@pytest.mark.parametrize("at", [-1, -9, 0])
@pytest.mark.parametrize("small", [10, 64 * 2**20])
def test_identity_changes_with_weights(folder: Path, at: int, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SMALL", small)
    monkeypatch.setattr(weights, "BLOCK", 4)
    before = identity(Model(id=str(folder)))
    path = folder / "model.safetensors"
    changed = bytearray(path.read_bytes())
    if at == 0:
        changed += b"\0"
    else:
        changed[at] ^= 1
    path.write_bytes(bytes(changed))
    assert identity(Model(id=str(folder))) != before


def test_hub_model_that_is_cached_is_its_commit(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    snapshot = cache / "models--own--model" / "snapshots" / "cafe1234"
    shutil.copytree(folder, snapshot)
    (cache / "models--own--model" / "refs").mkdir()
    (cache / "models--own--model" / "refs" / "main").write_text("cafe1234")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    assert weights.revision(Model(id="own/model")) == "cafe1234"
    commit = "0123456789abcdef" * 2 + "01234567"
    pinned = identity(Model(id="own/model", revision=commit))  # nothing is cached of it, and nobody is asked
    shutil.copytree(folder, snapshot.with_name(commit))
    (cache / "models--own--model" / "refs" / "later").write_text(commit)
    assert identity(Model(id="own/model", revision="later")) == pinned
    before = identity(Model(id="own/model"))
    (cache / "models--own--model" / "refs" / "main").write_text("beef1234")
    shutil.copytree(folder, snapshot.with_name("beef1234"))
    assert identity(Model(id="own/model")) != before


def test_hub_model_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match=r"not in the local cache.*hf download own/model"):
        identity(Model(id="own/model"))


def test_torch_is_not_imported(folder: Path) -> None:
    code = (
        "import sys; from harness.experiment import Model; from harness.models.weights import identity; import harness.models.local;"
        f"identity(Model(id={str(folder)!r})); harness.models.local.Local(Model(id={str(folder)!r}), home=None);"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
