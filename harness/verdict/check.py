"""What rows must be before anything is computed from them; every message names the file, the rows and the way out.

rows: score: 2 rows outside [0, 1] (first: row 17, given 7.0): scale scores to [0, 1], more is better
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.arrow import to_numpy, valid
from harness.errors import BadInput, suggest
from harness.plural import plural
from harness.verdict.column import Column, each
from harness.verdict.source import COLUMNS, NUMBERS, REQUIRED, shared

UNTRAINED = ("prompt", "constrain", "golden", "rag")
"""Untrained techniques, cheapest first: the order in which a recommendation steps up."""
TUNED = ("tune", "tune+rag")
SEARCH = "probe:search"
"""What a search for a recipe tried on dev, as ``CANDIDATE/NUMBER``: counted, and never chosen."""
PROBE = re.compile(r"probe:(gold-passage|search|pass@(k|\d+))")
ANY_OF = re.compile(r"probe:pass@(?!1$)(k|\d+)")
"""Whose repeats are tries, of which the best counts."""
TECHNIQUES = (*UNTRAINED, *TUNED, "probe:gold-passage", "probe:pass@k", SEARCH)
WORDS: Mapping[str, tuple[str, ...]] = {"split": ("dev", "test"), "source": ("program", "judge", "human")}

Mask = NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]


def check_columns(table: pa.Table, name: str) -> None:
    """Required columns are there, and so is at least one row.

    Raises:
        BadInput: otherwise.
    """
    missing = [column for column in REQUIRED if column not in table.column_names]
    if missing:
        raise BadInput(
            f"{name}: missing column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}; "
            f"required are {', '.join(REQUIRED)}, optional {', '.join(c for c in COLUMNS if c not in REQUIRED)}"
        )
    if table.num_rows == 0:
        raise BadInput(f"{name}: no rows; give one row for each contender, case and metric")


def check_values(table: pa.Table, columns: Mapping[str, Column], name: str, *, amounts: bool = False) -> None:
    """Every value is in its range and the rows do not contradict one another.

    Raises:
        BadInput: with all problems, one a line.
    """
    problems = [
        *_nulls(columns),
        *_words(columns),
        *_scores(table, -np.inf if amounts else 0.0),
        *_numbers(table, columns["data_fraction"]),
    ]
    problems = problems or [*_contradictions(columns), *_seeds(columns)]
    if problems:
        raise BadInput("\n".join(f"{name}: {problem}" for problem in problems))


def _nulls(columns: Mapping[str, Column]) -> Iterator[str]:
    for key in REQUIRED:
        if key != "score" and columns[key].values[-1] is None:
            yield f"{key}: {_where(_of(columns[key], lambda value: value is None))} null: name it in every row"


def _words(columns: Mapping[str, Column]) -> Iterator[str]:
    for key, allowed in WORDS.items():
        for word in columns[key].values:
            if word is not None and word not in allowed:
                yield f"{key}: given {word!r}, allowed: {', '.join(allowed)}"
    for word in columns["technique"].values:
        if word is not None and word not in TECHNIQUES and not PROBE.fullmatch(word):
            yield f"technique: given {word!r}, allowed: {', '.join(TECHNIQUES)} ({suggest(word, TECHNIQUES)})"


def _scores(table: pa.Table, least: float) -> Iterator[str]:
    scores = shared(table["score"], to_numpy)
    null = shared(table["score"], lambda chunk: ~valid(chunk))
    failed = shared(table["error"], _says) if "error" in table.column_names else each(np.zeros_like, null)
    outside = each(lambda score, null: ~null & ~((score >= least) & (score <= 1)), scores, null)
    if _any(outside):
        yield f"score: {_where(outside, scores)} outside [0, 1]: scale scores to [0, 1], more is better"
    if _any(silent := each(lambda null, failed: null & ~failed, null, failed)):
        yield f"score: {_where(silent)} null (or NaN) without `error`: say in `error` why it was not measured"
    if _any(both := each(lambda null, failed: ~null & failed, null, failed)):
        yield f"error: {_where(both)} with a score as well: a row was either measured or not"


def _says(errors: pa.Array) -> Mask:
    """Which texts are neither null nor empty."""
    if errors.null_count == len(errors):
        return np.zeros(len(errors), dtype=np.bool_)
    if pa.types.is_dictionary(errors.type):
        said = np.append(_says(errors.dictionary), False)
        return said[np.where(valid(errors.indices), to_numpy(errors.indices), -1)]
    return (to_numpy(pc.binary_length(errors)) > 0) & valid(errors)


def _numbers(table: pa.Table, fraction: Column) -> Iterator[str]:
    for column in NUMBERS:
        if column in table.column_names:
            values = shared(table[column], to_numpy)
            if _any(wrong := each(lambda some: (some < 0) | np.isinf(some), values)):
                yield f"{column}: {_where(wrong, values)} negative or infinite: give the number or null"
    if not all(0 < value <= 1 for value in fraction.values):
        wrong = _of(fraction, lambda value: not 0 < value <= 1)
        values = each(np.array(fraction.values).__getitem__, fraction.chunks)
        yield f"data_fraction: {_where(wrong, values)} outside (0, 1]: 1 is all training data"


def _contradictions(columns: Mapping[str, Column]) -> Iterator[str]:
    contender, technique = columns["contender"], columns["technique"]
    wrong = _changes(contender.chunks, technique.chunks, len(contender.values))
    if _any(wrong):
        yield f"contender {_first(wrong, contender)!r} has two techniques ({_where(wrong)}): give each its own name"
    suite, case = columns["suite"], columns["case_id"]
    place = each(lambda suite, code: suite.astype(np.int64) * len(case.values) + code, suite.chunks, case.chunks)
    for key, way in (
        ("split", "a case is for choosing or for claiming, not both"),
        ("cluster", "a case has one source"),
    ):
        wrong = _changes(place, columns[key].chunks, len(suite.values) * len(case.values))
        if _any(wrong):
            yield f"case {_first(wrong, case)!r} is in two {key}s ({_where(wrong)}): {way}"


def _changes(group: Sequence[Codes], value: Sequence[Codes], size: int) -> tuple[Mask, ...]:
    """Rows whose value is not their group's last one; linear, without a sort."""
    last = np.zeros(size, dtype=np.int32)
    pairs = {(id(one), id(other)): (one, other) for one, other in zip(reversed(group), reversed(value), strict=True)}
    for one, other in reversed(pairs.values()):  # what comes again is seen where it comes last
        last[one] = other
    return each(lambda one, other: last[one] != other, group, value)


def _seeds(columns: Mapping[str, Column]) -> Iterator[str]:
    """A tuned contender has a training seed in every row, an untrained one in none."""
    kind, seed = columns["technique"], _of(columns["training_seed"], lambda value: value is not None)
    for kinds, wrong, said in (
        (TUNED, np.logical_not, "a tuned contender null: give the seed of its training"),
        (UNTRAINED, np.asarray, "an untrained contender not null: use `repeat` instead"),
    ):
        found = each(lambda of, seed, wrong=wrong: of & wrong(seed), _of(kind, kinds.__contains__), seed)
        if _any(found):
            yield f"training_seed: {_where(found)} of {said}"


def _of(column: Column, holds: Callable[[Any], bool]) -> tuple[Mask, ...]:
    """The rows whose value is one for which something holds."""
    of = np.array([holds(value) for value in column.values])
    return each(of.__getitem__, column.chunks)


def _any(masks: Sequence[Mask]) -> bool:
    return any(each(np.any, masks))


def _at(masks: Sequence[Mask]) -> tuple[int, int]:
    """The first row: of which chunk, and which of its rows."""
    return next((number, int(np.argmax(mask))) for number, mask in enumerate(masks) if mask.any())


def _first(masks: Sequence[Mask], column: Column) -> Any:
    chunk, row = _at(masks)
    return column.values[column.chunks[chunk][row]]


def _where(masks: Sequence[Mask], given: Sequence[Any] | None = None) -> str:
    """``2 rows (first: row 17, given 7.0)``, rows counted from 1 without a header."""
    chunk, row = _at(masks)
    what = "" if given is None else f", given {float(given[chunk][row])!r}"
    before = sum(mask.size for mask in masks[:chunk])
    return f"{plural(sum(int(mask.sum()) for mask in masks), 'row')} (first: row {before + row + 1}{what})"
