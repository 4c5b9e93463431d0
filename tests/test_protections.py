"""The campaign of removals stays true: what is promised is in it, and what it takes out and runs is there. It is run by `tox run -e protections`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.protections.removal import Removal, removals

ROOT = Path(__file__).parents[1]
ALL = removals()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_names_are_their_own() -> None:
    names = [one.name for one in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_removal_is_possible(one: Removal) -> None:
    assert flat(one.stands) in flat((ROOT / one.page).read_text(encoding="utf-8")), (
        "the page promises it in other words"
    )
    for change in one.changes:
        count = (ROOT / change.file).read_text(encoding="utf-8").count(change.old)
        assert count == 1, f"{change.file} has it {count} times: {change.old!r}"
    for named in one.tests:
        path, _, test = named.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not test or re.search(rf"\bdef {re.escape(test.partition('[')[0])}\(", text), f"no test {named}"


def test_every_threat_is_removed_once() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and "`tests/" in line]
    promised = [flat(row[1]) for row in rows]
    assert len(promised) > 15
    said = [flat(one.stands) for one in ALL if one.page == "docs/security.md"]
    assert not [row for row in promised if not any(one in row for one in said)]
