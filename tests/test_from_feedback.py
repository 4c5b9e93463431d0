"""From a folder of feedback to a locked suite, as docs/data.md tells it; and a person's way out of it."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.files import target, write
from harness.matrix import expand
from harness.prompt import Prompter, load_examples
from harness.search import Course, Try
from harness.share import part
from harness.suite import load_suite, load_task
from harness.training.job import RECORD, Job
from tests.conftest import Ran, write_rows

Harness = Callable[..., Ran]
STAFF = [f"reviewer-{number}@example.org" for number in range(4)]
WORDS = ("oven", "drill", "pump", "radio", "mixer", "kettle", "lamp", "fan", "press", "saw")
DOCS = Path(__file__).parent.parent / "docs" / "data.md"
STORY = DOCS.read_text(encoding="utf-8").partition("## From a folder of feedback")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", STORY, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line.split() for _, block in BLOCKS for line in block.splitlines() if line.startswith(("harness ", "cp "))]
SUITE, EXPERIMENT = (block for kind, block in BLOCKS if kind == "toml")


@pytest.fixture
def feedback(tmp_path: Path) -> Path:
    """150 edits and 60 ratings of 210 questions, made by four people."""
    draw = random.Random(1)
    asked = [f"The {draw.choice(WORDS)} number {number} {draw.choice(WORDS)}s." for number in range(210)]
    folder = tmp_path / "feedback"
    write_rows(
        folder / "edits.jsonl",
        [
            {
                "input": text,
                "output": "It is late.",
                "correction": f"We will mend it: {place}.",
                "person": STAFF[place % 4],
                "when": "2026-03-01",
                "product": text.split()[1],
            }
            for place, text in enumerate(asked[:150])
        ],
    )
    ratings = [
        {
            "input": text,
            "output": output,
            "rating": rating,
            "person": STAFF[place % 4],
            "intent": "complaint",
            "product": text.split()[1],
        }
        for place, text in enumerate(asked[150:])
        for output, rating in (("We look into it.", 5), ("No.", 0 if place % 2 else 1))
    ]
    worst = [
        {
            "input": "Fix it now.",
            "output": f"No {i}.",
            "rating": 0,
            "intent": "order",
            "person": STAFF[i],
            "product": "any",
        }
        for i in range(3)
    ]
    write([("made", row) for row in [*ratings, *worst]], target(folder / "stars.csv"))
    return folder


@pytest.fixture
def project(feedback: Path, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of docs/data.md, up to the lock; the embedded model instead of one that must be downloaded."""
    home = feedback.parent
    monkeypatch.chdir(home)
    signals, split, copy, *_ = COMMANDS
    made = harness(*signals[1:])
    assert made.code == 0, made.err
    assert made.out in [block for _, block in BLOCKS]
    dealt = harness(*split[1:])
    assert dealt.code == 0, dealt.err
    shutil.copy(copy[1], copy[2])
    (home / "suites/replies/suite.toml").write_text(SUITE)
    (home / "experiment.toml").write_text(EXPERIMENT.replace("Qwen/Qwen2.5-1.5B-Instruct", "embedded:tiny"))
    (home / "baselines").mkdir()
    (home / "baselines/golden.toml").write_text(
        'technique = "golden"\nshots = 2\nretrieve = { retriever = "bm25", k = 2 }\n'
    )
    return home


def test_to_a_locked_suite(project: Path, harness: Harness) -> None:
    task = load_task(Path("suites/replies"))
    assert sum(task.counts.values()) > 30
    said = [harness(*command[1:]) for command in COMMANDS[3:]]
    assert [command[1] for command in COMMANDS[3:]] == ["data", "data", "plan", "lock"]
    assert [ran.code for ran in said] == [1, 0, 0, 0], "168 pairs are left to train on, and DPO needs 200"
    assert "replies (embedded:tiny): locked" in said[-1].out
    again = harness("data", "split", "signals/sft.jsonl", "suites/replies", "--replace", "--seed", 2)
    assert again.code == 4
    assert "suite 'replies' is locked" in again.err
    elsewhere = harness("data", "split", "signals/sft.jsonl", "suites/anew", "--seed", 2)
    assert elsewhere.code == 4
    assert "is a locked test case of suite 'replies'" in elsewhere.err


def test_the_golden_baseline_honours_the_skip_list(project: Path) -> None:
    suite = Path("suites/replies")
    shown = load_examples(load_suite(suite))
    asked = shown[0][0]["content"]
    (contender,) = [cell.contender for cell in expand(load_experiment(Path("experiment.toml"))).cells if cell.contender.technique == "golden"][:1]  # fmt: skip
    before = Prompter(load_task(suite), contender)
    task, content, case = before.task, before.content, next(iter(before.task.cases))._replace(input=asked)
    assert asked in {message["content"] for message in before.ask_all([case])[0].messages[:-1]}

    skip = Path("suites/replies/skip.jsonl")
    skip.write_text(skip.read_text() + json.dumps({"input": asked.upper(), "intent": "complaint"}) + "\n")
    after = Prompter(load_task(suite), contender)
    assert asked not in {message["content"] for message in after.ask_all([case])[0].messages[:-1]}
    assert after.content != content
    assert after.task.content == task.content, "what other contenders were asked stays what it was"

    skip.write_text(json.dumps({"input": asked, "intent": "praise"}) + "\n")
    assert load_examples(load_suite(suite)) == shown, "another intent is another combination"


def test_a_person_withdraws_and_what_holds_them_is_found(project: Path, harness: Harness) -> None:
    experiment = Path("experiment.toml")
    declared = experiment.read_text().replace('method = "sft"', 'method = "sft"\nsearch = { lora_rank = [4, 8] }')
    assert "search" in declared
    experiment.write_text(declared)
    matrix = expand(load_experiment(experiment))
    tried = matrix.sought[0].jobs(Try(1, matrix.sought[0].propose(0, Course((), ()))[0]), 0.25)
    jobs = (matrix.jobs[0], *tried)
    for job in jobs:
        job.out.mkdir(parents=True)
        (job.out / RECORD).write_text("{}")
    ran = harness("data", "signals", "feedback", "signals", "--scale", 5, "--forget", STAFF[0], "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    trace = said["forgotten"]
    held = [line for line in trace["lines"] if "train.jsonl:" in line]
    train = Path("suites/replies/train.jsonl").read_text().splitlines()
    assert len(held) == sum(trace["who"] in line for line in train) > 20
    assert any("preferences.test.jsonl:" in line for line in trace["lines"]), "what was held out is theirs too"
    assert trace["adapters"] == [str(job.out) for job in jobs], "what a search tried is among them"
    assert trace["unknown"] == ""
    assert said["withdrawn"] > 50
    assert trace["who"] not in Path("signals/sft.jsonl").read_text()


def test_what_is_made_of_adapters_that_hold_a_person_is_found_too(project: Path, harness: Harness) -> None:
    """Points of a learning curve, of whoever dev chose for it; merges; what started from a tainted one; mixed-in rows of theirs."""
    shutil.copy("signals/sft.jsonl", "mixed.jsonl")
    write_rows(Path("others.jsonl"), [{"prompt": "Are you there?", "completion": "Yes."}])
    recipes = {
        "sft": 'method = "sft"',
        "dpo": 'method = "dpo"\nstart_from = "sft"',
        "both": 'method = "merge"\nparts = ["sft@replies", "dpo@replies"]\ncombination = "linear"',
        "mixed": 'method = "sft"\nreplay = 0.5\nreplay_file = "mixed.jsonl"\nsuites = ["clean"]',
        "clean": 'method = "sft"\nreplay = 0.5\nreplay_file = "others.jsonl"\nsuites = ["clean"]',
    }
    clean = Path("suites/clean")
    clean.mkdir()
    (clean / "suite.toml").write_text('metric = "exact_match"\ntrain = "train.jsonl"\n')
    for name in ("cases.jsonl", "train.jsonl"):
        rows = [json.loads(line) for line in Path("suites/replies", name).read_text().splitlines()]
        write_rows(clean / name, [{key: one for key, one in row.items() if key != "feedback"} for row in rows])
    for name in ("sft", "dpo", "both"):
        recipes[name] += '\nsuites = ["replies"]'
    Path("experiment.toml").write_text(
        'name = "forgetting"\nmodels = ["embedded:tiny"]\nsuites = ["suites/replies", "suites/clean"]\n'
        "probes = { samples = 0, fractions = [0.25, 0.5] }\n"
        + "".join(f"[candidates.{name}]\n{said}\n" for name, said in recipes.items())
    )
    matrix = expand(load_experiment(Path("experiment.toml")))
    by_name: dict[str, list[Job]] = {}
    for job in matrix.jobs:
        by_name.setdefault(job.recipe_name, []).append(job)
    (sft, *_), (dpo, *_), (both, *_) = (by_name[name] for name in ("sft", "dpo", "both"))
    identity = next(cell.identity for cell in matrix.cells)
    quarter, half = (part(sft, share, identity=identity, start=None) for share in (0.25, 0.5))
    started = part(dpo, 0.5, identity=identity, start=half)
    (mixed, *_), (kept, *_) = by_name["mixed"], by_name["clean"]
    kept_half = part(kept, 0.5, identity=identity, start=None)
    theirs = (sft, dpo, both, quarter, half, started, mixed)
    for job in (*theirs, kept, kept_half):
        job.out.mkdir(parents=True)
        (job.out / RECORD).write_text("{}")
    ran = harness("data", "signals", "feedback", "signals", "--scale", 5, "--forget", STAFF[0], "--json")
    assert ran.code == 0, ran.err
    trace = json.loads(ran.out)["forgotten"]
    assert trace["unknown"] == ""
    assert any("mixed.jsonl:" in line for line in trace["lines"])
    assert trace["adapters"] == sorted(str(job.out) for job in theirs)


def test_from_feedback_to_a_verdict(project: Path, harness: Harness) -> None:
    """What was corrected is shown as examples, answers are scored against what people wrote, and a verdict is given."""
    Path("parrot.py").write_text(
        "def parrot(trial):\n"
        "    said = [m['content'] for m in trial.messages if m['role'] == 'assistant']\n"
        "    return said[-1] if said else 'It is late.'\n"
    )
    Path("baselines/zero_shot.toml").write_text('technique = "prompt"\n')
    Path("experiment.toml").write_text(
        'name = "replies"\nmodels = ["scripted:parrot.py:parrot"]\nsuites = ["suites/replies"]\n'
    )
    ran = harness("run", "experiment.toml")
    assert ran.code == 2, ran.err
    found = json.loads(harness("verdict", "--json").out)["suites"]["replies"]
    assert (found["verdict"], found["recommendation"]) == ("INCONCLUSIVE", "rag")
    assert found["suffices"] == "golden", "an example that people liked is nearer to their replies than none"
