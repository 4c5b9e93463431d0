"""The whole road through the real llama.cpp: trained, merged, one GGUF by its converter, its server, and the same answers.

LLAMA_CPP=~/llama.cpp tox -e llama          # a copy of llama.cpp, for its converter; the server is the one in xllamacpp's wheel

The tokenizer is SentencePiece's, of which llama.cpp reads the scores; of byte-level ones it knows those that it has a hash for.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.matrix import Matrix, expand
from harness.models.base import quiet
from harness.training import train
from tests.conftest import Project, Ran

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests.local_project import make
from tests.models.tiny_models import CHATML, WORDS

LLAMA = os.environ.get("LLAMA_CPP", "")
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(not LLAMA, reason="LLAMA_CPP names no copy of llama.cpp"),
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed"),
]

Harness = Callable[..., Ran]
SERVER = """
import sys, time
import xllamacpp
asked = xllamacpp.CommonParams()
asked.model.path, asked.port, asked.n_ctx, asked.n_parallel = sys.argv[1], int(sys.argv[2]), 256, 1
asked.cpuparams.n_threads, asked.warmup = 1, False
server = xllamacpp.Server(asked)
time.sleep(600)
"""
TEMPLATE = "{{ bos_token }}" + CHATML
SAID: Any = [
    [{"role": "user", "content": "label the message of Ada"}],
    [{"role": "system", "content": "Answer with one word"}, {"role": "user", "content": "the boats 3"}],
    [
        {"role": "user", "content": "the old red lighthouse"},
        {"role": "assistant", "content": "boats"},
        {"role": "user", "content": 'as json {"city": "Mira"}\n\n  and  more'},
    ],
]


def build(folder: Path) -> None:
    """A random Llama with SentencePiece's own tokenizer, trained here."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

    _vocabulary(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.6 if "embed" in name else 0.25)
    with quiet():
        model.save_pretrained(folder)


def _vocabulary(folder: Path) -> None:
    """Without SentencePiece's space before the first word: after a special token llama.cpp puts one, and transformers none."""
    spm: Any = pytest.importorskip("sentencepiece")
    folder.mkdir()
    words, draw = [word for word in WORDS.split() if word.isalpha()], random.Random(1)
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(draw.choices(words, k=12)) for _ in range(400)]),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=400,
        model_type="bpe",
        byte_fallback=True,
        control_symbols=["<|im_start|>", "<|im_end|>"],
        hard_vocab_limit=False,
        add_dummy_prefix=False,
        minloglevel=2,
    )
    said = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "<|im_end|>", "unk_token": "<unk>"}
    more = {"pad_token": "<unk>", "add_bos_token": True, "add_prefix_space": False, "model_max_length": 256}
    (folder / "tokenizer_config.json").write_text(json.dumps({**said, **more}))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """SFT of one seed, long enough to score."""
    made = make(tmp_path_factory.mktemp("llama"))
    shutil.rmtree(made.folder / "model")
    build(made.folder / "model")
    text = made.experiment.read_text().replace("epochs = 2", "epochs = 12", 1)
    made.experiment.write_text(text)
    (job, *_) = expand(load_experiment(made.experiment)).jobs
    train(job)
    return made


@pytest.fixture(scope="module")
def matrix(project: Project) -> Matrix:
    return expand(load_experiment(project.experiment))


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """llama.cpp's server of one file; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (model.parent / "server.log").open("wb")
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(model), str(port)], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (model.parent / "server.log").read_text(errors="replace")[-2000:]
                time.sleep(0.1)
        yield address
    finally:
        server.kill()
        server.wait()
        log.close()


def ask(address: str, path: str, **body: Any) -> Any:
    request = urllib.request.Request(
        f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def test_the_whole_road(project: Project, matrix: Matrix, harness: Harness, tmp_path: Path) -> None:
    """Every answer of llama.cpp's server is the one that was evaluated; template and tokens are the model's own."""
    from harness.models.chat import load_chat

    where = ("--experiment", str(project.experiment))
    made = harness(
        "export",
        "gguf",
        "sft@label",
        "--out",
        str(tmp_path / "out"),
        "--dtype",
        "float32",
        "--llama-cpp",
        LLAMA,
        *where,
    )
    assert made.code == 0, made.err
    chat = load_chat(project.folder / "model")
    with serving(tmp_path / "out" / "model.gguf") as address:
        ran = harness("export", "check", "sft@label", "--served", f"openai:model.gguf@{address}/v1", "--json", *where)
        for messages in SAID:
            text = chat.render(messages)
            theirs = ask(address, "apply-template", messages=messages)["prompt"]
            assert theirs in (text, text.removeprefix("<s>")), "its tokenizer puts the first token there itself"
            assert tokens(address, chat, messages) == list(chat.prompts([messages])[0])
    assert ran.code == 0, ran.out
    (said,) = json.loads(ran.out)
    assert (said["answers"], said["identical"], said["state"]) == (20, 20, "holds")


def tokens(address: str, chat: Any, messages: Any) -> list[int]:
    """A prompt as the server's tokenizer cuts it; the first token it puts there itself."""
    said = {"content": chat.render(messages).removeprefix("<s>"), "add_special": True, "parse_special": True}
    found: list[int] = ask(address, "tokenize", **said)["tokens"]
    return found


def test_what_the_vocabulary_is_for(
    project: Project, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers 5 does not write tokenizer.model; without its scores llama.cpp cuts prompts into other tokens."""
    from harness.export import merged
    from harness.models.chat import load_chat

    monkeypatch.setattr(merged, "_unsaved", lambda model: iter(()))
    where = ("--experiment", str(project.experiment))
    out = ("--out", str(tmp_path / "out"), "--dtype", "float32", "--llama-cpp", LLAMA)
    assert harness("export", "gguf", "sft@label", *out, *where).code == 0
    chat = load_chat(project.folder / "model")
    with serving(tmp_path / "out" / "model.gguf") as address:
        assert any(tokens(address, chat, messages) != list(chat.prompts([messages])[0]) for messages in SAID)
