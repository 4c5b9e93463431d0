"""What rows must be before anything is computed from them; every message names the file, the rows and the way out.

rows: score: 2 rows outside [0, 1] (first: row 17, given 7.0): scale scores to [0, 1], more is better
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.errors import BadInput, suggest
from harness.plural import plural
from harness.verdict.source import COLUMNS, NUMBERS, REQUIRED

if TYPE_CHECKING:
    from harness.verdict.rows import Column

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


def check_values(
    table: pa.Table, columns: Mapping[str, Column], scores: NDArray[np.float64], name: str, *, amounts: bool = False
) -> None:
    """Every value is in its range and the rows do not contradict one another.

    Raises:
        BadInput: with all problems, one a line.
    """
    problems = [
        *_nulls(table),
        *_words(columns),
        *_scores(table, scores, -np.inf if amounts else 0.0),
        *_numbers(table),
    ]
    problems = problems or [*_contradictions(columns), *_seeds(columns)]
    if problems:
        raise BadInput("\n".join(f"{name}: {problem}" for problem in problems))


def _nulls(table: pa.Table) -> Iterator[str]:
    for column in REQUIRED:
        if column != "score" and table[column].null_count:
            yield f"{column}: {_where(pc.is_null(table[column]).to_numpy())} null: name it in every row"


def _words(columns: Mapping[str, Column]) -> Iterator[str]:
    for key, allowed in WORDS.items():
        for word in columns[key].values:
            if word is not None and word not in allowed:
                yield f"{key}: given {word!r}, allowed: {', '.join(allowed)}"
    for word in columns["technique"].values:
        if word is not None and word not in TECHNIQUES and not PROBE.fullmatch(word):
            yield f"technique: given {word!r}, allowed: {', '.join(TECHNIQUES)} ({suggest(word, TECHNIQUES)})"


def _scores(table: pa.Table, scores: NDArray[np.float64], least: float) -> Iterator[str]:
    null = pc.is_null(table["score"]).to_numpy()
    failed = _errors(table)
    outside = ~null & ~((scores >= least) & (scores <= 1))
    if outside.any():
        given = scores[np.flatnonzero(outside)[0]]
        yield f"score: {_where(outside, given)} outside [0, 1]: scale scores to [0, 1], more is better"
    if (null & ~failed).any():
        yield f"score: {_where(null & ~failed)} null (or NaN) without `error`: say in `error` why it was not measured"
    if (~null & failed).any():
        yield f"error: {_where(~null & failed)} with a score as well: a row was either measured or not"


def _errors(table: pa.Table) -> Mask:
    if "error" not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.bool_)
    given: Mask = pc.greater(pc.utf8_length(pc.fill_null(table["error"], "")), 0).to_numpy()
    return given


def _numbers(table: pa.Table) -> Iterator[str]:
    for column in NUMBERS:
        if column in table.column_names:
            values = table[column].to_numpy()
            wrong = (values < 0) | np.isinf(values)
            if wrong.any():
                yield f"{column}: {_where(wrong, values[wrong][0])} negative or infinite: give the number or null"
    if "data_fraction" in table.column_names:
        values = pc.fill_null(table["data_fraction"], 1.0).to_numpy()
        wrong = ~((values > 0) & (values <= 1))
        if wrong.any():
            yield f"data_fraction: {_where(wrong, values[wrong][0])} outside (0, 1]: 1 is all training data"


def _contradictions(columns: Mapping[str, Column]) -> Iterator[str]:
    contender, technique = columns["contender"], columns["technique"]
    wrong = _changes(contender.codes, technique.codes, len(contender.values))
    if wrong.any():
        name = contender.values[contender.codes[np.flatnonzero(wrong)[0]]]
        yield f"contender {name!r} has two techniques ({_where(wrong)}): give each its own name"
    case = columns["suite"].codes.astype(np.int64) * len(columns["case_id"].values) + columns["case_id"].codes
    for key, way in (
        ("split", "a case is for choosing or for claiming, not both"),
        ("cluster", "a case has one source"),
    ):
        wrong = _changes(case, columns[key].codes, len(columns["suite"].values) * len(columns["case_id"].values))
        if wrong.any():
            name = columns["case_id"].values[columns["case_id"].codes[np.flatnonzero(wrong)[0]]]
            yield f"case {name!r} is in two {key}s ({_where(wrong)}): {way}"


def _changes(group: Codes, value: Codes, size: int) -> Mask:
    """Rows whose value is not their group's last one; linear, without a sort."""
    last = np.zeros(size, dtype=np.int32)
    last[group] = value
    different: Mask = last[group] != value
    return different


def _seeds(columns: Mapping[str, Column]) -> Iterator[str]:
    """A tuned contender has a training seed in every row, an untrained one in none."""
    seeds = np.array([value is not None for value in columns["training_seed"].values])[columns["training_seed"].codes]
    kinds = columns["technique"]
    tuned = np.array([value in TUNED for value in kinds.values])[kinds.codes]
    untrained = np.array([value in UNTRAINED for value in kinds.values])[kinds.codes]
    if (tuned & ~seeds).any():
        yield f"training_seed: {_where(tuned & ~seeds)} of a tuned contender null: give the seed of its training"
    if (untrained & seeds).any():
        yield f"training_seed: {_where(untrained & seeds)} of an untrained contender not null: use `repeat` instead"


def _where(mask: Mask, given: Any = None) -> str:
    """``2 rows (first: row 17, given 7.0)``, rows counted from 1 without a header."""
    rows = np.flatnonzero(mask)
    what = "" if given is None else f", given {float(given)!r}"
    return f"{plural(rows.size, 'row')} (first: row {rows[0] + 1}{what})"
