"""Made conversations, and the same one in each format."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from harness.formats import Record

Row = dict[str, Any]

ASKED = {"role": "user", "content": "How long?"}
ANSWER = {"role": "assistant", "content": "Two days."}
WORSE = {"role": "assistant", "content": "No idea."}

ROWS: dict[str, Row] = {
    "messages": {"messages": [ASKED, ANSWER]},
    "openai": {"messages": [ASKED, ANSWER]},
    "openai-preference": {
        "input": {"messages": [ASKED]},
        "preferred_output": [ANSWER],
        "non_preferred_output": [WORSE],
    },
    "alpaca": {"instruction": "How long?", "input": "", "output": "Two days."},
    "sharegpt": {"conversations": [{"from": "human", "value": "How long?"}, {"from": "gpt", "value": "Two days."}]},
    "prompt-completion": {"prompt": "How long?", "completion": "Two days."},
    "preference": {"prompt": "How long?", "chosen": "Two days.", "rejected": "No idea."},
    "kto": {"prompt": "How long?", "completion": "Two days.", "label": True},
    "cases": {"input": "How long?", "reference": "Two days."},
}
"""One row of every format; all say the same of their kind."""

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "3",
        "true",
        "null",
        '"5"',
        "[1]",
        '{"a": 1}',
        "=1+1",
        " a ",
        "a,b;c\td",
        'say "x"',
        "line\nline",
        "\r",
        "\u2028",
        "NaN",
    ]
)
SAID = TEXTS.filter(bool)
KEYS = st.text(alphabet="abcxyz_", min_size=1, max_size=4).map(lambda name: f"m_{name}")
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=4,
)


def message(role: str, content: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Row]:
    return st.builds(lambda text: {"role": role, "content": text}, content)


@st.composite
def talks(draw: st.DrawFn, kind: str, *, turns: int = 2) -> Record:
    """A conversation of a kind, now and then with a system prompt, several turns and columns of its own."""
    asked = [draw(message("system"))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, turns))):
        asked += [draw(message("user")), draw(message("assistant"))]
    asked.append(draw(message("user")))
    answer = (draw(message("assistant")),)
    more = draw(st.dictionaries(KEYS, VALUES, max_size=2)) if draw(st.booleans()) else {}
    if kind == "preference":
        return Record(tuple(asked), answer, (draw(message("assistant")),), more=more)
    label = draw(st.booleans()) if kind == "rating" else None
    return Record(tuple(asked), answer, label=label, more=more)


KINDS = ("demonstration", "preference", "rating")


def any_talk() -> st.SearchStrategy[Record]:
    return st.sampled_from(KINDS).flatmap(talks)
