"""Maps: every run fits one table, every table some run, and what is wrong is said with its table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.importers.plan import compiled, load_plan
from tests.importers.conftest import LOGS

RUNS = LOGS / "inspect"
BOTH = (RUNS / "zero_shot", RUNS / "sft-0")
HEAD = 'split = "test"\nmetric = "match"\n'
ZERO = HEAD + '[runs.zero_shot]\npath = "zero_shot"\ntechnique = "prompt"\n'
SFT = '[runs.sft]\npath = "sft-{training_seed}"\ntechnique = "tune"\n'


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("sft-{training_seed}", "runs/sft-3/tiny/samples.jsonl", {"training_seed": "3"}),
        ("sft-{training_seed}", "runs/sft-x/samples.jsonl", None),
        ("sft-{training_seed}", "runs/my-sft-3/samples.jsonl", None),
        ("sft-*/*.jsonl", "runs/sft-3/samples.jsonl", {}),
        ("sft-*.jsonl", "runs/sft-3/samples.jsonl", None),
        ("{contender}-{training_seed}", "runs/dpo-long-3/a.jsonl", {"contender": "dpo-long", "training_seed": "3"}),
        ("run?", "run1", {}),
        ("a.b", "axb", None),
    ],
)
def test_paths_fit_whole_parts(pattern: str, path: str, found: dict[str, str] | None) -> None:
    match = compiled(pattern, path=True).search(path)
    assert (match and match.groupdict()) == found


@pytest.mark.parametrize(("pattern", "fits"), [("Answer*", True), ("answer*", False), ("Answer", False), ("*", True)])
def test_labels_fit_as_a_whole(pattern: str, fits: bool) -> None:
    assert bool(compiled(pattern, path=False).search("Answer in one word.\nWhat/who is it?")) == fits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "runs.toml: no runs: write a table [runs.NAME]"),
        (ZERO + "[runs.b]\nprompts = 'x'\n", "runs.b.prompts: unknown key: did you mean 'prompt'?"),
        (ZERO + "[runs.b]\npath = 'sft-{seed}'\n", "runs.b: placeholder {seed}: choose one of contender, repeat, suite, training_seed"),
        (ZERO + "[runs.b]\npath = '{contender}'\ncontender = 'x'\n", "placeholder {contender}: said twice"),
        (ZERO.replace('"prompt"', '"promt"'), "technique: given 'promt', allowed: prompt, "),
        ('dev_share = 0.2\n' + ZERO, "split and dev_share: give one"),
        ('dev_share = 2\n' + ZERO.split("\n", 1)[1], "dev_share: given 2: Input should be less than 1"),
        ('scale = "1-5"\n' + ZERO, "scale: given '1-5', allowed: WORST:BEST"),
        ('scale = "5:5"\n' + ZERO, "scale: given '5:5', allowed: WORST:BEST"),
        (ZERO, "sft-0/2026-11-22T11-55-32-00-00_towns_nLieAsfZ4PAHFa7JpS8PxH.eval, task 'towns', model 'mockllm/model'"),
        (ZERO, "no table fits it: add one, or one with skip = true"),
        (ZERO + SFT + "[runs.b]\ntask = 'towns'\n", "runs.zero_shot and runs.b both fit: make one narrower"),
        (ZERO + SFT + "[runs.b]\npath = 'dpo'\n", "runs.b: no run fits; the runs are: "),
        (ZERO + SFT + "[runs.b]\nprovider = 'x'\n", "runs.b: provider: inspect runs are told apart by path, task, model, args, tag"),
        (ZERO + SFT.replace("tune", "prompt"), "runs.sft: training_seed: given 0, but 'prompt' trains nothing"),
        (ZERO + SFT.replace("{training_seed}", "*"), "runs.sft: training_seed: missing: give the seed"),
        ((ZERO + SFT).replace('split = "test"\n', ""), "runs.zero_shot: dev_share or split: missing: contenders are chosen"),
        (ZERO + SFT.replace('technique = "tune"', ""), "runs.sft: technique: missing: one of prompt, constrain"),
    ],
)  # fmt: skip
def test_wrong_maps(imported: Callable, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        imported("inspect", *BOTH, map=text or "metric = 'match'")
    assert message in str(caught.value)


def test_all_that_is_missing_is_said_together(imported: Callable) -> None:
    with pytest.raises(BadInput) as caught:
        imported("inspect", RUNS / "zero_shot", contender=None, technique=None, split=None, metric="match")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["contender", "technique", "dev_share or split"]


def test_a_table_counts_before_an_option_and_an_option_before_the_top(imported: Callable) -> None:
    text = 'split = "test"\nsuite = "top"\nmetric = "match"\n' + SFT + 'metric = "includes"\n'
    row = imported("inspect", RUNS / "sft-0", map=text, suite="option", metric="match", dev_share=0.9)[0]
    assert (row["suite"], row["metric"]) == ("option", "includes")
    assert {row["split"] for row in imported("inspect", RUNS / "sft-0", map=text, dev_share=0.99)} == {"dev"}


def test_options_about_one_run_do_not_go_with_a_map(tmp_path: Path) -> None:
    path = tmp_path / "runs.toml"
    path.write_text(ZERO)
    with pytest.raises(BadInput, match=r"--contender, --training-seed: the runs are told apart by --map .*runs.toml"):
        load_plan(path, contender="x", training_seed=1)


@pytest.mark.parametrize(("key", "value"), [("technique", "promt"), ("split", "train"), ("training_seed", -1)])
def test_wrong_options(key: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"options: {key}: given '?{value}'?"):
        load_plan(None, **{key: value})


def test_the_drawn_split_is_a_share_of_cases_and_the_same_for_all(imported: Callable, tmp_path: Path) -> None:
    from harness.importers.row import _drawn

    drawn = [_drawn(f"case-{i}", 0.3) for i in range(2000)]
    assert 0.26 < drawn.count("dev") / 2000 < 0.34
    text = (
        'dev_share = 0.5\nmetric = "match"\ncluster = "region"\n[runs.a]\npath="zero_shot"\ntechnique="prompt"\n' + SFT
    )
    rows = imported("inspect", *BOTH, map=text)
    assert {(row["cluster"], row["split"]) for row in rows} == {(c, _drawn(c, 0.5)) for c in ("north", "south")}
