"""Supervised fine-tuning by TRL: a new LoRA adapter on all linear layers of the quantised base, loss on the answer."""

from __future__ import annotations

from typing import Any

from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.session import Session
from harness.trial import Training

IGNORED = -100


def train(job: Job, say: Say) -> Training:
    """Train ``job`` from scratch; errors as ``harness.training.train``."""
    session = Session(job, say)
    return session.run(lambda: _trainer(session))


def _trainer(session: Session) -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed
    from trl.trainer.sft_config import SFTConfig

    adapter = session.job.recipe.adapter
    lora = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=adapter.target,
        bias="none",
        task_type="CAUSAL_LM",
    )
    base = session.base()
    set_seed(session.job.seed)
    return session.trainer("SFTTrainer")(
        model=get_peft_model(base, lora),
        args=SFTConfig(
            **session.arguments(),
            max_length=None,
            shuffle_dataset=False,
            train_sampling_strategy="group_by_length",
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
        "length": lesson.tokens,
    }
