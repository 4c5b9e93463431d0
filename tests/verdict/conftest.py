"""Planted worlds: rows whose truth is known, from a seeded generator.

    planted(1, n=400).prompts().add("sft", "tune", 0.10, seeds=5).table

Answers to one case are correlated between contenders, as those of one base model are: a case is easy or hard, and
``noise`` is the share of answers drawn afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

PROMPTS = ("few_shot", "p1", "p2", "p3", "zero_shot")
TYPES = {"training_seed": pa.int64(), "error": pa.string(), "cost": pa.float64(), "score": pa.float64()}


class World:
    """Rows under construction; a case has a fixed difficulty, right where it is under the contender's level."""

    def __init__(
        self, seed: int, n: int = 200, dev: int = 60, suite: str = "triage", size: int = 1, noise: float = 0.3
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.suite, self.noise = suite, noise
        self.split = np.array(["dev"] * dev + ["test"] * n)
        self.cases = np.array([f"{suite}-{i:05d}" for i in range(n + dev)])
        at = np.concatenate([np.arange(dev), 10**6 + np.arange(n)]) // size
        self.clusters = np.array([f"{suite}-c{group}" for group in at])
        self.difficulty = self.rng.random(n + dev)
        self.parts: list[dict[str, list[Any]]] = []

    def add(
        self,
        contender: str,
        technique: str,
        gain: float = 0.0,
        seeds: int = 0,
        seed_sd: float = 0.0,
        splits: tuple[str, ...] = ("dev", "test"),
        **columns: Any,
    ) -> World:
        """One contender at 0.6 + gain; its level varies by seed with ``seed_sd``."""
        for seed in range(seeds) if seeds else (None,):
            level = 0.6 + gain + (self.rng.normal(0, seed_sd) if seed is not None else 0.0)
            afresh = self.rng.random(self.difficulty.size)
            own = np.where(self.rng.random(self.difficulty.size) < self.noise, afresh, self.difficulty)
            keep = np.flatnonzero(np.isin(self.split, splits))
            self._append(keep, (own < level).astype(float), seed, contender, technique, columns)
        return self

    def _append(self, keep: Any, scores: Any, seed: int | None, contender: str, technique: str, columns: Any) -> None:
        same = {
            "suite": self.suite,
            "contender": contender,
            "technique": technique,
            "metric": "exact_match",
            "training_seed": seed,
            "error": None,
            "source": "program",
            "flagged": False,
            "data_fraction": 1.0,
            "cost": None,
        } | columns
        part = {name: [value] * keep.size for name, value in same.items()}
        part["case_id"], part["split"] = self.cases[keep].tolist(), self.split[keep].tolist()
        part["cluster"], part["score"] = self.clusters[keep].tolist(), scores[keep].tolist()
        self.parts.append(part)

    def prompts(self, gain: float = 0.0) -> World:
        """Five prompt variants on dev; few_shot, the best of them, on test as well."""
        for name in PROMPTS:
            best = name == "few_shot"
            splits = ("dev", "test") if best else ("dev",)
            self.add(name, "prompt", gain if best else gain - 0.25, splits=splits)
        return self

    @property
    def columns(self) -> dict[str, list[Any]]:
        """All rows as lists, to be changed by a test before `table`."""
        return {key: [value for part in self.parts for value in part[key]] for key in self.parts[0]}

    @property
    def table(self) -> pa.Table:
        """All rows as an Arrow table."""
        return to_table(self.columns)


def to_table(columns: Mapping[str, list[Any]]) -> pa.Table:
    return pa.table({key: pa.array(values, TYPES.get(key)) for key, values in columns.items()})


@pytest.fixture(scope="session")
def planted() -> type[World]:
    """Makes a `World`."""
    return World


@pytest.fixture(scope="session")
def table() -> Callable[[Mapping[str, list[Any]]], pa.Table]:
    """Makes an Arrow table of lists, with the types that a column of nulls needs."""
    return to_table


@pytest.fixture
def small() -> dict[str, list[Any]]:
    """Four rows that are valid: one prompt and one tuned contender on two cases."""
    return {
        "suite": ["s"] * 4,
        "contender": ["zero", "zero", "sft", "sft"],
        "technique": ["prompt", "prompt", "tune", "tune"],
        "metric": ["em"] * 4,
        "case_id": ["a", "b", "a", "b"],
        "training_seed": [None, None, 1, 1],
        "split": ["test"] * 4,
        "score": [0.0, 1.0, 1.0, 1.0],
    }
