"""``harness data leaks``: what it prints, as JSON too, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, Ran, write_rows

Harness = Callable[..., Ran]
ASKED = "which of the two mills by the river was sold to the baker in spring"
DEV = "is the dog of the baker in the garden behind the mill now"
CASES, TRAIN = "suites/sums/cases.jsonl", "suites/sums/train.jsonl"


@pytest.fixture
def suite(project: Project) -> Path:
    """Four test cases, of which one stands in a training row, and a dev case that stands in another."""
    rows = [("t1", ASKED, "test"), ("t2", "1 + 2", "test"), ("t3", "2 + 5", "test"), ("t4", "5 + 9", "test")]
    rows.append(("d1", DEV, "dev"))
    write_rows(
        project.folder / CASES,
        [{"id": name, "input": text, "reference": "x", "split": split} for name, text, split in rows],
    )
    texts = ("well,\n" + ASKED + "?", rows[-1][1], "7 + 7")
    write_rows(project.folder / TRAIN, [{"prompt": text, "completion": "x"} for text in texts])
    return project.folder / "suites/sums"


def test_too_many(suite: Path, harness: Harness) -> None:
    ran = harness("data", "leaks", suite)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        f"{suite}: 1 of 4 test cases overlaps {suite}/train.jsonl (25.0%, allowed are 10%): TOO MANY",
        f"  t1: verbatim, {suite}/train.jsonl:1",
        f"    case  {ASKED}",
        f"    row   well,\\n{ASKED}?",
        f"{suite}: 1 of 1 dev case overlaps {suite}/train.jsonl (100.0%)",
        f"  d1: verbatim, {suite}/train.jsonl:2",
        f"    case  {DEV}",
        f"    row   {DEV}",
    ]


def test_few_enough(suite: Path, harness: Harness) -> None:
    assert harness("data", "leaks", suite, "--max-flagged", 0.25).code == 0
    assert harness("data", "leaks", suite, "--max-flagged", 1.5).code == 4


def test_json(suite: Path, harness: Harness) -> None:
    found = json.loads(harness("data", "leaks", suite, "--json").out)
    assert found["max_flagged"] == 0.1
    row = {"in": "training", "kind": "verbatim", "similarity": 1.0, "bits": None}
    assert found["suites"][str(suite)] == {
        "test_cases": 4,
        "dev_cases": 1,
        "flagged": 1,
        "share": 0.25,
        "shares": {"training": 0.25, "golden": 0.0, "documents": 0.0},
        "over": True,
        "training": [f"{suite}/train.jsonl"],
        "golden": [],
        "documents": [],
        "matches": [
            row | {"case": "t1", "split": "test", "where": f"{suite}/train.jsonl:1"},
            row | {"case": "d1", "split": "dev", "where": f"{suite}/train.jsonl:2"},
        ],
    }


def test_golden_examples_and_documents(suite: Path, harness: Harness) -> None:
    """A golden set that holds a case, and a document that has a question beside its reference; one that has the answer alone is
    what retrieval is for."""
    write_rows(suite / "golden.jsonl", [{"prompt": "2 + 5", "completion": "7"}, {"prompt": "1 + 1", "completion": "2"}])
    write_rows(
        suite / "pages.jsonl",
        [{"id": "faq", "text": f"Old mills\n{ASKED.title()}?\nIt was x."}, {"id": "page", "text": "5 and 9 is x"}],
    )
    (suite / "suite.toml").write_text(
        'metric = "exact_match"\ntrain = "train.jsonl"\ngolden = "golden.jsonl"\ndocuments = "pages.jsonl"\n'
    )
    lines = harness("data", "leaks", suite).out.splitlines()
    assert [line for line in lines if line.startswith(str(suite))] == [
        f"{suite}: 1 of 4 test cases overlaps {suite}/train.jsonl (25.0%, allowed are 10%): TOO MANY",
        f"{suite}: 1 of 1 dev case overlaps {suite}/train.jsonl (100.0%)",
        f"{suite}: 1 of 4 test cases overlaps {suite}/golden.jsonl (25.0%, allowed are 10%): TOO MANY",
        f"{suite}: 1 of 4 test cases is answered in {suite}/pages.jsonl (25.0%, allowed are 10%): TOO MANY",
    ]
    assert lines[-3:] == ["  t1: verbatim, faq", f"    case  {ASKED}", f"    row   {ASKED.title()}?"]
    found = json.loads(harness("data", "leaks", suite, "--json").out)["suites"][str(suite)]
    assert (found["flagged"], found["shares"]) == (2, {"training": 0.25, "golden": 0.25, "documents": 0.25})
    assert [(match["case"], match["in"]) for match in found["matches"]] == [
        ("t1", "training"),
        ("t1", "documents"),
        ("t3", "golden"),
        ("d1", "training"),
    ]


WORDS = {"which": 0, "of": 1, "the": 2, "two": 3, "mills": 4, "by": 5, "river": 6, "was": 7, "sold": 8, "to": 9}
WORDS |= {"baker": 10, "in": 11, "spring": 12, "windmills": 4, "along": 5, "stream": 6, "given": 8, "bread-maker": 10}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A real sentence-transformers model: a vector a word, synonyms share theirs."""
    pytest.importorskip("sentence_transformers")
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, **{word: i for i, word in enumerate(WORDS, 1)}}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    senses = np.random.default_rng(1).normal(size=(14, 32)).astype(np.float32)
    weights = np.stack([senses[13], *(senses[sense] for sense in WORDS.values())])
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)]).save(str(tmp_path / "model"))
    return tmp_path / "model"


def test_in_other_words(suite: Path, model: Path, harness: Harness) -> None:
    said = "which of the two windmills along the stream was given to the bread-maker in spring"
    write_rows(suite / "train.jsonl", [{"prompt": "3 + 3", "completion": "6"}, {"prompt": said, "completion": "x"}])
    assert "none of 4 test cases" in harness("data", "leaks", suite).out
    ran = harness("data", "leaks", suite, "--embed", f"dense:{model}")
    assert ran.code == 1
    assert ran.out.splitlines()[1] == f"  t1: in other words perhaps, cosine 1.00, {suite}/train.jsonl:2"
    (match,) = json.loads(harness("data", "leaks", suite, "--embed", model, "--json").out)["suites"][str(suite)][
        "matches"
    ]
    assert (match["kind"], match["similarity"], match["bits"]) == ("meaning", 1.0, None)
    said = harness("data", "leaks", suite, "--embed", suite.parent).err
    assert said.startswith(f"harness: embedding model '{suite.parent}': sentence-transformers cannot load")
    assert harness("data", "leaks", suite, "--similar", 0.5).code == 4
    assert harness("data", "leaks", suite, "--embed", model, "--similar", 1.5).code == 4


def test_files_and_more_rows(suite: Path, harness: Harness) -> None:
    more = write_rows(suite / "more.jsonl", [{"prompt": "2 + 5", "chosen": "7", "rejected": "6"}])
    ran = harness("data", "leaks", suite / "cases.jsonl", more)
    assert ran.out.startswith(f"{suite / 'cases.jsonl'}: 1 of 4 test cases overlaps {more}")
    assert "2 of 4 test cases overlap" in harness("data", "leaks", suite, more).out


def test_a_few_are_shown_or_all(suite: Path, harness: Harness) -> None:
    texts = [f"{ASKED} {number}" for number in range(5)]
    write_rows(suite / "cases.jsonl", [{"id": t[-1], "input": t, "reference": "x"} for t in texts])
    write_rows(suite / "train.jsonl", [{"prompt": t, "completion": "x"} for t in texts])
    ran = harness("data", "leaks", suite)
    assert ran.out.count("    row ") == 3
    assert ran.out.splitlines()[-1] == "  … and 2 more: --all shows them"
    assert harness("data", "leaks", suite, "--all").out.count("    row ") == 5


def test_what_was_written_cannot_bend_the_terminal(suite: Path, harness: Harness) -> None:
    write_rows(suite / "train.jsonl", [{"prompt": f"\x1b[2J{ASKED} {'and so on ' * 40}", "completion": "x"}])
    out = harness("data", "leaks", suite).out
    assert "\x1b" not in out
    assert "characters)" in out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nowhere"], "nowhere: no such file"),
        (["suites/sums/train.jsonl"], "train.jsonl: holds training rows alone: name a suite folder or a file of cases"),
        (["suites/sums/cases.jsonl"], "cases.jsonl: there are no training rows to compare with: name a JSONL file"),
        (["suites/sums", "empty.jsonl"], "empty.jsonl: is empty: give a suite folder, a JSONL file of cases or one of"),
        (["suites/sums", "odd.jsonl"], "odd.jsonl:1: given ['text']: a row needs 'messages', or 'prompt' and 'compl"),
        (["suites"], "suite.toml: no such file"),
        (["dev.jsonl", "suites/sums/train.jsonl"], "dev.jsonl: no case has the split 'test': only test cases can leak"),
    ],
)
def test_bad_input(suite: Path, harness: Harness, given: list[str], said: str) -> None:
    folder = suite.parent.parent
    (folder / "empty.jsonl").touch()
    write_rows(folder / "odd.jsonl", [{"text": "x"}])
    write_rows(folder / "dev.jsonl", [{"id": "a", "input": "x", "reference": "y", "split": "dev"}])
    ran = harness("data", "leaks", *(folder / name for name in given))
    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_cases_and_rows_in_other_formats(tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "cases.csv").write_text(f"input,reference\n{ASKED},x\nis the dog in the garden,y\n", encoding="utf-8")
    train = write_rows(tmp_path / "train.jsonl", [{"instruction": ASKED, "input": "", "output": "x"}])
    ran = harness("data", "leaks", tmp_path / "cases.csv", train, "--json")
    (suite,) = json.loads(ran.out)["suites"].values()
    assert (suite["test_cases"], [match["case"] for match in suite["matches"]]) == (2, ["2"])
