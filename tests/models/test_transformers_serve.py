"""A server that nobody here wrote: ``transformers serve`` with the embedded model behind the OpenAI protocol."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.experiment import Model, load_experiment
from harness.models import load_backend
from harness.models.weights import locate
from harness.progress import Console
from harness.run import run
from tests.conftest import Project
from tests.models.fake_api import collect, make_trials

pytest.importorskip("fastapi", reason="transformers serve needs it")
pytest.importorskip("uvicorn", reason="transformers serve needs it")

PATIENCE = 180.0
"""Seconds until it answers: it imports torch and loads the weights, perhaps on a busy machine."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded model's server, as ``MODEL@URL``."""
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with serving(str(locate(Model(id="embedded:tiny"))), log) as address:
        yield address


@contextmanager
def serving(weights: str, log: Path) -> Iterator[str]:
    """The address of a server; its whole process group is gone at the end, whatever came of the tests."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", weights]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"},
            start_new_session=True,
        )
    try:
        await_answer(process, f"http://127.0.0.1:{port}/health", log)
        yield f"{weights}@http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                assert reply.status == 200
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"transformers serve did not start:\n{log.read_text(errors='replace')[-2000:]}")


def test_it_answers_as_the_same_model_does_here(server: str, tmp_path: Path) -> None:
    messages = ({"role": "user", "content": "Where is Mira?"},)
    trials = make_trials(3, messages=messages, max_new_tokens=12)
    here = load_backend(Model(id="embedded:tiny", quantization="none"), home=tmp_path)
    there = load_backend(Model(id=f"openai:{server}"), home=tmp_path)
    try:
        expected = collect(here.generate(trials[:1]))["t0"]
        rows = collect(there.generate(trials))
    finally:
        here.close()
        there.close()
    assert {row.error for row in rows.values()} == {None}
    assert {row.text for row in rows.values()} == {expected.text}
    assert {row.prompt_tokens for row in rows.values()} == {expected.prompt_tokens}
    assert all(row.served and row.output_tokens for row in rows.values())


def test_it_is_a_contender_like_others(server: str, project: Project) -> None:
    """Its answers are scored; as a judge, this small model writes nothing that can be read, which is an error, never a zero."""
    project.write(
        "experiment.toml",
        'name = "sums"\nsuites = ["suites/sums"]\nbaselines = ["baselines"]\n'
        f'[[models]]\nid = "openai:{server}"\nconcurrency = 4\n',
    )
    project.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "exact_match"\nmax_new_tokens = 4')
    outcome = run(load_experiment(project.experiment), progress=Console(quiet=True))
    assert (outcome.generated, outcome.errors, outcome.scored) == (48, 0, 48)
