"""Likeness of meaning with a real sentence-transformers model of two layers, random and built on disk."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.retrieval.encoder import load_encoder
from harness.suite import Case, Suite

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "red",
    "old",
    "boat",
    "ship",
    "stands",
    "here",
    "is",
    "in",
    "city",
    "kladrun",
]


def suite(folder: Path) -> Suite:
    return Suite(name="t", folder=folder, metric="exact_match")


def case(reference: str) -> Case:
    return Case(id="c1", input="?", reference=reference)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sentence_transformers")
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from harness.models.base import quiet

    made = tmp_path_factory.mktemp("embeds") / "model"
    (made.parent / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(5)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    with quiet():
        BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **size)).save_pretrained(made)
        BertTokenizerFast(str(made.parent / "vocab.txt"), model_max_length=32).save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def pickled(folder: Path) -> Path:
    """The same with its weights as a pickle."""
    import torch
    from safetensors.torch import load_file

    made = folder.with_name("pickled")
    shutil.copytree(folder, made)
    torch.save(load_file(made / "model.safetensors"), made / "pytorch_model.bin")
    (made / "model.safetensors").unlink()
    return made


def score(folder: Path, reference: str, text: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packages warn of one another
        return load_metric("similarity:model", suite(folder.parent))(case(reference), text)


def expected(folder: Path, reference: str, text: str) -> float:
    """BERTScore's greedy matching on transformers' own last layer, [CLS] and [SEP] left out."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def vectors(said: str) -> Any:
        with torch.inference_mode():
            out = model(**tokenizer(said, return_tensors="pt")).last_hidden_state[0, 1:-1]
        return torch.nn.functional.normalize(out, dim=1).numpy()

    likeness = vectors(text) @ vectors(reference).T
    precision, recall = likeness.max(axis=1).mean(), likeness.max(axis=0).mean()
    return float(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("text", ["the red ship is here", "boat", "kladrun kladrun in the city", "old"])
def test_as_bertscore_matches(folder: Path, text: str) -> None:
    found = score(folder, "the old boat stands here", text)
    assert found == pytest.approx(expected(folder, "the old boat stands here", text), abs=1e-5)
    assert 0 <= found < 1


def test_edges(folder: Path) -> None:
    assert score(folder, "the old boat", "the old boat") == pytest.approx(1.0, abs=1e-6)
    assert score(folder, "the old boat", "") == score(folder, "the old boat", " \n") == 0.0
    assert np.isfinite(score(folder, "the old boat", "red " * 500)), "longer than the model reads"
    with pytest.raises(BadInput, match="it is empty, so nothing can be like it"):
        score(folder, " ", "x")


def test_an_embedding_model_that_is_a_pickle(pickled: Path) -> None:
    """For metrics, and for whatever compares texts by their meaning: nothing of it is read."""
    with pytest.raises(BadInput, match=r"pickled weights: .* has only pytorch_model\.bin, which can run code"):
        load_metric("similarity:pickled", suite(pickled.parent))
    with pytest.raises(BadInput, match="safetensors"):
        load_encoder(str(pickled))


def test_the_weights_decide_the_hash(folder: Path) -> None:
    before = load_metric("similarity:model", suite(folder.parent)).hash
    assert load_metric("similarity:model", suite(folder.parent)).hash == before
    config = folder / "config.json"
    text = config.read_text()
    config.write_text(text + "\n")
    assert load_metric("similarity:model", suite(folder.parent)).hash != before
    config.write_text(text)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    metric = load_metric("similarity:nobody/has-this", suite(tmp_path))
    with pytest.raises(
        BadInput, match=r"cannot load 'nobody/has-this' \(\w+\): check the name, fetch it where there is a network"
    ):
        metric(case("x"), "y")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(BadInput, match=r"pip install 'tuneworthy\[embed\]'"):
        load_metric("similarity:some/model", suite(tmp_path))(case("x"), "y")
