"""SIGKILL at moments that a seed draws, and whether what follows reaches the rows of an undisturbed run.

campaign = Campaign(project, folder, seed=1)
campaign.prepare()                          # runs undisturbed, and keeps the project as it stood before each phase
campaign.kill("judging", 40)
campaign.tally["judging"].kills             # 40

Every kill begins with a project as it stood at a stage: before anything, with its adapters trained, with everything answered, or
done but for the report. It is struck once, sometimes again while it is taken up, and then run to its end.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Project
from tests.faults import world
from tests.faults.marks import PHASES, Marks, Strike, marked, reporting
from tests.faults.nursery import call, start
from tests.faults.state import State, differences, doubled, state_of

AGAIN = 0.25
"""Share of runs that are struck once more while they are taken up."""
LATEST = 0.04
"""Seconds between a moment and its kill, at most."""
SOON = 0.1
"""Seconds after a driver's death in which its worker must be dead."""
STAGES = {
    "training": ("fresh",),
    "generation": ("trained", "fresh"),
    "judging": ("answered",),
    "scoring": ("answered",),
    "store": ("fresh", "trained", "answered"),
    "report": ("done",),
}
"""Phase → the stages that its kills begin with."""


@dataclass
class Tally:
    """What the kills in one phase came to."""

    kills: int = 0
    driver: int = 0
    worker: int = 0
    both: int = 0
    resumed: int = 0
    unhit: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Campaign:
    """Kills of one project; ``trained`` says whether it has workers."""

    project: Project
    folder: Path
    seed: int = 1
    trained: bool = True
    tally: dict[str, Tally] = field(default_factory=lambda: {phase: Tally() for phase in PHASES})
    expected: State = field(default_factory=dict)
    undisturbed: float = 0.0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)
    _stages: dict[str, Project] = field(default_factory=dict)

    def prepare(self) -> None:
        """What an undisturbed run makes, how many moments each phase has, and the project at the beginning of each."""
        self._random.seed(self.seed)
        self.folder.mkdir(parents=True)
        whole = world.copied(self.project, self.folder / "undisturbed")
        started, marks = time.monotonic(), Marks()
        call(lambda: marked(marks, lambda: self._whole(whole, marks)), self.folder / "undisturbed.log")
        self.undisturbed = time.monotonic() - started
        self.expected = call(lambda: state_of(whole.folder / ".harness"))
        found = marks.counts()
        self._stages, self.counts = {"fresh": self.project}, {"fresh": found}
        if self.trained:
            self._stage("trained", Strike("training", found["training"]))
            self._stage("answered", Strike("judging", 1))
        self._stages["done"], self.counts["done"] = whole, {"report": found["report"] // 2}

    def kill(self, phase: str, times: int) -> None:
        """So many kills of that phase, each taken up to the end."""
        tally = self.tally[phase]
        until = tally.kills + times
        while tally.kills < until:
            self._once(phase, tally)

    # --- one kill

    def _once(self, phase: str, tally: Tally) -> None:
        here = self.folder / "struck"
        shutil.rmtree(here, ignore_errors=True)
        stages = [name for name in STAGES[phase] if self.counts.get(name, {}).get(phase)] or ["fresh"]
        stage = self._random.choice(stages)
        project, log = world.copied(self._stages[stage], here), self.folder / "struck.log"
        strikes = [self._drawn(phase, stage)]
        hit = self._struck(project, strikes[0], log, tally)
        if not hit:  # it ended before its moment came: answers come in other batches each time
            tally.unhit += 1
        elif self._random.random() < AGAIN:
            strikes.append(self._drawn(phase, stage))
            self._struck(project, strikes[1], log, tally)
        try:
            self._resume(project, self.folder / "resumed.log", report=phase == "report")
        except (RuntimeError, AssertionError) as error:
            tally.wrong.append(f"{phase} from {stage}: {strikes}: {error}")
            shutil.copytree(here, self.folder / f"wrong-{phase}-{len(tally.wrong)}", dirs_exist_ok=True)
            return
        tally.resumed += hit

    def _struck(self, project: Project, strike: Strike, log: Path, tally: Tally) -> bool:
        """Whether the run was killed; the store has nothing twice then."""
        marks = Marks(strike)
        log.unlink(missing_ok=True)
        run = start(lambda: marked(marks, lambda: self._whole(project, marks)), log)
        how, what = run.wait()
        if how == "late":
            tally.wrong.append(f"{strike}: hangs")
            return False
        died = (how, what) == ("killed", signal.SIGKILL) or (how == "ended" and "a worker died" in _said(log))
        hit = died and bool(marks.hit)
        if hit:
            tally.kills += 1
            setattr(tally, marks.hit, getattr(tally, marks.hit) + 1)
        time.sleep(SOON)
        if run.orphans:
            tally.wrong.append(f"{strike}: a worker lives on")
            run.sweep()
        home = project.folder / ".harness"
        twice = call(lambda: doubled(home)) if (home / "results.duckdb").exists() else []
        tally.wrong += [f"{strike}: doubled after the kill: {one}" for one in twice]
        tally.wrong += [f"{strike}: {page} is cut off" for page in _cut_off(project)]
        return hit

    def _resume(self, project: Project, log: Path, *, report: bool) -> None:
        log.unlink(missing_ok=True)
        codes = call(lambda: marked(Marks(), lambda: self._whole(project, Marks(), report=report)), log)
        said, home = _said(log), project.folder / ".harness"
        assert "Traceback" not in said, said[-2000:]
        wrong = differences(call(lambda: state_of(home)), self.expected) + call(lambda: doubled(home))
        assert not wrong, f"{codes} {wrong}"
        assert not _cut_off(project), "the report is cut off"

    def _drawn(self, phase: str, stage: str) -> Strike:
        draw = self._random
        victim = draw.choices(["driver", "worker", "both"], [6, 3, 1])[0] if self.trained else "driver"
        delay = 0.0 if draw.random() < 0.5 else draw.uniform(0.0, LATEST)
        return Strike(phase, draw.randint(1, self.counts[stage][phase]), victim, delay)

    # --- stages

    def _stage(self, name: str, strike: Strike) -> None:
        """The project as it stands when it is killed so, and how many moments each phase has from there on."""
        stage = self._stages[name] = world.copied(self.project, self.folder / name)
        marks, log = Marks(strike), self.folder / "stages.log"
        how, _ = start(lambda: marked(marks, lambda: self._whole(stage, marks)), log).wait()
        assert how == "killed", f"{name}: {how}"
        rest, marks = world.copied(stage, self.folder / "rest"), Marks()
        call(lambda: marked(marks, lambda: self._whole(rest, marks)), log)
        self.counts[name] = marks.counts()
        shutil.rmtree(rest.folder)

    def _whole(self, project: Project, marks: Marks, *, report: bool = True) -> list[int]:
        """Everything, from the first row to the report; the exit codes."""
        codes = [world.measure(project)]
        if report:
            with reporting(marks):
                codes.append(world.report(project))
        return codes


def _said(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def _cut_off(project: Project) -> list[str]:
    pages = project.folder.glob("reports/*/report.html")
    return [page.name for page in pages if not page.read_text(encoding="utf-8").rstrip().endswith("</html>")]
