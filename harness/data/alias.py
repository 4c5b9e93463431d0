"""Who gave feedback, by a pseudonym that only the holder of a key can make again.

    aliases = Aliases(Path("signals"))
    aliases.of("ann@example.org")                # 'p-5f0c93aa1be2d874'
    aliases.withdraw("ann@example.org")          # from now on her feedback is left out

A pseudonym is an HMAC (RFC 2104, SHA-256): without ``people.key`` it cannot be guessed from a list of addresses, and whoever
loses the key can no longer find a person's rows. Neither the key nor the list of the withdrawn belongs into a repository.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from harness.errors import BadInput
from harness.files import look, rows, target, write

KEY, WITHDRAWN, IGNORED = "people.key", "withdrawn.jsonl", ".gitignore"
LENGTH = 16


class Aliases:
    """Pseudonyms under the key of a folder; one is made where there is none.

    Raises:
        BadInput: when the key cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _key(folder)
        self._withdrawn = folder / WITHDRAWN

    def of(self, person: str) -> str:
        """The pseudonym of a person, however their name is spaced or capitalised."""
        said = " ".join(person.split()).casefold().encode("utf-8", "surrogatepass")
        return f"p-{hmac.new(self._key, said, 'sha256').hexdigest()[:LENGTH]}"

    def withdrawn(self) -> frozenset[str]:
        """Who wants nothing of theirs used."""
        if not self._withdrawn.exists():
            return frozenset()
        return frozenset(str(row.get("who")) for _, row in rows(look(self._withdrawn)))

    def withdraw(self, person: str) -> str:
        """Add a person to the withdrawn; their pseudonym."""
        who = self.of(person)
        listed = sorted(self.withdrawn() | {who})
        write([(WITHDRAWN, {"who": one}) for one in listed], target(self._withdrawn), replace=True)
        return who


def _key(folder: Path) -> bytes:
    path = folder / KEY
    try:
        if not path.exists():
            _make(path)
        return bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: the key of the pseudonyms cannot be read or made: {error}") from error


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    ignored = path.with_name(IGNORED)
    if not ignored.exists():
        ignored.write_text(f"{KEY}\n{WITHDRAWN}\n", encoding="utf-8")
