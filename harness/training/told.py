"""What is told of a training while it runs, step by step, and what of it is kept: losses, rates, tokens a second.

progress(session)                  a callback for the trainer; it also stops what is broken, and keeps what dev looks at
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import Diverged
from harness.training import parallel
from harness.training.checkpoint import SECONDS, last_checkpoint
from harness.training.track import remember
from harness.trial import Step

if TYPE_CHECKING:
    from harness.training.session import Session


@dataclass
class Pace:
    """Tokens and seconds of the steps so far."""

    tokens: float = 0.0
    seconds: float = 0.0

    @property
    def mean(self) -> float | None:
        """Tokens a second."""
        return self.tokens / self.seconds if self.seconds else None

    def add(self, tokens: float, seconds: float) -> float | None:
        """One step's; returns its own pace."""
        self.tokens += tokens
        self.seconds += seconds
        return tokens / seconds if seconds else None


def progress(session: Session) -> Any:
    """The trainer's callback."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        begun = 0.0
        counted: float | None = None
        """Tokens up to the step before; after a resume some trainers begin to count anew, so that the first is not known."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            remember(session.job)  # the trackers' own callbacks come first

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.begun = time.perf_counter()
            if state.global_step == 0:
                self.counted = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            looks = session.looks
            if looks.due(state.global_step, state.max_steps):
                session.write(model, looks.folder(state.global_step))
                control.should_save = True
                control.should_training_stop = session.job.recipe.patience is not None

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss, gradient = float(logs["loss"]), float(logs.get("grad_norm", 0.0))
            _refuse_broken(session, state.global_step, loss, gradient)
            if state.global_step == 1 and session.first_loss:
                session.first_loss(session, loss)
            rate = float(logs["learning_rate"]) if "learning_rate" in logs else None
            session.say(Step(state.global_step, state.max_steps, loss, rate, gradient, self._speed(logs)))

        def _speed(self, logs: dict[str, float]) -> float | None:
            seconds, before = time.perf_counter() - self.begun, self.counted
            self.counted = logs.get("num_tokens")
            if self.counted is None or before is None:
                return None
            return session.pace.add(self.counted - before, seconds)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if parallel.rank():
                return
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / SECONDS
            path.write_text(json.dumps(session.seconds), encoding="utf-8")

    return Progress()


def losses(history: Sequence[dict[str, float]]) -> list[tuple[int, float, float, float]]:
    """(step, loss, learning rate, gradient norm) of what the trainer logged."""
    logged = [entry for entry in history if "loss" in entry]
    return [(int(e["step"]), float(e["loss"]), float(e["learning_rate"]), float(e["grad_norm"])) for e in logged]


def _refuse_broken(session: Session, step: int, loss: float, gradient: float) -> None:
    """A gradient that is no number makes weights that are none, before any loss tells; it is logged before they are saved.

    Raises:
        Diverged: saying which, and what is left.
    """
    for what, number in (("loss", loss), ("norm of the gradient", gradient)):
        if not math.isfinite(number):
            raise Diverged(
                f"{session.job.named}: the {what} of step {step} is {number}: lower learning_rate and run again; the last good "
                f"checkpoint stays: {last_checkpoint(session.job.work) or 'there was none yet'}"
            )
