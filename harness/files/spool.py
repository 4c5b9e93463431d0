"""Rows kept in a temporary file, for kinds of files whose columns must be known before the first row is written.

spool = Spool(placed)
spool.columns                    # ['prompt', 'completion', 'source'], in the order in which they were met
for place, row in spool: ...
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile

from harness.files.parse import encoded, told
from harness.files.source import Placed


class Spool:
    """Rows that can be gone through again and again; the file is gone with the value."""

    def __init__(self, placed: Iterable[Placed]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - the value closes it
        try:
            self.columns = list(self._kept(placed))
        except BaseException:
            self.close()
            raise

    def _kept(self, placed: Iterable[Placed]) -> dict[str, None]:
        columns: dict[str, None] = {}
        for place, row in placed:
            columns.update(dict.fromkeys(row))
            self._file.write(encoded(told([place, row], place)) + b"\n")
        return columns

    def __iter__(self) -> Iterator[Placed]:
        self._file.seek(0)
        for line in self._file:
            place, row = json.loads(line)
            yield place, row

    def close(self) -> None:
        self._file.close()
