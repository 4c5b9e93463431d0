"""promptfoo's results: the ``.json`` or ``.jsonl`` that ``promptfoo eval -o FILE`` writes.

    {"provider": {"id": "file://model.js", "label": "sft-0"}, "prompt": {"label": "one-word", …}, "testIdx": 3,
     "testCase": {"vars": {…}, "metadata": {…}, "assert": […]}, "success": false, "score": 0.5,
     "namedScores": {"exact": 0, "lenient": 1}, "failureReason": 1, "latencyMs": 80, "tokenUsage": {…}, "cost": 0.0001, …}

``harness import promptfoo results.json --map runs.toml --out rows.parquet``: one file holds every provider with every
prompt, and each pair is a run. A case is known by its ``vars``; the same vars twice (``--repeat``) are repeats. Metrics are
``score``, ``pass`` and whatever the assertions name. A provider's error and a grader's are errors; promptfoo itself
counts both as zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.declaration import read_jsonl
from harness.errors import BadInput
from harness.importers.answer import Answer, Keys, Logged, Tool, Unmeasured, Value, brief, usage, value
from harness.importers.document import clean, digest, lookup, mapping, part, read_document

ERROR = 2
"""``failureReason``: 0 none, 1 an assertion, 2 an error."""
OVERALL = ("score", "pass")
GRADERS = frozenset(
    [
        "agent-rubric",
        "answer-relevance",
        "context-faithfulness",
        "context-recall",
        "context-relevance",
        "conversation-relevance",
        "factuality",
        "g-eval",
        "llm-rubric",
        "model-graded-closedqa",
        "model-graded-factuality",
        "pi",
        "search-rubric",
        "select-best",
        "trajectory:goal-success",
    ]
)
"""Assertions in which a model grades; others count as such when they used tokens."""

Result = Mapping[str, Any]


def files(folder: Path) -> Iterator[Path]:
    """JSON files under a folder."""
    yield from folder.rglob("*.json")
    yield from folder.rglob("*.jsonl")


def read(path: Path, keys: Keys) -> Iterator[Logged]:
    """A run for every provider with every prompt, in the order of the file.

    Raises:
        BadInput: with file and line or result, when it holds none.
    """
    runs: dict[tuple[tuple[str, ...], str, str], list[tuple[float, Answer]]] = defaultdict(list)
    for where, result in _results(path):
        run = _provider(result, where), _prompt(result, where), str(result.get("promptIdx"))
        runs[run].append(_answer(result, where, keys))
    for (provider, prompt, _), answers in runs.items():
        yield Logged(
            path=path.as_posix(),
            suite=None,
            labels={"path": (path.as_posix(),), "provider": provider, "prompt": (prompt,)},
            answers=[answer for _, answer in sorted(answers, key=lambda one: one[0])],
            default=None if _named(answers) else "score",
        )


def _named(answers: Iterable[tuple[float, Answer]]) -> bool:
    return any(set(answer.scores) - set(OVERALL) for _, answer in answers)


def _results(path: Path) -> Iterator[tuple[str, Result]]:
    """Of version 3 files and 2, whose results lie in ``results.results``."""
    if path.suffix == ".jsonl":
        yield from ((f"{path}:{line}", result) for line, result in read_jsonl(path))
        return
    summary = part(read_document(path), "results", str(path), dict)
    for number, result in enumerate(part(summary, "results", f"{path}: results", list), 1):
        where = f"{path}: result {number}"
        if not isinstance(result, dict):
            raise BadInput(f"{where}: given {brief(repr(result), 60)}: it must be a JSON object")
        yield where, result


def _provider(result: Result, where: str) -> tuple[str, ...]:
    """Its id, and its label where it has one: the label last."""
    given = result.get("provider")
    if isinstance(given, str):
        return (clean(given),)
    provider = part(result, "provider", where, dict)
    names = [clean(provider[key]) for key in ("id", "label") if provider.get(key)]
    if not names:
        raise BadInput(f"{where}: provider: neither id nor label")
    return tuple(names)


def _prompt(result: Result, where: str) -> str:
    prompt = part(result, "prompt", where, dict)
    return clean(prompt.get("label") or prompt.get("display") or prompt.get("raw") or "")


def _answer(result: Result, where: str, keys: Keys) -> tuple[float, Answer]:
    """The answer and its place among the test cases: results are written in the order in which they were ready."""
    test = mapping(result, "testCase")
    variables = test.get("vars", result.get("vars"))
    if not isinstance(variables, dict) or not isinstance(result.get("success"), bool):
        missing = "success" if isinstance(variables, dict) else "vars"
        raise BadInput(f"{where}: {missing}: missing: this is no result of a promptfoo eval")
    places = (mapping(test, "metadata"), variables, test)
    content = digest(variables)
    parts = _components(mapping(result, "gradingResult"))
    place = result.get("testIdx")
    return place if isinstance(place, int) else 0.0, Answer(
        where=where,
        case=content if keys.case is None else lookup(keys.case, where, *places),
        content=content,
        scores=dict(_scores(result, test, parts)),
        error=_error(result),
        cluster=None if keys.cluster is None else lookup(keys.cluster, where, *places),
        usage=_usage(result),
        judged=frozenset(name for component in parts if _graded(component) for name in (*OVERALL, _metric(component))),
    )


def _components(grading: Result) -> list[Result]:
    """What each assertion found; a set of assertions counts by its members."""
    found = [one for one in _list(grading, "componentResults") if isinstance(one, dict)]
    return [*found, *(inner for one in found for inner in _list(one, "componentResults") if isinstance(inner, dict))]


def _list(owner: Result, key: str) -> list[Any]:
    found = owner.get(key)
    return found if isinstance(found, list) else []


def _metric(component: Result) -> str:
    return clean(mapping(component, "assertion").get("metric") or "")


def _graded(component: Result) -> bool:
    kind = str(mapping(component, "assertion").get("type", "")).removeprefix("not-")
    return kind in GRADERS or bool(mapping(component, "tokensUsed").get("total"))


def _error(result: Result) -> str | None:
    """The provider's; older files, without ``failureReason``, have an error and nothing graded."""
    reason = result.get("failureReason")
    if reason == ERROR or (reason is None and result.get("error") and not result.get("gradingResult")):
        return brief(result.get("error") or "") or "failed"
    return None


def _scores(result: Result, test: Result, parts: list[Result]) -> Iterator[tuple[str, Value]]:
    """Overall and named scores; None of them where the grader failed, or where an assertion was not come to."""
    failed = {
        name: brief(f"the grader failed: {component.get('reason')}")
        for component in parts
        if mapping(component, "metadata").get("graderError") is True
        for name in (*OVERALL, _metric(component))
    }
    given = {"score": result.get("score"), "pass": result.get("success")}
    given |= dict.fromkeys(_asked(_list(test, "assert"))) | mapping(result, "namedScores")
    for name, one in given.items():
        yield clean(name), Unmeasured(failed[name]) if name in failed else value(one)


def _asked(assertions: list[Any]) -> Iterator[str]:
    """Names of the metrics that a test's assertions are to give, those in sets of assertions too."""
    given = [one for one in assertions if isinstance(one, dict)]
    for assertion in (*given, *(inner for one in given for inner in _list(one, "assert") if isinstance(inner, dict))):
        metric = assertion.get("metric")
        if isinstance(metric, str) and "{{" not in metric:
            yield metric


def _usage(result: Result) -> dict[str, float]:
    """Measured when asked: an answer from promptfoo's cache took no time and no tokens, which says nothing of the model."""
    tokens = mapping(result, "tokenUsage")
    if mapping(result, "response").get("cached") or tokens.get("cached"):
        return {}
    latency = value(result.get("latencyMs"))
    counted = tokens if tokens.get("total") else {}
    return usage(
        prompt_tokens=counted.get("prompt"),
        output_tokens=counted.get("completion"),
        seconds=latency / 1000 if isinstance(latency, float) else None,
        cost=result.get("cost") or None,
    )


TOOL = Tool("promptfoo", ("path", "provider", "prompt"), files, read, "write it with promptfoo eval -o results.json")
