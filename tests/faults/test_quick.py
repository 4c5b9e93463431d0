"""A few of the faults, in seconds; all of them are `tox run -e faults`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.store import open_store

ROOT = Path(__file__).parents[2]


def faults(out: Path, *arguments: str, seconds: float) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.faults", *arguments, "--out", str(out)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, object] = json.loads(out.read_text())
    return found


def test_kills_while_it_answers_is_judged_scores_stores_and_reports(tmp_path: Path) -> None:
    found = faults(tmp_path / "found.json", "quick", "--kills", "5", "--seed", "1", seconds=600)
    kills = found["kills"]
    assert isinstance(kills, dict)
    assert kills["wrong"] == 0
    assert kills["kills"] >= 5


@pytest.mark.exhaustive
def test_kills_while_it_trains(tmp_path: Path) -> None:
    found = faults(tmp_path / "found.json", "kills", "--kills", "30", "--phases", "training,store", seconds=1800)
    kills = found["kills"]
    assert isinstance(kills, dict)
    assert (kills["wrong"], kills["kills"] >= 9) == (0, True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A home folder on a disk of 100 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=100k", "tmpfs", place], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place  # type: ignore[misc]
    subprocess.run(["umount", "-l", place], check=True)


def test_a_store_on_a_full_disk_is_made_whole_or_not_at_all(small_disk: Path) -> None:
    """DuckDB closes a file whose log it could not fold in without a word: the file would stay, without its tables."""
    with pytest.raises(BadInput, match="No space left on device"):
        open_store(small_disk, write=True)
    assert [path.name for path in small_disk.iterdir()] == ["results.lock"]
    subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
    open_store(small_disk, write=True).close()
