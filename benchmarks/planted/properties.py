"""What must not matter, and what must not make an answer worse (G7), tried on drawn worlds.

tally = properties(seed=1, first=0, count=100)
tally["order"], tally["changed:order"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from benchmarks.planted.ranges import FAMILIES
from benchmarks.planted.rows import METRIC, Draw, drawn
from benchmarks.planted.trial import Tally
from benchmarks.planted.world import TASK
from harness import decide
from harness.verdict import Verdict, paired

NAME = "properties"
RANK = {"NOT_JUSTIFIED": 0, "INCONCLUSIVE": 1, "JUSTIFIED": 2}
ALPHA = 0.05
CHECKS = {
    "bytes": "the same rows give the same bytes",
    "order": "rows in another order give the same bytes",
    "cases": "cases with other names, so in another order, give the same answer and claims",
    "swap": "swapping the sides of a comparison negates it",
    "flip": "one tuned answer turned from wrong to right never makes the verdict worse (any training)",
    "flip best": "the same, in the training that was best already",
    "flip all": "one case turned right in every training never makes the verdict worse",
}


def properties(*, seed: int, first: int, count: int) -> Tally:
    """How often each check was made, and under ``changed:`` how often it failed."""
    tally: Tally = Counter()
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, crc32(NAME.encode()), number])
        family = FAMILIES[number % len(FAMILIES)]
        world = replace(family.draw(rng), judge=None, missing=0.0)
        tally += _checked(drawn(world, rng), rng)
    return tally


def _checked(draw: Draw, rng: np.random.Generator) -> Tally:
    world, table = draw.world, draw.table()
    verdict = decide(table, world.declared)
    mixed = decide(table.take(rng.permutation(table.num_rows)), world.declared)
    renamed = decide(_renamed(table, rng), world.declared)
    held = {
        "bytes": decide(draw.table(), world.declared).to_json() == verdict.to_json(),
        "order": mixed.to_json() == verdict.to_json(),
        "cases": _without_hashes(renamed) == _without_hashes(verdict),
        "swap": _negates(table, world.tuned[0].name),
    }
    for check, flipped in _flips(draw, rng).items():
        after = decide(flipped.table(), world.declared).suites[TASK].verdict
        before = verdict.suites[TASK].verdict
        held[check] = before not in RANK or RANK[after] >= RANK[before]
    return Counter(held.keys()) + Counter(f"changed:{check}" for check, fine in held.items() if not fine)


def _renamed(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """The same rows with the cases' names dealt anew; the clusters stay with their cases."""
    coded = table["case_id"].combine_chunks().dictionary_encode()
    names = coded.dictionary.take(pa.array(rng.permutation(len(coded.dictionary))))
    if "cluster" not in table.column_names:
        table = table.append_column("cluster", table["case_id"])
    column = pa.DictionaryArray.from_arrays(coded.indices, names).cast(pa.string())
    return table.set_column(table.column_names.index("case_id"), "case_id", column)


def _without_hashes(verdict: Verdict) -> Any:
    plain = verdict.as_dict()
    plain.pop("hashes")
    return _coarse({name: {**suite, "hashes": None, "ledger": None} for name, suite in plain["suites"].items()})


def _coarse(value: Any) -> Any:
    """Sums in another order differ from the 15th digit on, and a difference of two near equals earlier."""
    if isinstance(value, Mapping):
        return {key: _coarse(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_coarse(item) for item in value]
    return round(value, 7) + 0.0 if isinstance(value, float) else value


def _negates(table: pa.Table, tuned: str) -> bool:
    there = paired(table, TASK, METRIC, tuned, "few_shot", ALPHA)
    back = paired(table, TASK, METRIC, "few_shot", tuned, ALPHA)
    sums = (there.estimate + back.estimate, there.lower + back.upper, there.upper + back.lower)
    return bool(np.allclose(sums, 0.0, atol=1e-12))


def _flips(draw: Draw, rng: np.random.Generator) -> dict[str, Draw]:
    """Draws with one more right answer on test, where there still is a wrong one."""
    key = (TASK, draw.world.tuned[0].name, 1.0)
    answers = draw.answers[key]
    wrong = answers < 1
    wrong[:, : draw.world.dev] = False
    best = int(np.argmax(answers[:, draw.world.dev :].mean(axis=1)))
    choices = {
        "flip": np.argwhere(wrong),
        "flip best": np.argwhere(wrong & (np.arange(len(wrong)) == best)[:, None]),
        "flip all": np.argwhere(wrong),
    }
    flipped = {}
    for check, places in choices.items():
        if len(places):
            row, case = places[rng.integers(len(places))]
            changed = answers.copy()
            changed[slice(None) if check == "flip all" else row, case] = 1.0
            flipped[check] = replace(draw, answers={**draw.answers, key: changed})
    return flipped
