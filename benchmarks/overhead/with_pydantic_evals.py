"""pydantic-evals: ``Dataset.evaluate_sync`` with a task that returns its input; results stay in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases import json_exact, measure, read_cases
from pydantic_evals import Case, Dataset
from pydantic_evals.evaluators import Evaluator, EvaluatorContext


@dataclass
class JsonExact(Evaluator[str, str, Any]):
    def evaluate(self, ctx: EvaluatorContext[str, str, Any]) -> float:
        return json_exact(ctx.output, ctx.expected_output or "")


def evaluate(folder: Path) -> Any:
    async def answer(given: str) -> str:
        return given

    cases = [Case(name=c["id"], inputs=c["input"], expected_output=c["reference"]) for c in read_cases(folder)]
    return Dataset(name="notes", cases=cases, evaluators=[JsonExact()]).evaluate_sync(answer, progress=False)


if __name__ == "__main__":
    measure(evaluate, lambda report: report.averages().scores["JsonExact"])
