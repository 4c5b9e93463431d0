"""Whatever is wrong with rows or policy is one clear error on the command line: exit 4, which rows, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

HEAD = "suite,contender,technique,metric,case_id,split,training_seed,score"
CONTENDERS = (("zero", "prompt", ""), ("sft", "tune", "1"), ("sft", "tune", "2"), ("sft", "tune", "3"))
ROWS = [f"s,{c},{t},em,c{i},test,{seed},{i % 2}" for c, t, seed in CONTENDERS for i in range(12)]
LAST = "s,sft,tune,em,c11,test,3,1"


def table(*rows: str, head: str = HEAD) -> str:
    return "\n".join((head, *rows)) + "\n"


WRONG: dict[str, tuple[str, str]] = {
    "a score outside [0, 1]": (table(*ROWS[:-1], LAST[:-1] + "7"), "score: 1 row (first: row 48, given 7.0) outside [0, 1]"),
    "a score that is no number": (table(*ROWS[:-1], LAST[:-1] + "nan"), "score: 1 row (first: row 48, given nan)"),
    "an unknown column": (table(*(f"{row},1" for row in ROWS), head=f"{HEAD},scroe"), "unknown column 'scroe': did you mean 'score'?"),
    "a contender with two layers": (table(*ROWS[:-1], LAST.replace("tune", "tune+rag")), "contender 'sft' has two techniques"),
    "a case in two clusters": (table(*(f"{row},k{i}" for i, row in enumerate(ROWS)), head=f"{HEAD},cluster"), "case 'c0' is in two clusters"),
    "a case in two splits": (table(*ROWS[:-1], LAST.replace("test", "dev")), "case 'c11' is in two splits"),
    "no metric at all": (table(*(row.replace(",em,", ",") for row in ROWS), head=HEAD.replace("metric,", "")), "missing column 'metric'"),
    "a row without a metric": (table(*ROWS[:-1], LAST.replace("em", "")), "metric: 1 row (first: row 48) null"),
    "one contender only": (table(*ROWS[:12]), "suite 's': all rows are of one contender, 'zero'"),
    "the same answer twice": (table(*ROWS, ROWS[-1]), "rows 48 and 49 are the same answer"),
    "a header without rows": (table(), "no rows; give one row for each contender, case and metric"),
    "an empty file": ("", "empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows(name: str, tmp_path: Path, harness: Callable[..., Ran]) -> None:
    text, said = WRONG[name]
    path = tmp_path / "rows.csv"
    path.write_text(text)
    ran = harness("verdict", "--scores", path)
    assert (ran.code, ran.out) == (4, "")
    assert said.lower() in ran.err.lower()
    assert "rows.csv" in ran.err or "suite" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('[suites.s]\nrole = "watch"\n', "every listed suite only watches"),
        ('[suites.s]\nrole = "guard"\n', "no suite decides"),
        ('[suites.s]\nmetric = "emm"\n', "suites.s.metric: no row has the metric 'emm': did you mean 'em'?"),
        ("alfa = 0.1\n", "alfa: unknown key: did you mean 'alpha'?"),
        ("planned_gain = 2\n", "planned_gain: given 2"),
    ],
)
def test_a_wrong_policy(policy: str, said: str, tmp_path: Path, harness: Callable[..., Ran]) -> None:
    (tmp_path / "rows.csv").write_text(table(*ROWS))
    (tmp_path / "policy.toml").write_text(policy)
    ran = harness("verdict", "--scores", tmp_path / "rows.csv", "--policy", tmp_path / "policy.toml")
    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err


def test_looks_are_counted_from_one_and_for_scores_only(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    (tmp_path / "rows.csv").write_text(table(*ROWS))
    assert (
        "look: given 0: it is counted from 1" in harness("verdict", "--scores", tmp_path / "rows.csv", "--look", 0).err
    )
    ran = harness("verdict", "--look", 2)
    assert (ran.code, "a store counts its own" in ran.err) == (4, True)
