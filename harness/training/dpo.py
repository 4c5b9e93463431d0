"""Direct preference optimisation (arXiv 2305.18290) by TRL: sigmoid, IPO (2310.12036), or sigmoid with the SFT loss beside it.

Of an adapter that SFT has made, or of a base that was tuned to chat. An adapter started from goes on training under the
name ``default``; TRL copies it to ``ref``, the reference. Policy and reference are equal at the first step, so that its loss
must be ln 2 (sigmoid) or 1/(4·beta²) (IPO): anything else means a wrong reference.
"""

from __future__ import annotations

import math
from typing import Any

from harness.errors import HarnessError
from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.sampler import BY_LENGTH
from harness.training.session import Session
from harness.training.start import policy
from harness.trial import Training

TOLERANCE = {False: 1e-4, True: 2e-2}
"""How far the first loss may be from what it must be, as a share of it, in float32 and with bfloat16."""


def train(job: Job, say: Say) -> Training:
    """Train ``job``; errors as ``harness.training.train``."""
    session = Session(job, say, first_loss=check_first_loss)
    return session.run(lambda: _trainer(session))


def check_first_loss(session: Session, loss: float) -> None:
    """Raises:
    HarnessError: when the loss of the first step is not that of two equal models.
    """
    expected = _equal_loss(session)
    if expected is not None and not math.isclose(loss, expected[0], rel_tol=TOLERANCE[session.on_gpu]):
        raise HarnessError(
            f"{session.job.named}: the first DPO loss is {loss:.4f} instead of {expected[1]} = {expected[0]:.4f}: the "
            f"reference is not the adapter started from ({session.job.start_from}); remove {session.job.work} and run again"
        )


def _equal_loss(session: Session) -> tuple[float, str] | None:
    """The loss where policy and reference are one; None where another loss is added to it."""
    recipe = session.job.recipe
    known = {"sigmoid": (math.log(2), "ln 2"), "ipo": (1 / (4 * recipe.strength**2), "1/(4·beta²)")}
    return known.get(recipe.loss)


def _trainer(session: Session) -> Any:
    from trl.trainer.dpo_config import DPOConfig

    recipe = session.job.recipe
    return session.trainer("DPOTrainer")(
        model=policy(session),
        args=DPOConfig(
            **session.arguments(),
            loss_type=recipe.loss.split("+"),
            beta=recipe.strength,
            max_length=None,
            train_sampling_strategy=BY_LENGTH,
        ),
        train_dataset=session.dataset([_row(lesson) for lesson in session.lessons]),
        processing_class=session.chat.tokenizer,
    )


def _row(lesson: Lesson) -> dict[str, Any]:
    """As TRL's own preparation would give it; ``prompt`` only says that there is one."""
    chosen, rejected = lesson.answers
    return {"prompt": "", "prompt_ids": lesson.prompt, "chosen_ids": chosen, "rejected_ids": rejected}
