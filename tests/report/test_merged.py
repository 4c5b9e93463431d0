"""Merged adapters: what each loses beside its parts, task by task, and whether it is kept, in all three forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.report import Gathered, to_html, to_markdown, to_terminal
from harness.report.gathered import Merged
from harness.report.merged import merged
from harness.verdict import load_policy, load_rows, merge_losses
from tests.report.report_worlds import HOSTILE, MERGES, decided, small
from tests.verdict.conftest import World

PARTS = {"all": ("sft@triage", "sft@extract")}

MARKDOWN = r"""<details><summary>Merged adapters</summary>

| merge | part | task | cases | part scores | merged scores | loses (interval) | limit | state |
| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |
| all | sft@triage | triage | 80 dev | 83.5 | 84.0 | −0.5 (−2.0 to 1.0) | 4.2 | holds |
"""
TERMINAL = """
merge  part                   task    cases   part scores  merged scores  loses (interval)    limit  state
all    sft@triage             triage  80 dev  83.5         84.0           −0.5 (−2.0 to 1.0)  4.2    holds
all    sft@reply              reply   40 dev  60.0         48.0           12.0 (8.0 to 16.0)  3.0    too much
pair   sft@triage, dpo@reply  –       –       –            –              –                   –      not compared
    all, merged from sft@triage and sft@reply, is reverted: sft@reply scores 60.0 on reply.
    pair was not compared with its parts."""


def with_merges(merges: tuple[Merged, ...] = MERGES) -> Gathered:
    gathered = small()
    return replace(gathered, models=(replace(gathered.models[0], merges=merges),))


def rows(gains: dict[str, float], *, splits: tuple[str, ...] = ("dev", "test"), seeds: int = 3) -> pa.Table:
    """Two suites; ``sft`` gains 20 points on each, ``all`` what is said of each suite."""
    made = []
    for number, (suite, gain) in enumerate(gains.items()):
        world = World(number + 3, n=400, dev=300, suite=suite, noise=0.1).prompts()
        world.add("sft", "tune", 0.2, seeds=seeds, splits=splits)
        made.append(world.add("all", "tune", gain, seeds=seeds, splits=splits).table)
    return pa.concat_tables(made)


def shown(table: pa.Table, parts: dict[str, tuple[str, ...]] = PARTS) -> Merged:
    policy = load_policy({"merge": {"parts": parts}})
    (one,) = merged(merge_losses(load_rows(table), policy), parts, policy.alpha)
    return one


def test_the_task_that_suffers_is_named_with_what_to_retrain() -> None:
    one = shown(rows({"triage": 0.3, "extract": 0.0}))
    assert one.state == "reverted"
    assert [(loss.part, loss.suite, loss.split, loss.state) for loss in one.losses] == [
        ("sft@extract", "extract", "dev", "broken"),
        ("sft@triage", "triage", "dev", "holds"),
    ]
    lost = next(loss for loss in one.losses if loss.suite == "extract")
    assert lost.theirs - lost.ours == pytest.approx(lost.span.estimate)
    assert lost.span.lower < 0.2 < lost.span.upper
    assert lost.limit == pytest.approx(0.05 * lost.theirs)
    assert "is reverted: sft@extract scores" in one.sentence
    assert "over the 5 % allowed: retrain for extract with its rows" in one.sentence


def test_a_merge_that_keeps_what_its_parts_can_stays() -> None:
    one = shown(rows({"triage": 0.3, "extract": 0.2}))
    assert one.state == "kept"
    assert {loss.state for loss in one.losses} == {"holds"}
    assert "stands in their place" in one.sentence


def test_without_dev_the_whole_interval_must_hold() -> None:
    """On test nothing was chosen: a loss is shown to be too much, shown not to be, or neither."""
    found = {gain: shown(rows({"triage": 0.4, "extract": gain}, splits=("test",))) for gain in (0.4, 0.18, 0.0)}
    assert [one.state for one in found.values()] == ["kept", "not shown", "broken"]
    assert {loss.split for one in found.values() for loss in one.losses} == {"test"}
    assert "shown to be over the 5 % allowed" in found[0.0].sentence
    assert "may be over the 5 % allowed" in found[0.18].sentence


def test_one_training_has_no_interval_and_is_decided_all_the_same() -> None:
    one = shown(rows({"triage": 0.3, "extract": 0.0}, seeds=1))
    assert one.state == "reverted"


def test_a_part_that_nothing_was_asked_of_is_named() -> None:
    table = rows({"triage": 0.3, "extract": 0.2})
    only = [r for r in table.to_pylist() if (r["suite"], r["contender"]) != ("extract", "all")]
    one = shown(pa.Table.from_pylist(only, schema=table.schema))
    assert [loss.suite for loss in one.losses] == ["triage"]
    assert one.sentence.endswith(
        "Not compared with sft@extract: no suite has answers of both, or the part scores nothing that could be lost."
    )


def test_markdown_has_the_table() -> None:
    assert MARKDOWN in to_markdown(with_merges())


def test_terminal_has_the_table() -> None:
    assert to_terminal(with_merges()).endswith(TERMINAL)


def test_no_merge_no_section() -> None:
    for render in (to_html, to_markdown, to_terminal):
        assert "erged" not in render(small())


def test_the_page_draws_every_loss_and_lists_it() -> None:
    page = to_html(with_merges())
    assert 'aria-label="sft@reply on reply: a drop of +12.0 (8.0 to 16.0) points, limit 3.0, broken"' in page
    assert "<h3>all: reverted</h3>" in page
    assert "<h3>pair: not compared</h3>" in page
    assert '<a href="#merges">' in page


def test_hostile_names_are_escaped() -> None:
    bad = tuple(replace(one, name=HOSTILE[1], sentence=HOSTILE[0]) for one in MERGES)
    page = to_html(with_merges(bad))
    assert HOSTILE[0] not in page
    assert HOSTILE[1] not in page
    assert "\n# heading" not in to_markdown(with_merges(tuple(replace(one, name=HOSTILE[2]) for one in MERGES)))


def test_gathered_from_rows(tmp_path: Path) -> None:
    """Through ``gather``: the policy says what was merged, the rows what came of it."""
    (one,) = decided(tmp_path, hostile=False).models[0].merges
    assert (one.name, one.state) == ("all", "reverted")
    states: dict[str, Any] = {loss.suite: loss.state for loss in one.losses}
    assert states["coin"] == "broken"
    assert "retrain for coin" in one.sentence
