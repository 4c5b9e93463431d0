"""A worker ends with whom it was started for: its parent, or one above it that a launcher in between does not look after."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKER = """
import os, sys, time
from pathlib import Path
from harness.parent import leave_with
leave_with(int(sys.argv[1]))
Path(sys.argv[2]).write_text(str(os.getpid()))
time.sleep(60)
"""
STARTER = """
import subprocess, sys, os
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid()), sys.argv[2]]).wait()
"""
LAUNCHER = """
import subprocess, sys, os
inner = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]]).wait()"
subprocess.Popen([sys.executable, "-c", inner, sys.argv[1], str(os.getpid()), sys.argv[2]]).wait()
"""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(condition: object, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("starter", [STARTER, LAUNCHER], ids=["its parent", "above its parent"])
def test_it_ends_with_whoever_it_was_started_for(starter: str, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", starter, WORKER, str(said)], env=dict(os.environ))
    try:
        assert _until(lambda: said.is_file() and said.read_text(), 20)
        worker = int(said.read_text())
        time.sleep(1.2)
        assert _alive(worker), "it stays as long as the other does"
    finally:
        process.kill()
        process.wait()
    assert _until(lambda: not _alive(worker), 5)


def test_it_does_not_begin_when_the_other_is_gone_already(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ran = subprocess.run([sys.executable, "-c", WORKER, str(gone.pid), str(tmp_path / "pid")], timeout=20, check=False)
    assert ran.returncode == 1
    assert not (tmp_path / "pid").exists()
