"""Supervised fine-tuning by TRL: loss on the answer alone, rows of about one length together.

With ``packing`` the rows of a batch are laid end to end, each seeing itself alone: the same losses without padding. TRL's own
packing fills rows up to a length, which puts other rows into an update than the recipe says.
"""

from __future__ import annotations

from typing import Any

from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.sampler import BY_LENGTH
from harness.training.session import Session
from harness.training.start import policy
from harness.trial import Training

IGNORED = -100


def train(job: Job, say: Say) -> Training:
    """Train ``job``; errors as ``harness.training.train``."""
    session = Session(job, say)
    return session.run(lambda: _trainer(session))


def _trainer(session: Session) -> Any:
    from trl.trainer.sft_config import SFTConfig

    return session.trainer("SFTTrainer")(
        model=policy(session),
        args=SFTConfig(
            **session.arguments(),
            max_length=None,
            shuffle_dataset=False,
            train_sampling_strategy=BY_LENGTH,
            padding_free=session.job.recipe.packing,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=session.dataset([_row(lesson) for lesson in session.lessons]),
        processing_class=session.chat.tokenizer,
    )


def _row(lesson: Lesson) -> dict[str, Any]:
    """As TRL's own preparation would give it, for one answer."""
    answer = lesson.answers[0]
    return {
        "input_ids": lesson.prompt + answer,
        "labels": [IGNORED] * len(lesson.prompt) + answer,
    }
