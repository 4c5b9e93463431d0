"""What each format does that the others do not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import BadInput
from harness.formats import Record, load_format
from tests.formats.talks import ANSWER, ASKED, WORSE, Row

SYSTEM = {"role": "system", "content": "Be brief."}
AGAIN = {"role": "user", "content": "Sure?"}
TALK = Record((SYSTEM, ASKED, ANSWER, AGAIN), ({"role": "assistant", "content": "Yes."},))


def read(name: str, row: Row) -> Record:
    return load_format(name).read(row)


def test_alpaca_keeps_system_and_turns() -> None:
    row = {
        "instruction": "Sure?",
        "input": "",
        "output": "Yes.",
        "system": "Be brief.",
        "history": [["How long?", "Two days."]],
    }
    assert read("alpaca", row) == TALK
    assert load_format("alpaca").write(TALK) == row


def test_alpaca_joins_instruction_and_input() -> None:
    record = read("alpaca", {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"})
    assert record.asked == ({"role": "user", "content": "Translate.\nGuten Tag"},)


def test_sharegpt_reads_both_places_of_a_system_prompt() -> None:
    turns = [{"from": "human", "value": "How long?"}, {"from": "gpt", "value": "Two days."}]
    beside = read("sharegpt", {"system": "Be brief.", "conversations": turns})
    assert beside == read("sharegpt", {"conversations": [{"from": "system", "value": "Be brief."}, *turns]})
    assert beside == Record((SYSTEM, ASKED), (ANSWER,))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [ASKED], "chosen": [ANSWER], "rejected": [WORSE]},
        {"chosen": [ASKED, ANSWER], "rejected": [ASKED, WORSE]},
        {"prompt": "How long?", "chosen": [ASKED, ANSWER], "rejected": [ASKED, WORSE]},
    ],
)
def test_preferences_with_prompts_of_all_sorts(row: Row) -> None:
    assert read("preference", row) == Record((ASKED,), (ANSWER,), (WORSE,))


def test_an_implicit_prompt_of_texts() -> None:
    record = read("preference", {"chosen": "The sky is blue.", "rejected": "The sky is green."})
    said = [part[0]["content"] for part in (record.asked, record.answer, record.rejected or ())]
    assert said == ["The sky is", " blue.", " green."]


def test_sides_that_are_the_same_are_read() -> None:
    record = read("preference", {"chosen": [ASKED, ANSWER], "rejected": [ASKED, ANSWER]})
    assert record == Record((ASKED,), (ANSWER,), (ANSWER,))


def test_columns_beside_a_case_are_its_tags() -> None:
    form = load_format("cases")
    record = load_format("messages").read({"messages": [ASKED, ANSWER], "id": "a", "page": 3})
    row = {"id": "a", "input": "How long?", "reference": "Two days.", "tags": {"page": 3}}
    assert form.write(record) == row
    assert form.read(row) == record


def test_openai_keeps_tools() -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}
    row = {
        "messages": [ASKED, call, {"role": "tool", "tool_call_id": "1", "content": "2"}, ANSWER],
        "tools": [{"n": 1}],
    }
    record = read("openai", row)
    assert load_format("openai").write(record) == row
    assert load_format("messages").write(record) == row
    told = load_format("openai-preference").write(Record(record.asked, (ANSWER,), (WORSE,), more=record.more))
    assert told["input"]["tools"] == [{"n": 1}]


PARTS = {"role": "user", "content": [{"type": "text", "text": "x"}]}


@pytest.mark.parametrize(
    ("name", "record", "said"),
    [
        ("alpaca", Record((ASKED, AGAIN), (ANSWER,)), "role 'user' where alpaca can only express 'assistant'"),
        ("alpaca", Record((ASKED,), ()), "has no answer of one message"),
        ("alpaca", Record(({"role": "system", "content": ""}, ASKED), (ANSWER,)), "empty, which alpaca cannot tell"),
        ("alpaca", Record((PARTS,), (ANSWER,)), "message 1 has parts instead of a text"),
        ("sharegpt", Record(({"role": "developer", "content": "x"}, ASKED), (ANSWER,)), "the role 'developer'"),
        ("sharegpt", Record(({**ASKED, "name": "Ann"},), (ANSWER,)), "message 1 has 'name', which sharegpt"),
        ("openai", Record((ASKED,), (ANSWER,), more={"id": 3}), "has 'id', which openai cannot express"),
        ("openai", Record((ASKED,), ()), "ends without an answer"),
        ("messages", Record((ASKED,), (ANSWER, AGAIN)), "the answer has 2 messages"),
        ("messages", Record((ASKED,), (ANSWER,), more={"messages": 3}), "has a column 'messages'"),
        ("cases", TALK, "system, user, assistant, user, assistant, and a case is one question"),
        ("cases", Record((ASKED,), (ANSWER,), more={"tags": {}}), "a column 'tags'"),
        ("prompt-completion", Record((ASKED,), ()), "has no answer"),
        ("messages", Record((ASKED,), (ANSWER,), (WORSE,)), "is a preference, and messages holds demonstrations"),
        ("kto", Record((ASKED,), (ANSWER,), (WORSE,)), "is a preference, and kto holds ratings"),
    ],
)
def test_what_a_format_cannot_express_is_refused(name: str, record: Record, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_format(name).write(record)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("messages", {"messages": [{"role": "robot", "content": "x"}]}, "a message has a 'role' (system"),
        ("messages", {"messages": [{"role": "user"}]}, "needs a 'content'"),
        ("alpaca", {"instruction": 3, "output": "a"}, "instruction: given '3': it must be a text"),
        ("alpaca", {"instruction": "q", "output": "a", "history": [["x"]]}, "a list of [question, answer]"),
        ("sharegpt", {"conversations": [{"from": "humman", "value": "x"}]}, "did you mean 'human'?"),
        ("sharegpt", {"conversations": [{"from": "function_call", "value": "x"}]}, "given 'function_call'"),
        ("kto", {"prompt": "q", "completion": "a", "label": 3}, "write true for a good answer"),
        ("preference", {"chosen": [ANSWER], "rejected": [WORSE]}, "what was asked?"),
        ("preference", {"chosen": "yes", "rejected": "no"}, "what was asked?"),
        (
            "openai-preference",
            {"input": "q", "preferred_output": [ANSWER], "non_preferred_output": [WORSE]},
            "'messages'",
        ),
        ("cases", {"input": "q", "reference": "a", "tags": {"id": "x"}}, "the name of a key of the case itself"),
    ],
)
def test_what_is_broken_says_how(name: str, row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(name, row)
    assert said in str(refused.value)
