"""The spool in a bucket: S3 as moto plays it, on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine.spool import Spool
from harness.training.job import RECORD
from harness.trial import Generation, Step

pytest.importorskip("s3fs", reason="s3fs is not installed: tox run -e engines")
server = pytest.importorskip("moto.server", reason="moto is not installed: tox run -e engines")
pytestmark = pytest.mark.exhaustive


@pytest.fixture
def spool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    import boto3

    playing = server.ThreadedMotoServer("127.0.0.1", 0)
    playing.start()
    host, port = playing.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="bucket")
    yield Spool("s3://bucket/project", carries=True)
    playing.stop()


def test_batches_and_adapters_go_through_a_bucket(spool: Spool, tmp_path: Path) -> None:
    assert spool.listed() == {}
    rows = [Generation("a", text="x"), Generation("b", error="time-out")]
    spool.put("task", 1, rows)
    spool.tell("task", Step(3, 10, 0.5))
    batch, step = spool.listed()["task"]
    assert (spool.rows(batch), spool.step(step)) == (rows, Step(3, 10, 0.5))
    spool.remove(batch)
    spool.remove(batch)
    assert spool.rows(batch) == [], "somebody else was first"
    spool.clear("task")
    assert spool.listed() == {}
    made = tmp_path / "node/adapters/5f0c"
    made.mkdir(parents=True)
    (made / "adapter_config.json").write_text("{}")
    (made / RECORD).write_text("{}")
    assert not spool.pull("5f0c", tmp_path / "home")
    spool.push(made)
    assert list(spool.adapters()) == ["5f0c"]
    assert spool.pull("5f0c", tmp_path / "home")
    assert (tmp_path / "home/adapters/5f0c" / RECORD).is_file()
