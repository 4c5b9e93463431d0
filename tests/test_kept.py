"""What is kept beside the store is read where it is whole, and costs its time again where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import kept


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    path = tmp_path / "overlaps" / "a.json"
    assert kept.read(path) is None
    kept.write(path, {"found": [1, 2]})
    assert kept.read(path) == {"found": [1, 2]}
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("left", [b"", b'{"found": [1, ', b"\xff\xfe"])
def test_a_file_that_is_not_whole_is_as_none(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(left)
    assert kept.read(path) is None


def test_a_write_that_is_cut_off_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "a.json", Path.write_text
    kept.write(path, "before")

    def struck(place: Path, text: str, **named: str) -> int:
        write(place, text[:3], **named)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", struck)
        kept.write(path, "a new one")
    assert kept.read(path) == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
