"""Inputs that are no text become text before any model sees them: speech, images, PDF files and web pages.

    {"id": "i1", "input": {"text": "Which total does it state?", "image": "scans/i1.png"}, "reference": "12.50"}

    cascade = Cascade(Path("suites/invoices"), {"image": "tesseract:deu"})
    cascade.text({"text": "Which total does it state?", "image": "scans/i1.png"})     # 'Which total does it state?\\n\\nInvoice …'

The parts of an input follow each other in the order in which they are written, a blank line between two. A converter is one
line in ``CONVERTERS``; ``[inputs]`` in suite.toml chooses another one for a kind, or gives it an argument. What came out is kept in
``.harness/texts`` by what went in: the file's content, the converter, its version. Pages are fetched once and kept too, in
``.harness/pages``: what an address shows may change, and an exam must not.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from harness import kept
from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint

Kind = Literal["audio", "image", "pdf", "url"]
KINDS: tuple[Kind, ...] = ("audio", "image", "pdf", "url")
TEXT = "text"

CONVERTERS: Mapping[str, str] = {
    "transformers": "harness.converters.speech:Speech",
    "tesseract": "harness.converters.tesseract:Tesseract",
    "pypdf": "harness.converters.pdf:Pdf",
    "trafilatura": "harness.converters.page:MainText",
}
"""Each is called with what stands after the colon in ``NAME:ARGUMENT``, and is a ``Converter``."""

DEFAULTS: Mapping[Kind, str] = {"image": "tesseract", "pdf": "pypdf", "url": "trafilatura"}
"""Speech has none: which model hears decides what is heard, so it is named."""

FETCH = "harness.converters.fetch:Fetch"
TYPES: Mapping[str, Kind] = {"application/pdf": "pdf", "image/png": "image", "image/jpeg": "image"}
"""What an address may lead to beside a page."""
LARGEST = 256 << 20
"""Bytes of a file: a day of telephone speech."""
CREDENTIALS = re.compile(r"//[^/@]*@")
EVERY = 5.0
"""Seconds between two lines about how far it is."""

log = logging.getLogger("harness.cascade")


class Converter(Protocol):
    """Makes text of a file's content."""

    takes: Kind

    @property
    def version(self) -> str:
        """Everything beside the content that can change the text; says it without loading anything heavy.

        Raises:
            MissingExtra: when the package or program behind it is not installed.
            BadInput: for an argument that it does not understand.
        """
        ...

    def text(self, content: bytes) -> str:
        """What the content says; empty where it says nothing.

        Raises:
            BadInput: for content that cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """What an address showed: its body and media type, the address that redirects led to, and when (UTC, ISO 8601)."""

    url: str
    type: str
    body: bytes
    fetched: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a part of an input became, by which version of which converter, in how many seconds when it was first made."""

    kind: Kind
    source: str
    converter: str
    version: str
    seconds: float
    text: str


class Cascade:
    """Converts the inputs of one file of cases.

    Args:
        folder: Where the file lies: paths are relative to it, and lead nowhere else.
        converters: Kind → ``NAME`` or ``NAME:ARGUMENT``, for those that are not the default.
        fetch: What an address shows; None asks the network for it.

    Raises:
        BadInput: for an unknown converter, or one for another kind.
    """

    def __init__(
        self, folder: Path, converters: Mapping[Kind, str] | None = None, *, fetch: Callable[[str], Page] | None = None
    ) -> None:
        self._folder = folder
        self._named: dict[Kind, str] = {**DEFAULTS, **(converters or {})}
        self._converters = {kind: _load(kind, name) for kind, name in (converters or {}).items()}
        self._fetch = fetch
        self._made: dict[tuple[str, str], Conversion] = {}
        self._told = time.monotonic()

    @cached_property
    def _home(self) -> Path:
        return kept.home_of(self._folder)

    @property
    def made(self) -> list[Conversion]:
        """Every conversion that was asked for, each once."""
        return list(self._made.values())

    def text(self, given: Mapping[str, Any]) -> str:
        """An input as one text.

        Raises:
            BadInput: for an input of another form (see ``refuse_odd``), a file that is not there, cannot be read or lies elsewhere,
                an address that is not to be asked, or a part without any text.
            MissingExtra: when a converter is not installed and never made this text before.
        """
        refuse_odd(given)
        return "\n\n".join(source if kind == TEXT else self._converted(kind, source) for kind, source in _parts(given))

    def _converted(self, kind: str, source: str) -> str:
        if (kind, source) not in self._made:
            try:
                self._made[kind, source] = self._conversion(cast("Kind", kind), source)
            except BadInput as error:
                raise type(error)(f"input.{kind}: {CREDENTIALS.sub('//***@', source)}: {error}") from error
            self._tell(source)
        return self._made[kind, source].text

    def _conversion(self, kind: Kind, source: str) -> Conversion:
        self._converter(kind)  # who converts is said before anything is read or asked for
        kind, content = self._content(kind, source)
        name, converter = self._converter(kind)
        path = self._home / "texts" / f"{fingerprint(sha256(content).hexdigest(), name)}.json"
        found = _kept(path)
        version = _version(converter, found)
        if found is None or found.version != version:
            started = time.perf_counter()
            text = _clean(converter.text(content))
            found = Conversion(kind, source, name, version, time.perf_counter() - started, text)
            kept.write(path, asdict(found))
        if not found.text:
            raise BadInput(f"{name} finds no text in it: leave the case out, or choose another converter in [inputs]")
        return replace(found, source=source)  # the same content may have lain elsewhere

    def _converter(self, kind: Kind) -> tuple[str, Converter]:
        name = self._named.get(kind)
        if name is None:
            raise BadInput(
                f'who converts {kind} is not said: write [inputs] {kind} = "transformers:MODEL" in suite.toml'
            )
        if kind not in self._converters:
            self._converters[kind] = _load(kind, name)
        return name, self._converters[kind]

    def _content(self, kind: Kind, source: str) -> tuple[Kind, bytes]:
        if kind != "url":
            return kind, self._read(source)
        page = self._page(source)
        return TYPES.get(page.type, kind), page.body

    def _read(self, source: str) -> bytes:
        """The content of a file in the folder.

        Raises:
            BadInput: when it is not there, too large, or leads out of the folder.
        """
        root, path = self._folder.resolve(), Path(source)
        try:
            found = (root / path).resolve()
            if path.is_absolute() or not found.is_relative_to(root):
                raise BadInput(f"leads out of {self._folder}: put the file into that folder and name it relative to it")
            if not found.is_file():
                raise BadInput(f"no such file in {self._folder}")
            if found.stat().st_size > LARGEST:
                raise BadInput(f"is larger than {LARGEST >> 20} MiB: cut it into parts")
            return found.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:  # too long a name, NUL in it, links in a circle
            raise BadInput(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error

    def _page(self, url: str) -> Page:
        path = self._home / "pages" / f"{fingerprint(url)}.json"
        try:
            known = kept.read(path)
            return Page(**{**known, "body": base64.b64decode(known["body"])})
        except (TypeError, KeyError, ValueError):  # never fetched, or not whole
            page = (self._fetch or _object(FETCH)())(url)
        kept.write(path, {**asdict(page), "body": base64.b64encode(page.body).decode()})
        return page

    def _tell(self, source: str) -> None:
        """A line now and then, where it takes long."""
        if time.monotonic() - self._told > EVERY:
            self._told = time.monotonic()
            log.info("inputs made text: %s so far, the last one %s", f"{len(self._made):,}", source)


def refuse_odd(given: Mapping[str, Any]) -> None:
    """Refuse an input that is no object of texts, files and addresses.

    Raises:
        BadInput: naming the key.
    """
    for key, value in given.items():
        if key not in (TEXT, *KINDS):
            raise BadInput(f"input: unknown key {key!r}: {suggest(key, (TEXT, *KINDS))}")
        some = value if isinstance(value, list) else [value]
        if value is not None and not (some and all(isinstance(one, str) and one.strip() for one in some)):
            raise BadInput(f"input.{key}: given {str(value)[:60]!r}: write a text, or a list of texts")
    if all(value is None for value in given.values()):
        raise BadInput(f"input: given {dict(given)!r}: name at least one of {', '.join((TEXT, *KINDS))}")


def _parts(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, text or source) of each part, in order; null says that nothing is there."""
    for key, value in given.items():
        yield from ((key, one) for one in (value if isinstance(value, list) else [value]) if one is not None)


def _load(kind: str, given: str) -> Converter:
    name, _, argument = given.partition(":")
    if name not in CONVERTERS:
        raise BadInput(f"inputs.{kind}: given {given!r}: {suggest(name, CONVERTERS)}")
    converter = cast("Converter", _object(CONVERTERS[name])(argument))
    if converter.takes != kind:
        raise BadInput(f"inputs.{kind}: given {given!r}, which converts {converter.takes}: choose another one")
    return converter


def _object(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _kept(path: Path) -> Conversion | None:
    try:
        found = Conversion(**kept.read(path))
    except TypeError:  # never made, or not whole
        return None
    return found if isinstance(found.text, str) else None


def _version(converter: Converter, found: Conversion | None) -> str:
    """The converter's; where it, or its model, is not there, that of what it made before: stored answers can be looked at without."""
    try:
        return converter.version
    except BadInput:
        if found is None:
            raise
        return found.version


def _clean(text: str) -> str:
    """Without the white space and form feeds around it, NUL, and what UTF-8 cannot say."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()
