"""A checkpoint that is cut off loses nothing, whatever it left of the file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreBusy
from harness.store import checkpoint, database, open_store
from harness.store.checkpoint import HEADERS, before, log
from harness.trial import Generation
from tests.store.test_open import held

NAMES = [f"t{i}" for i in range(600)]
PAGE = 1 << 18


@pytest.fixture
def logged(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a store with 300 rows, and 300 more in its log."""
    with open_store(home, write=True) as store:
        store.add_generations([Generation(name, text=name * 30) for name in NAMES[:300]])
    with monkeypatch.context() as patched:
        patched.setattr(database, "due", lambda path, *, closing: False)
        with open_store(home, write=True) as store:
            store.add_generations([Generation(name, text=name * 30) for name in NAMES[300:]])
    path = home / "results.duckdb"
    assert log(path).stat().st_size > 1000
    return path


def cut_off(path: Path) -> None:
    """As it was found after a kill: the copy is there, and the first page in use is half-written."""
    shutil.copyfile(path, before(path))
    content = bytearray(path.read_bytes())
    content[HEADERS + 64 : HEADERS + PAGE // 2] = os.urandom(PAGE // 2 - 64)
    path.write_bytes(content)


@pytest.mark.parametrize("write", [True, False])
def test_a_page_that_is_half_written_is_put_back(logged: Path, write: bool) -> None:
    cut_off(logged)
    said: list[str] = []
    with open_store(logged.parent, write=write, say=said.append) as store:
        assert store.missing(NAMES) == set()
    assert said == [
        f"{logged}: was put back as it was before it was closed, and nothing is lost: the program was killed just then"
    ]
    assert not before(logged).exists()


def test_without_the_copy_the_store_would_be_lost(logged: Path) -> None:
    """What this guards against is real: DuckDB cannot read such a file."""
    cut_off(logged)
    before(logged).unlink()
    with pytest.raises(Exception, match=r"Corrupt database file|cannot be read"):
        open_store(logged.parent, write=True)


def test_a_copy_that_was_not_yet_removed_is_no_way_back(logged: Path) -> None:
    """The checkpoint was done: what came after it would be lost."""
    shutil.copyfile(logged, before(logged))
    with open_store(logged.parent, write=True) as store:
        del store
    shutil.copyfile(logged, logged.with_suffix(".kept"))
    with open_store(logged.parent, write=True) as store:
        store.add_generations([Generation("after", text="x")])
    shutil.move(logged.with_suffix(".kept"), before(logged))
    said: list[str] = []
    with open_store(logged.parent, write=True, say=said.append) as store:
        assert store.missing([*NAMES, "after"]) == set()
    assert (said, before(logged).exists()) == ([], False)


def test_after_closing_all_is_in_the_one_file(logged: Path) -> None:
    open_store(logged.parent, write=True).close()
    assert sorted(path.name for path in logged.parent.iterdir()) == ["results.duckdb", "results.lock"]
    with open_store(logged.parent, write=False) as store:
        assert store.missing(NAMES) == set()


def test_a_long_log_is_folded_while_the_store_is_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LONG", 20_000)
    with open_store(home, write=True) as store:
        for i in range(8):
            store.add_generations([Generation(f"{i}-{n}", text=f"{n * 7919}" * 9) for n in range(300)])
            assert not log(store.path).exists() or log(store.path).stat().st_size < 200_000
        assert store.path.stat().st_size > 100_000, "it is in the file already"


def test_where_there_is_no_room_for_a_copy_the_log_stays(logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        open_store(logged.parent, write=True).close()
    assert log(logged).exists()
    with open_store(logged.parent, write=False) as store:
        assert store.missing(NAMES) == set()


def test_while_its_writer_lives_nothing_is_put_back(logged: Path) -> None:
    with held(logged.parent, "write"):
        shutil.copyfile(logged, before(logged))
        with pytest.raises(StoreBusy):
            open_store(logged.parent, write=False)
        assert before(logged).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from unittest import mock
from harness.store import open_store
real = Path.unlink
def struck(self, *given, **named):
    if self.suffix == ".before":
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *given, **named)
with mock.patch.object(Path, "unlink", struck):
    open_store(Path(sys.argv[1]), write=True).close()
"""


def test_killed_when_it_was_done(logged: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([sys.executable, "-c", KILLED, str(logged.parent)], env=env, check=False)
    assert ran.returncode == -signal.SIGKILL
    assert before(logged).exists()
    with open_store(logged.parent, write=True) as store:
        assert store.missing(NAMES) == set()
    assert not before(logged).exists()


def test_the_copy_is_on_the_disk_before_the_file_is_touched(logged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that loses its power has lost what was only handed to the system."""
    done: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (done.append("on the disk"), sync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda path, to: (done.append(Path(to).name), replace(path, to))[1])
    whole = log(logged).stat().st_size
    open_store(logged.parent, write=True).close()
    assert whole > 0
    assert done[:2] == ["on the disk", "results.before"]


def test_a_header_that_says_done_of_a_file_that_is_not(logged: Path) -> None:
    """The last page written need not be the last that reached the disk."""
    cut_off(logged)
    content = bytearray(logged.read_bytes())
    content[HEADERS - 8] ^= 0xFF
    logged.write_bytes(content)
    with open_store(logged.parent, write=True) as store:
        assert store.missing(NAMES) == set()


def test_nothing_is_folded_but_by_us(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB's own checkpoint, when 16 MB are in the log, keeps no copy of the file."""
    monkeypatch.setattr(database, "due", lambda path, *, closing: False)
    with open_store(home, write=True) as store:
        for part in range(3):
            store.add_generations([Generation(f"{part}-{n}", text=os.urandom(5000).hex()) for n in range(900)])
        assert log(store.path).exists()
        assert log(store.path).stat().st_size > 20 << 20
