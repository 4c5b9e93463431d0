"""Detectors of leaks beside each other, in short; ``python benchmarks/leaks.py`` is the long form."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import leaks, planted_truth
from benchmarks.planted import texts, wording
from benchmarks.planted.beside import tables
from benchmarks.planted.rivals import minhash, ours, overlap
from tests.test_planted_truth import SEED, tally_of, too_often, too_rarely

DETECTORS = {"tuneworthy": ours, "13-gram overlap": overlap}
PROMISED = (
    "verbatim, 8 words",
    "verbatim, 25 words",
    "10% edited, 25 words",
    "10% edited, 100 words",
    "10% edited, tickets",
)


@pytest.fixture(scope="module")
def tally() -> Counter[str]:
    return leaks.run(2, SEED, DETECTORS)


def test_copies_are_found_where_that_is_promised(tally: Counter[str]) -> None:
    for kind in PROMISED:
        assert not too_rarely(tally[f"found:tuneworthy:{kind}"], tally[f"planted:{kind}"], 0.95), kind
    assert tally["found:tuneworthy:100% edited, 50 words"] == 0, "every word replaced is no copy"


def test_templates_are_left_alone_where_a_plain_rule_does_not(tally: Counter[str]) -> None:
    for name in (name.removeprefix("clean:") for name in tally if name.startswith("clean:")):
        assert not too_often(tally[f"false:tuneworthy:{name}"], tally[f"clean:{name}"], 0.01), name
    for name in ("letters", "a form with one slot", "English letters"):
        assert tally[f"false:13-gram overlap:{name}"] > 0.5 * tally[f"clean:{name}"]


def test_minhash_compares_whole_texts() -> None:
    pytest.importorskip("datasketch")
    rng = random.Random(1)
    said = texts.prose(rng, 30)
    assert minhash([said, texts.prose(rng, 30)], [texts.prose(rng, 30), said]) == {0}
    assert minhash([said], [f"{texts.prose(rng, 30)} {said}"]) == set(), "a case inside a longer row"


def test_a_letter_in_other_words_says_the_same() -> None:
    rng = random.Random(2)
    meaning, how = wording.draw(rng), wording.worded(rng)
    assert wording.reworded(how, rng, 0.0) == how
    assert sum(a != b for a, b in zip(how, wording.reworded(how, rng, 0.4), strict=True)) == 2
    other = wording.reworded(how, rng, 1.0)
    assert all(a != b for a, b in zip(how, other, strict=True))
    one, two = wording.said(meaning, how), wording.said(meaning, other)
    assert meaning.place in one
    assert meaning.place in two
    assert len(set(one.split()) & set(two.split())) < len(set(one.split())) / 2


@pytest.mark.parametrize(("name", "answers"), [("leak, end to end", {"INVALID"}), ("small leak, end to end", None)])
def test_leaks_that_the_detector_finds_are_no_gain(name: str, answers: set[str] | None) -> None:
    """Texts are written, copied into rows, and looked through: nothing of the detector is assumed."""
    tally = tally_of(name, 10)
    assert tally["unjustified"] == 10
    assert tally["false:JUSTIFIED"] == 0
    if answers is not None:
        assert {key.removeprefix("answer:") for key in tally if key.startswith("answer:")} == answers


def test_tables() -> None:
    found = {
        "command": "python benchmarks/leaks.py", "date": "2026-01-01", "draws": 2, "versions": {"numpy": "2"},
        "tally": {
            "planted:verbatim, 12 words": 4, "planted:verbatim, 8 words": 4, "found:tuneworthy:verbatim, 8 words": 3,
            "clean:prose": 200, "false:x:prose": 3, "milliseconds:x": 4000, "milliseconds:tuneworthy": 500,
        },
    }  # fmt: skip
    speed = {"date": "2026-01-01", "tuneworthy, 10 rows": {"seconds": 61.2, "cpu": 46.0, "gib": 0.931, "found": 200}}
    assert tables({"found": found, "speed": speed}).splitlines() == [
        "2 draws, 2026-01-01; numpy 2. Again: `python benchmarks/leaks.py`.",
        "",
        "| planted | tuneworthy | x | n |",
        "|---|---:|---:|---:|",
        "| verbatim, 8 words | 75% | 0% | 4 |",
        "| verbatim, 12 words | 0% | 0% | 4 |",
        "",
        "| written independently, and flagged | tuneworthy | x | n |",
        "|---|---:|---:|---:|",
        "| prose | 0.0% | 1.5% | 200 |",
        "| CPU a draw | 0.2 s | 2.0 s | |",
        "",
        "| | wall, s | CPU, s | peak memory, GiB | found |",
        "|---|---:|---:|---:|---:|",
        "| tuneworthy, 10 rows | 61 | 46 | 0.93 | 200 |",
    ]


def test_worlds_are_added_to_a_kept_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"seed": 1, "replicates": 2000, "about": {"date": "2026-01-01"}, "tallies": {"leak": {"draws": 2000}}}
    (tmp_path / "planted_truth.json").write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(planted_truth, "RESULTS", tmp_path)
    found = planted_truth.added({"new": {"draws": 300}}, replicates=300, seed=1)
    assert found["tallies"] == {"leak": {"draws": 2000}, "new": {"draws": 300}}
    assert found["about"]["later"]["new"].startswith("300 draws, ")
    with pytest.raises(SystemExit, match="the kept run has the seed 1"):
        planted_truth.added({}, replicates=300, seed=2)
