"""Kahneman-Tversky optimisation (arXiv 2402.01306) by TRL: answers that are good or not, each by itself.

Ratings are what people give most cheaply, a thumb up or down. Preferences are taken apart into them where a suite has no
ratings. KTO holds each answer against those of its batch, so rows are shuffled here and taken in that order.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.session import Session
from harness.training.start import policy
from harness.trial import Training


def train(job: Job, say: Say) -> Training:
    """Train ``job``; errors as ``harness.training.train``."""
    session = Session(job, say)
    return session.run(lambda: _trainer(session))


def _trainer(session: Session) -> Any:
    from trl.trainer.kto_config import KTOConfig

    job = session.job
    shuffled = random.Random(job.seed).sample(session.lessons, len(session.lessons))
    return session.trainer("KTOTrainer")(
        model=policy(session),
        args=KTOConfig(
            **session.arguments(), beta=job.recipe.strength, max_length=None, train_sampling_strategy="sequential"
        ),
        train_dataset=session.dataset(_rows(shuffled, session.batch)),
        processing_class=session.chat.tokenizer,
    )


def _rows(lessons: Sequence[Lesson], batch: int) -> list[dict[str, Any]]:
    """As TRL's own preparation would give them: beside each answer that of its neighbour in the batch, which does not
    belong to the prompt and tells how far the model has moved.
    """
    rows = []
    for start in range(0, len(lessons), batch):
        some = lessons[start : start + batch]
        for place, lesson in enumerate(some):
            rows.append(
                {
                    "prompt_ids": lesson.prompt,
                    "completion_ids": lesson.answers[0],
                    "KL_completion_ids": some[place - 1].answers[0],
                    "label": lesson.example.good,
                }
            )
    return rows
