"""Adapters of every kind on one base, one after the other; a prefix answers from the cache as it does without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from harness.experiment import Model
from harness.models.local import Local
from harness.recipe import Adapter, Kind
from harness.trial import Trial
from tests.models.tiny_models import build_tiny

KINDS: tuple[Kind, ...] = ("lora", "dora", "ia3", "prefix")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(id=str(build_tiny("llama", tmp_path_factory.mktemp("kinds") / "llama")))


@pytest.fixture(scope="module")
def home(model: Model) -> Path:
    """An adapter of every kind with weights drawn at random."""
    import torch
    from peft import get_peft_model

    from harness.models.base import load_base, quiet
    from harness.training.start import config_of

    home = Path(model.id).parent / "home"
    torch.manual_seed(3)
    for kind in KINDS:
        with quiet():
            made = get_peft_model(load_base(model), config_of(Adapter(kind=kind, rank=4, tokens=5)))
            for parameter in (p for p in made.parameters() if p.requires_grad):
                parameter.data.add_(torch.randn_like(parameter) * 0.3)
            made.save_pretrained(str(home / "adapters" / kind))
    return home


def alone(model: Model, home: Path, kind: str) -> Any:
    """A base of its own with the adapter on it, as PEFT has it."""
    from peft import PeftModel

    from harness.models.base import load_base, quiet

    with quiet():
        return PeftModel.from_pretrained(load_base(model), str(home / "adapters" / kind)).eval()


def test_every_kind_on_one_base(model: Model, home: Path) -> None:
    import torch

    ids = torch.arange(5, 40)[None]
    local = Local(model, home=home)
    with torch.no_grad():
        with local.wearing(None) as bare:
            expected: dict[str | None, Any] = {None: bare(ids).logits}
        expected |= {kind: alone(model, home, kind)(ids).logits for kind in KINDS}
        for kind in ("lora", "prefix", None, "ia3", "dora", "prefix", "lora", None):
            with local.wearing(kind) as worn:
                torch.testing.assert_close(worn(ids).logits, expected[kind], atol=1e-5, rtol=1e-5)
    assert all((expected[kind] - expected[None]).abs().max() > 0.1 for kind in KINDS)


@pytest.mark.parametrize("alike", [True, False])
def test_a_prefix_answers_from_the_cache_as_without(model: Model, home: Path, alike: bool) -> None:
    """Rows of several lengths, with a beginning that all share or without one."""
    import torch

    beginning = "label the message of Ada Otto Uma Mira which city is the capital of the land where " if alike else ""
    local = Local(model, home=home)
    trials = [ask(number, f"{beginning}{'boats ' * number}{name}") for number, name in enumerate(("Ada", "Uma", "red"))]
    answers = {g.trial_id: g.text for batch in local.generate(trials) for g in batch}
    untrained = [Trial(**{**{f: getattr(t, f) for f in Trial.__slots__}, "adapter": None}) for t in trials]
    assert answers != {g.trial_id: g.text for batch in local.generate(untrained) for g in batch}
    made = alone(model, home, "prefix")
    for trial in trials:
        [ids] = local.chat.prompts([trial.messages])
        written: list[int] = []
        with torch.no_grad():
            while len(written) < trial.max_new_tokens and not (written and written[-1] in local.chat.stops):
                written.append(int(made(torch.tensor([ids + written])).logits[0, -1].argmax()))
        assert answers[trial.id] == local.chat.decode(written)


def test_loftq_makes_up_for_a_part_of_what_quantisation_lost(model: Model, tmp_path: Path) -> None:
    import torch

    from harness.models.base import load_base, quiet
    from harness.training.start import config_of, make_up

    def lost(rank: int) -> float:
        from peft import get_peft_model

        with quiet():
            made = get_peft_model(load_base(model), config_of(Adapter(kind="loftq", rank=rank, alpha=3 * rank)))
            make_up(made, model)
            whole = load_base(model.model_copy(update={"quantization": "none"}))
            merged = made.merge_and_unload()
        apart = [
            (ours - theirs).square().sum()
            for (name, ours), theirs in zip(merged.named_parameters(), whole.parameters(), strict=True)
            if "proj" in name
        ]
        return float(torch.stack(apart).sum())

    few, more, all_of_it = lost(1), lost(8), lost(64)
    assert few > more > 0
    assert all_of_it < 1e-8 * few  # of full rank nothing is left


def ask(number: int, text: str) -> Trial:
    return Trial(
        id=f"{number:016x}",
        suite="towns",
        contender="c",
        technique="tune",
        model="m",
        case_id=str(number),
        split="test",
        cluster="",
        messages=({"role": "user", "content": text},),
        max_new_tokens=8,
        adapter="prefix",
    )
