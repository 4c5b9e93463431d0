"""What else goes wrong with a machine: each disaster is brought about for real, and what follows must reach the undisturbed rows.

for outcome in Disasters(folder, server, seed=1).all(): print(outcome)     # Outcome('full disk, 1.5 MB', True, 'exit 4: …')

A full disk and a store that cannot be written are file systems of their own (tmpfs), for which one must be root; a clock that jumps is
libfaketime's. What the machine cannot do is told as left out, and is no success.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from tests.conftest import Project
from tests.faults import world
from tests.faults.marks import Marks, Strike, marked
from tests.faults.nursery import Run, call, start
from tests.faults.state import State, differences, doubled, state_of
from tests.faults.vendor import ROOT, Server

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SIZES_MB = (0.1, 0.3, 0.5, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 3.6)
"""Of the full disk; a whole run of the lean project takes 4 MB."""
JUMPS = ("-3y", "+2d", "-10y", "+1y", "-1h", "+0")
"""Where the clock stands, one after the other, while a run goes on."""


@dataclass(frozen=True)
class Outcome:
    """What was done, whether all was as it must be (None: it could not be done here), and what was seen."""

    what: str
    right: bool | None
    seen: str = ""


@dataclass
class Disasters:
    """All of them, on copies of two projects below ``folder``."""

    folder: Path
    server: Server
    seed: int = 1
    lean: Project | None = None
    quick: Project = field(init=False)
    expected: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.quick = world.make_quick(self.folder / "quick", self.server.url)

    def prepare(self, *, trained: bool) -> None:
        """What undisturbed runs make."""
        if trained:
            log = self.folder / "lean.log"
            self.lean = call(lambda: world.make_lean(self.folder / "lean", self.server.url), log)
        for name, project in (("lean", self.lean), ("quick", self.quick)):
            if project is not None:
                whole = world.copied(project, self.folder / f"{name}-undisturbed")
                self._run(whole)
                self.expected[name] = call(lambda home=whole.folder / ".harness": state_of(home))

    def all(self) -> Iterator[Outcome]:
        """One after the other."""
        yield from self.full_disk()
        yield from self.read_only()
        yield from self.clock()
        yield from self.cut_caches()
        yield from self.cut_checkpoints()
        yield from self.cut_adapters()
        yield from self.cut_log()
        yield from self.second_process()
        yield from self.dying_judge()

    # --- disks

    def full_disk(self) -> Iterator[Outcome]:
        """The store's folder is a disk that is too small; then it has room."""
        for size in SIZES_MB:
            what = f"full disk, {size} MB"
            here = world.copied(self.lean or self.quick, self._fresh("full"))
            with _disk(here.folder / ".harness", size) as disk:
                if disk is None:
                    yield Outcome(what, None, "no file system can be mounted here")
                    return
                said = self._said(here, marks=True)
                disk.grow()
                yield self._after(what, here, said)

    def read_only(self) -> Iterator[Outcome]:
        """A store that cannot be written: reading goes on, writing says so."""
        here = world.copied(self.quick, self._fresh("sealed"))
        with _disk(here.folder / ".harness", 64) as disk:
            if disk is None:
                yield Outcome("read-only store", None, "no file system can be mounted here")
                return
            self._killed(here, Strike("judging", 1))
            disk.seal()
            said = self._said(here)
            read = call(lambda: world.called("verdict", here.experiment), self.folder / "sealed.log")
            disk.unseal()
            outcome = self._after("read-only store", here, said)
            refused = said.startswith("harness: ") and "cannot be" in said
            yield Outcome(outcome.what, outcome.right and refused and read in (2, 3), outcome.seen)

    # --- the clock

    def clock(self) -> Iterator[Outcome]:
        """The clock jumps by years while a run goes on, and between a kill and what follows."""
        if not FAKETIME.exists():
            yield Outcome("clock jumps", None, "libfaketime is not installed")
            return
        here = world.copied(self.quick, self._fresh("clock"))
        with self._slow():
            when = self.folder / "faketime"
            when.write_text(JUMPS[0])
            process = self._cold(here, when)
            jumps = 0
            while process.poll() is None:
                time.sleep(0.4)
                jumps += 1
                when.write_text(JUMPS[jumps % len(JUMPS)])
            _, said = process.communicate()
        yield self._after(f"clock jumps while a run goes on ({jumps} times)", here, said)
        for first, then in (("+3y", "-3y"), ("-10y", "+10y")):
            here = world.copied(self.quick, self._fresh("clock"))
            with self._slow():
                when.write_text(first)
                process = self._cold(here, when)
                time.sleep(self.random.uniform(3.0, 6.0))
                process.kill()
                process.communicate()
                when.write_text(then)
                process = self._cold(here, when)
                _, said = process.communicate(timeout=120)
            yield self._after(f"clock at {first}, killed, then at {then}", here, said)

    # --- files that are cut off

    def cut_caches(self) -> Iterator[Outcome]:
        """What was found once is cut off, emptied or garbled: it is found anew."""
        if self.lean is None:
            return
        whole = world.copied(self.lean, self._fresh("caches"))
        home = whole.folder / ".harness"
        self._run(whole)
        before = call(lambda: _verdict(whole), self.folder / "caches.log")
        caches = sorted(path for name in ("overlaps", "taught") for path in (home / name).glob("*.json"))
        for how in (_truncated, _emptied, _garbled):
            for path in caches:
                how(path, self.random)
            after = call(lambda: _verdict(whole), self.folder / "caches.log")
            yield Outcome(f"caches {how.__name__.strip('_')} ({len(caches)})", after == before and bool(caches))

    def cut_checkpoints(self) -> Iterator[Outcome]:
        """Killed in training, and a file of its newest checkpoint is cut off too."""
        for i in range(8 if self.lean else 0):
            here = world.copied(self.lean, self._fresh("checkpoint"))  # type: ignore[arg-type]
            # the seventh moment is the third step of the first training: two checkpoints are there
            self._killed(here, Strike("training", 5 + i % 3, "both"))
            found = sorted((here.folder / ".harness/adapters").glob("*.work/checkpoint-*"))
            files = [path for path in (found[-1].iterdir() if found else ()) if path.stat().st_size > 0]
            if not files:
                continue
            cut = sorted(files)[self.random.randrange(len(files))]
            _truncated(cut, self.random)
            said = self._said(here)
            yield self._after(f"checkpoint's {cut.name} cut off", here, said)

    def cut_adapters(self) -> Iterator[Outcome]:
        """Finished adapters lose the end of a file before anything was answered with them."""
        for name in ("adapter_model.safetensors", "adapter_config.json", "training.json") if self.lean else ():
            here = world.copied(self.lean, self._fresh("adapter"))  # type: ignore[arg-type]
            self._killed(here, Strike("generation", 1, "both"), until_trained=True)
            adapters = [a for a in (here.folder / ".harness/adapters").iterdir() if a.suffix != ".work"]
            for adapter in adapters:
                _truncated(adapter / name, self.random)
            said = self._said(here)
            told = said.startswith("harness: ") and str(adapters[0].parent) in said if adapters else False
            if told:  # what it says to do
                for adapter in adapters:
                    shutil.rmtree(adapter)
            outcome = self._after(f"adapters' {name} cut off", here, said)
            yield Outcome(outcome.what, outcome.right and bool(adapters), outcome.seen)

    def cut_log(self) -> Iterator[Outcome]:
        """Killed between commits, and the end of the store's log never reached the disk."""
        for _ in range(6):
            here = world.copied(self.quick, self._fresh("log"))
            self._killed(here, Strike("store", self.random.randrange(40, 120)))
            log = here.folder / ".harness/results.duckdb.wal"
            if not log.exists():
                continue
            whole = log.stat().st_size
            _truncated(log, self.random)
            left = log.stat().st_size
            said = self._said(here)
            yield self._after(f"store's log cut off from {whole:,} to {left:,} B", here, said)

    # --- company

    def second_process(self) -> Iterator[Outcome]:
        """While a run works, others run, wait and read."""
        here = world.copied(self.quick, self._fresh("second"))
        with self._slow():
            first = start(lambda: marked(Marks(), lambda: world.measure(here)), self.folder / "first.log")
            lock = here.folder / ".harness/results.lock"
            while not (lock.exists() and lock.stat().st_size):
                time.sleep(0.02)
            second = self._said(here)
            reader = call(lambda: world.called("verdict", here.experiment), self.folder / "reader.log")
            waiting = start(lambda: world.called("run", here.experiment, "--wait", "120"), self.folder / "waiting.log")
            how, _ = first.wait()
            waited, _ = waiting.wait()
        right = f"process {first.pid} has been writing" in second and reader == 4 and (how, waited) == ("ended",) * 2
        outcome = self._after("a second, a third and a reading process", here, second)
        yield Outcome(outcome.what, outcome.right and right, outcome.seen)

    def dying_judge(self) -> Iterator[Outcome]:
        """The server behind answers and judge is killed while it answers."""
        for down in (0.3, 1.5, 4.0):
            here = world.copied(self.quick, self._fresh("judge"))
            with self._slow():
                run = self._begun(here)
                time.sleep(self.random.uniform(0.5, 2.0))
                self.server.die()
                time.sleep(down)
                self.server.come_back()
                how, _ = run.wait()
            outcome = self._after(f"the judge dies and is back after {down} s", here, how, resume=False)
            yield Outcome(outcome.what, outcome.right and how == "ended", outcome.seen)
        here = world.copied(self.quick, self._fresh("judge"))
        with self._slow():
            run = start(lambda: marked(Marks(), lambda: _impatient(here)), self.folder / "judge.log")
            time.sleep(self.random.uniform(0.5, 2.0))
            self.server.die()
            how, _ = run.wait()
            self.server.come_back()
        with_errors = call(lambda: _errors(here.folder / ".harness"))
        outcome = self._after(
            "the judge dies for good, and is there for the next run", here, f"{with_errors} errors kept"
        )
        yield Outcome(outcome.what, outcome.right and how == "ended" and with_errors > 0, outcome.seen)

    # --- how it is done

    def _run(self, project: Project) -> None:
        call(lambda: marked(Marks(), lambda: world.measure(project)), self.folder / "run.log")

    def _begun(self, project: Project) -> Run:
        return start(lambda: marked(Marks(), lambda: world.measure(project)), self.folder / "begun.log")

    def _killed(self, project: Project, strike: Strike, *, until_trained: bool = False) -> None:
        """Struck there; with ``until_trained`` once more, until all adapters are finished."""
        for _ in range(20):
            marks = Marks(strike)
            start(lambda marks=marks: marked(marks, lambda: world.measure(project)), self.folder / "killed.log").wait()
            adapters = list((project.folder / ".harness/adapters").glob("*"))
            if not until_trained or len([a for a in adapters if a.suffix != ".work"]) == 2:
                return
            strike = Strike("training", marks.counts()["training"] + 9, "both")

    def _said(self, project: Project, *, marks: bool = True) -> str:
        """What a run that may fail says on stderr."""
        log = self.folder / "said.log"
        log.unlink(missing_ok=True)
        start(lambda: marked(Marks(), lambda: world.measure(project)) if marks else None, log).wait()
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if any("Traceback" in line for line in lines):
            return "\n".join(lines)
        return next((line for line in lines if line.startswith("harness: ")), "")

    def _cold(self, project: Project, clock: Path) -> subprocess.Popen[str]:
        """The command line in a process of its own, under another clock."""
        env = os.environ | {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(ROOT),
            "OPENAI_API_KEY": "sk-not-a-key",
        }
        command = [sys.executable, "-m", "harness.cli", "run", str(project.experiment)]
        return subprocess.Popen(command, env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def _after(self, what: str, project: Project, said: str, *, resume: bool = True) -> Outcome:
        """Run to the end, and compare."""
        kind = "lean" if (project.folder / "suites/label").exists() else "quick"
        home = project.folder / ".harness"
        try:
            if resume:
                self._run(project)
            wrong = differences(call(lambda: state_of(home)), self.expected[kind]) + call(lambda: doubled(home))
        except RuntimeError as error:
            wrong = [str(error)[-1500:]]
        if "Traceback" in said:
            wrong.append("a traceback")
        return Outcome(what, not wrong, "; ".join([said[:300].strip(), *wrong]).strip("; "))

    def _fresh(self, name: str) -> Path:
        here = self.folder / name
        shutil.rmtree(here, ignore_errors=True)
        return here

    @contextmanager
    def _slow(self) -> Iterator[None]:
        """The server takes its time, so that there is one to do something in."""
        self.server.die()
        self.server.latency = 0.3
        self.server.come_back()
        try:
            yield
        finally:
            self.server.die()
            self.server.latency = 0.0
            self.server.come_back()


@dataclass
class _Disk:
    place: Path

    def grow(self) -> None:
        self._again("size=256m")

    def seal(self) -> None:
        self._again("ro")

    def unseal(self) -> None:
        self._again("rw")

    def _again(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.place)], check=True, capture_output=True)


@contextmanager
def _disk(place: Path, megabytes: float) -> Iterator[_Disk | None]:
    """A file system of that size; None where none can be mounted."""
    place.mkdir(parents=True, exist_ok=True)
    option = f"size={round(megabytes * 1024)}k"
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(place)], check=False, capture_output=True
        )
    except OSError:
        yield None
        return
    if mounted.returncode:
        yield None
        return
    try:
        yield _Disk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def _truncated(path: Path, draw: random.Random) -> None:
    size = path.stat().st_size
    os.truncate(path, draw.randrange(max(1, size)))


def _emptied(path: Path, draw: random.Random) -> None:
    path.write_bytes(b"")


def _garbled(path: Path, draw: random.Random) -> None:
    path.write_bytes(draw.randbytes(64))


def _verdict(project: Project) -> dict[str, Any]:
    """What is decided, and why."""
    from harness.evidence import evidence
    from harness.experiment import load_experiment

    with evidence(load_experiment(project.experiment)) as found:
        made: dict[str, Any] = json.loads(
            json.dumps({name: one.as_dict() for name, one in found.verdicts.items()}, default=str)
        )
    for one in made.values():
        for suite in one["suites"].values():
            suite.pop("ledger", None)
    return made


def _impatient(project: Project) -> int:
    """A run that gives up on a server after a second."""
    from harness.models import flight

    with mock.patch.object(flight, "pause", return_value=0.05):
        return world.measure(project)


def _errors(home: Path) -> int:
    import duckdb

    with duckdb.connect(str(home / "results.duckdb"), read_only=True) as connection:
        return int(connection.execute("SELECT count(error) FROM generations").fetchall()[0][0])
