"""A column of rows as codes, chunk by chunk: what stands in the same memory ten times, once a metric, is looked at once.

    >>> encode(aligned(table), "contender")                                # doctest: +SKIP
    Column(chunks=(array([0, 0, 1], dtype=uint8), array([0, 0, 1], dtype=uint8)), values=['few_shot', 'sft'])

The chunks of a table that a store made are its suites' metrics, and everything but score and error is the same array in all chunks of
a suite. Of a file each chunk is another array, and the same code goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.arrow import Mask, to_arrow, to_numpy, valid
from harness.verdict.source import DEFAULTS, place, shared

Codes = NDArray[np.integer[Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """One array of codes a chunk, (n,), into the sorted distinct values; null, where it is allowed, comes last. Codes are as small
    integers as their number allows: ten million rows have a dozen of them.
    """

    chunks: tuple[Codes, ...]
    values: list[Any]


def aligned(table: pa.Table) -> pa.Table:
    """The same rows with chunks that begin and end at the same rows in every column; nothing is copied."""
    return pa.Table.from_batches([batch for batch in table.to_batches() if batch.num_rows], schema=table.schema)


def kept(table: pa.Table, masks: Sequence[Mask]) -> pa.Table:
    """The rows of an aligned table that the masks keep, one a chunk; what stood in the same memory does so again."""
    whole = each(lambda mask: bool(mask.all()), masks)
    made: dict[Any, pa.Array] = {}

    def part(chunk: pa.Array, mask: Mask, whole: bool) -> pa.Array:
        key = place(chunk), id(mask)
        if key not in made:
            made[key] = chunk if whole else chunk.filter(to_arrow(mask))
        return made[key]

    columns = [
        pa.chunked_array([part(*one) for one in zip(column.chunks, masks, whole, strict=True)], type=column.type)
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def each(change: Callable[..., T], *columns: Sequence[Any]) -> tuple[T, ...]:
    """What comes of every chunk, worked out once for chunks that are the same arrays."""
    made: dict[tuple[int, ...], T] = {}
    found = []
    for chunks in zip(*columns, strict=True):
        key = tuple(map(id, chunks))
        if key not in made:
            made[key] = change(*chunks)
        found.append(made[key])
    return tuple(found)


def encode(table: pa.Table, name: str) -> Column:
    """That column's codes; its default where the table has no such column or holds null."""
    default = DEFAULTS.get(name)
    if name not in table.column_names:
        none = shared(table["score"], len)
        lengths = {length: np.broadcast_to(np.uint8(0), length) for length in none}
        return Column(tuple(lengths[length] for length in none), [default])
    column = table[name]
    if name == "cluster" and column.null_count:
        column = pc.coalesce(*(_plain(table[key]) for key in ("cluster", "case_id")))
    distinct, codes = _coded(column)
    used = np.zeros(len(distinct), dtype=np.bool_)
    for chunk in {id(chunk): chunk for chunk in codes}.values():
        used[chunk] = True
    if default is not None and (used & ~valid(distinct)).any():
        distinct = distinct.fill_null(default)
    values = distinct.filter(to_arrow(used)).unique()
    values = values.take(pc.sort_indices(values))
    rank = to_numpy(pc.index_in(distinct, value_set=values)).astype(np.min_scalar_type(len(values)))
    return Column(each(rank.__getitem__, codes), values.to_pylist())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _coded(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[Codes, ...]]:
    """Distinct values, of which some may be there twice or stand nowhere, and codes into them. Of what is coded already the codes are
    taken: long texts are compared as often as they differ.
    """
    if pa.types.is_dictionary(column.type):
        return _recoded(column)
    distinct = {place(chunk): chunk for chunk in column.chunks}
    whole = pa.chunked_array(list(distinct.values()), type=column.type)
    coded = whole.dictionary_encode(null_encoding="encode").combine_chunks()
    ends = np.cumsum([len(chunk) for chunk in distinct.values()])
    parts = dict(zip(distinct, np.split(to_numpy(coded.indices), ends[:-1]), strict=True))
    return coded.dictionary, tuple(parts[place(chunk)] for chunk in column.chunks)


def _recoded(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[Codes, ...]]:
    """Every chunk may have a dictionary of its own, and null in it or beside it."""
    dictionaries = pa.chunked_array([chunk.dictionary for chunk in column.chunks], type=column.type.value_type)
    values, parts = _coded(dictionaries)
    none = len(values)
    whole = pa.concat_arrays([values, pa.nulls(1, values.type)])
    found = {place(chunk): part for chunk, part in zip(column.chunks, parts, strict=True)}
    return whole, shared(column, lambda chunk: _through(chunk.indices, found[place(chunk)], none))


def _through(indices: pa.Array, part: Codes, none: int) -> Codes:
    codes = (
        part[np.where(valid(indices), to_numpy(indices), 0)] if part.size else np.zeros(len(indices), dtype=np.int32)
    )
    return (
        np.where(valid(indices), codes, none).astype(np.int32)
        if indices.null_count
        else codes.astype(np.int32, copy=False)
    )
