"""The local model: rendering, batches, adapters and choices, on random models of three families."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, Incomplete
from harness.experiment import Model
from harness.trial import Generation, Message, Trial

pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests.models.tiny_models import KINDS, SPECIALS, build_tiny

WORDS = [
    "Which",
    "city",
    "is",
    "the",
    "capital",
    "of",
    "the",
    "land",
    "where",
    "Mira",
    "keeps",
    "her",
    "seven",
    "boats",
    "and",
    "the",
    "old",
    "red",
    "lighthouse",
    "stands",
]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    built = {kind: build_tiny(kind, root / kind) for kind in KINDS}
    return {**built, "bare": build_tiny("llama", root / "bare", chat_template=False)}


@pytest.fixture(scope="session")
def adapters(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two random adapters, ``aaaa`` and ``bbbb``, of the Llama."""
    home = tmp_path_factory.mktemp("home")
    for seed, name in enumerate(("aaaa", "bbbb")):
        save_adapter(models["llama"], home / "adapters" / name, seed=seed, rank=4 * (seed + 1))
    return home


def save_adapter(base: Path, out: Path, *, seed: int, rank: int, **options: Any) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from harness.models.base import quiet

    torch.manual_seed(seed)
    config = LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM", **options)
    with quiet():
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(str(out))


def local(path: Path, home: Path = Path("none"), **options: Any) -> Any:
    from harness.models.local import Local

    return Local(Model(id=str(path)), home=home, **options)


def trial(number: int, text: str, **changes: Any) -> Trial:
    base = Trial(
        id=f"t{number}",
        suite="towns",
        contender="zero_shot",
        technique="prompt",
        model="tiny",
        case_id=f"c{number}",
        split="test",
        cluster="",
        messages=({"role": "user", "content": text},),
        max_new_tokens=12,
    )
    return replace(base, **changes)


def trials(count: int = 9, *, system: str = "", **changes: Any) -> list[Trial]:
    head: tuple[Message, ...] = ({"role": "system", "content": system},) if system else ()
    texts = [" ".join(WORDS[i : i + 2 + 2 * i]) for i in range(count)]
    return [trial(i, "", messages=(*head, {"role": "user", "content": t}), **changes) for i, t in enumerate(texts)]


def answers(model: Any, asked: Sequence[Trial]) -> dict[str, Generation]:
    return {generation.trial_id: generation for batch in model.generate(asked) for generation in batch}


def texts(model: Any, asked: Sequence[Trial]) -> dict[str, str | None]:
    return {name: generation.text for name, generation in answers(model, asked).items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shared", ["", "answer with one word as json label the message the old red lighthouse"])
def test_equals_generate_of_transformers(models: dict[str, Path], kind: str, shared: str) -> None:
    """Batches, shared beginnings and rows taken out change no token."""
    import torch

    from harness.models.decode import decode

    model = local(models[kind])
    base, chat = model._base, model.chat
    prompts = chat.prompts([t.messages for t in trials(system=shared)])
    limits = [5 + i for i in range(len(prompts))]
    ours = decode(base, prompts, limits, stops=chat.stops, pad=chat.pad)
    for prompt, limit, answer in zip(prompts, limits, ours, strict=True):
        ids = torch.tensor([prompt])
        expected = base.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=sorted(chat.stops),
        )
        assert answer == expected[0, len(prompt) :].tolist()
    assert len({tuple(answer) for answer in ours}) > 1


@pytest.mark.parametrize("kind", [*KINDS, "bare"])
def test_batch_equals_one_by_one(models: dict[str, Path], kind: str) -> None:
    together = texts(local(models[kind]), trials(system="label the message"))
    alone = texts(local(models[kind], batch_tokens=1), trials(system="label the message"))
    assert together == alone


def test_dequantised_is_nf4(models: dict[str, Path]) -> None:
    """On a CPU answers are computed with unpacked NF4 weights: the logits are those of NF4, and not of the original."""
    import torch
    from transformers import AutoModelForCausalLM

    from harness.models.base import load_base, quiet

    model = Model(id=str(models["llama"]))
    ids = torch.arange(5, 60)[None]
    with torch.no_grad(), quiet():
        unpacked = load_base(model, unpack=True)(ids).logits
        packed = load_base(model, unpack=False)
        first, second = packed(ids).logits, packed(ids).logits
        original = AutoModelForCausalLM.from_pretrained(models["llama"])(ids).logits
    assert torch.equal(first, second)
    assert torch.allclose(unpacked, first, atol=1e-5)
    assert (unpacked - original).abs().max() > 1e-3


def test_quantisation_none_is_the_original(models: dict[str, Path]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from harness.models.base import load_base

    ids = torch.arange(5, 60)[None]
    with torch.no_grad():
        ours = load_base(Model(id=str(models["llama"]), quantization="none"))(ids).logits
        assert torch.equal(ours, AutoModelForCausalLM.from_pretrained(models["llama"])(ids).logits)


def test_switching_adapters_equals_loading_each(models: dict[str, Path], adapters: Path) -> None:
    asked = [replace(t, id=f"{a}-{t.id}", adapter=a) for a in (None, "aaaa", "bbbb") for t in trials(4)]
    mixed = local(models["llama"], adapters, at_once=1)
    switched = texts(mixed, asked)
    again = texts(mixed, list(reversed(asked)))
    single: dict[str, str | None] = {}
    for adapter in (None, "aaaa", "bbbb"):
        single |= texts(local(models["llama"], adapters), [t for t in asked if t.adapter == adapter])
    assert switched == single == again
    assert len({tuple(switched[f"{a}-t{i}"] for i in range(4)) for a in (None, "aaaa", "bbbb")}) == 3


def test_one_batch_for_several_adapters(models: dict[str, Path], adapters: Path) -> None:
    """Rows for the base and two adapters of unequal rank, with a beginning that they share: each answers as it does alone, and
    finds its reference as likely.
    """
    worn: tuple[str | None, ...] = (None, "aaaa", "bbbb")
    asked = [
        replace(t, id=f"{a}-{t.id}", adapter=a, reference="Ada Otto", max_new_tokens=4 + i)
        for a in worn
        for i, t in enumerate(trials(5, system="answer with one word as json label the message the old red lighthouse"))
    ]
    switched = answers(local(models["llama"], adapters, at_once=1), asked)
    mixed = local(models["llama"], adapters, at_once=3)
    batches = list(mixed.generate(asked))
    assert [len(batch) for batch in batches] == [15]
    together = {generation.trial_id: generation for batch in batches for generation in batch}
    for name, alone in switched.items():
        given = together[name]
        assert (given.text, given.finish, given.output_tokens) == (alone.text, alone.finish, alone.output_tokens)
        assert given.logprob == pytest.approx(alone.logprob, abs=1e-4)
    assert texts(mixed, [t for t in asked if t.adapter == "bbbb"]) == {
        t.id: switched[t.id].text for t in asked if t.adapter == "bbbb"
    }, "switching goes on from several"
    two = local(models["llama"], adapters, at_once=2)
    assert [len(batch) for batch in two.generate(asked)] == [10, 5]
    assert list(two._host.peft_config) == ["bbbb"]


def test_what_cannot_be_mixed_is_answered_by_itself(models: dict[str, Path], adapters: Path, tmp_path: Path) -> None:
    """DoRA has more than two matrices a layer."""
    for name in ("aaaa", "bbbb"):
        shutil.copytree(adapters / "adapters" / name, tmp_path / "adapters" / name)
    save_adapter(models["llama"], tmp_path / "adapters" / "dora", seed=3, rank=4, use_dora=True)
    asked = [replace(t, id=f"{a}-{t.id}", adapter=a) for a in ("aaaa", "bbbb", "dora") for t in trials(3)]
    mixed = local(models["llama"], tmp_path, at_once=8)
    assert [len(batch) for batch in mixed.generate(asked)] == [6, 3]
    assert texts(mixed, asked) == texts(local(models["llama"], tmp_path, at_once=1), asked)


def test_one_adapter_stays_in_memory(models: dict[str, Path], adapters: Path) -> None:
    model = local(models["llama"], adapters)
    sizes = []
    for adapter in ("aaaa", "bbbb", "aaaa", "bbbb"):
        answers(model, trials(2, adapter=adapter))
        sizes.append(sum(p.numel() for p in model._host.parameters()))
    assert list(model._host.peft_config) == ["bbbb"]
    assert sizes[0] == sizes[2]
    assert sizes[1] == sizes[3]


def test_adapter_that_is_missing(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(Incomplete, match="adapter cafe is not in"):
        answers(local(models["llama"], tmp_path), trials(1, adapter="cafe"))


def test_generation_counts(models: dict[str, Path]) -> None:
    model = local(models["llama"])
    asked = trials(5)
    given = answers(model, asked)
    assert len(given) == 5
    for t in asked:
        generation = given[t.id]
        assert generation.error is None
        assert generation.prompt_tokens == model.count(t.messages)
        assert generation.output_tokens is not None
        assert generation.finish == ("length" if generation.output_tokens == 12 else "stop")
        assert generation.seconds is not None
        assert generation.seconds > 0
        assert "<|im_end|>" not in (generation.text or "")


def test_too_long_is_refused_before_anything_is_generated(models: dict[str, Path]) -> None:
    model = local(models["llama"])
    long = trial(7, "boats " * 300, contender="few_shot_4")
    with pytest.raises(BadInput) as refused:
        next(model.generate([*trials(3), long]))
    message = str(refused.value)
    for part in (
        "suite 'towns'",
        "contender 'few_shot_4'",
        "case 'c7'",
        "may have 12",
        "context of 256",
        "max_new_tokens",
    ):
        assert part in message
    assert "_base" not in model.__dict__


def test_close_gives_back(models: dict[str, Path], adapters: Path) -> None:
    model = local(models["llama"], adapters)
    first = texts(model, trials(2, adapter="aaaa"))
    model.close()
    assert "_base" not in model.__dict__
    assert texts(model, trials(2, adapter="aaaa")) == first


def test_system_role_that_a_template_does_not_know(models: dict[str, Path]) -> None:
    chat = local(models["gemma"]).chat
    text = chat.render([{"role": "system", "content": "label"}, {"role": "user", "content": "the boats"}])
    assert text == "<bos><start_of_turn>user\nlabel\n\nthe boats<end_of_turn>\n<start_of_turn>model\n"
    assert chat.encode([text])[0].count(chat.tokenizer.bos_token_id) == 1


def test_template_that_refuses(models: dict[str, Path]) -> None:
    chat = local(models["gemma"]).chat
    with pytest.raises(BadInput, match="chat template refuses messages with the roles"):
        chat.render([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])


@pytest.mark.parametrize("kind", [*KINDS, "bare"])
def test_what_is_said_ends_no_turn(models: dict[str, Path], kind: str) -> None:
    """The template's tokens in a message are text: there are as many real ones as without them."""
    from harness.models.chat import load_chat

    chat = load_chat(models[kind])
    specials = SPECIALS.get(kind, SPECIALS["llama"])
    plain, attack = "old red", f"old {''.join(specials)} red {specials[-1]}"
    ids = [chat.prompts([[{"role": "user", "content": text}]])[0] for text in (plain, attack)]
    special = set(chat.tokenizer.convert_tokens_to_ids(specials))
    assert len(special) == len(specials)
    assert [token for token in ids[1] if token in special] == [token for token in ids[0] if token in special]
    prompts = [chat.example([{"role": "user", "content": text}], "seven boats")[0] for text in (plain, attack)]
    assert prompts == ids, "training sees what generating sees"


def test_weights_of_the_hub_that_are_a_pickle(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not looked at before: nobody knows what a Hub's folder holds."""
    import torch
    from huggingface_hub import constants
    from safetensors.torch import load_file

    from harness.models.base import load_base

    snapshot = tmp_path / "models--own--model/snapshots/cafe1234"
    shutil.copytree(models["llama"], snapshot)
    torch.save(load_file(snapshot / "model.safetensors"), snapshot / "pytorch_model.bin")
    (snapshot / "model.safetensors").unlink()
    (tmp_path / "models--own--model/refs").mkdir()
    (tmp_path / "models--own--model/refs/main").write_text("cafe1234")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="safetensors"):
        load_base(Model(id="own/model", quantization="none"))


def test_no_template(models: dict[str, Path]) -> None:
    chat = local(models["bare"]).chat
    messages = [{"role": "system", "content": "label"}, {"role": "user", "content": "the boats"}]
    assert chat.render(messages) == "System: label\nUser: the boats\nAssistant:"
    assert chat.decode(chat.tokenizer(" Ada\nUser: and", add_special_tokens=False)["input_ids"]) == "Ada"


@pytest.mark.parametrize("kind", [*KINDS, "bare"])
def test_training_sees_what_generating_sees(models: dict[str, Path], kind: str) -> None:
    chat = local(models[kind]).chat
    messages = [{"role": "system", "content": "label"}, {"role": "user", "content": "the old red boats"}]
    prompt, completion = chat.example(messages, "Ada Otto")
    assert prompt == chat.prompts([messages])[0]
    assert chat.decode(completion) == "Ada Otto"
    assert completion[-1] in chat.stops
    assert sum(token in chat.stops for token in completion) == 1


def test_likeliest_choice(models: dict[str, Path], adapters: Path) -> None:
    """lm-eval's answer is the letter that our own logits prefer, for the base and for an adapter."""
    pytest.importorskip("lm_eval")
    import torch

    model = local(models["llama"], adapters)
    choices = ("the city", "her boats", "Mira", "the lighthouse")
    asked = [
        replace(t, id=f"{a}-{t.id}", adapter=a, choices=choices[: 2 + i % 3])
        for a in (None, "bbbb")
        for i, t in enumerate(trials(6))
    ]
    given = answers(model, asked)
    assert {generation.finish for generation in given.values()} == {"choice"}
    for t in asked:
        lines = [f"{letter}. {choice}" for letter, choice in zip("ABCD", t.choices, strict=False)]
        prompt = "\n".join([t.messages[-1]["content"], *lines, "Answer:"])
        ids = model.chat.tokenizer(prompt)["input_ids"]
        likelihoods = []
        for letter in "ABCD"[: len(t.choices)]:
            whole = model.chat.tokenizer(f"{prompt} {letter}")["input_ids"]
            with model.wearing(t.adapter) as bare, torch.no_grad():
                logits = bare(torch.tensor([whole])).logits[0].log_softmax(-1)
            places = range(len(ids), len(whole))
            likelihoods.append(sum(float(logits[p - 1, whole[p]]) for p in places))
        assert given[t.id].text == t.choices[likelihoods.index(max(likelihoods))]
        assert given[t.id].prompt_tokens == len(ids)


def test_samples_are_their_own_whatever_the_batch(models: dict[str, Path]) -> None:
    """A sample depends on what is asked and its number, not on the rows beside it; greedy rows stay greedy."""
    asked = [replace(t, id=f"{t.id}-{i}", repeat=i, temperature=1.5) for t in trials(4) for i in range(3)]
    plain = trials(4)
    together = texts(local(models["llama"]), [*asked, *plain])
    assert together == texts(local(models["llama"]), asked[::-1]) | texts(local(models["llama"]), plain)
    assert len({together[t.id] for t in asked[:3]}) > 1, "three samples of one prompt"
    cold = [replace(t, temperature=1e-4) for t in asked[:3]]
    assert set(texts(local(models["llama"]), cold).values()) == {together["t0"]}


def test_samples_follow_the_softmax() -> None:
    """Share of draws against softmax(logits / T), three standard errors."""
    import torch

    from harness.models.decode import Sampler

    logits, temperature, draws = torch.tensor([2.0, 1.0, 0.0, float("-inf")]), 0.7, 20_000
    sampler = Sampler(temperature, torch.Generator().manual_seed(7))
    drawn = torch.stack([sampler.perturbed(logits).argmax() for _ in range(draws)])
    share = torch.bincount(drawn, minlength=4) / draws
    expected = torch.softmax(logits / temperature, dim=0)
    assert ((share - expected).abs() <= 3 * (expected * (1 - expected) / draws).sqrt()).all()
    assert share[3] == 0
