"""deepeval: ``GEval`` with given steps by a model behind the same server; telemetry, cache and printing off."""

from __future__ import annotations

import time
from typing import Any

import openai
from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import GEval
from deepeval.models import DeepEvalBaseLLM
from deepeval.test_case import LLMTestCase, LLMTestCaseParams
from timing import given, tell


class Judge(DeepEvalBaseLLM):
    """Its documented way to a server of one's own, without the model's price list."""

    def __init__(self, url: str) -> None:
        self.client = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1")
        super().__init__("judge")

    def load_model(self, *_: Any, **__: Any) -> Any:
        return self.client

    def generate(self, prompt: str, *_: Any, **__: Any) -> str:
        raise NotImplementedError("everything here is asynchronous")

    async def a_generate(self, prompt: str, *_: Any, **__: Any) -> str:
        reply = await self.client.chat.completions.create(
            model="judge", messages=[{"role": "user", "content": prompt}], max_tokens=280, temperature=0
        )
        return reply.choices[0].message.content or ""

    def get_model_name(self) -> str:
        return "judge"


def graded(url: str, count: int, concurrency: int) -> int:
    asked = [
        LLMTestCase(
            name=f"n{i}", input=f"This is number {i}.", actual_output=f"This is number {i}.", expected_output=str(i)
        )
        for i in range(count)
    ]
    metric = GEval(
        name="right",
        evaluation_steps=["Says the number."],
        evaluation_params=[LLMTestCaseParams.INPUT, LLMTestCaseParams.ACTUAL_OUTPUT, LLMTestCaseParams.EXPECTED_OUTPUT],
        model=Judge(url),
        async_mode=True,
    )
    found = evaluate(
        asked,
        [metric],
        async_config=AsyncConfig(run_async=True, max_concurrent=concurrency),
        display_config=DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False),
        cache_config=CacheConfig(write_cache=False, use_cache=False),
    )
    return sum(test.metrics_data[0].score == 0.8 for test in found.test_results)


if __name__ == "__main__":
    url, count, concurrency = given()
    graded(url, 20, concurrency)
    started, cpu = time.perf_counter(), time.process_time()
    right = graded(url, count, concurrency)
    tell(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, right=right)
