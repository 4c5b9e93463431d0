"""Training rows: what is read, what is refused, and what an adapter's fingerprint depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.experiment import Candidate
from harness.recipe import Adapter, Recipe
from harness.training import METHODS, adapter_fingerprint
from harness.training.rows import demonstrations, preferences, read_rows

ASKED = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}


def test_both_forms_of_a_demonstration() -> None:
    rows = read_rows([{"messages": [ASKED, ANSWER]}, {"prompt": "q", "completion": "a"}])
    first, second = demonstrations(rows)
    assert first.messages == second.messages == (ASKED,)
    assert first.answers == second.answers == ("a",)


def test_system_prompt_is_put_before_rows_without_one() -> None:
    own = {"role": "system", "content": "own"}
    rows = read_rows([{"messages": [ASKED, ANSWER]}, {"messages": [own, ASKED, ANSWER]}])
    given = [example.messages[0]["content"] for example in demonstrations(rows, system="label")]
    assert given == ["label", "own"]


def test_earlier_answers_are_context() -> None:
    (example,) = demonstrations(read_rows([{"messages": [ASKED, ANSWER, ASKED, {**ANSWER, "content": "b"}]}]))
    assert [m["role"] for m in example.messages] == ["user", "assistant", "user"]
    assert example.answers == ("b",)


def test_both_forms_of_a_preference() -> None:
    rows = read_rows(
        [
            {"prompt": "q", "chosen": "a", "rejected": "b"},
            {"prompt": [ASKED], "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "b"}]},
        ]
    )
    first, second = preferences(rows)
    assert first.answers == second.answers == ("a", "b")
    assert first.messages == second.messages


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "x"}, "needs 'messages', or 'prompt' and 'completion'"),
        ({"messages": []}, "must be a list of messages"),
        ({"messages": [ASKED]}, "must end with a non-empty answer"),
        ({"messages": [ASKED, {**ANSWER, "content": " "}]}, "must end with a non-empty answer"),
        ({"messages": [ANSWER]}, "nothing is asked"),
        ({"messages": [{"role": "robot", "content": "x"}, ANSWER]}, "system, user, assistant"),
        ({"messages": [{"role": "user"}, ANSWER]}, "'role'"),
        ({"messages": ["hi", ANSWER]}, "given 'hi'"),
        ({"prompt": 3, "completion": "a"}, "prompt: given '3'"),
        ({"prompt": "q", "completion": ""}, "completion: must be a non-empty string"),
    ],
)
def test_broken_demonstrations_name_the_line(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    good = {"prompt": "q", "completion": "a"}
    with pytest.raises(BadInput) as refused:
        list(demonstrations([("train.jsonl:1", good), ("train.jsonl:2", row)]))
    assert str(refused.value).startswith("train.jsonl:2: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "q", "chosen": "a"}, "needs 'prompt', 'chosen' and 'rejected'"),
        ({"prompt": "q", "chosen": "a", "rejected": "a"}, "are the same"),
        ({"prompt": "q", "chosen": "a", "rejected": ["b"]}, "rejected: given 'b'"),
        ({"prompt": "q", "chosen": "a", "rejected": [ASKED]}, "rejected: must be"),
    ],
)
def test_broken_preferences_name_the_line(row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=r"^row 1: ") as refused:
        list(preferences(read_rows([row])))
    assert said in str(refused.value)


def test_line_that_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "q", "completion": "a"}\n{"prompt"\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"train.jsonl:2: not valid JSON"):
        read_rows(path)


RECIPE = Recipe(method="sft")
ROWS = [{"prompt": "q", "completion": "a"}]


def said(**changes: Any) -> str:
    return adapter_fingerprint(**{"model": "m", "recipe": RECIPE, "rows": ROWS, "seed": 1, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "n"},
        {"seed": 2},
        {"system": "label"},
        {"start_from": "cafe"},
        {"rows": [{"prompt": "q", "completion": "b"}]},
        {"recipe": Recipe(method="sft", learning_rate=1e-3)},
        {"recipe": Recipe(method="sft", adapter=Adapter(rank=4))},
        {"recipe": Recipe(method="sft", replay=0.5, replay_file="r.jsonl"), "replay": ROWS},
    ],
)
def test_what_changes_an_adapter_changes_its_fingerprint(changes: dict[str, Any]) -> None:
    assert said(**changes) != said()


def test_what_does_not_change_an_adapter(tmp_path: Path) -> None:
    path = tmp_path / "renamed.jsonl"
    path.write_text('{"completion":   "a", "prompt": "q"}\n\n', encoding="utf-8")
    assert said(rows=path) == said()
    assert said(replay=ROWS) == said()
    assert said(recipe=Recipe(method="sft", save_steps=7, max_dropped=0.1, prompt="other")) == said()
    assert said(recipe=Candidate(method="sft", with_rag=True, suites=("a",))) == said()


def test_a_file_that_is_edited_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "q", "completion": "a"}\n')
    assert said(rows=path) == said()
    path.write_text('{"prompt": "q", "completion": "b"}\n')
    assert said(rows=path) != said()


def test_every_method_is_there() -> None:
    from importlib import import_module

    for target in METHODS.values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))
