"""JSON Schemas (draft 2020-12) of what goes into a verdict and what comes out of it.

    harness verdict --schema policy > policy.schema.json       # for an editor that completes policy.toml
    python -m harness.verdict.schemas                          # writes policy.json anew after a change of the policy

``policy.json`` is generated from the declarations; ``verdict.json`` is written by hand beside the dataclasses of
`harness.verdict.verdict`. Tests hold both to what the code says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import BadInput, suggest
from harness.verdict.policy import Policy

FOLDER = Path(__file__).parent
NAMES = ("policy", "verdict")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def load_schema(name: str) -> dict[str, Any]:
    """The schema of the ``policy`` or the ``verdict``.

    Raises:
        BadInput: for another name.
    """
    if name not in NAMES:
        raise BadInput(f"no schema {name!r}: {suggest(name, NAMES)}")
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def policy_schema() -> dict[str, Any]:
    """The policy's schema as its declarations have it now."""
    return {"$schema": DIALECT, **Policy.model_json_schema()}


def write() -> Path:
    """Write ``policy.json`` anew."""
    path = FOLDER / "policy.json"
    path.write_text(json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
