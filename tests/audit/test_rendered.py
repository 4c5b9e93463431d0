"""Rows in a model's tokens: what is too long, and what a template does wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.check import Asked, check
from harness.data.audit import Finding
from harness.data.audit.rendered import SAMPLE, Rendered, Room
from harness.embedded import TINY
from harness.errors import BadInput
from harness.experiment import Model, load_experiment
from harness.models.chat import Chat, load_chat
from harness.tokens import Tokens
from harness.training.rows import Example
from tests.conftest import write_rows

pytest.importorskip("transformers")
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['content'] }}{END}{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}"


def said(asked: str, answer: str, where: str = "a:1") -> Example:
    return Example(({"role": "user", "content": asked},), (answer,), where)


def rendered(chat: Chat, examples: Sequence[Example], **more: Any) -> list[Finding]:
    room = Room("candidate sft", more.get("length", 64), more.get("dropped", 0.0))
    found = Rendered(chat, room, model="tiny", context=more.get("context", 128), rows=len(examples))
    for example in examples:
        found.add(example)
    return list(found.findings())


@pytest.fixture
def chat() -> Chat:
    return load_chat(TINY)


@pytest.fixture
def templated(chat: Chat) -> Callable[[str], Chat]:
    def made(template: str) -> Chat:
        chat.tokenizer.chat_template = template
        return Chat(chat.tokenizer, stops=chat.stops)

    return made


def test_good_rows_are_noted_and_no_more(chat: Chat) -> None:
    (finding,) = rendered(chat, [said("Where is it?", "Here.")] * 3)
    assert (finding.level, finding.name) == ("note", "tokens")
    assert finding.said.endswith("of tiny's context of 128")


def test_what_is_cut_and_what_is_dropped_and_whose_limit_it_is(chat: Chat) -> None:
    rows = [said("a b " * 4, "c"), said("a b " * 4, "c d " * 80, "a:2"), said("a b " * 80, "c", "a:3")]
    long = next(one for one in rendered(chat, rows) if one.name == "too long")
    assert long.level == "fail"
    assert "2 of 3 rows (66.7%) are longer than the 64 tokens of max_length (candidate sft)" in long.said
    assert "cut 1 before their stop token and drop 1 whole" in long.said
    assert [place.split(":")[1] for place in long.places] == ["3", "2"]
    allowed = next(one for one in rendered(chat, rows, dropped=0.7, length=500) if one.name == "too long")
    assert (allowed.level, "the context of tiny" in allowed.said) == ("warn", True)


def test_every_long_row_is_found_beyond_the_sample(chat: Chat) -> None:
    rows = [said("a", "b", f"a:{number}") for number in range(SAMPLE + 500)]
    rows[3] = said("half \ud800", "b")
    rows[7::500] = [said("é " * 90, "b", "long"), said("a b " * 90, "b", "long"), *rows[1007::500]]
    long = next(one for one in rendered(chat, rows, length=160, context=4096) if one.name == "too long")
    assert long.said.startswith("2 of 2,500 rows")


def test_a_template_that_begins_twice(templated: Callable[[str], Chat]) -> None:
    chat = templated("<|endoftext|><|endoftext|>" + TEMPLATE.replace("{END}", "<|im_end|>"))
    chat.tokenizer.bos_token = "<|endoftext|>"
    (finding,) = [one for one in rendered(chat, [said("x", "y")]) if one.name == "template"]
    assert (finding.level, finding.places) == ("fail", ("a:1",))
    assert "begins with the first token (BOS) twice" in finding.said


def test_a_template_without_an_end(templated: Callable[[str], Chat]) -> None:
    (finding,) = [
        one for one in rendered(templated(TEMPLATE.replace("{END}", "")), [said("x", "y")]) if one.name == "template"
    ]
    assert finding.level == "warn"
    assert "training adds one" in finding.said


def test_a_template_that_ends_in_the_middle(templated: Callable[[str], Chat]) -> None:
    chat = templated(TEMPLATE.replace("{END}", "<|im_end|>so it is<|im_end|>"))
    (finding,) = [one for one in rendered(chat, [said("x", "y")]) if one.name == "template"]
    assert (finding.level, "a stop token before its end" in finding.said) == ("fail", True)


def test_a_tokenizer_that_knows_no_end(templated: Callable[[str], Chat]) -> None:
    chat = templated(TEMPLATE.replace("{END}", ""))
    chat.tokenizer.eos_token = None
    chat.stops = frozenset()
    found = [one for one in rendered(chat, [said("x", "y")]) if one.name == "template"]
    assert ("fail", "1 of 1 row: a row without a stop token") in [(one.level, one.said[:38]) for one in found]


def test_text_that_was_rendered_before_and_a_model_without_a_template(templated: Callable[[str], Chat]) -> None:
    rows = [said("<|im_start|>user\nx<|im_end|>", "y", "a:9"), said("x", "y")]
    (finding,) = [
        one for one in rendered(templated(TEMPLATE.replace("{END}", "<|im_end|>")), rows) if one.name == "template"
    ]
    assert (finding.level, finding.places, finding.said[:12]) == ("warn", ("a:9",), "1 of 2 rows:")
    assert any("has none" in one.said for one in rendered(templated(""), rows[1:]))


def test_the_experiments_model_and_recipes_count(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n} " * 40, "completion": "yes"} for n in range(8)]
    suite = tmp_path / "suites" / "s"
    write_rows(suite / "train.jsonl", rows)
    write_rows(suite / "cases.jsonl", [{"id": "a", "input": "x", "reference": "y", "split": "test"}])
    (suite / "suite.toml").write_text('metric = "exact_match"\ntrain = "train.jsonl"\n')
    (tmp_path / "experiment.toml").write_text(
        'models = ["embedded:tiny"]\nsuites = ["suites/s"]\nbaselines = []\n'
        '[candidates.short]\nmethod = "sft"\nmax_length = 32\n[candidates.long]\nmethod = "sft"\n'
        '[candidates.longer]\nmethod = "sft"\n'
    )
    tokens = Tokens.of(None, load_experiment(tmp_path / "experiment.toml"))
    report = check([suite], Asked(tokens=tokens)).files[0]
    long = [one for one in report.findings if one.name == "too long"]
    assert [one.said.partition(" (candidate ")[2].partition(")")[0] for one in long] == ["short"]
    write_rows(suite / "train.jsonl", [*rows, {"prompt": "x", "completion": " "}])
    report = check([suite], Asked(tokens=tokens)).files[0]
    refused = next(one for one in report.findings if one.name == "training")
    assert (refused.level, "train.jsonl:9" in refused.said) == ("fail", True)


def test_a_model_that_cannot_be_read_is_an_error_only_where_it_was_named(tmp_path: Path) -> None:
    made = write_rows(tmp_path / "a.jsonl", [{"prompt": "x", "completion": "y"}])
    lost = Model(id=str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="no such folder"):
        check([made], Asked(tokens=Tokens(lost)))
    report = check([made], Asked(tokens=Tokens(lost, needed=False))).files[0]
    assert any(one.said.startswith("not counted") for one in report.findings)
    with pytest.raises(BadInput, match="runs elsewhere"):
        check([made], Asked(tokens=Tokens(Model(id="openai:gpt-5"))))
