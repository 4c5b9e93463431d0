"""Files that a full disk cut off are told from whole ones, whichever tool wrote them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.files.whole import fault, fault_in


def test_every_cut_of_real_weights_is_found(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "model.safetensors"
    numpy.save_file({"a": np.zeros((8, 8)), "b": np.ones(3)}, path, metadata={"format": "pt"})
    whole = path.read_bytes()
    assert fault(path) is None
    for size in [0, 5, 8, 60, *range(100, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert "cut off" in (fault(path) or "") or "no header" in (fault(path) or ""), size
    state = tmp_path / "optimizer.pt"  # torch.save writes a zip file
    with zipfile.ZipFile(state, "w") as made:
        made.writestr("archive/data.pkl", b"x" * 300)
    assert fault(state) is None
    os.truncate(state, state.stat().st_size - 1)
    assert fault(state) == f"optimizer.pt is cut off: {state.stat().st_size:,} bytes"


def test_the_first_that_is_not_whole_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as made:
        made.writestr("x", "y")
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / "b.json").write_text("{}")
    assert fault_in(tmp_path) is None
    (tmp_path / "b.json").write_text('{"a": ')
    assert fault_in(tmp_path) == "b.json is cut off or no JSON: 6 bytes"
    assert fault_in(tmp_path / "none") == "cannot be read: No such file or directory"


@pytest.mark.parametrize("header", [b'{"a": 3}', b"[1, 2]", b'{"a": {"data_offsets": [0]}}', b"\xff\xfe"])
def test_a_header_that_says_nothing(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert fault(path) == "odd.safetensors has no header that can be read"
