"""A reviewer's name becomes a pseudonym: the store never learns the name.

    >>> pseudonym(Path(".harness"), "Ada")                # doctest: +SKIP
    'r5f0c9a1e3b'

It is a keyed hash. The key lies in ``reviewers.key`` beside the store: who passes the store on without it gives away no names,
not even to one who tries all names that there are.
"""

from __future__ import annotations

import hmac
import os
import secrets
import unicodedata
from contextlib import suppress
from pathlib import Path

from harness.errors import BadInput

FILE = "reviewers.key"
LENGTH = 10
LONGEST = 100


def pseudonym(home: Path, name: str) -> str:
    """The id of a reviewer in the store at ``home``; the same for the same name, whatever its case and spaces around it.

    Raises:
        BadInput: for a name that is none, and when the key cannot be read or made.
    """
    known = unicodedata.normalize("NFKC", name).strip().casefold()
    if not known or len(known) > LONGEST or not known.isprintable():
        raise BadInput(
            f"--reviewer: given {name[:LONGEST]!r}: give a name or a pseudonym, so that two can be told apart"
        )
    return f"r{hmac.new(_key(home / FILE), known.encode(), 'sha256').hexdigest()[:LENGTH]}"


def _key(path: Path) -> bytes:
    try:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read or written: {error.strerror}: choose a store of your own") from error
