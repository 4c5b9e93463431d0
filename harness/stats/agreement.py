"""How far graders agree, each statistic with an interval over cases.

    >>> import numpy as np
    >>> judge, people = np.array([1, 2, 3, 3, 2, 1]), np.array([1, 2, 3, 2, 2, 1])
    >>> round(accuracy(judge, people).value, 3), round(kappa(judge, people, weights="quadratic").value, 3)
    (0.833, 0.87)
    >>> bounds = kappa(judge, people).bounds(alpha=0.05)                 # (estimate, lower, upper)

Graders who all say one and the same thing of everything agree (1): chance cannot be told from agreement then, and the confusion
matrix shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.stats.clusters import Floats
from harness.stats.statistic import Statistic

Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]

ROUNDING = 1e-12
"""Of a sum of squares: a difference of two such sums that is smaller is none."""


def accuracy(first: NDArray[Any], second: NDArray[Any]) -> Statistic:
    """The share of cases to which both graders gave the same label; both of shape (n,).

    Raises:
        ValueError: no case, or two lengths.
    """
    same = _pair(first, second)[0] == second
    return Statistic(np.stack([same, np.ones(same.size)], axis=1).astype(np.float64), lambda t: t[..., 0] / t[..., 1])


def confusion(first: NDArray[Any], second: NDArray[Any], categories: Sequence[Any] | None = None) -> NDArray[np.int64]:
    """How often the first grader said category i and the second j, shape (k, k).

    Args:
        first: shape (n,).
        second: shape (n,).
        categories: the labels in the order of rows and columns; those that occur, sorted, otherwise.

    Raises:
        ValueError: no case, two lengths, or a label that is none of the categories.
    """
    rows, columns, size = _coded(*_pair(first, second), categories)
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)


def kappa(
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    weights: Weights = "none",
    categories: Sequence[Any] | None = None,
) -> Statistic:
    """Cohen's kappa of two graders, 1 - Σ w·o / Σ w·e, at most 1; 0 is what chance gives.

    o_ij is how often they said i and j, e_ij = o_i·o_j/n how often chance would have it. w_ij is 1 off the diagonal (Cohen 1960,
    doi:10.1177/001316446002000104), or for scores |i - j| or (i - j)² (Cohen 1968, doi:10.1037/h0026256), where i and j count the
    categories in their order. With (i - j)² it is `lin` of the categories' numbers.

    Args:
        first: shape (n,).
        second: shape (n,).
        weights: ``none``, ``linear`` or ``quadratic``.
        categories: the labels in their order; those that occur, sorted, otherwise. Needed with weights where the scale has
            scores that nobody gave.

    Raises:
        ValueError: no case, two lengths, or a label that is none of the categories.
    """
    rows, columns, size = _coded(*_pair(first, second), categories)
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    cost = {"none": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}[weights]
    parts = np.zeros((rows.size, 1 + 2 * size))
    each = np.arange(rows.size)
    parts[each, 0] = cost[rows, columns]
    parts[each, 1 + rows] = 1
    parts[each, 1 + size + columns] = 1

    def of(totals: Floats) -> Floats:
        said, other = totals[..., 1 : 1 + size], totals[..., 1 + size :]
        chance = ((said @ cost) * other).sum(axis=-1) / said.sum(axis=-1)
        return _above_chance(totals[..., 0], chance)

    return Statistic(parts, of)


def lin(first: Floats, second: Floats) -> Statistic:
    """Lin's concordance of two graders' numbers, -1 to 1 (Lin 1989, doi:10.2307/2532051); both of shape (n,).

    2·Cov(x, y)/(Var(x) + Var(y) + (x̄ - ȳ)²), which is 1 - mean (x - y)² over what it would be by chance; for labels it is the
    quadratically weighted kappa.

    Raises:
        ValueError: no case, or two lengths.
    """
    one, other = _pair(first, second)
    x, y = one - other.mean(), other - other.mean()
    parts = np.stack([np.ones(x.size), x, y, x * x, y * y, (x - y) ** 2], axis=1)

    def of(totals: Floats) -> Floats:
        n, x, y, xx, yy, apart = np.moveaxis(totals, -1, 0)
        return _above_chance(apart, xx + yy - 2 * x * y / n, rounding=ROUNDING * (xx + yy))

    return Statistic(parts, of)


def fleiss(counts: NDArray[Any]) -> Statistic:
    """Fleiss' kappa of as many ratings for every case, not always by the same graders (Fleiss 1971, doi:10.1037/h0031619).

    (P - P_e)/(1 - P_e) with P the mean over cases of Σ_j n_ij·(n_ij - 1)/(r·(r - 1)), r ratings a case, and P_e = Σ_j p_j², p_j
    the share of all ratings that are j.

    Args:
        counts: shape (n, k): how many graders put case i into category j.

    Raises:
        ValueError: no case, under two ratings a case, or not the same number for all (`krippendorff` takes those).
    """
    table = np.asarray(counts, dtype=np.float64)
    ratings = table.sum(axis=1) if table.ndim == 2 and table.size else np.empty(0)
    if ratings.size == 0 or ratings[0] < 2 or np.ptp(ratings) > 0:
        raise ValueError(
            f"counts has shape {table.shape} and the row sums {sorted(set(ratings.tolist()))[:3]}: allowed is (cases, "
            "categories) with one sum of two or more; krippendorff() takes cases with missing ratings"
        )
    r = float(ratings[0])
    agreeing = (table * (table - 1)).sum(axis=1) / (r - 1)

    def of(totals: Floats) -> Floats:
        ratings = totals[..., 1:].sum(axis=-1)
        chance = ((totals[..., 1:] / ratings[..., None]) ** 2).sum(axis=-1)
        return _above_chance(1 - totals[..., 0] / ratings, 1 - chance)

    return Statistic(np.column_stack([agreeing, table]), of)


def krippendorff(ratings: NDArray[Any], *, level: Level) -> Statistic:
    """Krippendorff's alpha of any number of graders, ratings missing here and there: 1 - D_o/D_e.

    With m_u ratings of case u and n of all cases that have two or more::

        D_o = Σ_u Σ_{i≠j} δ²(x_ui, x_uj)/(m_u - 1) / n
        D_e = Σ_{a≠b} δ²(x_a, x_b) / (n·(n - 1))                      over all pairs of ratings

    δ² is 1 for two that differ (nominal), (x - y)² (interval), or for ordinal the square of how many ratings lie from the one to
    the other, both ends counted half (Krippendorff 2004, Content Analysis, chapter 11; Hayes and Krippendorff 2007,
    doi:10.1080/19312450709336664). The bounds draw cases, where Krippendorff's own algorithm draws pairs as if independent.

    Args:
        ratings: shape (graders, n) of numbers, NaN where a grader did not rate.
        level: ``nominal``, ``ordinal`` or ``interval``.

    Raises:
        ValueError: when no case has two ratings.
    """
    table = np.atleast_2d(np.asarray(ratings, dtype=np.float64))
    there = np.isfinite(table)
    given = there.sum(axis=0)
    if not (given > 1).any():
        raise ValueError(f"ratings has shape {table.shape}, and no case with two ratings: allowed is one or more")
    there &= given > 1
    pairs = np.maximum(given - 1, 1).astype(np.float64)
    return _interval(table, there, pairs) if level == "interval" else _coincidences(table, there, pairs, level)


def _interval(table: Floats, there: NDArray[np.bool_], pairs: Floats) -> Statistic:
    """From sums of squares: Σ_{i≠j} (x_i - x_j)² = 2·(m·Σx² - (Σx)²). No matrix of values is needed, of which there may be
    thousands. Centred first, since alpha does not change with it and squares of large numbers lose digits.
    """
    values = np.where(there, table - table[there].mean(), 0.0)
    m, total, square = there.sum(axis=0).astype(np.float64), values.sum(axis=0), (values**2).sum(axis=0)
    within = 2 * (m * square - total**2) / pairs

    def of(totals: Floats) -> Floats:
        observed, n, total, square = np.moveaxis(totals, -1, 0)
        return _above_chance(observed, 2 * (n * square - total**2) / (n - 1), rounding=ROUNDING * square)

    return Statistic(np.stack([within, m, total, square], axis=1), of)


def _coincidences(table: Floats, there: NDArray[np.bool_], pairs: Floats, level: Level) -> Statistic:
    """From the matrix of coincidences: how often value c stands beside value k in one case, 1/(m - 1) for each pair."""
    values, codes = np.unique(table[there], return_inverse=True)
    size, n = values.size, table.shape[1]
    cases = np.broadcast_to(np.arange(n), table.shape)[there]
    counts = np.bincount(cases * size + codes, minlength=n * size).reshape(n, size).astype(np.float64)
    beside = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(size)
    parts = (beside / pairs[:, None, None]).reshape(n, size * size)

    def of(totals: Floats) -> Floats:
        together = totals.reshape(*totals.shape[:-1], size, size)
        often = together.sum(axis=-1)
        distance = _distance(often, level)
        observed = (together * distance).sum(axis=(-2, -1))
        chance = (often[..., :, None] * often[..., None, :] * distance).sum(axis=(-2, -1))
        return _above_chance(observed, chance / (often.sum(axis=-1) - 1))

    return Statistic(parts, of)


def _distance(often: Floats, level: Level) -> Floats:
    """δ² of every two values, (…, k, k), where value c was given ``often`` c times."""
    if level == "nominal":
        return 1.0 - np.eye(often.shape[-1])
    place = np.cumsum(often, axis=-1) - often / 2
    return np.asarray((place[..., :, None] - place[..., None, :]) ** 2)


def _above_chance(observed: Floats, chance: Floats, *, rounding: Floats | float = 0.0) -> Floats:
    """1 - disagreement seen over disagreement by chance; 1 where chance could not have disagreed by more than ``rounding``."""
    possible = chance > rounding
    return np.asarray(1 - np.divide(observed, chance, out=np.zeros_like(chance), where=possible))


def _pair(first: NDArray[Any], second: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    one, other = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != other.shape or one.size == 0:
        raise ValueError(
            f"two graders have shapes {one.shape} and {other.shape}: allowed is one label a case from each"
        )
    return one, other


def _coded(
    first: NDArray[Any], second: NDArray[Any], categories: Sequence[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Labels as numbers of their categories, and how many there are of those."""
    both = np.concatenate([first, second])
    if categories is None:
        found, codes = np.unique(both, return_inverse=True)
        return codes[: first.size], codes[first.size :], found.size
    number = {category: i for i, category in enumerate(categories)}
    strange = [label for label in both.tolist() if label not in number]
    if strange:
        raise ValueError(f"label {strange[0]!r} is none of the categories {list(categories)!r}")
    codes = np.array([number[label] for label in both.tolist()], dtype=np.int64)
    return codes[: first.size], codes[first.size :], len(number)
