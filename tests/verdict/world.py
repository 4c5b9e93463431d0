"""Planted worlds: rows whose truth is known, from a seeded generator.

>>> table = world(seed=1, gains={"sft": 0.10}, n=400)          # zero_shot at 0.6, five prompts on dev, sft at 0.7
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

PROMPTS = ("few_shot", "p1", "p2", "p3", "zero_shot")


class World:
    """Rows under construction; ``base`` is the chance of a right answer of case i before any gain."""

    def __init__(self, seed: int, *, n: int = 200, dev: int = 60, suite: str = "triage", clusters: int | None = None):
        self.rng = np.random.default_rng(seed)
        self.suite, self.n, self.dev = suite, n, dev
        self.base = self.rng.beta(3, 2, size=n + dev)
        self.split = ["dev"] * dev + ["test"] * n
        self.cases = [f"{suite}-{i:05d}" for i in range(n + dev)]
        groups = (
            np.arange(n + dev)
            if clusters is None
            else np.arange(n + dev) // clusters + (np.arange(n + dev) >= dev) * 10**6
        )
        self.clusters = [f"{suite}-c{g}" for g in groups]
        self.parts: list[dict[str, Any]] = []

    def add(
        self,
        contender: str,
        technique: str,
        gain: float = 0.0,
        *,
        seeds: int = 0,
        seed_sd: float = 0.0,
        splits: tuple[str, ...] = ("dev", "test"),
        metric: str = "exact_match",
        **columns: Any,
    ) -> World:
        for seed in range(seeds) if seeds else (None,):
            chance = np.clip(self.base + gain + (self.rng.normal(0, seed_sd) if seed is not None else 0.0), 0, 1)
            scores = (self.rng.random(self.base.size) < chance).astype(float)
            keep = [i for i, split in enumerate(self.split) if split in splits]
            count = len(keep)
            self.parts.append(
                {
                    "suite": [self.suite] * count,
                    "contender": [contender] * count,
                    "technique": [technique] * count,
                    "metric": [metric] * count,
                    "case_id": [self.cases[i] for i in keep],
                    "training_seed": [seed] * count,
                    "split": [self.split[i] for i in keep],
                    "cluster": [self.clusters[i] for i in keep],
                    "score": scores[keep].tolist(),
                    "error": [None] * count,
                    "source": ["program"] * count,
                    "flagged": [False] * count,
                    "data_fraction": [1.0] * count,
                    "cost": [None] * count,
                }
                | {name: [value] * count for name, value in columns.items()}
            )
        return self

    def prompts(self, gain: float = 0.0) -> World:
        """Five prompt variants on dev; few_shot, a little better, on test as well."""
        for name in PROMPTS:
            self.add(
                name,
                "prompt",
                gain if name == "few_shot" else gain - 0.15,
                splits=("dev", "test") if name == "few_shot" else ("dev",),
            )
        return self

    @property
    def columns(self) -> dict[str, list[Any]]:
        return {key: [value for part in self.parts for value in part[key]] for key in self.parts[0]}

    @property
    def table(self) -> pa.Table:
        return table(self.columns)


def table(columns: Mapping[str, list[Any]]) -> pa.Table:
    types = {"training_seed": pa.int64(), "error": pa.string(), "cost": pa.float64(), "score": pa.float64()}
    return pa.table({key: pa.array(values, types.get(key)) for key, values in columns.items()})


def join(*worlds: World) -> pa.Table:
    """Several suites in one table."""
    return pa.concat_tables([world.table for world in worlds])
