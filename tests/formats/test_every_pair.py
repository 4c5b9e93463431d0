"""Every pair of formats, there and back through files of every kind: what both can say survives, the rest is refused whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.files import look, target, write
from harness.formats import FORMATS, Record, load_format
from harness.formats.convert import convert
from harness.formats.recognise import recognise
from tests.formats.talks import talks

KINDS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "csv.zst", "json.zst")
TABLES = ("csv", "parquet", "csv.zst")
"""They give a column one type, or cannot tell some texts from other values: they may refuse."""
PAIRS = [
    pair for pair in permutations(FORMATS, 2) if load_format(pair[0]).kind == load_format(pair[1]).kind
] + [("kto", "kto")]  # fmt: skip
"""KTO is the only format of its kind; formats of two kinds refuse each other (``test_contract``)."""
Files = tuple[str, str, str]


def expressible(record: Record, name: str) -> bool:
    try:
        load_format(name).write(record)
    except BadInput:
        return False
    return True


def simpler(record: Record) -> list[Record]:
    """The record, and what is left of it with ever less that not every format can say."""
    bare = replace(record, more={})
    asked = [message for message in record.asked if message["role"] != "system"][-1:]
    single = replace(bare, asked=tuple(asked))
    said = replace(single, asked=({**asked[0], "content": asked[0]["content"].strip() or "x"},))
    return [record, bare, replace(single, more=record.more), single, said]


@st.composite
def records(draw: st.DrawFn, pair: tuple[str, str]) -> list[Record]:
    """Some that both formats can say: as rich as they were drawn, or as rich as both allow."""
    kind = load_format(pair[0]).kind
    drawn = draw(st.lists(talks(kind, turns=2), min_size=1, max_size=3))
    return [next(one for one in simpler(record) if all(expressible(one, name) for name in pair)) for record in drawn]


FILES = st.tuples(*[st.sampled_from(KINDS)] * 3)


def there_and_back(pair: tuple[str, str], made: list[Record], kinds: Files, folder: Path) -> None:
    for before in folder.iterdir():
        before.unlink()
    first, second = pair
    names = [folder / f"{place}.{kind}" for place, kind in zip("abc", kinds, strict=True)]
    done = 0
    try:
        write([(f"row {n}", load_format(first).write(one)) for n, one in enumerate(made, 1)], target(names[0]))
        done = 1
        convert(names[0], names[1], to=second, format_=first)
        done = 2
        convert(names[1], names[2], to=first, format_=second)
    except BadInput as error:
        refused = f"{kinds[done]}: {error}"
        assert refused.startswith(TABLES)
    else:
        done = 3
        assert [one for _, one in recognise(look(names[2]), first).records()] == made
    assert sorted(folder.iterdir()) == names[:done]


def tried(pair: tuple[str, str], folder: Path, count: int) -> None:
    drawn = given(made=records(pair), kinds=FILES)(lambda made, kinds: there_and_back(pair, made, kinds, folder))
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    settings(max_examples=count, deadline=None, suppress_health_check=checks, phases=set(Phase) - {Phase.explain})(
        drawn
    )()


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_there_and_back(pair: tuple[str, str], tmp_path: Path) -> None:
    tried(pair, tmp_path, 6)


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_there_and_back_very_often(pair: tuple[str, str], tmp_path: Path) -> None:
    tried(pair, tmp_path, 250)
