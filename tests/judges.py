"""Judges by rules, as ``scripted:tests/judges.py:NAME``: they read what is asked as a model would, and reply by its schema."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from typing import Any

from harness.trial import Trial

FENCED = re.compile(
    r"^(?P<name>ANSWER|A|B) (?P<mark>[0-9a-f]{20}) begins\n(?P<text>.*?)\n(?P=name) (?P=mark) ends$", re.S | re.M
)
REFERENCE = re.compile(r"A reference answer:\n(.*?)\n\n", re.S)


def answers(trial: Trial) -> list[str]:
    """What stands between the marks, and nothing else."""
    return [match["text"] for match in FENCED.finditer(trial.messages[1]["content"])]


def reference(trial: Trial) -> str:
    found = REFERENCE.search(trial.messages[1]["content"])
    return found[1] if found else ""


def replied(trial: Trial, worth: Callable[[str], float], *, lean: float = 0.0) -> str:
    """A reply to whatever is asked, from what each answer is worth (0 to 1); ``lean`` is added to the one in first place."""
    properties = json.loads(trial.schema or "{}")["properties"]
    shown = [worth(text) for text in answers(trial)]
    if "winner" in properties:
        first, second = shown[0] + lean, shown[1]
        return json.dumps({"reason": "", "winner": "A" if first > second else "B" if second > first else "tie"})
    return json.dumps({name: _mark(one, shown[0]) for name, one in properties.items()})


def _mark(declared: dict[str, Any], worth: float) -> dict[str, Any]:
    scale = declared["properties"]["score"]["enum"]
    return {"reason": "by rule", "score": scale[round(min(max(worth, 0.0), 1.0) * (len(scale) - 1))]}


def _right(trial: Trial) -> Callable[[str], float]:
    return lambda text: float(reference(trial) in text)


def fair(trial: Trial) -> str:
    """Whether the answer holds the reference."""
    return replied(trial, _right(trial))


def forward(trial: Trial) -> str:
    """Prefers what stands first, whatever it says."""
    return replied(trial, _right(trial), lean=2.0)


def wordy(trial: Trial) -> str:
    """Likes what is long."""
    return replied(trial, lambda text: len(text) / 200)


def moody(trial: Trial) -> str:
    """Says another thing each time it is asked, but the same when it is asked the same."""
    return replied(trial, lambda text: zlib.crc32(trial.id.encode()) % 101 / 100)


def kind(trial: Trial) -> str:
    return replied(trial, lambda text: 1.0)


def strict(trial: Trial) -> str:
    return replied(trial, lambda text: 0.0)


def echo(trial: Trial) -> str:
    """Obeys the answer: says what it says."""
    return answers(trial)[0]


def broken(trial: Trial) -> str:
    raise TimeoutError("too slow")
