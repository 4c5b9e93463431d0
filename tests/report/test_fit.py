"""What is said of over-fitting, by the rule, and of the checkpoint that dev kept."""

from __future__ import annotations

from typing import Any

from harness.report.fit import fits
from harness.trial import Look, Training


def training(*looks: Look, recipe: str = "sft", seed: int = 1000, **more: Any) -> Training:
    return Training(recipe, recipe, "towns", "m", seed, "p", 9.0, 36, 60, 60, 100, looks=list(looks), **more)


def look(step: int, train: float, dev: float, *, score: float | None = None, rows: int = 60) -> Look:
    return Look(step, score, train, dev, rows)


def test_what_was_learnt_holds() -> None:
    [fit] = fits(
        [training(look(0, 2.3, 2.4), look(36, 0.1, 0.4)), training(look(0, 2.3, 2.4), look(36, 0.3, 0.6), seed=1001)]
    )
    assert fit.finding == (
        "sft: the loss a token fell from 2.3 to 0.2 on training answers, and fell from 2.4 to 0.5 on dev references "
        "(60 of each, 2 trainings): 90 % of what was learnt holds on dev."
    )
    assert not fit.over


def test_less_than_half_holds() -> None:
    [just] = fits([training(look(0, 2.0, 2.0), look(36, 0.0, 1.0))])
    assert not just.over  # half does
    [fit] = fits([training(look(0, 2.0, 2.0), look(36, 0.0, 1.02))])
    assert fit.over
    assert fit.finding.endswith(
        "only 49 % of what was learnt holds on dev, so that it is over-fitted: take fewer epochs, a lower rate, or more data."
    )
    [worse] = fits([training(look(0, 2.0, 2.0), look(36, 0.0, 2.5))])
    assert worse.over
    assert "rose from 2 to 2.5 on dev references" in worse.finding
    assert "nothing of what was learnt holds on dev" in worse.finding


def test_where_nothing_can_be_said() -> None:
    assert fits([training()]) == ()
    assert fits([training(look(0, 2.0, 2.0, rows=19), look(36, 0.0, 2.0, rows=19))]) == ()
    [dpo] = fits([training(look(0, 1.0, 1.0), look(36, 1.5, 1.2), recipe="dpo")])
    assert not dpo.over  # it shapes what is said, and makes no reference likelier
    assert dpo.finding.endswith("rose from 1 to 1.2 on dev references (60 of each, 1 training).")


def test_the_weights_that_answer_count_and_not_the_last() -> None:
    looks = (look(0, 2.0, 2.0), look(12, 0.5, 0.6, score=0.81), look(24, 0.0, 1.9, score=0.8))
    [fit] = fits([training(*looks, kept=12)])
    assert not fit.over
    assert fit.kept == (
        "sft, seed 1000: dev kept the weights after 12 steps: 81.0 points after 12, 80.0 points after 24.",
    )
    [few] = fits([training(Look(0), Look(12, 0.5), kept=12)])
    assert (few.finding, few.over, len(few.kept)) == ("", False, 1)


def test_a_loss_that_rises_after_an_early_look() -> None:
    looks = (look(0, 6.8, 7.0), look(48, 2.4, 2.7, score=0.1), look(144, 1.5, 3.5, score=0.2))
    [fit] = fits([training(*looks, kept=144), training(*looks, seed=1001, kept=144)])
    assert fit.over
    assert fit.finding.endswith(
        ": 66 % of what was learnt holds on dev; after 48 steps dev's loss was 2.7, so that later ones learnt the rows by heart."
    )
    [early] = fits([training(*looks, kept=48)])
    assert not early.over
