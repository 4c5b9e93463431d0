"""inspect_ai: ``eval`` on ``mockllm/model``, a scorer of our own; its log of all samples is written to disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cases import json_exact, measure, read_cases
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Target, mean, scorer
from inspect_ai.solver import TaskState, generate


@scorer(metrics=[mean()])
def same_json() -> Any:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=json_exact(state.output.completion, target.text))

    return score


def evaluate(folder: Path) -> Any:
    def answer(messages: list[Any], *_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", messages[-1].text)
        output.usage = ModelUsage()  # else it counts tokens, which no other tool is asked to
        return output

    samples = [Sample(id=c["id"], input=c["input"], target=c["reference"]) for c in read_cases(folder)]
    task = Task(dataset=MemoryDataset(samples), solver=generate(), scorer=same_json())
    model = get_model("mockllm/model", custom_outputs=answer)
    with tempfile.TemporaryDirectory() as logs:
        (log,) = eval(
            task, model=model, log_dir=logs, display="none", log_realtime=False, max_samples=200, max_connections=200
        )
    return log


if __name__ == "__main__":
    measure(evaluate, lambda log: log.results.scores[0].metrics["mean"].value)
