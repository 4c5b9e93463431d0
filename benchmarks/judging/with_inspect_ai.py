"""inspect_ai: ``model_graded_qa`` by a model behind the same server; answers are given, its log is written to disk."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import model_graded_qa
from inspect_ai.solver import generate
from timing import given, tell


def graded(url: str, count: int, concurrency: int) -> int:
    """How many were graded right."""
    os.environ["OPENAI_API_KEY"] = "none"

    def answer(messages: list[Any], *_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", messages[-1].text)
        output.usage = ModelUsage()
        return output

    config = GenerateConfig(max_connections=concurrency, max_tokens=280, temperature=0)
    judge = get_model("openai/judge", base_url=f"{url}/v1", config=config, responses_api=False)
    samples = [Sample(id=f"n{i}", input=f"This is number {i}.", target=str(i)) for i in range(count)]
    task = Task(dataset=MemoryDataset(samples), solver=generate(), scorer=model_graded_qa(model=judge))
    with tempfile.TemporaryDirectory() as logs:
        (log,) = eval(
            task,
            model=get_model("mockllm/model", custom_outputs=answer),
            log_dir=logs,
            display="none",
            log_realtime=False,
            max_samples=2 * concurrency,
            max_connections=concurrency,
        )
        assert log.status == "success", log.error
        return sum(sample.scores["model_graded_qa"].value == "C" for sample in log.samples)


if __name__ == "__main__":
    url, count, concurrency = given()
    graded(url, 20, concurrency)
    started, cpu = time.perf_counter(), time.process_time()
    right = graded(url, count, concurrency)
    tell(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, right=right)
