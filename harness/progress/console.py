"""How far the run is, for a person: one live line on a terminal, a line now and then elsewhere.

trained 7/18 · sft@triage seed 1001 step 80/240, loss 0.312, rate 9.1e-05, gradient 0.84, 3,120 tokens/s · answers
12,400/41,230 · 3 min 10 s, about 4 min left
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

from harness.plural import plural
from harness.todo import Todo
from harness.trial import Step, Training
from harness.visible import visible

EVERY = 10.0
"""Seconds between lines where there is no terminal."""
LIVE = 0.2


@dataclass
class Console:
    """Prints to ``out`` (stderr by default, so that stdout stays clean for the verdict)."""

    quiet: bool = False
    out: TextIO = field(default_factory=lambda: sys.stderr)
    todo: Todo | None = None
    started: float = 0.0
    shown: float = 0.0
    width: int = 0
    told: str = ""
    answers: int = 0
    errors: int = 0
    trainings: int = 0
    current: dict[str, Step] = field(default_factory=dict)

    def begin(self, todo: Todo) -> None:
        """What follows is counted anew: a run may have several rounds, and a probe's is its second."""
        self.todo, self.started = todo, time.monotonic()
        self.answers = self.errors = self.trainings = 0
        self.current.clear()
        if todo.cells or todo.jobs:
            self._say(
                f"{plural(len(todo.jobs), 'training')} and up to {plural(todo.trials, 'answer')} to do · {expected(todo)}"
            )

    def train_step(self, label: str, step: Step) -> None:
        self.current[label] = step
        self._tick()

    def trained(self, training: Training) -> None:
        self.trainings += 1
        self.current.pop(f"{training.recipe}@{training.suite} seed {training.seed}", None)
        self._tick()

    def generated(self, count: int, errors: int) -> None:
        self.answers += count
        self.errors += errors
        self._tick()

    def scored(self, count: int) -> None:
        self._tick()

    def waiting(self, said: str) -> None:
        """One line, when it changes: a batch may take a day."""
        if said != self.told:
            self.told = said
            self._clear()
            self._say(said)

    def end(self) -> None:
        if self.todo is not None and (self.todo.cells or self.todo.jobs):
            self._clear()
            self._say(f"done in {clock(time.monotonic() - self.started)}: {self._counts()}")

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self.shown < (LIVE if self.out.isatty() else EVERY):
            return
        self.shown = now
        line = f"{self._counts()} · {clock(now - self.started)}{self._left(now)}"
        if self.out.isatty() and not self.quiet:
            self.out.write("\r" + visible(line).ljust(self.width))
            self.out.flush()
            self.width = len(line)
        else:
            self._say(line)

    def _counts(self) -> str:
        todo = self.todo
        parts = []
        if todo is not None and todo.jobs:
            parts.append(f"trained {self.trainings}/{len(todo.jobs)}")
        parts += [f"{label} {step_line(step)}" for label, step in list(self.current.items())[:2]]
        if todo is not None and todo.cells:
            parts.append(
                f"answers {self.answers:,}/{todo.trials:,}"
                + (f" ({plural(self.errors, 'error')})" if self.errors else "")
            )
        return " · ".join(parts)

    def _left(self, now: float) -> str:
        """What is left at the pace so far, counted in the time that training steps and answers took."""
        done, whole = self._work()
        if done <= 0.02 * whole or whole <= 0:
            return ""
        return f", about {clock((now - self.started) * (whole - done) / done)} left"

    def _work(self) -> tuple[float, float]:
        todo = self.todo
        if todo is None:
            return 0.0, 0.0
        step, trial = todo.seconds_per_step or 0.12, todo.seconds_per_trial or 0.006
        running = sum(step.step for step in self.current.values())
        each = todo.steps / len(todo.jobs) if todo.jobs else 0.0
        done = (self.trainings * each + running) * step + self.answers * trial
        return done, todo.steps * step + todo.trials * trial

    def _say(self, line: str) -> None:
        if not self.quiet:
            print(visible(line), file=self.out, flush=True)

    def _clear(self) -> None:
        if self.width:
            self.out.write("\r" + " " * self.width + "\r")
            self.width = 0


def step_line(step: Step) -> str:
    """``step 80/240, loss 0.312, rate 9.1e-05, gradient 0.84, 3,120 tokens/s``; what is not known is left out."""
    known = (
        ("loss {:.3f}", step.loss),
        ("rate {:.1e}", step.learning_rate),
        ("gradient {:.2g}", step.gradient),
        ("{:,.0f} tokens/s", step.speed),
    )
    return ", ".join([f"step {step.step}/{step.total}", *(said.format(v) for said, v in known if v is not None)])


def clock(seconds: float) -> str:
    """``3 min 10 s``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def expected(todo: Todo) -> str:
    """The estimate as a sentence, or why there is none."""
    if todo.seconds is None:
        return "no estimate: nothing was measured on this store yet"
    return f"about {clock(todo.seconds)} with {todo.workers} workers, at the pace measured before"
