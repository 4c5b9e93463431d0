"""`benchmarks/gpu.py` without a GPU: it goes on where it was stopped, counts what it should, and its pages say what is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.cuda import fits, page
from benchmarks.cuda.scale import FULL, REHEARSAL, SHAPES

ROOT = Path(__file__).parent.parent
PUBLISHED = {"qwen-1.5b": 1_543_714_304, "llama-8b": 8_030_261_248, "llama-70b": 70_553_706_496}
"""Parameters as the models' cards count them."""


def test_shapes_have_the_parameters_of_the_published_models():
    assert {name: SHAPES[name].parameters for name in PUBLISHED} == PUBLISHED


def test_the_count_is_that_of_the_model_that_is_built():
    import torch
    from transformers import AutoModelForCausalLM

    for name in ("qwen-1.5b", "llama-8b"):
        shape = REHEARSAL.shape(name)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(shape.config(context=64))
        assert shape.parameters == sum(p.numel() for p in model.parameters())


def test_docs_have_the_tables_that_are_reckoned():
    text = (ROOT / "docs/gpu.md").read_text(encoding="utf-8")
    assert fits.training_table() in text
    assert fits.once_table() in text
    assert fits.answering_table() in text


def test_without_a_gpu_nothing_is_measured(capsys, monkeypatch):
    monkeypatch.setattr(gpu, "_on_gpu", lambda: False)
    assert gpu.main([]) == 4
    assert "--rehearse" in capsys.readouterr().err


@pytest.fixture
def measurements(monkeypatch):
    """Two that take no time, and count how often they are asked for."""
    asked = []

    def measured(one, scale, work, left):
        asked.append(one.name)
        return {"failed": "no room"} if one.name == "two" and asked.count("two") == 1 else {"copy_gb_per_second": 1.0}

    monkeypatch.setattr(gpu, "measured", measured)
    monkeypatch.setattr(gpu, "MEASUREMENTS", (gpu.Measurement("one", "x:y", 1), gpu.Measurement("two", "x:y", 1)))
    return asked


def test_goes_on_where_it_was_stopped(measurements, tmp_path):
    given = ["--rehearse", "--work", str(tmp_path)]
    assert gpu.main(given) == 2  # the second one failed
    assert gpu.main(given) == 0
    assert gpu.main(given) == 0
    assert measurements == ["one", "two", "two"]


def test_begins_nothing_for_which_there_is_no_time(measurements, tmp_path, capsys):
    assert gpu.main(["--rehearse", "--work", str(tmp_path), "--limit", "0.5"]) == 2
    assert measurements == ["one"]
    assert "1 of 2 are left, next two: run again to go on" in capsys.readouterr().out


def test_a_measurement_that_fails_says_why(tmp_path):
    one = gpu.Measurement("nothing", "ceilings:absent", 1)
    found = gpu.measured(one, REHEARSAL, tmp_path, 60)
    assert set(found) == {"failed"}


def test_the_table_says_what_was_reached_and_what_was_not_measured():
    known = {
        "sft-8b-ours": {"tokens_per_second": 3000.0, "peak_gib": 60.0},
        "sft-8b-twice": {"tokens_per_second": 2500.0, "peak_gib": 25.0},
        "sft-8b-24gb": {"tokens_per_second": 2600.0, "peak_gib": 25.0},
        "sft-8b-trl": {"tokens_per_second": 1000.0, "peak_gib": 20.0},
    }
    text = page.table(known, {"adapters": {"failed": "no room"}}, FULL)
    assert "| sft 8b: times plain TRL | 3.00 × | ≥ 2 | yes |" in text
    assert "| sft 8b in 24 GB: peak memory | 26.84 GB | ≤ 24 | **missed** |" in text
    assert "| sft 8b: times all computed twice | 1.20 × |  |  |" in text
    assert "| generation | not measured |  |  |" in text
    assert "- adapters: not measured: no room" in text
    drawn = page.plot(known)
    assert "3.00 (at least 2)" in drawn
    assert "1.25 (at most 1)" in drawn


def test_padding_does_not_count():
    import torch

    from benchmarks.cuda.meter import _real

    ids = torch.zeros(2, 5, dtype=torch.long)
    assert _real({"input_ids": ids, "attention_mask": torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])}) == 7
    assert _real({"input_ids": ids[:1], "position_ids": ids[:1]}) == 5


def test_what_is_left_out_comes_back():
    """A measurement without one of the defaults has it out for as long as it trains."""
    from benchmarks.cuda.training import WITHOUT
    from harness.training import lean, sft

    def defaults():
        return sft.BY_LENGTH, lean.SHARE, lean._hides_nothing

    before = defaults()
    for name, without in WITHOUT.items():
        with without():
            assert (defaults() == before) == (name == "")
        assert defaults() == before


@pytest.mark.exhaustive
def test_every_path_is_walked(tmp_path, capsys):
    assert gpu.main(["--rehearse", "--work", str(tmp_path), "--limit", "3000"]) in {0, 2}
    kept = gpu.Kept(tmp_path / "rehearsal/figures")
    failed = {one.name: kept.known(one.name)["failed"] for one in gpu.MEASUREMENTS if not kept.done(one.name)}
    assert set(failed) == {name for name in failed if name.endswith("unsloth") or name == "fault-memory"}
