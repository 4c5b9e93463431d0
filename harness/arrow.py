"""Columns of numbers between Arrow and numpy, without a copy where there is none to make.

    >>> to_numpy(to_arrow(np.array([0.5, 1.0]), nulls=np.array([False, True]))).tolist()
    [0.5, nan]

pyarrow does this too, and imports pandas for it wherever that is installed: 0.3 s, which a command that only reads should not wait
for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
TYPES = {
    pa.int8(): np.int8, pa.int16(): np.int16, pa.int32(): np.int32, pa.int64(): np.int64, pa.uint8(): np.uint8, pa.uint16(): np.uint16,
    pa.uint32(): np.uint32, pa.uint64(): np.uint64, pa.float32(): np.float32, pa.float64(): np.float64,
}  # fmt: skip
KINDS = {np.dtype(dtype): kind for kind, dtype in TYPES.items()}


def to_numpy(array: pa.Array) -> NDArray[Any]:
    """Numbers or booleans, (n,). Floats are NaN at nulls; what integers and booleans hold there means nothing (see ``valid``)."""
    size = array.offset + len(array)
    _, data = array.buffers()
    if data is None or not size:
        return np.zeros(len(array), dtype=np.bool_ if pa.types.is_boolean(array.type) else TYPES[array.type])
    if pa.types.is_boolean(array.type):
        return _bits(data, array)
    values = np.frombuffer(data, dtype=TYPES[array.type], count=size)[array.offset :]
    if array.null_count and pa.types.is_floating(array.type):
        values = values.copy()
        values[~valid(array)] = np.nan
    return values


def valid(array: pa.Array) -> Mask:
    """Which values are not null, (n,)."""
    present = array.buffers()[0]
    if present is None or not array.null_count:
        return np.broadcast_to(np.bool_(array.null_count == 0), len(array))
    return _bits(present, array)


def to_arrow(values: NDArray[Any], *, nulls: Mask | None = None) -> pa.Array:
    """Numbers, (n,), null where ``nulls`` says so."""
    present = None if nulls is None or not nulls.any() else pa.py_buffer(_packed(~nulls))
    if values.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), values.size, [present, pa.py_buffer(_packed(values))])
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(KINDS[values.dtype], values.size, [present, data])


def plain(table: pa.Table) -> pa.Table:
    """The same with texts as texts, where they are codes: Arrow sorts no coded texts, groups them by one coding alone, and puts none
    under others that are not coded.
    """
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema(list(zip(table.schema.names, kinds, strict=True))))


def distinct(array: pa.Array) -> list[Any]:
    """The values that may be there; of codes those that are coded."""
    return list((array.dictionary if pa.types.is_dictionary(array.type) else array.unique()).to_pylist())


def _bits(buffer: pa.Buffer, array: pa.Array) -> Mask:
    size = array.offset + len(array)
    packed = np.frombuffer(buffer, dtype=np.uint8, count=-(-size // 8))
    return cast("Mask", np.unpackbits(packed, count=size, bitorder="little")[array.offset :].view(np.bool_))


def _packed(bits: Mask) -> NDArray[np.uint8]:
    return np.packbits(bits, bitorder="little")


def texts(values: Sequence[str]) -> pa.Array:
    """Few texts, (n,)."""
    encoded = [value.encode("utf-8", "replace") for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def coded(codes: NDArray[np.int32], values: pa.Array, *, nulls: Mask | None = None) -> pa.DictionaryArray:
    """``values`` of which the codes, (n,), say which stands where."""
    return pa.DictionaryArray.from_arrays(to_arrow(codes, nulls=nulls), values)
