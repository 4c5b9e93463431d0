"""deepeval: ``evaluate`` with a metric of our own; telemetry, cache, progress bar and printing off; results in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cases import json_exact, measure, read_cases
from deepeval import evaluate as deepeval_evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase


class JsonExact(BaseMetric):
    def __init__(self) -> None:
        self.threshold = 0.5
        self.async_mode = False

    def measure(self, test_case: LLMTestCase, *_: Any, **__: Any) -> float:
        self.score = json_exact(test_case.actual_output or "", test_case.expected_output or "")
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case: LLMTestCase, *_: Any, **__: Any) -> float:
        return self.measure(test_case)

    def is_successful(self) -> bool:
        return bool(self.success)

    @property
    def __name__(self) -> str:
        return "JsonExact"


def evaluate(folder: Path) -> Any:
    asked = [
        LLMTestCase(name=c["id"], input=c["input"], actual_output=c["input"], expected_output=c["reference"])
        for c in read_cases(folder)
    ]
    return deepeval_evaluate(
        asked,
        [JsonExact()],
        async_config=AsyncConfig(run_async=True, max_concurrent=100),
        display_config=DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False),
        cache_config=CacheConfig(write_cache=False, use_cache=False),
    )


def mean(result: Any) -> float:
    scores = [test.metrics_data[0].score for test in result.test_results]
    return sum(scores) / len(scores)


if __name__ == "__main__":
    measure(evaluate, mean)
