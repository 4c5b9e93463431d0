"""How likely the reference is, against transformers one row at a time; tuned and untrained alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.models.base import quiet
from harness.models.local import Local
from harness.trial import Generation, Trial
from tests.models.tiny_models import KINDS, build_tiny

ANSWERS = ("red lighthouse", "Mira", "", "boats stand in the old city 你好 🙂", "label")


def a_trial(number: int, *, reference: str | None, adapter: str | None = None) -> Trial:
    asked = {"role": "user", "content": "Which city " * (1 + 3 * number)}
    return Trial(
        f"t{number}",
        "s",
        "c",
        "prompt",
        "m",
        f"c{number}",
        "test",
        "x",
        (asked,),
        4,
        adapter=adapter,
        reference=reference,
    )


def answered(local: Local, trials: list[Trial]) -> dict[str, Generation]:
    return {one.trial_id: one for batch in local.generate(trials) for one in batch}


def expected(model: Any, local: Local, trial: Trial) -> tuple[float, int]:
    """The sum of transformers' log-softmax over the answer's tokens, a row at a time, with the token that ends it."""
    import torch

    prompt = local.chat.render(trial.messages)
    prompt_ids = local.chat.encode([prompt])[0]
    _, answer = local.chat.example(trial.messages, trial.reference or "")
    assert answer[-1] in local.chat.stops, "the end of the turn is part of the answer"
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt_ids + answer])).logits[0]
    told = logits[len(prompt_ids) - 1 : -1].log_softmax(-1)
    return float(sum(told[i, token] for i, token in enumerate(answer))), len(answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("templated", [True, False])
def test_as_transformers_has_it(kind: str, templated: bool, tmp_path: Path) -> None:
    model = Model(id=str(build_tiny(kind, tmp_path / kind, chat_template=templated)), quantization="none")
    local = Local(model, home=tmp_path)
    trials = [a_trial(i, reference=text) for i, text in enumerate(ANSWERS)]
    found = answered(local, trials)
    for trial in trials:
        logprob, tokens = expected(local._base, local, trial)
        assert found[trial.id].logprob == pytest.approx(logprob, rel=1e-5)
        assert found[trial.id].logprob_tokens == tokens
        assert found[trial.id].logprob < 0


def test_of_the_adapter_that_is_worn(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = build_tiny("llama", tmp_path / "model")
    torch.manual_seed(3)
    lora = LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    with quiet():
        tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), lora)
    tuned.save_pretrained(tmp_path / "adapters" / "a1")
    local = Local(Model(id=str(folder), quantization="none"), home=tmp_path)
    plain, worn = a_trial(0, reference="Mira"), a_trial(1, reference="Mira", adapter="a1")
    found = answered(local, [plain, worn])
    assert found["t0"].logprob == pytest.approx(
        expected(AutoModelForCausalLM.from_pretrained(folder), local, plain)[0], rel=1e-5
    )
    assert found["t1"].logprob == pytest.approx(expected(tuned.eval(), local, worn)[0], rel=1e-5)


def test_a_few_logits_at_a_time_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Local(Model(id=str(build_tiny("llama", tmp_path / "m")), quantization="none"), home=tmp_path)
    trials = [a_trial(i, reference=text) for i, text in enumerate(ANSWERS)]
    whole = answered(local, trials)
    monkeypatch.setattr("harness.models.likelihood.LOGITS", 1)
    single = answered(local, trials)
    for name, one in whole.items():
        assert one.logprob is not None
        assert math.isclose(one.logprob, single[name].logprob or 0.0, rel_tol=1e-5)


def test_only_where_it_is_asked_for(tmp_path: Path) -> None:
    local = Local(Model(id=str(build_tiny("llama", tmp_path / "m")), quantization="none"), home=tmp_path)
    found = answered(local, [a_trial(0, reference=None), a_trial(1, reference="Mira")])
    assert (found["t0"].logprob, found["t0"].logprob_tokens) == (None, None)
    assert found["t1"].logprob is not None


def test_a_reference_that_the_context_is_too_short_for(tmp_path: Path) -> None:
    local = Local(Model(id=str(build_tiny("llama", tmp_path / "m", context=64)), quantization="none"), home=tmp_path)
    with pytest.raises(BadInput, match=r"case .c0.: the prompt has .* tokens and the answer may have"):
        local.check([a_trial(0, reference="Mira " * 80)])
