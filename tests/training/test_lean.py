"""What a training step is spared: the mask of padding, casts, second computations; the losses and the weights stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.models.base import quiet
from harness.training import dpo, lean
from harness.training.job import Job, train
from harness.training.lean import Lean, free, kept_bytes

pytest.importorskip("trl")
pytest.importorskip("peft")

from tests.models.tiny_models import KINDS, build_tiny
from tests.training.test_training import DPO, RECIPE, job, preferences, weights

ROWS = [[5, 6, 7, 8, 9, 10], [5, 6, 7]]


def adapted(base: Path, **options: Any) -> Any:
    """A model with an adapter whose both matrices say something, training."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=options.pop("dtype", torch.float32)).requires_grad_(False)
    with quiet():
        model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **options))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.02)
    return model.train()


def batch(*, left: bool = False) -> dict[str, Any]:
    """Two rows, the shorter one padded."""
    import torch

    empty = [0] * (len(ROWS[0]) - len(ROWS[1]))
    short, mask, loss = [*ROWS[1], *empty], [*[1] * len(ROWS[1]), *empty], [*ROWS[1], *[-100] * len(empty)]
    if left:
        short, mask, loss = [*empty, *ROWS[1]], [*empty, *[1] * len(ROWS[1])], [*[-100] * len(empty), *ROWS[1]]
    rows = {"input_ids": [ROWS[0], short], "attention_mask": [[1] * len(ROWS[0]), mask], "labels": [ROWS[0], loss]}
    return {key: torch.tensor(value) for key, value in rows.items()}


def learnt(model: Any, given: dict[str, Any]) -> tuple[float, list[Any]]:
    """The loss and the gradients."""
    with quiet():
        loss = model(**given).loss
        loss.backward()
    found = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    model.zero_grad()
    return float(loss.detach()), found


@contextmanager
def masks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What masks attention is given."""
    import torch

    seen: list[Any] = []
    whole = torch.nn.functional.scaled_dot_product_attention

    def attend(*given: Any, attn_mask: Any = None, **more: Any) -> Any:
        seen.append(attn_mask)
        return whole(*given, attn_mask=attn_mask, **more)

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", attend)
        yield seen


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


def test_padding_on_the_right_needs_no_mask(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = adapted(base)
    loss, gradients = learnt(model, batch())
    Lean().watch(model, recompute=False)
    with masks(monkeypatch) as seen:
        ours, found = learnt(model, batch())
    assert seen
    assert all(mask is None for mask in seen)
    assert ours == pytest.approx(loss, rel=1e-6)
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "llama"])
def test_other_families_give_the_same_gradients(kind: str, tmp_path: Path) -> None:
    """Gemma's windows too, which are masks of their own."""
    import torch

    model = adapted(build_tiny(kind, tmp_path / kind))
    loss, gradients = learnt(model, batch())
    Lean().watch(model, recompute=False)
    ours, found = learnt(model, batch())
    assert ours == pytest.approx(loss, rel=1e-5)
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_a_model_that_looks_both_ways_keeps_its_mask(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(base)
    model.config.use_bidirectional_attention = True
    Lean().watch(model, recompute=False)
    with masks(monkeypatch) as seen:
        learnt(model, batch())
    assert seen
    assert all(mask is not None for mask in seen)


def test_padding_on_the_left_keeps_its_mask(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(base)
    loss, _ = learnt(model, batch(left=True))
    Lean().watch(model, recompute=False)
    with masks(monkeypatch) as seen:
        assert learnt(model, batch(left=True))[0] == loss
    assert seen
    assert all(mask is not None for mask in seen)


def test_a_model_that_goes_on_reading_keeps_its_mask(base: Path) -> None:
    """Keys and values that were read before stand under the same mask."""
    import torch

    model = adapted(base).eval()
    given = batch(left=True)
    with torch.no_grad():
        read = model(input_ids=given["input_ids"][:, :4], attention_mask=given["attention_mask"][:, :4], use_cache=True)
        rest = {"input_ids": given["input_ids"][:, 4:], "attention_mask": given["attention_mask"]}
        before = model(**rest, past_key_values=read.past_key_values).logits
        Lean().watch(model, recompute=False)
        read = model(input_ids=given["input_ids"][:, :4], attention_mask=given["attention_mask"][:, :4], use_cache=True)
        assert torch.equal(model(**rest, past_key_values=read.past_key_values).logits, before)


def test_only_batches_that_need_it_are_computed_twice(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for eleven tokens: two rows of six are computed twice, one is not; and it makes no difference to a gradient."""
    import torch

    model = adapted(base)
    given = batch()
    alone = {key: value[:1] for key, value in given.items()}
    wanted = learnt(model, given)
    model.activation_checkpointing_enable()
    model.enable_input_require_grads()
    monkeypatch.setattr(lean, "free", lambda: 11 * kept_bytes(model.config) / lean.SHARE)
    told = Lean()
    told.watch(model, recompute=True)
    runs: list[int] = []
    layer = model.get_base_model().model.layers[0]
    layer.mlp.register_forward_pre_hook(lambda *_: runs.append(1))

    ours = learnt(model, given)
    assert len(runs) == 2
    assert ours[0] == pytest.approx(wanted[0], rel=1e-6)
    learnt(model, alone)
    assert len(runs) == 3
    with torch.no_grad():
        model(**given)
    assert (len(runs), layer.gradient_checkpointing) == (4, False), "where nothing is learnt, nothing is changed"

    assert told.save()
    twice = learnt(model, alone)
    assert len(runs) == 6
    assert not told.save(), "there is no more to save so"
    monkeypatch.setattr(lean, "free", lambda: 10**12)
    told = Lean()
    told.watch(model, recompute=True)
    once = learnt(model, alone)
    assert once[0] == twice[0]
    assert all(map(torch.equal, once[1], twice[1]))


def test_adapters_take_activations_as_autocast_gives_them(base: Path) -> None:
    """Narrowing what was widened changes no bit, and copies of every activation are not kept."""
    import torch

    model = adapted(base, dtype=torch.bfloat16)
    given = {**batch(), "attention_mask": torch.ones(2, len(ROWS[0]), dtype=torch.long)}

    def kept() -> int:
        storages: dict[int, int] = {}

        def keep(tensor: Any) -> Any:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with torch.autocast("cpu", dtype=torch.bfloat16), hooks:
            out = model(**given).loss
        assert out.requires_grad
        return sum(storages.values())

    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, gradients = learnt(model, given)
    before = kept()
    Lean().watch(model, recompute=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, found = learnt(model, given)
    assert ours == loss
    assert all(map(torch.equal, found, gradients))
    assert kept() < before
    assert model(**given).loss.isfinite(), "without autocast PEFT widens again"


def test_dora_is_left_alone(base: Path) -> None:
    import torch

    model = adapted(base, dtype=torch.bfloat16, use_dora=True)
    Lean().watch(model, recompute=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(**batch())
    assert all(m.cast_input_dtype_enabled for m in model.modules() if hasattr(m, "lora_A"))


def test_what_a_token_keeps_is_counted_by_the_model_s_widths(base: Path) -> None:
    from transformers import LlamaConfig, MixtralConfig

    sizes: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3}
    assert kept_bytes(LlamaConfig(**sizes)) == 2 * 3 * (10 * 64 + 4 * 128)
    assert kept_bytes(MixtralConfig(**sizes, num_experts_per_tok=2)) == 2 * 3 * (10 * 64 + 4 * 2 * 128)


def test_what_is_free_is_what_this_process_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 of 100 are free; 6 of the 20 that are reserved are not used; the process may have a half."""
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (80, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 20)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: 14)
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda: 1.0)
    assert free() == 86
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda: 0.5)
    assert free() == 36
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda: 0.1)
    assert free() == 6


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_whole_training_has_the_losses_that_it_had(
    method: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = trained(method, base, tmp_path, "lean")
    ours = train(asked)
    monkeypatch.setattr(Lean, "watch", lambda *_, **__: None)
    theirs = train(trained(method, base, tmp_path, "plain"))
    assert [loss[1] for loss in ours.losses] == pytest.approx([loss[1] for loss in theirs.losses], rel=1e-4)


def trained(method: str, base: Path, home: Path, name: str) -> Job:
    recipe = (DPO if method == "dpo" else RECIPE).model_copy(
        update={"epochs": 2, "from_base": True, "start_from": None}
    )
    more: dict[str, Any] = {"rows": preferences(), "data": "preferences"} if method == "dpo" else {}
    return job(base, home, adapter=name, recipe=recipe, **more)


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_as_on_a_gpu_what_is_computed_twice_is_what_was_computed_once(
    method: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer's own arguments of a GPU, bfloat16 and checkpointing, with room for every batch, for some of them and for none."""
    import torch

    from harness.models import base as bases
    from harness.training.session import Session

    arguments, load = Session.arguments, bases.load_base
    monkeypatch.setattr(
        Session, "arguments", lambda session: {**arguments(session), "bf16": True, "gradient_checkpointing": True}
    )
    runs: list[int] = []

    def watched(*given: Any, **more: Any) -> Any:
        loaded = load(*given, **more)
        loaded.model.layers[0].mlp.register_forward_pre_hook(lambda *_: runs.append(1))
        return loaded

    monkeypatch.setattr("harness.training.session.load_base", watched)
    found, counted = [], []
    for name, tokens in (("once", 10**6), ("some", 150 if method == "sft" else 300), ("twice", 0)):
        monkeypatch.setattr(lean, "free", lambda tokens=tokens: tokens * 2 * 2 * 1000)
        monkeypatch.setattr(lean, "kept_bytes", lambda config: 2 * 2 * 1000 * lean.SHARE)
        runs.clear()
        training = train(trained(method, base, tmp_path, name))
        found.append((training.losses, weights(tmp_path / name)))
        counted.append(len(runs))
    assert counted[0] < counted[1] < counted[2]
    for losses, adapter in found[1:]:
        assert losses == found[0][0]
        assert all(torch.equal(adapter[key], weight) for key, weight in found[0][1].items())


def test_memory_is_saved_before_the_batch_is_halved(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little memory once: everything is computed twice from there on, in batches as large as the recipe says."""
    import torch
    from trl import SFTTrainer

    step, sizes, new = SFTTrainer.training_step, list[int](), [True, False]

    def small(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if len(sizes) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return step(trainer, model, inputs, *rest, **named)

    monkeypatch.setattr(SFTTrainer, "training_step", small)
    monkeypatch.setattr(Lean, "save", lambda self: new.pop(0))
    training = train(job(base, tmp_path, adapter="saved", recipe=RECIPE.model_copy(update={"epochs": 1})))
    assert sizes == [4, 4, 4, 2]
    assert (training.notes, new) == ([], [False])


def test_pairs_of_about_one_length_go_together(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty pairs of four to fifty words: less of their batches is padding than where they are drawn at random."""
    from trl import DPOTrainer

    step, shares = DPOTrainer.training_step, list[float]()

    def seen(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        shares.append(float(1 - inputs["attention_mask"].float().mean()))
        return step(trainer, model, inputs, *rest, **named)

    monkeypatch.setattr(DPOTrainer, "training_step", seen)
    recipe = DPO.model_copy(update={"epochs": 1, "from_base": True, "start_from": None, "max_length": 200})

    def padding(name: str) -> float:
        shares.clear()
        train(job(base, tmp_path, adapter=name, recipe=recipe, rows=preferences(40), data="preferences"))
        assert len(shares) == 10
        return sum(shares) / len(shares)

    together = padding("together")
    monkeypatch.setattr(dpo, "BY_LENGTH", "random")
    assert together < 0.75 * padding("drawn")
