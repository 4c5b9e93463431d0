"""Vendors' batch APIs: requests that are answered within a day, at half the price.

desk = open_desk(backend)
name = desk.submit(trials)
while not desk.look(name).over: ...
rows = desk.results(name, trials)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from harness.models.batches.desk import Desk, Standing
from harness.models.served import Served

# the backend's class -> its vendor's batch API, called with the backend
DESKS: dict[str, str] = {
    "OpenAI": "harness.models.batches.openai:OpenAIDesk",
    "Anthropic": "harness.models.batches.anthropic:AnthropicDesk",
}

__all__ = ["DESKS", "Desk", "Standing", "open_desk"]


def open_desk(backend: Served) -> Desk:
    """The batch API of a served model."""
    module, _, name = DESKS[type(backend).__name__].partition(":")
    make: Any = getattr(import_module(module), name)
    desk: Desk = make(backend)
    return desk
