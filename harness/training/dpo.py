"""Direct preference optimisation (arXiv 2305.18290) by TRL, of an adapter that SFT has made.

The adapter started from goes on training under the name ``default``; TRL copies it to ``ref``, the reference. Policy
and reference are equal at the first step, so that its loss must be ln 2: anything else means a wrong reference.
"""

from __future__ import annotations

import math
from typing import Any

from harness.errors import BadInput, HarnessError
from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.session import Session
from harness.trial import Training

LN2 = math.log(2)
TOLERANCE = {False: 1e-4, True: 2e-2}
"""How far the first loss may be from ln 2, in float32 and with bfloat16."""


def train(job: Job, say: Say) -> Training:
    """Train ``job`` from the adapter in ``job.start_from``; errors as ``harness.training.train``."""
    if job.start_from is None:
        raise BadInput(f"{job.named}: DPO improves an adapter: start_from must name the recipe that makes it")
    if not (job.start_from / "adapter_config.json").is_file():
        raise BadInput(f"{job.named}: there is no adapter in {job.start_from} to start from: train it first")
    session = Session(job, say, first_loss=check_first_loss)
    return session.run(lambda: _trainer(session))


def check_first_loss(session: Session, loss: float) -> None:
    """Raises:
    HarnessError: when the loss of the first step is not ln 2.
    """
    if not math.isclose(loss, LN2, abs_tol=TOLERANCE[session.on_gpu]):
        raise HarnessError(
            f"{session.job.named}: the first DPO loss is {loss:.4f} instead of ln 2 = {LN2:.4f}: the reference is not "
            f"the adapter started from ({session.job.start_from}); remove {session.job.work} and run again"
        )


def _trainer(session: Session) -> Any:
    from peft import PeftModel
    from trl.trainer.dpo_config import DPOConfig

    policy = PeftModel.from_pretrained(
        session.base(), str(session.job.start_from), adapter_name="default", is_trainable=True
    )
    return session.trainer("DPOTrainer")(
        model=policy,
        args=DPOConfig(**session.arguments(), loss_type=["sigmoid"], beta=session.job.recipe.beta, max_length=None),
        train_dataset=session.dataset([_row(lesson) for lesson in session.lessons]),
        processing_class=session.chat.tokenizer,
    )


def _row(lesson: Lesson) -> dict[str, Any]:
    """As TRL's own preparation would give it; ``prompt`` only says that there is one."""
    chosen, rejected = lesson.answers
    return {"prompt": "", "prompt_ids": lesson.prompt, "chosen_ids": chosen, "rejected_ids": rejected}
