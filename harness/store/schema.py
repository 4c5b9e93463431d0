"""The tables, and how a file with them is opened: whole, of this version, or one sentence about what is wrong.

meta         schema_version
cells        the matrix of each experiment: what stands where
asked        what each cell asks: one trial a case (``trial_id``); cells are shared by all experiments
trials       both together, a view
prompts      what is asked under a ``trial_id``
generations  what came back
scores       one number for a generation, metric and version of the metric
trainings    finished trainings by adapter
runs         who measured when, with what configuration, versions and hardware
ledger       what was locked, and what was looked at (see ``ledger``)
reviews      what people said of answers (see ``reviews``)
batches      what was submitted to a vendor's batch API (see ``submission``)
rounds       when the same was asked again, for drift; answers and scores lie apart (see ``again``)
reanswers    what came back in a round
rescores     one number for an answer of a round, metric and version of the metric
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from harness.errors import BadInput, StoreBusy
from harness.store.checkpoint import HEADERS, log

FILE = "results.duckdb"
VERSION = 5

TABLES = {
    "meta": "key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL",
    # No key: an experiment's rows are replaced together, and DuckDB refuses a key that is deleted and inserted again in
    # one transaction. ``Store.declare`` refuses two cells in one place.
    "cells": """
        experiment VARCHAR NOT NULL, cell VARCHAR NOT NULL, suite VARCHAR NOT NULL, contender VARCHAR NOT NULL,
        technique VARCHAR NOT NULL, model VARCHAR NOT NULL, training_seed BIGINT, adapter VARCHAR,
        data_fraction DOUBLE NOT NULL""",
    "asked": """
        cell VARCHAR NOT NULL, case_id VARCHAR NOT NULL, split VARCHAR NOT NULL, cluster VARCHAR NOT NULL,
        repeat INTEGER NOT NULL, documents VARCHAR[] NOT NULL, trial_id VARCHAR NOT NULL""",
    # No key here and below: rows are joined against what is there (``Database.insert``), under the lock of the one writer.
    # With keys, 100,000 trials took twice the time and 56 MB of file instead of 11.
    "prompts": """
        trial_id VARCHAR NOT NULL, messages VARCHAR NOT NULL, max_new_tokens INTEGER NOT NULL,
        choices VARCHAR[] NOT NULL""",
    "generations": """
        trial_id VARCHAR NOT NULL, text VARCHAR, prompt_tokens BIGINT, output_tokens BIGINT, seconds DOUBLE,
        finish VARCHAR, error VARCHAR, cost DOUBLE, served VARCHAR, logprob DOUBLE, logprob_tokens BIGINT,
        stored TIMESTAMP""",
    "scores": """
        trial_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, metric_hash VARCHAR NOT NULL, value DOUBLE, error VARCHAR,
        scored TIMESTAMP NOT NULL, served VARCHAR[]""",
    "trainings": """
        adapter VARCHAR PRIMARY KEY, recipe VARCHAR NOT NULL, suite VARCHAR NOT NULL, model VARCHAR NOT NULL,
        seed BIGINT NOT NULL, path VARCHAR NOT NULL, seconds DOUBLE NOT NULL, steps BIGINT NOT NULL,
        rows_in BIGINT NOT NULL, rows_kept BIGINT NOT NULL, tokens BIGINT NOT NULL, losses VARCHAR NOT NULL,
        versions VARCHAR NOT NULL, base VARCHAR, notes VARCHAR, speed DOUBLE, looks VARCHAR, kept BIGINT""",
    "runs": """
        id VARCHAR PRIMARY KEY, experiment VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, config VARCHAR NOT NULL,
        versions VARCHAR NOT NULL, hardware VARCHAR NOT NULL, started TIMESTAMP NOT NULL, finished TIMESTAMP""",
    "ledger": """
        kind VARCHAR NOT NULL, question VARCHAR NOT NULL, model VARCHAR NOT NULL, suite VARCHAR NOT NULL,
        cases VARCHAR[] NOT NULL, content VARCHAR NOT NULL, entered TIMESTAMP NOT NULL""",
    "reviews": """
        reviewer VARCHAR NOT NULL, trial_id VARCHAR NOT NULL, other_id VARCHAR, drawn VARCHAR NOT NULL, score DOUBLE,
        on_left BOOLEAN, grades VARCHAR, rubric VARCHAR, seconds DOUBLE, entered TIMESTAMP NOT NULL""",
    "batches": """
        id VARCHAR NOT NULL, model VARCHAR NOT NULL, trial_ids VARCHAR[] NOT NULL, submitted TIMESTAMP NOT NULL,
        ended TIMESTAMP""",
    # What verdicts are made of is joined with ``generations`` and ``scores``; what is asked again is in neither.
    "rounds": """
        id VARCHAR NOT NULL, series VARCHAR NOT NULL, number INTEGER NOT NULL, experiment VARCHAR NOT NULL,
        suite VARCHAR NOT NULL, contender VARCHAR NOT NULL, model VARCHAR NOT NULL, versions VARCHAR NOT NULL,
        started TIMESTAMP NOT NULL, finished TIMESTAMP""",
    "reanswers": """
        round VARCHAR NOT NULL, first VARCHAR NOT NULL, trial_id VARCHAR NOT NULL, text VARCHAR, prompt_tokens BIGINT,
        output_tokens BIGINT, seconds DOUBLE, finish VARCHAR, error VARCHAR, cost DOUBLE, served VARCHAR, logprob DOUBLE,
        logprob_tokens BIGINT, stored TIMESTAMP""",
    "rescores": """
        trial_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, metric_hash VARCHAR NOT NULL, value DOUBLE, error VARCHAR,
        scored TIMESTAMP NOT NULL, served VARCHAR[]""",
}

VIEWS = {"trials": "SELECT * FROM cells JOIN asked USING (cell)"}

# Nothing is ever fetched from the network; the store shares its process with torch, so it spills to disk early.
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "2GB",
    "wal_autocheckpoint": "1TB",  # see harness.store.checkpoint
}


OF_THE_FILE = (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)
"""What DuckDB raises where a file, and not a statement, is wrong."""


class OldSchema(BadInput):
    """A store that an older version wrote: readable once ``harness.store.upgrade`` has made it one of this version."""

    def __init__(self, path: Path, version: int) -> None:
        super().__init__(
            f"{path}: written by an older harness (schema {version}, this one reads {VERSION}): `harness run` upgrades it "
            "and keeps a copy of it as it is"
        )
        self.version = version


def create(path: Path) -> None:
    """An empty store at ``path``."""
    with drafted(path):
        pass


@contextmanager
def drafted(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty store to be filled in one transaction: made beside ``path`` and moved there when the block ends well, so that
    a kill leaves what was there.
    """
    draft = path.with_suffix(".new")
    files = (draft, draft.with_name(f"{draft.name}.wal"))
    try:
        for left in files:
            left.unlink(missing_ok=True)
        with told(path), duckdb.connect(str(draft), config=CONFIG) as connection:
            connection.execute("BEGIN").fetchall()
            for name, columns in TABLES.items():
                connection.execute(f"CREATE TABLE {name} ({columns})").fetchall()
            for name, query in VIEWS.items():
                connection.execute(f"CREATE VIEW {name} AS {query}").fetchall()
            connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", [str(VERSION)]).fetchall()
            yield connection
            connection.execute("COMMIT").fetchall()
            # closing does it too, and says nothing where the disk is full: the file would be left without what is in its log
            connection.execute("CHECKPOINT").fetchall()
        draft.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}: choose a folder of your own") from error
    finally:
        with suppress(OSError):  # what did not become the store takes no room of a disk that may be full
            for left in files:
                left.unlink(missing_ok=True)


def attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Another store, for reading, under a name. For a file of any other kind, DuckDB would look for an extension of its own."""
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS {name} (TYPE DUCKDB, READ_ONLY)").fetchall()


def connect(path: Path, *, write: bool) -> duckdb.DuckDBPyConnection:
    """A connection to the store at ``path``.

    Raises:
        BadInput: when it cannot be opened, is no store, is damaged, or was written by another version (``OldSchema`` by an
            older one).
        StoreBusy: when a program other than the harness has it open.
    """
    if write and not os.access(path, os.W_OK):
        raise BadInput(f"{path}: cannot be written: no permission: choose a store of your own")
    logged = log(path).exists()
    with told(path):
        connection = duckdb.connect(str(path), read_only=not write, config=CONFIG)
        try:
            if write:
                connection.execute("PRAGMA disable_checkpoint_on_shutdown").fetchall()
            if not logged:  # what a log brings back is counted before it is written
                _check_whole(connection, path)
            _check_version(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What DuckDB has to say about a file, as a sentence for a person."""
    try:
        yield
    except duckdb.Error as error:
        # a page whose checksum is wrong is an Error of no kind
        if type(error) is not duckdb.Error and not isinstance(error, OF_THE_FILE):
            raise
        reason = str(error).strip().splitlines()[0]
        if "set lock" in reason or "different configuration" in reason:
            raise StoreBusy(f"{path}: another program has it open: close it first ({reason})") from error
        raise BadInput(
            f"{path}: cannot be read or written as a store: {reason} (unless the disk is full, the file is damaged or "
            "not ours: restore it, or move it away and run again)"
        ) from error


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
        version = int(found[0][0])
    except (duckdb.CatalogException, duckdb.BinderException, IndexError, ValueError) as error:
        raise BadInput(
            f"{path}: a DuckDB file, but not a store of the harness: move it away, or use another store"
        ) from error
    if version > VERSION:
        raise BadInput(
            f"{path}: written by a newer harness (schema {version}, this one reads {VERSION}): "
            "pip install -U tuneworthy, or use another store"
        )
    if version < VERSION:
        raise OldSchema(path, version)


def _check_whole(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Refuse a file that is shorter than the blocks in use, as its header counts them.

    DuckDB opens a truncated file and fails hours later, at the first row that is not there.
    """
    sizes = connection.execute("SELECT block_size * used_blocks FROM pragma_database_size()").fetchall()
    used, size = HEADERS + sizes[0][0], path.stat().st_size
    if size < used:
        raise BadInput(
            f"{path}: truncated, {size:,} bytes of at least {used:,}: restore it, or move it away and run again"
        )
