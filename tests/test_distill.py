"""A teacher writes training rows: what is asked, what is left out, what is paid, and what a row says of itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import kinship
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.models.address import public
from tests.conftest import Project, Ran, write_rows
from tests.made_project import make
from tests.models.fake_api import Reply, serve
from tests.models.fake_vendor import Body, open_vendor

Harness = Callable[..., Ran]
KEY = "sk-recognisable-0123456789"
IDS = ["openai:m@{}/v1", "anthropic:m@{}"]
SUMS = "suites/sums"

TEACHER = """
import json

def adds(trial):
    said = trial.messages[-1]["content"]
    if trial.schema:
        return json.dumps({"inputs": [f"{trial.repeat} + {100 + i}" for i in range(8)] + ["1 + 1", " ", 3]})
    a, _, b = said.rpartition("\\n")[2].partition(" + ")
    return {"7": "", "9": "many"}.get(a) or str(int(a) + int(b)) if a != "7" else ""

def silent(trial):
    return "I cannot."

def judges(trial):
    said = trial.messages[-1]["content"]
    return json.dumps({"right": {"reason": "it is", "score": 1 if "\\n13\\n" in said else 5}})
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.vendors.POLLS", (0.01, 0.02))
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    monkeypatch.setattr("harness.models.throttle.LONGEST", 0.02)
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The sums, with 30 inputs of which one is a case, one is trained on, and one stands there twice."""
    monkeypatch.chdir(project.folder)
    project.write("teacher.py", TEACHER)
    seeds = [
        [{"role": "user", "content": f"{i} + {i + 50}"}, {"role": "assistant", "content": str(2 * i + 50)}]
        for i in range(9)
    ]
    write_rows(project.folder / SUMS / "train.jsonl", [{"messages": lesson} for lesson in seeds])
    asked = [f"{i} + {i + 1}" for i in range(27)] + ["3 + 3", "4 + 54", "0 + 1."]
    write_rows(project.folder / "asked.jsonl", [{"input": text, "topic": "sums"} for text in asked])
    return project


def told(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def asking(*more: object, teacher: str = "scripted:teacher.py:adds", out: str = "more.jsonl") -> tuple[object, ...]:
    return "data", "distill", SUMS, out, "--teacher", teacher, *more


INPUTS = ("--inputs", "asked.jsonl")


def test_a_teacher_answers_inputs_that_are_new(shop: Project, harness: Harness) -> None:
    ran = harness(*asking(*INPUTS))
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "30 inputs read",
        "left out, asks what a case asks: 1",
        "left out, is in the training data: 1",
        "left out, asks what another one asks: 1",
        "left out, is empty: 1",
        "wrote more.jsonl: 26 rows by scripted:teacher.py:adds",
    ]
    first = told("more.jsonl")[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("when"))
    assert first == {
        "messages": [{"role": "user", "content": "0 + 1"}, {"role": "assistant", "content": "1"}],
        "topic": "sums",
        "synthetic": True,
        "teacher": "scripted:teacher.py:adds",
        "wrote": "output",
        "source": "asked.jsonl:1",
    }
    assert ran.err.splitlines()[-1].startswith("answers 27/27 · ")


def test_the_rows_are_training_data_as_they_are(shop: Project, harness: Harness) -> None:
    assert harness(*asking(*INPUTS)).code == 0
    assert "messages" in harness("data", "check", "more.jsonl").out
    dealt = harness("data", "split", "more.jsonl", "suites/dealt", "--shares", "80/10/10")
    assert dealt.code == 0, dealt.err
    assert all(row["synthetic"] and row["teacher"] for row in told("suites/dealt/train.jsonl"))


def test_new_inputs_are_like_the_seeds_and_like_nothing_there_is(shop: Project, harness: Harness) -> None:
    ran = harness(*asking("--new", 20, "--json"))
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert (said["read"], said["invented"], said["rows"]) == (0, 20, 20)
    assert said["left"]["asks what a case asks"] > 0
    rows = told("more.jsonl")
    texts = [row["messages"][0]["content"] for row in rows]
    assert len(set(texts)) == 20
    assert "1 + 1" not in texts
    assert {(row["wrote"], row["source"].rpartition(".")[0][:4]) for row in rows} == {("input and output", "new ")}
    both = json.loads(harness(*asking(*INPUTS, "--new", 3, "--json", out="both.jsonl")).out)
    assert (both["read"], both["invented"], both["rows"]) == (30, 3, 29)


def test_a_teacher_who_repeats_itself_ends_it(shop: Project, harness: Harness) -> None:
    Path("same.py").write_text(
        "import json\ndef same(trial):\n    return json.dumps({'inputs': ['8 + 99']}) if trial.schema else '107'\n"
    )
    ran = harness(*asking("--new", 20, teacher="scripted:same.py:same"))
    assert ran.code == 0
    assert "1 of 20 new inputs: the others were none, or not new: more seeds bring more" in ran.out
    none = harness(*asking("--new", 20, teacher="scripted:teacher.py:silent", out="none.jsonl"))
    assert none.code == 3
    assert "no row is left to be written (questions for new inputs whose reply was none: 3)" in none.err
    assert not Path("none.jsonl").exists()


def test_the_teacher_is_told_what_a_prompt_or_a_baseline_tells(shop: Project, harness: Harness) -> None:
    shop.replace(
        "suites/sums/suite.toml", '[prompts]\ndefault = "Add."', '[prompts]\ndefault = "Add."\nfull = "Add these two."'
    )
    Path("parrot.py").write_text("import json\ndef parrot(trial):\n    return json.dumps(trial.messages)\n")
    write_rows(
        Path("talk.jsonl"),
        [
            {"messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "9 + 91"}]},
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "9 + 92"}, {"role": "assistant", "content": "x"}]},
        ],
    )  # fmt: skip
    parrot = {"teacher": "scripted:parrot.py:parrot"}
    assert harness(*asking("--inputs", "talk.jsonl", "--prompt", "full", **parrot)).code == 0
    heard = [json.loads(row["messages"][-1]["content"]) for row in told("more.jsonl")]
    assert [[message["content"] for message in one] for one in heard] == [
        ["Add these two.", "Hello.", "Yes?", "9 + 91"],
        ["Be brief.", "9 + 92"],
    ]
    assert [len(row["messages"]) for row in told("more.jsonl")] == [4, 3]
    shots = harness(
        *asking("--inputs", "talk.jsonl", "--baseline", "baselines/few_shot.toml", out="shots.jsonl", **parrot)
    )
    assert shots.code == 0, shots.err
    assert len(json.loads(told("shots.jsonl")[0]["messages"][-1]["content"])) == 1 + 4 + 3


def test_what_has_not_the_form_of_the_suite_is_left_out(shop: Project, harness: Harness) -> None:
    shop.replace("suites/sums/suite.toml", "exact_match", "json_exact")
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nschema = "schema.json"\n\n[prompts]')
    shop.write("suites/sums/schema.json", '{"type": "integer", "maximum": 40}')
    ran = harness(*asking(*INPUTS, "--json"))
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["left"]["is not what the schema allows"] == 7 + 1, "20 + 21 and above, and 'many'"
    assert {type(json.loads(row["messages"][-1]["content"])) for row in told("more.jsonl")} == {int}


def test_an_answer_that_is_no_label_is_left_out(shop: Project, harness: Harness) -> None:
    labels = [
        [{"role": "user", "content": f"note {i}"}, {"role": "assistant", "content": "odd" if i % 2 else "even"}]
        for i in range(20)
    ]
    write_rows(shop.folder / SUMS / "train.jsonl", [{"messages": lesson} for lesson in labels])
    Path("label.py").write_text(
        "def label(trial):\n    return ('Even', 'prime')[trial.messages[-1]['content'].startswith('3')]\n"
    )
    ran = harness(*asking(*INPUTS, "--json", teacher="scripted:label.py:label"))
    assert json.loads(ran.out)["left"]["is none of the labels"] == 1, ran.err
    assert {row["messages"][-1]["content"] for row in told("more.jsonl")} == {"Even"}


RUBRIC = "# Sums\n- `right` (1): Gives the sum.\n  5: Exactly.\n  1: Not at all.\n"


def test_a_judge_leaves_out_what_the_rubric_finds_poor(shop: Project, harness: Harness) -> None:
    shop.write("suites/sums/rubric.md", RUBRIC)
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
    unjudged = harness(*asking(*INPUTS))
    assert "the rubric is for a judge and nobody judged: name one with --judge" in unjudged.out
    ran = harness(*asking(*INPUTS, "--judge", "scripted:teacher.py:judges", "--replace"))
    assert ran.code == 0, ran.err
    assert "left out, scores less than 0.75 by the rubric: 1" in ran.out
    rows = told("more.jsonl")
    assert (len(rows), {row["score"] for row in rows}) == (25, {1.0})
    assert "13" not in {row["messages"][-1]["content"] for row in rows}


def test_rules_of_a_rubric_need_no_judge(shop: Project, harness: Harness) -> None:
    shop.write("suites/sums/rubric.md", "# Sums\n- `number` (1): Is a number.\n  rule: /^\\d+$/\n")
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
    ran = harness(*asking(*INPUTS, "--json"))
    assert json.loads(ran.out)["left"]["scores less than 0.75 by the rubric"] == 1, ran.err


def test_an_answer_that_gives_a_case_away_is_left_out(shop: Project, harness: Harness) -> None:
    long = "how many pumps were sold to the mill in the spring of that year"
    write_rows(shop.folder / SUMS / "cases.jsonl", [{"id": "a", "input": long, "reference": "4"}])
    Path("leaky.py").write_text(
        f"def leaky(trial):\n    return 'You ask {long}?' if '5 +' in trial.messages[-1]['content'] else 'ok'\n"
    )
    ran = harness(*asking(*INPUTS, "--json", teacher="scripted:leaky.py:leaky"))
    assert json.loads(ran.out)["left"]["says what a case asks"] == 3, "5 + 6, 15 + 16, 25 + 26"


# --- what is paid


def priced(project: Project, url: str, id: str = IDS[0], more: str = "") -> str:
    """An experiment that knows what the teacher costs, and its name."""
    model = id.format(url)
    project.write(
        "experiment.toml",
        f'name = "sums"\nmodels = ["scripted:constant=4"]\nsuites = ["{SUMS}"]\nbaselines = ["baselines"]\n[candidates.sft]\nmethod = "sft"\n'
        f'teacher = {{ id = "{model}", input_cost_per_token = 1e-3, output_cost_per_token = 2e-3, concurrency = 1 }}\n{more}',
    )
    return model


def answer(body: Body) -> str:
    a, _, b = body["messages"][-1]["content"].partition(" + ")
    return str(int(a) + int(b))


@pytest.mark.parametrize("id", IDS)
def test_what_was_paid_is_not_paid_again(shop: Project, harness: Harness, id: str) -> None:
    """Money ends; with more of it the rest is asked for, by the vendor's own SDK on a real socket."""
    with open_vendor(answer, tokens=(100, 10)) as vendor:
        teacher = priced(shop, vendor.url, id)
        stopped = harness(*asking(*INPUTS, "--max-cost", 1.0, teacher=teacher))
        assert stopped.code == 3
        assert re.search(
            r"stopped before --max-cost \$1 would be passed: \$0\.\d+ spent; \d+ inputs are without an answer; what was answered is "
            r"kept: run again to go on",
            stopped.err,
        ), stopped.err
        asked = len(vendor.bodies)
        assert 0 < asked < 27
        assert not Path("more.jsonl").exists()

        part = harness(*asking(*INPUTS, "--max-cost", 0.0, "--partial", "--json", teacher=teacher))
        assert json.loads(part.out)["rows"] == asked
        assert json.loads(part.out)["left"]["without an answer"] == 27 - asked
        assert len(vendor.bodies) == asked

        done = harness(*asking(*INPUTS, "--replace", "--json", teacher=teacher))
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert len(vendor.bodies) == 27
        assert said["rows"] == 27
        assert said["spent"] == pytest.approx((27 - asked) * 0.12)
        assert said["cost"] == pytest.approx(27 * 0.12)
        rows = told("more.jsonl")
        assert [row["cost"] for row in rows] == [pytest.approx(0.12)] * 27
        assert {(row["teacher"], row["served"]) for row in rows} == {(teacher, "judge-2026-11-01")}
        assert KEY not in Path("more.jsonl").read_text() + done.err + stopped.err


def test_money_that_ends_among_new_inputs_or_gradings(shop: Project, harness: Harness) -> None:
    shop.write("suites/sums/rubric.md", RUBRIC)
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
    grading = json.dumps({"right": {"reason": "it is", "score": 5}})

    def reply(body: Body) -> str:
        if "response_format" not in body:
            return answer(body)
        asked = json.dumps(body["response_format"])
        return (
            grading
            if "right" in asked
            else json.dumps({"inputs": [f"{len(vendor.bodies)} + {i + 700}" for i in range(8)]})
        )

    with open_vendor(reply, tokens=(100, 10)) as vendor:
        teacher = priced(shop, vendor.url)
        new = ("--new", 24, "--judge", teacher, "--json")
        stopped = harness(*asking(*new, "--max-cost", 1.5, teacher=teacher))
        assert stopped.code == 3
        assert re.search(
            r"\d questions? for new inputs (is|are) without an answer; what was answered is kept", stopped.err
        )
        stopped = harness(*asking(*new, "--max-cost", 6, teacher=teacher))
        assert stopped.code == 3
        assert re.search(r"\d+ inputs? (is|are) without a (grade|n answer); what was answered is kept", stopped.err), (
            stopped.err
        )
        part = json.loads(harness(*asking(*new, "--max-cost", 0, "--partial", teacher=teacher)).out)
        assert 0 < part["rows"] < 24
        assert json.loads(harness(*asking(*new, "--replace", teacher=teacher)).out)["rows"] == 24
        assert len(vendor.bodies) == 3 + 24 + 24, "nothing was asked twice"
    assert [row["cost"] for row in told("more.jsonl")] == [pytest.approx(0.12 + 0.12 / 8)] * 24


def test_dry_run_asks_nobody_and_says_what_it_costs(shop: Project, harness: Harness) -> None:
    shop.write("suites/sums/rubric.md", RUBRIC)
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
    with open_vendor(answer) as vendor:
        teacher = priced(shop, vendor.url)
        asked = (*INPUTS, "--new", 10, "--judge", teacher, "--dry-run")
        said = json.loads(harness(*asking(*asked, "--json", teacher=teacher)).out)
        assert (said["read"], said["new"], said["answers"], said["gradings"], said["stored"]) == (30, 2, 37, 37, 0)
        kinds = [re.search(r"for \d+ (\w+?)s? ", bill["said"])[1] for bill in said["bills"]]  # type: ignore[index]
        assert kinds == ["question", "answer", "grading"]
        assert all(bill["usd"] > 0 for bill in said["bills"])
        half = json.loads(harness(*asking(*asked, "--batch", "--json", teacher=teacher)).out)
        assert [one["usd"] for one in half["bills"]] == [pytest.approx(one["usd"] / 2) for one in said["bills"]]
        assert "27 answers to ask for" in harness(*asking(*INPUTS, "--dry-run", teacher=teacher)).out
        assert not vendor.bodies
        assert not Path("more.jsonl").exists()


def test_in_batches_at_half_the_price(shop: Project, harness: Harness) -> None:
    with open_vendor(answer, tokens=(100, 10)) as vendor:
        done = harness(*asking(*INPUTS, "--batch", "--json", teacher=priced(shop, vendor.url)))
        assert done.code == 0, done.err
        assert json.loads(done.out)["cost"] == pytest.approx(27 * 0.06)
        assert len(vendor.batches) == 1


def test_one_input_without_an_answer_keeps_the_file_from_being_written(shop: Project, harness: Harness) -> None:
    broken = True

    def reply(number: int, body: dict[str, Any]) -> Reply:
        text = body["messages"][-1]["content"]
        if broken and text == "8 + 9":
            return Reply({"error": {"message": "content filtered"}}, status=400)
        choice = {"message": {"role": "assistant", "content": answer(body)}, "finish_reason": "stop"}
        return Reply({"choices": [choice], "model": "m-1", "usage": {"prompt_tokens": 9, "completion_tokens": 2}})

    with serve(reply) as api:
        teacher = f"openai:m@{api.url}/v1"
        ran = harness(*asking(*INPUTS, teacher=teacher))
        assert ran.code == 3
        assert "1 input is without an answer (the first: BadRequestError" in ran.err
        assert "or write the rest with --partial" in ran.err
        assert not Path("more.jsonl").exists()
        assert "(1 error)" in ran.err
        part = harness(*asking(*INPUTS, "--partial", teacher=teacher))
        assert "left out, without an answer: 1" in part.out
        broken, before = False, len(api.bodies)
        assert harness(*asking(*INPUTS, "--replace", teacher=teacher)).code == 0
        assert len(api.bodies) == before + 1
        assert len(told("more.jsonl")) == 27


@pytest.mark.exhaustive
def test_killed_it_goes_on(shop: Project, harness: Harness) -> None:
    def reply(number: int, body: dict[str, Any]) -> Reply:
        choice = {"message": {"role": "assistant", "content": answer(body)}, "finish_reason": "stop"}
        return Reply({"choices": [choice], "model": "m-1"}, delay=0.0 if done else 0.1 if number < 10 else 30.0)

    done = False
    with serve(reply) as api:
        teacher = priced(shop, f"{api.url}")
        command = [sys.executable, "-m", "harness.cli", *map(str, asking(*INPUTS, teacher=teacher))]
        child = subprocess.Popen(command, env={**os.environ, "OPENAI_API_KEY": KEY}, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while len(api.bodies) < 11 and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert not Path("more.jsonl").exists()
        assert [path.name for path in shop.folder.glob(".*unfinished")] == []
        done = True
        assert harness(*asking(*INPUTS, teacher=teacher)).code == 0
    asked = [body["messages"][-1]["content"] for body in api.bodies]
    twice = {text for text in asked if asked.count(text) > 1}
    assert len(twice) <= 3, "what was under way, and what was not stored yet"
    assert len(told("more.jsonl")) == 27


def test_a_judge_of_the_teachers_family_is_told_of(shop: Project, harness: Harness) -> None:
    shop.write("suites/sums/rubric.md", RUBRIC)
    shop.replace("suites/sums/suite.toml", "\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
    grading = json.dumps({"right": {"reason": "it is", "score": 5}})
    with open_vendor(lambda body: grading if "response_format" in body else answer(body)) as vendor:
        judge, teacher = f"openai:gpt-5-mini@{vendor.url}/v1", f"openai:gpt-5@{vendor.url}/v1"
        ran = harness(*asking(*INPUTS, "--judge", judge, teacher=teacher))
    assert ran.code == 0, ran.err
    assert "is of the teacher's family (gpt): models grade their own kindly, take another one" in ran.out


def test_a_candidate_knows_who_wrote_what_it_is_trained_on(project: Project) -> None:
    make(project)
    train = project.folder / "suites/sums/train.jsonl"
    rows = told(str(train))
    write_rows(train, [{**row, "teacher": "Ms. Smith"} for row in rows])
    matrix = expand(load_experiment(project.experiment))
    assert kinship(matrix, matrix.experiment.bases[0]).teachers == {"sft": ()}, "a column of that name is not enough"
    marks = {"synthetic": True, "teacher": "openai:gpt-5"}
    write_rows(train, [{**row, **(marks if i % 2 else {})} for i, row in enumerate(rows)])
    for _ in range(2):  # the second time it is kept
        matrix = expand(load_experiment(project.experiment))
        (known,) = kinship(matrix, matrix.experiment.bases[0]).teachers["sft"]
        assert known.id == "openai:gpt-5"
    project.replace(
        "experiment.toml", 'method = "sft"', 'method = "sft"\nteacher = { id = "openai:gpt-5", family = "mine" }'
    )
    matrix = expand(load_experiment(project.experiment))
    (known,) = kinship(matrix, matrix.experiment.bases[0]).teachers["sft"]
    assert known.family == "mine", "what the experiment says of it counts"


DOCS = (Path(__file__).parent.parent / "docs" / "data.md").read_text(encoding="utf-8").partition("\n## Distil\n")[2]


def test_the_commands_of_the_docs(shop: Project, harness: Harness) -> None:
    (shop.folder / SUMS).rename(shop.folder / "suites/replies")
    write_rows(Path("labelled.jsonl"), [{"input": "A text already.", "reference": "x"}])
    (shop.folder / "experiment.toml").unlink()
    dry, wet, text = (line.split() for line in DOCS.splitlines() if line.startswith("harness data "))
    assert wet[:-2] == dry[:-1]
    for command in (dry, text):
        ran = harness(*command[1:])
        assert ran.code == 0, ran.err
    row = json.loads(re.search(r"```json\n(\{.messages.*?)```", DOCS, re.DOTALL)[1])  # type: ignore[index]
    assert {"synthetic", "teacher", "when", "cost"} <= row.keys()


# --- what is wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to answer: name --inputs FILE, or say with --new N"),
        (("--inputs", "no.jsonl"), "no.jsonl: "),
        (("--inputs", "asked.jsonl", "--prompt", "ful"), "no prompt 'ful'"),
        (("--inputs", "asked.jsonl", "--least", 2), "a share between 0 and 1"),
        (("--inputs", "asked.jsonl", "--baseline", "baselines/none.toml"), "baselines/none.toml: no such file"),
        (("--inputs", "asked.jsonl", "--judge", "scripted:echo"), "a judge grades by a rubric: add rubric"),
        (("--inputs", "asked.jsonl", "--experiment", "none.toml"), "none.toml: no such file"),
        (("--inputs", "parts.jsonl"), "parts.jsonl:1: has parts instead of a text: harness data text makes text of them first"),
        (("--inputs", "files.jsonl"), "files.jsonl:1: input: given \"{'image': 'a.png'}\": it must be a text: harness data text"),
        (("--inputs", "mute.jsonl"), "mute.jsonl:1: a teacher answers what a user says"),
        (("--inputs", "empty.jsonl"), "empty.jsonl: is empty"),
    ],
)  # fmt: skip
def test_what_is_refused_before_anybody_is_asked(
    shop: Project, harness: Harness, arguments: tuple[object, ...], said: str
) -> None:
    parts = [{"type": "image", "image": "a.png"}]
    write_rows(Path("parts.jsonl"), [{"messages": [{"role": "user", "content": parts}]}])
    write_rows(Path("files.jsonl"), [{"input": {"image": "a.png"}}])
    write_rows(Path("mute.jsonl"), [{"messages": [{"role": "system", "content": "Be brief."}]}])
    write_rows(Path("empty.jsonl"), [])
    for more in ((), ("--dry-run",)):
        ran = harness(*asking(*arguments, *more))
        assert ran.code == 4, ran.err
        assert said in ran.err
    assert not (shop.folder / ".harness").exists()


def test_a_file_that_is_there_is_not_paid_for(shop: Project, harness: Harness) -> None:
    Path("more.jsonl").write_text("mine")
    with open_vendor(answer) as vendor:
        ran = harness(*asking(*INPUTS, teacher=f"openai:m@{vendor.url}/v1"))
        assert ran.code == 4
        assert "more.jsonl: is there already: --replace writes it anew" in ran.err
        limited = harness(*asking(*INPUTS, "--replace", "--max-cost", 1, teacher=f"openai:m@{vendor.url}/v1"))
        assert limited.code == 4
        assert "--max-cost cannot be kept" in limited.err
        assert not vendor.bodies
    assert Path("more.jsonl").read_text() == "mine"
    for own in (f"{SUMS}/train.jsonl", f"{SUMS}/cases.jsonl", "asked.jsonl"):
        ran = harness(*asking(*INPUTS, "--replace", out=own))
        assert ran.code == 4
        assert f"{own}: is read here: write a file of its own" in ran.err


def test_a_password_in_an_address_is_not_written_down() -> None:
    assert public("openai:m@http://ann:word@example.org:80/v1") == "openai:m@http://example.org:80/v1"
    for name in ("openai:sft@triage@http://example.org/v1", "anthropic:claude-opus-5", "org/model@main"):
        assert public(name) == name


def test_marks_of_an_earlier_teacher_are_not_kept(shop: Project, harness: Harness) -> None:
    before = {
        "synthetic": False,
        "teacher": "openai:gpt-5",
        "cost": 3.0,
        "served": "gpt-5-x",
        "score": 0.1,
        "split": "test",
    }
    before |= {"reviewed": True, "feedback": [{"who": "p-1"}]}
    write_rows(Path("asked.jsonl"), [{"input": "8 + 900", "topic": "sums", **before}])
    assert harness(*asking(*INPUTS)).code == 0
    (row,) = told("more.jsonl")
    assert row["input_feedback"] == [{"who": "p-1"}], "a person who withdraws finds their words"
    assert row.keys() == {"messages", "topic", "input_feedback", "synthetic", "teacher", "wrote", "source", "when"}
    assert (row["synthetic"], row["teacher"]) == (True, "scripted:teacher.py:adds")


def test_without_an_experiment_replies_lie_beside_the_suite(shop: Project, harness: Harness) -> None:
    (shop.folder / "experiment.toml").unlink()
    assert harness(*asking(*INPUTS)).code == 0
    assert (shop.folder / SUMS / ".harness/results.duckdb").is_file()
    again = harness(*asking(*INPUTS, "--replace"))
    assert "answers" not in again.err, "nobody was asked again"


@pytest.mark.exhaustive
def test_a_model_that_runs_here_teaches(shop: Project, harness: Harness) -> None:
    ran = harness(*asking(*INPUTS, "--json", "--partial", teacher="embedded:tiny"))
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert said["rows"] > 0
    assert said["cost"] is None
