"""A model card: the metadata that the Hub reads, then what a colleague asks, from the records and the store.

---
base_model: Qwen/Qwen2.5-1.5B-Instruct
library_name: peft
---
# sft@triage
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.evidence import evidence
from harness.export.trained import Trained
from harness.report.markdown import escaped, table
from harness.verdict import Verdict, describe


def card(one: Trained) -> str:
    """Markdown with a YAML head."""
    return "\n".join([*_head(one), *_training(one), *_worth(one), *_limits(one)]) + "\n"


def _head(one: Trained) -> Iterator[str]:
    yield from ("---", f"base_model: {one.job.model.id}")
    yield f"library_name: {'transformers' if one.whole else 'peft'}"
    yield from ("tags:", "- tuneworthy", f"- {one.job.recipe.method}", "---", "")
    yield from (f"# {escaped(one.name)}", "")
    if one.task.suite.description:
        yield from (escaped(one.task.suite.description), "")


def _training(one: Trained) -> Iterator[str]:
    record, recipe = one.record, one.job.recipe
    yield from ("## How it was trained", "")
    rows = [
        ("base model", f"{one.job.model.id} ({one.job.model.quantization})"),
        ("base, by hash", record.base or "unknown"),
        ("method", recipe.method),
        ("adapter", f"{recipe.adapter.kind}, rank {recipe.adapter.rank}, alpha {recipe.adapter.alpha}"),
        ("learning rate, epochs", f"{recipe.rate:g}, {recipe.epochs:g}"),
        ("seed", str(one.job.seed)),
        ("rows", f"{record.rows_kept} of {record.rows_in}"),
        ("steps, seconds", f"{record.steps}, {record.seconds:.0f}"),
        ("versions", ", ".join(f"{name} {number}" for name, number in record.versions.items())),
    ]
    if isinstance(one.job.rows, Path):
        rows.append(("data", f"{one.job.rows.name}, sha256 {_sha(one.job.rows)}"))
    rows += [("note", note) for note in record.notes]
    yield from table(("what", "value"), [(escaped(name), escaped(value)) for name, value in rows])
    yield ""


def _worth(one: Trained) -> Iterator[str]:
    """What the verdict says of the suite; a card can be written before there is one."""
    yield from ("## What it is worth", "")
    verdict = _verdict(one)
    if verdict is None:
        yield from ("No verdict yet: `harness verdict` gives one when every contender was measured.", "")
        return
    only = Verdict({one.job.suite: verdict.suites[one.job.suite]}) if one.job.suite in verdict.suites else verdict
    yield from ("```", *describe(only), "```", "")


def _verdict(one: Trained) -> Verdict | None:
    try:
        with evidence(one.matrix) as found:
            return found.verdicts[one.job.model.id]
    except HarnessError:
        return None


def _limits(one: Trained) -> Iterator[str]:
    yield from ("## Limits", "")
    yield (
        f"It was measured on the test cases of the suite {escaped(one.job.suite)}, with the prompt that its rows were trained "
        "with. An adapter fits the base of this hash alone. A claim about a recipe holds for trainings like this one on "
        "average, not for this one."
    )


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:20]
