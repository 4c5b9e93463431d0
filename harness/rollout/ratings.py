"""Production's ratings as columns: one row is one request that an arm answered.

    {"time": "2026-11-04T10:15:00Z", "stage": "5%", "arm": "candidate", "user": "u-17", "request": "r-9", "rating": 1, "country": "de"}

``rating`` is empty where the answer was served and nobody rated it. ``time`` may be left out, ``stage`` where there is one, ``request``
where nothing is paired by it. Other columns than these, the strata and the guards are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BadInput, suggest
from harness.files import look, rows
from harness.rollout.declaration import Rollout

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ratings:
    """Columns of n rows each: ``stage`` in the order of the declaration, ``stratum`` of all declared strata together, ``candidate``,
    ``user`` and ``request`` (-1: none given), ``rating`` (NaN: not rated), one column a guard. ``days`` is the time they span.
    """

    stage: Codes
    stratum: Codes
    candidate: Mask
    user: Codes
    request: Codes
    rating: Floats
    guards: Mapping[str, Floats]
    days: float | None

    def __len__(self) -> int:
        return len(self.stage)

    def at(self, keep: Mask | Codes) -> Ratings:
        """Some of the rows, by a mask or by their numbers."""
        return Ratings(
            self.stage[keep],
            self.stratum[keep],
            self.candidate[keep],
            self.user[keep],
            self.request[keep],
            self.rating[keep],
            {name: column[keep] for name, column in self.guards.items()},
            self.days,
        )


def load_ratings(paths: Sequence[Path], rollout: Rollout) -> Ratings:
    """The rows of all files.

    Raises:
        BadInput: naming file and line of what is missing or no rating, of an unknown stage or arm, and of a request that one arm
            answered twice.
    """
    codes: dict[str, dict[Any, int]] = {"user": {}, "request": {}, "stratum": {}}
    found: list[tuple[int, int, bool, int, int, float]] = []
    guards: list[tuple[float, ...]] = []
    times: list[float] = []
    answered: dict[tuple[int, int, bool], str] = {}
    for where, row in _rows(paths):
        try:
            stage, candidate, user, request = _place(row, rollout)
            stratum = tuple(_text(row, name) for name in rollout.strata)
            numbers = tuple(_number(row, guard.column) for guard in rollout.guards)
            rating = _rating(row, rollout)
            if row.get("time") not in (None, ""):
                times.append(_time(row["time"]))
        except BadInput as error:
            raise BadInput(f"{where}: {error}") from error
        of = -1 if request is None else _code(codes["request"], request)
        if of >= 0:
            first = answered.setdefault((stage, of, candidate), where)
            if first != where:
                raise BadInput(f"{where}: request: given {request!r}, which this arm answered before, at {first}")
        found.append((stage, _code(codes["stratum"], stratum), candidate, _code(codes["user"], user), of, rating))
        guards.append(numbers)
    if not found:
        raise BadInput(f"{', '.join(map(str, paths))}: no row: write one for every answer that was served or rated")
    stages, strata, candidates, users, requests, values = (list(column) for column in zip(*found, strict=True))
    names = [guard.column for guard in rollout.guards]
    return Ratings(
        np.array(stages, dtype=np.int64),
        np.array(strata, dtype=np.int64),
        np.array(candidates, dtype=np.bool_),
        np.array(users, dtype=np.int64),
        np.array(requests, dtype=np.int64),
        np.array(values, dtype=np.float64),
        {name: np.array([numbers[i] for numbers in guards], dtype=np.float64) for i, name in enumerate(names)},
        (max(times) - min(times)) / 86400 if times else None,
    )


def _rows(paths: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in paths:
        yield from rows(look(path))


def _code(codes: dict[Any, int], value: Any) -> int:
    return codes.setdefault(value, len(codes))


def _place(row: Mapping[str, Any], rollout: Rollout) -> tuple[int, bool, str, str | None]:
    """Stage, whether it is the candidate's, user and request."""
    names = [stage.name for stage in rollout.stages]
    name = _text(row, "stage") if len(names) > 1 or row.get("stage") not in (None, "") else names[0]
    if name not in names:
        raise BadInput(f"stage: given {name!r}: {suggest(name, names)}")
    arm = _text(row, "arm")
    if arm not in (rollout.control, rollout.candidate):
        raise BadInput(f"arm: given {arm!r}: {suggest(arm, (rollout.control, rollout.candidate))}")
    shadow = rollout.stages[names.index(name)].shadow
    request = _text(row, "request") if shadow or row.get("request") not in (None, "") else None
    return names.index(name), arm == rollout.candidate, _text(row, "user"), request


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None or value == "":
        raise BadInput(f"{key}: missing: every row needs one; the row has {', '.join(map(repr, row)) or 'nothing'}")
    if isinstance(value, (dict, list)):
        raise BadInput(f"{key}: given {str(value)[:60]!r}: write it as a text")
    return str(value)


def _number(row: Mapping[str, Any], key: str) -> float:
    if key not in row:
        raise BadInput(f"{key}: missing: the declaration names this column; the row has {', '.join(map(repr, row))}")
    value = row[key]
    if value is None or value == "":
        return nan
    try:
        number = float(value) if isinstance(value, (int, float, str)) else nan
    except ValueError:
        number = nan
    if not isfinite(number):
        raise BadInput(f"{key}: given {str(value)[:60]!r}: write a finite number, or nothing where there is none")
    return number


def _rating(row: Mapping[str, Any], rollout: Rollout) -> float:
    rating = _number(row, "rating")
    low, high = rollout.range
    if not np.isnan(rating) and not low <= rating <= high:
        raise BadInput(f"rating: given {rating:g}: it lies in range, from {low:g} to {high:g}")
    return rating


def _time(value: Any) -> float:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise BadInput(f"time: given {str(value)[:60]!r}: write it as 2026-11-04T10:15:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
