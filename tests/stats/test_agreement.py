"""Agreement against scikit-learn, statsmodels, the books' own examples and simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from harness.stats import Statistic, concordance
from harness.stats.agreement import accuracy, confusion, fleiss, kappa, krippendorff, lin

NA = np.nan
# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section F: four observers, twelve units
RELIABILITY = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
        [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
    ]
)
# Fleiss (1971), table 1 as statsmodels and Wikipedia reprint it: ten subjects, fourteen raters, five categories
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60).filter(
    lambda pairs: len({label for pair in pairs for label in pair}) > 1
)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.array(pairs).T
    return first, second


@given(labels)
def test_two_graders_as_scikit_learn_has_them(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    assert accuracy(first, second).value == pytest.approx(accuracy_score(first, second))
    assert (confusion(first, second) == confusion_matrix(first, second)).all()
    assert (confusion(first, second, range(5)) == confusion_matrix(first, second, labels=range(5))).all()
    for ours, theirs in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
        got = kappa(first, second, weights=ours, categories=range(5)).value
        assert got == pytest.approx(cohen_kappa_score(first, second, weights=theirs, labels=range(5)), abs=1e-12)


@given(labels)
def test_the_quadratic_kappa_is_lins_concordance(pairs: list[tuple[int, int]]) -> None:
    first, second = columns(pairs)
    got = kappa(first, second, weights="quadratic", categories=range(5)).value
    assert got == pytest.approx(concordance(first.astype(float), second.astype(float)), abs=1e-9)


def test_labels_may_be_words() -> None:
    first, second = np.array(["a", "b", "b", "tie"]), np.array(["a", "b", "a", "tie"])
    assert kappa(first, second).value == pytest.approx(cohen_kappa_score(first, second))
    assert confusion(first, second, ["a", "tie", "b"]).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_fleiss_as_he_printed_it() -> None:
    assert fleiss(FLEISS).value == pytest.approx(0.20993, abs=1e-5)


@given(st.integers(2, 6), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_fleiss_as_statsmodels_has_it(graders: int, cases: int, seed: int) -> None:
    ratings = np.random.default_rng(seed).integers(0, 4, size=(cases, graders))
    ratings[0, :2] = 0, 1
    table = aggregate_raters(ratings, n_cat=4)[0]
    assert fleiss(table).value == pytest.approx(fleiss_kappa(table), abs=1e-12)


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(level: str, alpha: float) -> None:
    assert krippendorff(RELIABILITY, level=level).value == pytest.approx(alpha, abs=5e-4)


def by_definition(table: np.ndarray, distance: object) -> float:
    """Alpha, pair for pair."""
    units = [[x for x in unit if not np.isnan(x)] for unit in table.T]
    units = [unit for unit in units if len(unit) > 1]
    every = [x for unit in units for x in unit]
    observed = sum(2 * distance(a, b) / (len(unit) - 1) for unit in units for a, b in combinations(unit, 2))
    chance = sum(2 * distance(a, b) for a, b in combinations(every, 2)) / (len(every) - 1)
    return 1 - observed / chance


@given(st.integers(2, 5), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_alpha_pair_for_pair(graders: int, cases: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 6, size=(graders, cases)).astype(float)
    table[rng.random(table.shape) < 0.3] = NA
    table[:2, 0] = 1, 5
    paired = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    every = np.sort(paired[~np.isnan(paired)])

    def rank(x: float) -> float:
        return float(np.searchsorted(every, x, "left") + np.searchsorted(every, x, "right")) / 2

    distances = {
        "nominal": lambda a, b: float(a != b),
        "ordinal": lambda a, b: (rank(a) - rank(b)) ** 2,
        "interval": lambda a, b: (a - b) ** 2,
    }
    for level, distance in distances.items():
        got = krippendorff(table, level=level).value
        assert got == pytest.approx(by_definition(table, distance), abs=1e-9), level


def test_alpha_of_large_numbers_keeps_its_digits() -> None:
    far = RELIABILITY + 1e9
    got = krippendorff(far, level="interval").value
    assert got == pytest.approx(krippendorff(RELIABILITY, level="interval").value, abs=1e-6)


def test_graders_who_say_one_thing_agree() -> None:
    same = np.full(5, 3)
    assert kappa(same, same).value == 1.0
    assert kappa(same, same, weights="quadratic", categories=range(5)).value == 1.0
    assert krippendorff(np.stack([same, same]), level="interval").value == 1.0
    assert krippendorff(np.stack([same, same]), level="ordinal").value == 1.0
    assert fleiss(np.array([[3, 0], [3, 0]])).value == 1.0
    # a third is no binary fraction, and a draw may hold nothing else
    thirds = np.array([1 / 3, 1 / 3, 1 / 3, 0.7])
    assert lin(thirds, thirds).bounds()[1:] == (1.0, 1.0)


def statistics(first: np.ndarray, second: np.ndarray) -> dict[str, Statistic]:
    both = np.stack([first, second]).astype(float)
    table = np.stack([(both == label).sum(axis=0) for label in range(5)], axis=1)
    return {
        "accuracy": accuracy(first, second),
        "kappa": kappa(first, second, categories=range(5)),
        "quadratic": kappa(first, second, weights="quadratic", categories=range(5)),
        "lin": lin(first / 4, second / 4),
        "fleiss": fleiss(table),
        **{level: krippendorff(both, level=level) for level in ("nominal", "ordinal", "interval")},  # type: ignore[arg-type]
    }


def graders(rng: np.random.Generator, cases: int, answers: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(clusters, judge, people): answers to one case have a grade in common, and both graders err."""
    clusters = np.repeat(np.arange(cases), answers)
    truth = np.repeat(rng.integers(0, 5, size=cases), answers)
    first, second = (np.clip(truth + rng.integers(-1, 2, size=truth.size), 0, 4) for _ in range(2))
    return clusters, first, second


def test_draws_are_the_statistic_of_the_cases_drawn() -> None:
    """One draw through totals is what the statistic gives on those cases, written out."""
    rng = np.random.default_rng(3)
    _, first, second = graders(rng, 40)
    pick = rng.integers(0, 40, size=40)
    often = np.bincount(pick, minlength=40).astype(float)
    again = statistics(first[pick], second[pick])
    for name, found in statistics(first, second).items():
        assert float(found.of(often @ found.parts)) == pytest.approx(again[name].value), name


@pytest.mark.parametrize("answers", [1, 3])
def test_bounds_hold_the_truth_as_often_as_they_say(answers: int) -> None:
    rng, runs = np.random.default_rng(11), 300
    _, first, second = graders(rng, 400_000)
    truth = {name: found.value for name, found in statistics(first, second).items()}
    missed: dict[str, int] = dict.fromkeys(truth, 0)
    for run in range(runs):
        clusters, first, second = graders(rng, 60, answers)
        for name, found in statistics(first, second).items():
            bounds = found.bounds(clusters, alpha=0.05, draws=400, seed=run)
            missed[name] += not bounds.lower <= truth[name] <= bounds.upper
    # 10 % are asked for; a bootstrap of 60 cases errs a little more often
    assert max(missed.values()) / runs <= 0.10 + 0.02 + 2.5 * np.sqrt(0.1 * 0.9 / runs), missed
    assert min(missed.values()) / runs >= 0.10 - 2.5 * np.sqrt(0.1 * 0.9 / runs) - 0.02, missed


def test_answers_of_one_case_are_not_independent() -> None:
    rng = np.random.default_rng(5)
    clusters, first, second = graders(rng, 50)
    many = [np.repeat(values, 8) for values in (clusters, first, second)]
    wide = kappa(many[1], many[2]).bounds(many[0])
    narrow = kappa(many[1], many[2]).bounds()
    alone = kappa(first, second).bounds(clusters)
    assert wide == pytest.approx(alone)
    assert narrow.upper - narrow.lower < 0.5 * (wide.upper - wide.lower)


def test_bounds_are_seeded_and_one_cluster_has_none() -> None:
    _, first, second = graders(np.random.default_rng(6), 30)
    found = kappa(first, second)
    assert found.bounds(seed=1) == found.bounds(seed=1) != found.bounds(seed=2)
    assert found.bounds(np.zeros(30, dtype=int))[1:] == (-np.inf, np.inf)


def test_blocks_of_draws_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, first, second = graders(np.random.default_rng(7), 30)
    whole = kappa(first, second).bounds(draws=100)
    monkeypatch.setattr("harness.stats.statistic.AT_ONCE", 90)
    assert kappa(first, second).bounds(draws=100) == whole


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: kappa(np.zeros(2), np.zeros(3)), r"shapes \(2,\) and \(3,\)"),
        (lambda: accuracy(np.empty(0), np.empty(0)), "one label a case"),
        (lambda: kappa(np.array([1, 9]), np.array([1, 1]), categories=range(5)), "label 9 is none of the categories"),
        (lambda: fleiss(np.array([[2, 1], [1, 1]])), "one sum of two or more"),
        (lambda: fleiss(np.array([[1, 0], [0, 1]])), "one sum of two or more"),
        (lambda: krippendorff(np.array([[1, NA], [NA, 2]]), level="nominal"), "no case with two ratings"),
        (lambda: kappa(np.zeros(3), np.ones(3)).bounds(alpha=0.5), "alpha was 0.5"),
        (lambda: kappa(np.zeros(3), np.ones(3)).bounds(np.zeros(2, dtype=int)), "one code a case"),
    ],
)
def test_what_cannot_be_reckoned_is_said(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
