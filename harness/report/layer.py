"""The layers that contenders sit on, as a report orders and colours them.

>>> layer_of("rag"), layer_of("probe:pass@8")
('context', 'probe')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Layer = Literal["prompt", "context", "tuned", "probe"]
LAYERS: tuple[Layer, ...] = ("prompt", "context", "tuned", "probe")
LAYER_OF: Mapping[str, Layer] = {
    "prompt": "prompt",
    "constrain": "prompt",
    "rag": "context",
    "golden": "context",
    "tune": "tuned",
    "tune+rag": "tuned",
}


def layer_of(technique: str) -> Layer:
    """The layer of a technique; ``probe`` for those that only diagnose."""
    return LAYER_OF.get(technique, "probe")
