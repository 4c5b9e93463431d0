"""ORPO (arXiv 2403.07691) and SimPO (2405.14734): preferences without a reference model.

TRL keeps their trainers in ``trl.experimental``, from which they may go in any release: they are asked for here alone, and
their absence is said in a sentence.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from harness.errors import BadInput
from harness.training.job import Job, Say
from harness.training.lessons import Lesson
from harness.training.sampler import BY_LENGTH
from harness.training.session import Session
from harness.training.start import policy
from harness.trial import Training

IGNORED = -100
SILENCE = "TRL_EXPERIMENTAL_SILENCE"


def orpo(job: Job, say: Say) -> Training:
    """Odds-ratio preference optimisation; errors as ``harness.training.train``."""
    return _train(job, say, "orpo", "ORPO", beta=job.recipe.strength)


def simpo(job: Job, say: Say) -> Training:
    """Simple preference optimisation: CPO's trainer with SimPO's loss alone; errors as ``harness.training.train``."""
    return _train(
        job,
        say,
        "cpo",
        "CPO",
        beta=job.recipe.strength,
        loss_type="simpo",
        cpo_alpha=0.0,
        simpo_gamma=job.recipe.gamma,
    )


def _train(job: Job, say: Say, module: str, name: str, **options: Any) -> Training:
    session = Session(job, say)
    return session.run(lambda: _trainer(session, module, name, options))


def _trainer(session: Session, module: str, name: str, options: dict[str, Any]) -> Any:
    import datasets

    os.environ.setdefault(SILENCE, "1")
    datasets.disable_progress_bars()  # they map rows one by one, to nothing new
    try:
        found = import_module(f"trl.experimental.{module}")
        config: Any = getattr(found, f"{name}Config")
        base: Any = getattr(found, f"{name}Trainer")
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"{session.job.named}: the TRL that is installed has no experimental {name} trainer any more ({error}): take dpo"
        ) from error

    class Tokenised(base):  # type: ignore[misc]
        def tokenize_row(self, row: dict[str, Any], *_: Any) -> dict[str, Any]:
            return row  # it is tokenised and measured already

    return session.trainer(Tokenised)(
        model=policy(session),
        args=config(
            **session.arguments(),
            **options,
            max_length=session.job.recipe.max_length,
            train_sampling_strategy=BY_LENGTH,
        ),
        train_dataset=session.dataset([_row(lesson) for lesson in session.lessons]),
        processing_class=session.chat.tokenizer,
    )


def _row(lesson: Lesson) -> dict[str, Any]:
    """As TRL's own preparation would give it; the texts only say that there are some."""
    row: dict[str, Any] = {"prompt": "", "chosen": "", "rejected": ""}
    row |= {"prompt_input_ids": lesson.prompt, "prompt_attention_mask": [1] * len(lesson.prompt)}
    for side, answer in zip(("chosen", "rejected"), lesson.answers, strict=True):
        ids = lesson.prompt + answer
        row |= {f"{side}_input_ids": ids, f"{side}_attention_mask": [1] * len(ids)}
        row[f"{side}_labels"] = [IGNORED] * len(lesson.prompt) + answer
    return row
