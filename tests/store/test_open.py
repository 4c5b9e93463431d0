"""Opening a store: who may, and what is said when it cannot be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from harness.errors import BadInput, Incomplete, StoreBusy
from harness.store import Store, open_store
from harness.trial import Generation

HOLD = """
import sys, time
from pathlib import Path
from harness.store import open_store
with open_store(Path(sys.argv[1]), write=sys.argv[2] == "write") as store:
    print("open", flush=True)
    sys.stdin.readline()
"""

KEEP_WRITING = """
import sys
from pathlib import Path
from harness.store import open_store
from harness.trial import Generation
with open_store(Path(sys.argv[1]), write=True) as store:
    for batch in range(10_000):
        store.add_generations([Generation(f"{batch}-{i}", text="x" * 200) for i in range(500)])
        print(batch, flush=True)
"""

FORK = """
import os, sys, time
from pathlib import Path
from harness.store import open_store
store = open_store(Path(sys.argv[1]), write=True)
if os.fork() == 0:
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def child(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *arguments]
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


@contextmanager
def held(home: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """Another process has the store open."""
    with child(HOLD, str(home), how) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def made(home: Path) -> Path:
    """The file of a store with some rows."""
    with open_store(home, write=True) as store:
        store.add_generations([Generation(f"t{i}", text=f"{i}" * 100) for i in range(20_000)])
    return home / "results.duckdb"


# --- one writer


def test_a_second_writer_is_told_who_writes_since_when_and_what_to_do(home: Path) -> None:
    with held(home, "write") as process, pytest.raises(StoreBusy) as caught:
        open_store(home, write=True)
    message = str(caught.value)
    assert message.startswith(f"{home}: process {process.pid} has been writing to this store since 20")
    assert message.endswith(" UTC: wait for it with --wait SECONDS, or use another store")


def test_a_reader_is_told_who_writes(home: Path) -> None:
    with held(home, "write") as process, pytest.raises(StoreBusy, match=f"process {process.pid} has been writing"):
        open_store(home, write=False)


def test_a_writer_is_told_of_readers_and_readers_share(made: Path) -> None:
    with held(made.parent, "read"):
        with open_store(made.parent, write=False) as store:
            assert store.missing(["t1", "new"]) == {"new"}
        with pytest.raises(StoreBusy, match="another process is reading this store"):
            open_store(made.parent, write=True)


def test_waiting_ends_when_the_writer_ends(home: Path) -> None:
    said: list[str] = []
    with held(home, "write") as process:

        def let_go(line: str) -> None:
            said.append(line)
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

        with open_store(home, write=True, wait=60, say=let_go) as store:
            assert store.experiments() == []
    assert len(said) == 1
    assert said[0].endswith(": waiting up to 60 s")


def test_waiting_has_an_end(home: Path) -> None:
    with held(home, "write"):
        start = time.monotonic()
        with pytest.raises(StoreBusy):
            open_store(home, write=True, wait=0.3)
        assert time.monotonic() - start >= 0.3


def test_a_second_writer_in_this_process_is_refused_too(home: Path) -> None:
    with open_store(home, write=True):
        with pytest.raises(StoreBusy, match=f"process {os.getpid()} "):
            open_store(home, write=True)
        with pytest.raises(StoreBusy, match=f"process {os.getpid()} "):
            open_store(home, write=False)
    open_store(home, write=True).close()


def test_a_killed_writer_leaves_no_lock(home: Path) -> None:
    with held(home, "write") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with open_store(home, write=True) as store:
            assert store.missing(["t1"]) == {"t1"}


def test_closing_frees_the_store_though_a_worker_has_a_copy_of_the_lock(home: Path) -> None:
    store = open_store(home, write=True)
    copies = [os.dup(descriptor) for descriptor in _descriptors(home / "results.lock")]  # what a fork does, no earlier
    try:
        assert copies
        store.close()
        open_store(home, write=True).close()
    finally:
        for copy in copies:
            os.close(copy)


def _descriptors(path: Path) -> list[int]:
    return [int(one.name) for one in Path("/proc/self/fd").iterdir() if one.resolve() == path.resolve()]


def test_a_forked_worker_does_not_keep_the_lock_of_its_killed_parent(home: Path) -> None:
    with child(FORK, str(home)) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        try:
            process.send_signal(signal.SIGKILL)
            process.wait()
            open_store(home, write=True).close()
        finally:
            os.kill(worker, signal.SIGKILL)


def test_a_forked_worker_that_ends_does_not_free_the_lock(home: Path) -> None:
    with open_store(home, write=True):
        worker = os.fork()
        if worker == 0:  # pragma: no cover
            os._exit(0)
        os.waitpid(worker, 0)
        with pytest.raises(StoreBusy):
            open_store(home, write=True)


def test_a_program_that_is_not_ours_is_named_as_such(made: Path) -> None:
    with duckdb.connect(str(made)), pytest.raises(StoreBusy, match="another program has it open"):
        open_store(made.parent, write=False)


# --- killed while writing


def test_what_was_acknowledged_survives_a_kill_and_is_there_once(home: Path) -> None:
    with child(KEEP_WRITING, str(home)) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(12)][-1] + 1
        process.send_signal(signal.SIGKILL)
    for write in (False, True):  # a reader finds the log of the killed writer, a writer folds it in
        with open_store(home, write=write) as store:
            assert store.missing([f"{batch}-{i}" for batch in range(acknowledged) for i in range(500)]) == set()
    with open_store(home, write=True) as store:
        store.add_generations([Generation(f"{batch}-{i}", text="again") for batch in range(12) for i in range(500)])
    with duckdb.connect(str(home / "results.duckdb")) as connection:
        counted = connection.execute("SELECT count(*), count(DISTINCT trial_id) FROM generations").fetchall()
    rows, distinct = counted[0]
    assert rows == distinct >= acknowledged * 500
    assert rows % 500 == 0, "the batch that was cut off is there whole or not at all"


def test_a_failed_batch_leaves_nothing_and_the_store_usable(store: Store) -> None:
    with pytest.raises(Exception, match=r"cannot|convert|expected"):
        store.add_generations([Generation("a", text="a"), Generation("b", text="b", seconds="soon")])  # type: ignore[arg-type]
    assert store.missing(["a", "b"]) == {"a", "b"}
    store.add_generations([Generation("a", text="a")])
    assert store.missing(["a", "b"]) == {"b"}


def test_a_page_that_is_damaged_is_one_sentence(made: Path) -> None:
    content = bytearray(made.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\x55" * 4096
    made.write_bytes(content)
    with open_store(made.parent, write=False) as store, pytest.raises(BadInput, match="Corrupt database file"):
        store.replies([f"t{i}" for i in range(20_000)])


# --- what cannot be opened


def test_nothing_to_read(home: Path) -> None:
    with pytest.raises(Incomplete, match=r"no results yet at .*results\.duckdb: run `harness run`"):
        open_store(home, write=False)
    assert not home.exists(), "reading makes no folder"


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("content", [b"", b"hello" * 10_000])
def test_not_a_database(home: Path, content: bytes, write: bool) -> None:
    home.mkdir()
    (home / "results.duckdb").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read or written as a store"):
        open_store(home, write=write)
    assert (home / "results.duckdb").read_bytes() == content


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("share", [0.0005, 0.1, 0.5, 0.97])
def test_a_truncated_file_is_refused_at_once(made: Path, share: float, write: bool) -> None:
    whole = made.read_bytes()
    made.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput, match=r"the file is damaged or not ours|truncated"):
        open_store(made.parent, write=write)
    made.write_bytes(whole)
    with open_store(made.parent, write=write) as store:
        assert store.missing(["t1"]) == set()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (99, r"written by a newer harness \(schema 99, this one reads 5\): pip install -U tuneworthy"),
    ],
)
def test_another_version_is_refused(made: Path, version: int, said: str) -> None:
    with duckdb.connect(str(made)) as connection:
        connection.execute("UPDATE meta SET value = ?", [str(version)]).fetchall()
    with pytest.raises(BadInput, match=said):
        open_store(made.parent, write=True)


def test_another_database_is_refused(home: Path) -> None:
    home.mkdir()
    with duckdb.connect(str(home / "results.duckdb")) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)").fetchall()
    with pytest.raises(BadInput, match="a DuckDB file, but not a store of the harness"):
        open_store(home, write=True)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    with pytest.raises(BadInput, match="cannot be made a folder: File exists"):
        open_store(home, write=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(made: Path) -> None:
    home = made.parent
    (home / "results.lock").unlink()
    home.chmod(0o500)
    try:
        with pytest.raises(BadInput, match="cannot be written: Permission denied"):
            open_store(home, write=True)
        with open_store(home, write=False) as store:
            assert store.missing(["t1"]) == set()
    finally:
        home.chmod(0o700)


def test_a_lock_that_cannot_be_opened_stops_writers_alone(made: Path) -> None:
    """A read-only store of somebody else's, for root too: the lock's name leads nowhere."""
    home = made.parent
    (home / "results.lock").unlink()
    (home / "results.lock").symlink_to("results.lock")
    with pytest.raises(BadInput, match="cannot be written: Too many levels of symbolic links: choose a folder"):
        open_store(home, write=True)
    with open_store(home, write=False) as store:
        assert store.missing(["t1"]) == set()
