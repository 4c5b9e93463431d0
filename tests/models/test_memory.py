"""A GPU with too little memory: smaller batches and the same answers, and one sentence where even one row does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.experiment import Model

pytest.importorskip("torch")
pytest.importorskip("bitsandbytes")

import torch

from tests.models.test_local import answers, local, texts, trials
from tests.models.tiny_models import build_tiny

WHY = "CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 15 GiB"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


def small(monkeypatch: pytest.MonkeyPatch, *, rows: int) -> list[int]:
    """A memory for so many rows at once; returns the sizes of all batches that are tried."""
    from harness.models import decode

    whole, sizes = decode.decode, list[int]()

    def tried(model: Any, prompts: Any, *given: Any, **more: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > rows:
            raise torch.OutOfMemoryError(WHY)
        return whole(model, prompts, *given, **more)

    monkeypatch.setattr(decode, "decode", tried)
    return sizes


def test_answers_of_halved_batches_are_the_same(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = texts(local(base), trials())
    sizes = small(monkeypatch, rows=2)
    assert texts(local(base), trials()) == wanted
    assert sizes == [9, 4, 2, 2, 5, 2, 3, 1, 2]


def test_one_row_too_many(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, rows=0)
    with pytest.raises(
        HarnessError, match=r"case 'c\d'.* has a context of 256, and the GPU's memory is too small for it"
    ):
        answers(local(base), trials())


def chosen() -> list[Any]:
    return [replace(trial, choices=("Mira", "Ada"), choice_by="letter", max_new_tokens=1) for trial in trials(4)]


def test_choices_in_smaller_batches_are_the_same(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.models.huggingface import HFLM

    wanted = texts(local(base), chosen())
    whole, sizes = HFLM._model_call, list[int]()

    def tried(lm: Any, ids: Any, *given: Any, **more: Any) -> Any:
        sizes.append(len(ids))
        if len(ids) > 1:
            raise torch.OutOfMemoryError(WHY)
        return whole(lm, ids, *given, **more)

    monkeypatch.setattr(HFLM, "_model_call", tried)
    assert texts(local(base), chosen()) == wanted
    assert max(sizes) > 1
    assert sizes[-1] == 1


def test_one_question_too_many(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.models.huggingface import HFLM

    def refuse(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError(WHY)

    monkeypatch.setattr(HFLM, "_model_call", refuse)
    with pytest.raises(
        HarnessError, match=r"too small for one question with its choices: .* \(CUDA out of memory.*GiB\.\)$"
    ):
        answers(local(base), chosen())


def test_a_model_that_does_not_fit_says_what_to_do(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    from harness.models.base import load_base

    def refuse(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError(WHY)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    with pytest.raises(HarnessError, match=r"the GPU has no room for it: end what else uses its memory \(nvidia-smi"):
        load_base(Model(id=str(base)))
