"""The heavier road (arXiv 2203.02155): a reward model is trained on the preferences, then RLOO against it.

    <out>.reward/    the reward model's adapter; it is trained once and goes when the policy is finished

What it brings beside DPO on the same preferences, and at what cost, is what a verdict says.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.models.base import load_base
from harness.recipe import Adapter
from harness.training.job import Job, Say, read_training
from harness.training.lessons import Lesson
from harness.training.online import Pay, trainer
from harness.training.sampler import BY_LENGTH
from harness.training.session import Session
from harness.training.start import config_of
from harness.trial import Training


def train(job: Job, say: Say) -> Training:
    """Train the reward model, then ``job``; errors as ``harness.training.train``."""
    rewarding = replace(
        job,
        out=job.out.with_name(f"{job.out.name}.reward"),
        recipe_name=f"{job.recipe_name}'s reward model",
        recipe=job.recipe.model_copy(update={"keep": "last", "patience": None}),
        start_from=None,
        exam=None,
    )
    judged = _reward_model(rewarding, say)
    session = Session(job, say, before=judged.seconds)
    training = session.run(lambda: trainer(session, _paid_by_model(session, rewarding.out)))
    with suppress(OSError):
        shutil.rmtree(rewarding.out)
    return training


def _reward_model(job: Job, say: Say) -> Training:
    if job.finished:
        return read_training(job.out)
    session = Session(job, say)
    return session.run(lambda: _reward_trainer(session))


def _reward_trainer(session: Session) -> Any:
    from peft import get_peft_model
    from transformers import set_seed
    from trl.trainer.reward_config import RewardConfig

    assert session.lessons
    base = _scoring(session)
    set_seed(session.job.seed)
    return session.trainer("RewardTrainer")(
        model=get_peft_model(base, config_of(Adapter(), task="SEQ_CLS")),
        args=RewardConfig(**session.arguments(), max_length=None, train_sampling_strategy=BY_LENGTH),
        train_dataset=session.dataset([_row(lesson) for lesson in session.lessons]),
        processing_class=session.chat.tokenizer,
    )


def _scoring(session: Session) -> Any:
    """The base with one number for a whole text in place of the next token; the last layer is new, so it is drawn by the seed."""
    from transformers import set_seed

    set_seed(session.job.seed)
    base = load_base(session.job.model, unpack=session.unpack, head="score")
    base.config.get_text_config().pad_token_id = session.chat.pad
    base.config.use_cache = False
    return base


def _row(lesson: Lesson) -> dict[str, Any]:
    chosen, rejected = lesson.answers
    return {"chosen_ids": lesson.prompt + chosen, "rejected_ids": lesson.prompt + rejected}


def _paid_by_model(session: Session, folder: Path) -> Pay:
    """The reward model's number for a prompt with an answer."""
    import torch
    from peft import PeftModel

    model = PeftModel.from_pretrained(_scoring(session), str(folder)).eval()
    pad = session.chat.pad

    def pay(answers: Sequence[str], numbers: Sequence[int]) -> list[float]:
        written = [_ids(session, number, answer) for answer, number in zip(answers, numbers, strict=True)]
        width = max(map(len, written))
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in written], device=model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in written], device=model.device)
        with torch.inference_mode():
            scores: list[float] = model(input_ids=ids, attention_mask=mask).logits[:, 0].float().tolist()
        return scores

    return pay


def _ids(session: Session, number: int, answer: str) -> list[int]:
    prompt, completion = session.chat.example(session.lessons[number].example.messages, answer)
    return prompt + completion
