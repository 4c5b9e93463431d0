"""What a worker does with what it is handed, wherever it runs. Heavy packages are imported here, in workers alone.

performer = Performer()
for generations in performer.answers(Asked(model, home, trials)): ...
training = performer.train(job, say)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.experiment import Model
from harness.trial import Generation, Training, Trial

if TYPE_CHECKING:
    from harness.metrics.juror import Juror
    from harness.training.job import Job, Say

ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    # glibc gives freed memory back after every training step, and faults it in again: 2–5× slower without these
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Variables that a worker must have before it imports torch; what is set already stays."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Trials for one base model; with a ``juror`` they are its questions."""

    model: Model
    home: Path
    trials: Sequence[Trial]
    batch_tokens: int | None = None
    juror: Juror | None = None


class Performer:
    """Holds one base model at a time, loaded once."""

    def __init__(self) -> None:
        self._held: tuple[str, Any] | None = None

    def train(self, job: Job, say: Say) -> Training:
        """As ``harness.training.train``."""
        from harness.training import train

        return train(job, say=say)

    def check(self, asked: Asked) -> None:
        """Refuse prompts that are too long.

        Raises:
            BadInput: naming the first of them.
        """
        self._backend(asked).check(asked.trials)

    def answers(self, asked: Asked) -> Iterator[list[Generation]]:
        """A finished batch at a time; what a juror cannot read is an error."""
        from harness.grade import checked

        juror = asked.juror
        for batch in self._backend(asked).generate(asked.trials):
            yield batch if juror is None else [checked(juror, generation) for generation in batch]

    def _backend(self, asked: Asked) -> Any:
        from harness.models.local import Local

        key = asked.model.model_dump_json()
        if self._held is None or self._held[0] != key:
            if self._held is not None:
                self._held[1].close()
            self._held = key, Local(asked.model, home=asked.home, batch_tokens=asked.batch_tokens)
        return self._held[1]
