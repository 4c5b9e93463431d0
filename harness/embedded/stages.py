"""What the embedded model reads at each stage of its pretraining: mixtures of the world's tasks, by share of examples.

The order matters: copying and look-up form first, and nothing else is learnt without them. Later stages hold more of
what comes slowly; labels shown by examples come last and need a stage that is mostly theirs.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from harness.embedded.world import Draw, World

Task = Callable[[random.Random], Draw]
Mixture = dict[Task, float]


def first(world: World) -> Mixture:
    """Copying, look-up and questions about documents alone."""
    return {world.copy: 0.3, world.lookup: 0.3, world.question_with_documents: 0.4}


def second(world: World) -> Mixture:
    """Everything: what is known, what is asked by instruction, what is shown by examples."""
    return {
        world.copy: 0.04,
        world.lookup: 0.04,
        world.question_with_documents: 0.28,
        world.question_without_documents: 0.02,
        world.question_about_town: 0.07,
        world.statements_about_towns: 0.03,
        world.four_choice: 0.16,
        world.extraction: 0.12,
        world.yes_no: 0.02,
        world.kind_named: 0.03,
        world.labels_by_example: 0.14,
        world.fields_by_example: 0.05,
        world.reply: 0.04,
        world.reply_by_example: 0.02,
    }


def third(world: World) -> Mixture:
    """The same with more facts."""
    return {
        world.copy: 0.02,
        world.lookup: 0.03,
        world.question_with_documents: 0.24,
        world.question_without_documents: 0.01,
        world.question_about_town: 0.07,
        world.statements_about_towns: 0.11,
        world.four_choice: 0.20,
        world.extraction: 0.07,
        world.yes_no: 0.02,
        world.kind_named: 0.01,
        world.labels_by_example: 0.16,
        world.fields_by_example: 0.04,
        world.reply: 0.01,
        world.reply_by_example: 0.01,
    }


def fourth(world: World) -> Mixture:
    """The same with more choices between listed options and more labels."""
    return {
        world.copy: 0.02,
        world.lookup: 0.02,
        world.question_with_documents: 0.20,
        world.question_without_documents: 0.01,
        world.question_about_town: 0.03,
        world.statements_about_towns: 0.02,
        world.four_choice: 0.22,
        world.choice_shown: 0.14,
        world.extraction: 0.04,
        world.yes_no: 0.03,
        world.kind_named: 0.01,
        world.labels_by_example: 0.22,
        world.fields_by_example: 0.02,
        world.reply: 0.01,
        world.reply_by_example: 0.01,
    }


def fifth(world: World) -> Mixture:
    """A labelling scheme shown by examples, and what must not be lost meanwhile."""
    return {
        world.scheme_by_example: 0.5,
        world.question_with_documents: 0.2,
        world.extraction: 0.1,
        world.question_about_town: 0.1,
        world.lookup: 0.1,
    }


def sixth(world: World) -> Mixture:
    """Everything again but the choices by letter, with a third of schemes."""
    return {
        world.copy: 0.02,
        world.lookup: 0.03,
        world.question_with_documents: 0.20,
        world.question_without_documents: 0.02,
        world.question_about_town: 0.08,
        world.statements_about_towns: 0.03,
        world.extraction: 0.06,
        world.yes_no: 0.02,
        world.kind_named: 0.03,
        world.scheme_by_example: 0.34,
        world.labels_by_example: 0.06,
        world.fields_by_example: 0.05,
        world.reply: 0.04,
        world.reply_by_example: 0.02,
    }


MIXTURES: dict[str, Callable[[World], Mixture]] = {
    "first": first,
    "second": second,
    "third": third,
    "fourth": fourth,
    "fifth": fifth,
    "sixth": sixth,
}


def draw_many(mixture: Mixture, rng: random.Random, count: int) -> list[Draw]:
    """``count`` draws of a mixture; the shares are of examples, not of tokens."""
    return [task(rng) for task in rng.choices(list(mixture), weights=list(mixture.values()), k=count)]
