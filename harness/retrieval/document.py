"""A document is a text that retrieval can put into a prompt.

documents/returns.md          id "returns"
documents/shipping/eu.txt     id "shipping/eu"
documents/faq.jsonl           {"id": "faq-1", "text": "Parcels take two days."} a line
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.declaration import read_jsonl
from harness.errors import BadInput

SUFFIXES = (".jsonl", ".md", ".txt")


@dataclass(frozen=True, slots=True)
class Document:
    """One text under one id. It is retrieved whole: a long file is better cut into several."""

    id: str
    text: str


def load_documents(path: Path) -> list[Document]:
    """The documents of a folder (its ``*.md``, ``*.txt`` and ``*.jsonl``, at any depth, by name) or of one such file.

    Raises:
        BadInput: naming file and line, for an empty or unreadable text, a duplicate id, or no document at all.
    """
    seen: dict[str, str] = {}
    documents = []
    for file in _files(path):
        for where, document in _read(file, path if path.is_dir() else path.parent):
            if document.id in seen:
                raise BadInput(f"{where}: duplicate document id {document.id!r}: {seen[document.id]} has it too")
            seen[document.id] = where
            documents.append(document)
    if not documents:
        raise BadInput(f"{path}: no documents: add files that end in {', '.join(SUFFIXES)}")
    return documents


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file()]
        return sorted(found, key=lambda file: file.relative_to(path).as_posix())
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder of documents")
    if path.suffix not in SUFFIXES:
        raise BadInput(f"{path}: documents are read from {', '.join(SUFFIXES)} files, or from a folder of them")
    return [path]


def _read(file: Path, root: Path) -> Iterator[tuple[str, Document]]:
    if file.suffix == ".jsonl":
        for number, values in read_jsonl(file):
            where = f"{file}:{number}"
            yield where, Document(id=_text(values, "id", where), text=_text(values, "text", where))
        return
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: cannot be read: {error}") from error
    if not text:
        raise BadInput(f"{file}: empty: write a text or remove the file")
    yield str(file), Document(id=file.relative_to(root).with_suffix("").as_posix(), text=text)


def _text(values: dict[str, Any], key: str, where: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where}: {key}: given {value!r}: every document needs a non-empty string {key!r}")
    return value.strip()
