"""The spool: where workers on other machines leave what they have finished, until the one process with the store takes it in.

    <root>/spool/<task>/000003.parquet        a finished batch, one row an answer
    <root>/spool/<task>/step.json             how far a training is
    <root>/adapters/<fingerprint>/…           a trained adapter, where the root is not the store's own folder

The root is a folder or any URL that fsspec knows (``s3://bucket/project``). A batch appears whole: by a rename in a folder, by one
upload in a bucket. It is removed when it is in the store, so what lies here is what a killed run has left.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from harness.errors import BadInput, HarnessError, need
from harness.trial import Generation, Step

SCHEMA = pa.schema(
    [
        ("trial_id", pa.string()),
        ("text", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("finish", pa.string()),
        ("error", pa.string()),
        ("cost", pa.float64()),
        ("served", pa.string()),
        ("logprob", pa.float64()),
        ("logprob_tokens", pa.int64()),
    ]
)
"""The fields of a ``Generation``, in their order."""
SPOOL, STEP, BATCH, BROKEN = "spool", "step.json", ".parquet", ".broken"
EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""What fsspec needs for a scheme."""


@dataclass(frozen=True)
class Spool:
    """Picklable: what is open is opened anew where it is used."""

    root: str
    carries: bool = False
    """Whether adapters go through it too, since not all machines see the store's folder."""

    @property
    def bucket(self) -> bool:
        """Whether it is no folder."""
        return "://" in self.root

    # --- in the worker

    def put(self, task: str, number: int, rows: Sequence[Generation]) -> None:
        """Leave a finished batch."""
        columns = list(zip(*map(astuple, rows), strict=True)) if rows else [()] * len(SCHEMA)
        arrays = [_column(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        buffer = io.BytesIO()
        parquet.write_table(pa.table(arrays, schema=SCHEMA), buffer)
        self._write(f"{SPOOL}/{task}/{number:06d}{BATCH}", buffer.getvalue())

    def tell(self, task: str, step: Step) -> None:
        """Leave word of how far a training is."""
        self._write(f"{SPOOL}/{task}/{STEP}", json.dumps(step).encode())

    def push(self, folder: Path) -> None:
        """A finished adapter, its record last: what has a record is whole."""
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "training.json"):
            self._write(f"adapters/{folder.name}/{path.name}", path.read_bytes())

    def pull(self, adapter: str, home: Path) -> bool:
        """An adapter into ``home/adapters``, in one step; False where it is not there."""
        out, source = home / "adapters" / adapter, self._at(f"adapters/{adapter}")
        if (out / "training.json").is_file():
            return True
        if not self._files.exists(f"{source}/training.json"):
            return False
        draft = out.with_name(f"{adapter}.pull-{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in self._files.ls(source, detail=False):
            (draft / PurePosixPath(name).name).write_bytes(self._files.cat_file(name))
        try:
            draft.replace(out)
        except OSError:  # another process was first
            shutil.rmtree(draft)
        return True

    # --- in the process that keeps the store

    def listed(self) -> dict[str, list[str]]:
        """Task → its files, in the order in which they were written."""
        found: dict[str, list[str]] = {}
        root = self._at(SPOOL)
        self._files.invalidate_cache()
        try:
            names = self._files.find(root)
        except FileNotFoundError:
            return found
        for name in sorted(map(str, names)):
            path = PurePosixPath(name)
            if path.suffix == BATCH or path.name == STEP:
                found.setdefault(path.parent.name, []).append(name)
        return found

    def rows(self, name: str) -> list[Generation] | None:
        """A batch; None where it cannot be read, and it is then put aside: what it held is asked anew."""
        try:
            table = parquet.read_table(io.BytesIO(self._files.cat_file(name)), schema=SCHEMA)
        except FileNotFoundError:
            return []
        except (pa.ArrowException, OSError):
            self._files.mv(name, name.removesuffix(BATCH) + BROKEN)
            return None
        return [Generation(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]

    def step(self, name: str) -> Step | None:
        """How far a training is; None where that cannot be read now."""
        try:
            return Step(*json.loads(self._files.cat_file(name)))
        except (OSError, ValueError, TypeError):
            return None

    def remove(self, name: str) -> None:
        """Forget what is in the store."""
        try:
            self._files.rm_file(name)
        except FileNotFoundError:
            return

    def clear(self, task: str) -> None:
        """Forget a task that has ended and left nothing."""
        folder = self._at(f"{SPOOL}/{task}")
        if self._files.exists(folder):
            self._files.rm(folder, recursive=True)

    def adapters(self) -> Iterator[str]:
        """Those that are whole."""
        try:
            names = self._files.glob(self._at("adapters/*/training.json"))
        except FileNotFoundError:
            return
        yield from (PurePosixPath(str(name)).parent.name for name in names)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        core: Any = need("fsspec.core", extra="ray")
        try:
            files, path = core.url_to_fs(self.root)
        except ImportError as error:
            package = EXTRAS.get(self.root.partition("://")[0])
            hint = f"pip install {package}" if package else str(error)
            raise BadInput(f"shared = {self.root!r}: fsspec cannot open it: {hint}") from error
        except ValueError as error:
            raise BadInput(f"shared = {self.root!r}: {error}: write a folder, s3://… or gcs://…") from error
        return files, path.rstrip("/")

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _in_folder(self) -> bool:
        return not self.bucket or self.root.startswith(("file://", "local://"))

    def _at(self, name: str) -> str:
        return f"{self._opened[1]}/{name}"

    def _write(self, name: str, content: bytes) -> None:
        path = self._at(name)
        try:
            if not self._in_folder:
                self._files.pipe_file(path, content)
                return
            here = Path(path)
            here.parent.mkdir(parents=True, exist_ok=True)
            draft = here.with_name(f".{here.name}.{os.getpid()}")
            draft.write_bytes(content)
            draft.replace(here)
        except OSError as error:
            raise HarnessError(f"{self.root}: cannot be written to: {error}") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "carries": self.carries}


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a surrogate pair, cut off by a tokeniser: kept as the store keeps it
        return pa.array([v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values], kind)


assert [field.name for field in fields(Generation)] == SCHEMA.names
