"""Metrics of more than the text, from a suite's declaration to the store, the gates and the report."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import BadInput, HarnessError
from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.models.scripted import Scripted
from harness.report import to_html, to_markdown, to_terminal
from harness.report.gather import gather
from harness.report.gathered import Difference, Span
from harness.run import run
from harness.scoring import metrics_of
from harness.trial import Generation, Trial
from tests.conftest import Project, write_rows
from tests.models.tiny_models import build_tiny

SUITE = "suites/sums/suite.toml"
DOCUMENTS = [{"id": "two", "text": "One and one is 2."}, {"id": "four", "text": "Two and two is 4, kladrun."}]
CASES = [
    {"id": "a", "input": "Two and two is?", "reference": "4", "documents": ["four"], "split": "test"},
    {"id": "b", "input": "One and one is?", "reference": "2", "documents": ["two"], "split": "test"},
    {"id": "c", "input": "What is the moon?", "reference": "I don't know.", "split": "test"},
    {"id": "d", "input": "Two and two, is it?", "reference": "4", "documents": ["four"], "split": "dev"},
]


class Quiet:
    """Nobody to tell."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given, **named: None


@pytest.fixture
def measured(project: Project) -> Project:
    """A suite with documents, some cases without an answer in them, and a contender that retrieves."""
    project.write("baselines/rag.toml", 'technique = "rag"\nretrieve = { retriever = "bm25", k = 2 }\n')
    write_rows(project.folder / "suites/sums/documents.jsonl", DOCUMENTS)
    write_rows(project.folder / "suites/sums/cases.jsonl", CASES)
    declare(project)
    return project


def declare(project: Project, *, metric: str = "exact_match", more: str = "", **keys: Any) -> None:
    lines = [f'metric = "{metric}"', 'train = "train.jsonl"', 'documents = "documents.jsonl"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    project.write(SUITE, "\n".join(lines) + "\n" + more)


def scored(project: Project) -> dict[tuple[str, str, str], float | str]:
    """(contender, case, metric) → score, or why there is none: shares and amounts."""
    with evidence(load_experiment(project.experiment)) as found:
        (model,) = found.models
        rows = [*found.rows(model).to_pylist(), *found.amounts(model).to_pylist()]
    return {(r["contender"], r["case_id"], r["metric"]): r["error"] if r["score"] is None else r["score"] for r in rows}


def test_all_that_is_known_is_scored(measured: Project) -> None:
    names = ["latency", "prompt_tokens", "output_tokens", "words", "characters", "stopped", "declines"]
    declare(measured, metrics=names)
    run(load_experiment(measured.experiment), progress=Quiet())
    found = scored(measured)
    assert {name: found["zero_shot", "a", name] for name in names} == {
        "latency": 0.0,
        "prompt_tokens": -4.0,
        "output_tokens": -1.0,
        "words": -1.0,
        "characters": -1.0,
        "stopped": 1.0,
        "declines": 1.0,
    }
    assert found["zero_shot", "c", "declines"] == 0.0, "it should have declined"


def test_retrieval_is_scored_where_there_is_any(measured: Project) -> None:
    declare(measured, metrics=["recall", "recall:1", "mrr", "groundedness"])
    outcome = run(load_experiment(measured.experiment), progress=Quiet())
    found = scored(measured)
    assert {contender for contender, _, name in found if name == "recall"} == {"rag"}
    assert {case for _, case, name in found if name == "mrr"} == {"a", "b", "d"}, "c names no documents"
    assert {case for _, case, name in found if name == "groundedness"} == {"a", "b", "c", "d"}
    assert all(isinstance(score, float) for score in found.values()), "nothing counts as missing"
    assert [found["rag", "a", name] for name in ("recall", "recall:1", "mrr")] == [1.0, 1.0, 1.0]
    assert outcome.scored == 3 * 4 + 3 * 3 + 4
    again = run(load_experiment(measured.experiment), progress=Quiet())
    assert (again.generated, again.scored) == (0, 0)


def test_new_metrics_score_what_is_stored(measured: Project) -> None:
    run(load_experiment(measured.experiment), progress=Quiet())
    declare(measured, metrics=["recall", "mrr", "latency", "stopped"])
    again = run(load_experiment(measured.experiment), progress=Quiet())
    assert (again.generated, again.scored) == (0, 2 * 3 + 2 * 3 * 4)
    assert scored(measured)["rag", "b", "recall"] == 1.0


HOUSE = "def short(case, text):\n    return float(len(text) < 3)\n\ndef broken(case, text):\n    return 1 / 0\n"


def test_several_processes_give_the_same_scores(measured: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.write("suites/sums/house.py", HOUSE)
    names = ["token_f1", "rouge_l", "recall", "declines", "cost", "words", "house:short", "house:broken"]
    found = []
    for many in (10**9, 1):
        monkeypatch.setattr("harness.scorers.MANY", many)
        monkeypatch.setattr("harness.scorers.cores", lambda: 2)
        declare(measured)
        run(load_experiment(measured.experiment), progress=Quiet())
        declare(measured, metrics=names)
        assert run(load_experiment(measured.experiment), progress=Quiet()).generated == 0
        found.append(scored(measured))
        (measured.folder / ".harness/results.duckdb").unlink()
    assert found[0] == found[1]
    assert len(found[0]) == 3 * 4 * 8 + 3
    assert "ZeroDivisionError" in str(found[1]["rag", "a", "house:broken"])


def test_a_process_that_dies_is_said(measured: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.scorers.MANY", 1)
    monkeypatch.setattr("harness.scorers.cores", lambda: 2)
    monkeypatch.setattr("harness.scorers._begin", os._exit)
    run(load_experiment(measured.experiment), progress=Quiet())
    declare(measured, metrics=["token_f1"])
    with pytest.raises(HarnessError, match="a process died while scoring"):
        run(load_experiment(measured.experiment), progress=Quiet())


def test_what_is_not_known_is_an_error_and_no_zero(measured: Project) -> None:
    declare(measured, metrics=["cost", "perplexity", "bits_per_byte"])
    run(load_experiment(measured.experiment), progress=Quiet())
    found = scored(measured)
    assert "it is not known what it cost" in str(found["zero_shot", "a", "cost"])
    for name in ("perplexity", "bits_per_byte"):
        assert "a served or scripted model gives no likelihoods" in str(found["zero_shot", "a", name])


def test_a_model_that_runs_here_tells_likelihoods(measured: Project) -> None:
    model = build_tiny("llama", measured.folder / "model")
    measured.replace("experiment.toml", '["scripted:constant=4"]', f"[{json.dumps(str(model))}]\nworkers = 1")
    measured.replace("baselines/few_shot.toml", "shots = 2", "shots = 0")
    declare(measured, metrics=["perplexity", "bits_per_byte"], max_new_tokens=2)
    run(load_experiment(measured.experiment), progress=Quiet())
    found = scored(measured)
    with evidence(load_experiment(measured.experiment)) as opened:
        cell = next(c for c in opened.matrix.cells if c.contender.name == "zero_shot")
        outputs = dict(opened.store.outputs(cell.id, cases=["c"]))
    logprob, tokens = outputs["c"].logprob, outputs["c"].logprob_tokens
    assert logprob is not None
    assert tokens is not None
    assert found["zero_shot", "c", "perplexity"] == pytest.approx(-math.exp(-logprob / tokens))
    assert found["zero_shot", "c", "bits_per_byte"] == pytest.approx(logprob / math.log(2) / len("I don't know."))


def test_a_declared_price_makes_the_cost(measured: Project) -> None:
    declare(measured, metrics=["cost"])
    measured.replace(
        "experiment.toml",
        'models = ["scripted:constant=4"]',
        'models = [{ id = "scripted:constant=4", input_cost_per_token = 1e-6, output_cost_per_token = 5e-6 }]',
    )
    run(load_experiment(measured.experiment), progress=Quiet())
    assert scored(measured)["zero_shot", "a", "cost"] == pytest.approx(-(4e-6 + 5e-6))


def test_only_suites_that_ask_for_it_ask_for_likelihoods(measured: Project) -> None:
    plain = list(expand(load_experiment(measured.experiment)).cells[0].trials())
    declare(measured, metrics=["latency"])
    assert [t.id for t in expand(load_experiment(measured.experiment)).cells[0].trials()] == [t.id for t in plain]
    declare(measured, metrics=["perplexity"])
    asking = list(expand(load_experiment(measured.experiment)).cells[0].trials())
    assert [trial.reference for trial in plain] == [None] * 4
    assert [trial.reference for trial in asking] == [case["reference"] for case in CASES]
    assert not {trial.id for trial in plain} & {trial.id for trial in asking}


def test_thinking_aloud_is_not_scored(measured: Project) -> None:
    measured.write("baselines/zero_shot.toml", 'technique = "prompt"\nthink = true\n')
    measured.replace("experiment.toml", "constant=4", "constant=Let me see. Answer: 4")
    declare(measured, metrics=["words", "output_tokens"])
    run(load_experiment(measured.experiment), progress=Quiet())
    found = scored(measured)
    assert (found["zero_shot", "a", "words"], found["zero_shot", "a", "output_tokens"]) == (-1.0, -5.0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"metric": "latency"},
            "metric: given 'latency', an amount without a least: what decides is a share in [0, 1]",
        ),
        ({"lenient": "words"}, "lenient: given 'words', an amount"),
        ({"metric": "recall:5"}, "metric: given 'recall:5', which contenders that retrieve nothing do not have"),
        ({"form": "choice", "metrics": ["perplexity"]}, "metric 'perplexity': it is of written answers"),
        ({"metrics": ["json_exact:strict"]}, "metric 'json_exact:strict': given 'strict': write 'extract'"),
        ({"metrics": ["json_exact:-1"]}, "metric 'json_exact:-1': given the tolerance '-1'"),
        ({"metrics": ["json_schema"], "schema": "schema.json"}, "schema.json: not a JSON Schema"),
        ({"metrics": ["similarity:./model"]}, "given './model': no such folder"),
        ({"estimates": ["macro_f2"]}, "estimate 'macro_f2': unknown estimate: did you mean 'macro_f1'?"),
        ({"metrics": ["declines"], "declining": "("}, "declining: given '(': not a regular expression"),
    ],
)
def test_wrong_declarations(measured: Project, keys: dict[str, Any], said: str) -> None:
    measured.write("suites/sums/schema.json", '{"type": "objekt"}')
    if keys.get("form") == "choice":
        write_rows(
            measured.folder / "suites/sums/cases.jsonl",
            [dict(case, choices=["4", "2", "I don't know."]) for case in CASES],
        )
    declare(measured, **keys)
    with pytest.raises(BadInput) as caught:
        metrics_of(expand(load_experiment(measured.experiment)))
    assert said in str(caught.value)
    assert str(measured.folder / "suites/sums") in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "cases", "said"),
    [
        (
            {"metrics": ["json_exact"]},
            [{"reference": "billing"}],
            "'json_exact' on case 'x0': reference: given 'billing'",
        ),
        ({"metrics": ["numeric"]}, [{"reference": "ten"}], "'numeric' on case 'x0': reference: given 'ten'"),
        ({"metrics": ["bleu"]}, [{"reference": ""}], "'bleu' on case 'x0': reference: given '': it is empty"),
        ({"metrics": ["rouge_lsum"]}, [{"reference": "退款"}], "'rouge_lsum' on case 'x0': reference: given '退款'"),
        ({"metrics": ["perplexity"]}, [{"reference": ""}], "'perplexity' on case 'x0': reference: it is empty"),
        ({"metrics": ["mrr"]}, [{"reference": "4"}], "'mrr': no case names the documents that hold its answer"),
        (
            {"estimates": ["hallucination"]},
            [{"reference": "4"}],
            "estimate 'hallucination': no test case is of the kind",
        ),
    ],
)
def test_cases_that_cannot_be_scored_are_refused_before_anything_is_paid_for(
    measured: Project, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], cases: list[dict[str, str]], said: str
) -> None:
    declare(measured, **keys)
    rows = [{"id": f"x{i}", "input": f"q{i}", "split": "test", **case} for i, case in enumerate(cases)]
    write_rows(measured.folder / "suites/sums/cases.jsonl", rows)

    def never(self: Scripted, trials: list[Trial]) -> list[Generation]:
        raise AssertionError("it was paid for")

    monkeypatch.setattr(Scripted, "generate", never)
    with pytest.raises(BadInput) as caught:
        run(load_experiment(measured.experiment), progress=Quiet())
    assert said in str(caught.value)


def test_gates_on_amounts(measured: Project, pytester: pytest.Pytester) -> None:
    gates = (
        '[[gates]]\nname = "short"\ncontender = "zero_shot"\nmetric = "words"\nminimum = -2.0\n'
        '[[gates]]\nname = "shorter"\ncontender = "zero_shot"\nmetric = "words"\nminimum = -0.5\n'
        '[[gates]]\nname = "found"\nmetric = "recall"\nminimum = 0.1\n'
    )
    write_rows(
        measured.folder / "suites/sums/cases.jsonl", [dict(c, id=f"{c['id']}{i}") for i in range(9) for c in CASES]
    )
    declare(measured, metrics=["words", "recall"], more=gates)
    result = pytester.runpytest_subprocess(measured.folder / "suites", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*lost: words of zero_shot is -1.000*needed: at least -0.5*"])


def test_gates_of_shares_keep_their_bounds(measured: Project) -> None:
    declare(measured, more='[[gates]]\nname = "x"\nminimum = -0.5\n')
    with pytest.raises(BadInput, match=r"gates\.0\.minimum: given -0\.5, but 'exact_match' is a share: write 0 to 1"):
        metrics_of(expand(load_experiment(measured.experiment)))


def test_the_report_shows_estimates_and_amounts(measured: Project) -> None:
    declare(measured, metrics=["words", "recall"], estimates=["macro_f1", "hallucination"])
    measured.replace("experiment.toml", "constant=4", "echo")
    run(load_experiment(measured.experiment), progress=Quiet())
    with evidence(load_experiment(measured.experiment)) as found:
        gathered = gather(found)
    (suite,) = gathered.models[0].suites
    assert [(one.name, one.kind) for one in suite.beside] == [
        ("macro_f1", "estimate"),
        ("hallucination", "estimate"),
        ("words", "amount"),
    ]
    assert suite.beside[1].spans["zero_shot"].estimate == 1.0
    assert suite.beside[2].spans["zero_shot"].estimate == 4.0
    assert suite.beside[2].spans["zero_shot"].lower >= 0
    page = to_html(gathered)
    assert "Estimates and amounts" in page
    assert "4 (4 to 4)" in page
    assert "| contender | macro\\_f1 | hallucination | words |" in to_markdown(gathered)
    hardest = Difference("rag", "zero_shot", Span(0.0, -0.1, 0.1), n=3, seeds=0)
    base = replace(gathered.models[0], suites=(replace(suite, hardest=hardest),))
    assert "    hallucination: zero_shot 100 (no interval); rag 100 (no interval)" in to_terminal(
        replace(gathered, models=(base,))
    )


def test_amounts_are_no_rows_of_a_verdict(measured: Project) -> None:
    declare(measured, metrics=["words"])
    run(load_experiment(measured.experiment), progress=Quiet())
    with evidence(load_experiment(measured.experiment)) as found:
        assert set(found.rows(found.models[0])["metric"].to_pylist()) == {"exact_match"}
        assert found.verdicts
