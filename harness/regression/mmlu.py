"""Writes a suite folder with fixed questions of MMLU (arXiv 2009.03300), to see what fine-tuning has made a model forget.

    write_mmlu(Path("suites/mmlu"))         # 57 subjects × 20 questions; needs a network once

    {"id": "anatomy-003", "input": "…", "reference": "…", "choices": ["…", "…", "…", "…"], "tags": {"subject": "anatomy"}}

With 1,140 questions a paired drop of 5 points at 20 % disagreement is seen with a power of more than 80 %.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import BadInput, HarnessError, need

DATASET = "cais/mmlu"
SUITE = """\
description = "MMLU, {count} fixed questions of {subjects} subjects: what the base model knew must not be forgotten."
role = "guard"
form = "choice"
metric = "exact_match"
"""


def write_mmlu(folder: Path, per_subject: int = 20) -> Path:
    """Download MMLU's test questions and write the first ``per_subject`` of every subject as a suite; returns ``folder``.

    Raises:
        BadInput: when ``folder`` holds a suite already.
        HarnessError: when the questions cannot be downloaded.
        MissingExtra: without ``datasets``.
    """
    if (folder / "suite.toml").exists():
        raise BadInput(f"{folder}: holds a suite already: choose another folder, or remove it")
    datasets = need("datasets", extra="train")
    try:
        rows = datasets.load_dataset(DATASET, "all", split="test")
    except Exception as error:  # datasets raises its own, the Hub's, httpx's and the system's errors
        raise HarnessError(
            f"MMLU ({DATASET}) cannot be downloaded: {type(error).__name__}; it needs a network and the Hub (is "
            "HF_HUB_OFFLINE set?) once: write the suite where there is one, and copy the folder"
        ) from error
    return write_suite(folder, rows, per_subject)


def write_suite(folder: Path, rows: Iterable[Mapping[str, Any]], per_subject: int) -> Path:
    """MMLU's rows (question, subject, choices, answer as a number) as ``suite.toml`` and ``cases.jsonl``."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cases = found[row["subject"]]
        if len(cases) < per_subject and len(set(row["choices"])) == len(row["choices"]):
            cases.append(_case(row, f"{row['subject']}-{len(cases):03d}"))
    written = [case for subject in sorted(found) for case in found[subject]]
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in written)
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    (folder / "suite.toml").write_text(SUITE.format(count=len(written), subjects=len(found)), encoding="utf-8")
    return folder


def _case(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    choices = list(row["choices"])
    return {
        "id": name,
        "input": row["question"].strip(),
        "reference": choices[row["answer"]],
        "choices": choices,
        "tags": {"subject": row["subject"]},
    }
