"""Methods that write answers while they train and are rewarded for them: GRPO (arXiv 2402.03300) and RLOO (2402.14740), by TRL.

To each prompt ``generations`` answers are sampled; what one has more than the others of its group is what it teaches. The
reward is the suite's own metric of the answer, beside the reference of the training row: what is asked for is what is paid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.suite import Case, load_suite
from harness.training.job import Job, Reward, Say
from harness.training.session import Session
from harness.training.start import policy
from harness.trial import Training

Pay = Callable[[Sequence[str], Sequence[int]], list[float]]
"""(answers, numbers of their lessons) → rewards."""
TRAINERS = {"grpo": "GRPO", "rloo": "RLOO", "rlhf": "RLOO"}


def train(job: Job, say: Say) -> Training:
    """Train ``job``; errors as ``harness.training.train``."""
    session = Session(job, say)
    return session.run(lambda: trainer(session, paid_by_metric(session, _reward(job))))


def paid_by_metric(session: Session, reward: Reward) -> Pay:
    """The suite's metric of an answer, beside the row's own."""
    metric = load_metric(reward.metric, load_suite(reward.folder))

    def pay(answers: Sequence[str], numbers: Sequence[int]) -> list[float]:
        return [metric(cases[number], answer) for answer, number in zip(answers, numbers, strict=True)]

    cases = [
        Case(id=lesson.where, input=lesson.example.messages[-1]["content"], reference=lesson.example.answers[0])
        for lesson in session.lessons
    ]
    return pay


def trainer(session: Session, pay: Pay) -> Any:
    """TRL's trainer of the recipe's method, with rewards by ``pay``."""
    from importlib import import_module

    job, recipe = session.job, session.job.recipe
    name = TRAINERS[recipe.method]
    config: Any = getattr(import_module(f"trl.trainer.{name.lower()}_config"), f"{name}Config")
    model = policy(session)
    model.generation_config.eos_token_id = sorted(session.chat.stops)

    def reward(completions: Sequence[str], number: Sequence[int], **_: Any) -> list[float]:
        return pay(completions, number)

    return session.trainer(f"{name}Trainer")(
        model=model,
        reward_funcs=reward,
        args=config(
            **session.arguments(),
            beta=recipe.strength,
            num_generations=recipe.generations,
            temperature=recipe.temperature,
            max_completion_length=_reward(job).max_new_tokens,
        ),
        train_dataset=session.dataset(
            [
                {"prompt": session.chat.render(lesson.example.messages), "number": number}
                for number, lesson in enumerate(session.lessons)
            ]
        ),
        processing_class=session.chat.tokenizer,
    )


def _reward(job: Job) -> Reward:
    if job.reward is None:
        raise BadInput(f"{job.named}: {job.recipe.method} needs to know what answers are rewarded by")
    return job.reward
