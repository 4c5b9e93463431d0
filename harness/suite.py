"""A suite is one task: its cases, how they are scored, what must be shown, and the data to train for it.

suites/triage/
    suite.toml         the declaration below
    cases.jsonl        {"id": "t1", "input": "My parcel …", "reference": "{…}", "split": "dev", "cluster": "t1"}
                       and, where it is known which documents hold the answer, "documents": ["page-008"]
    train.jsonl        {"messages": [{"role": "user", …}, {"role": "assistant", …}]}
    golden.jsonl       rows as in train.jsonl: examples to show instead of training rows
    skip.jsonl         {"input": "…", "intent": "…"}: what is never shown as an example (see ``harness.data.skip``)
    labels.jsonl       what people say of stored answers, beside a judge (see ``harness.people``)
    preferences.jsonl  {"prompt": "…", "chosen": "…", "rejected": "…"}
    blessed.jsonl      the scores of a champion, by `harness bless` (see ``harness.gate.blessed``)
    ratings.jsonl      {"prompt": "…", "completion": "…", "label": true}
    documents/         *.md, *.txt or *.jsonl ({"id": "d1", "text": "…"}): what retrieval finds

An input may also be an object of texts, files and addresses, {"text": "Which total?", "image": "scan.png"}, which ``harness.cascade``
makes one text of when the cases are read.

Cases and rows may be in any format and kind of file that ``harness.formats`` knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from harness.cascade import Cascade, Kind, refuse_odd
from harness.declaration import Declaration, Parse, load_toml, parse_jsonl, read_jsonl
from harness.errors import BadInput, HarnessError, suggest
from harness.files.parse import strict
from harness.fingerprint import fingerprint, fingerprint_each
from harness.formats.portable import case_rows
from harness.formats.prose import is_prose, passages
from harness.place import SUITE

BLESSED = "blessed"
"""What a gate's ``over`` says for the champion whose scores ``harness bless`` recorded; no contender is called so."""
BLESSED_FILE = "blessed.jsonl"
SCORING_FILE = "scoring.json"
"""How an lm-eval task scores what is written (see ``harness.metrics.written``)."""
Split = Literal["dev", "test"]
Role = Literal["decide", "guard", "watch"]


class Gate(Declaration):
    """A claim about contenders on this suite that ``pytest suites/`` checks.

    ``minimum``: the mean of ``metric`` is at least this, -2.0 for two seconds of ``latency``. ``over``: it beats that contender by
    ``margin`` (the lower end of the paired interval), in the units of the metric; ``blessed`` is the champion of ``harness bless``.
    ``contender`` names one contender or ``*`` for all.
    """

    name: str
    contender: str = "*"
    metric: str | None = None
    minimum: float | None = Field(default=None, le=1, allow_inf_nan=False)
    over: str | None = None
    margin: float = Field(default=0.0, allow_inf_nan=False)


class Suite(Declaration):
    """The declaration in ``suite.toml``; paths are relative to its folder.

    A suite of the form ``choice`` is scored by log-likelihood: of the option's ``letter`` after MMLU's listing, without a
    chat template, or of the option's ``text`` as the assistant's answer (MMLU's continuation form, as a chat); ``raw``
    continues the input with the option as they stand, which is how lm-eval's tasks are asked, and ``normed`` goes by the
    likelihood a character (``acc_norm``); ``before`` puts the option in front of the input, whose likelihood decides (WinoGrande);
    ``mass`` is how much of the likelihood the right options have together, which are those up to the reference (TruthfulQA's mc2);
    ``greedy`` has one option, and says whether the model would write just that (LAMBADA); ``written`` lets it write, as an lm-eval task
    does, until one of the choices, which then are what ends an answer (GSM8K). One of the form ``text`` is read, and asked nothing: its cases are passages, in a
    file of prose (``.txt``, ``.md``) or with the passage as ``input`` and as ``reference``.
    ``lenient`` is a metric that reads what ``metric`` refuses for its form alone: the two tell form from knowledge.
    ``inputs`` names converters of what is no text (``harness.cascade``). ``estimates`` are computed over all answers of a
    contender (corpus BLEU); ``declining`` is what answers that decline look like.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    folder: Path
    description: str = ""
    role: Role = "decide"
    form: Literal["generate", "choice", "text"] = "generate"
    choice_by: Literal["letter", "text", "raw", "normed", "before", "mass", "greedy", "written"] = "letter"
    metric: str
    metrics: tuple[str, ...] = ()
    lenient: str | None = None
    estimates: tuple[str, ...] = ()
    declining: str | None = None
    margin: float | None = Field(default=None, gt=0, lt=1)
    noninferiority: float | None = Field(default=None, gt=0, lt=1)
    max_new_tokens: int = Field(default=64, gt=0, le=32768)
    prompts: dict[str, str] = Field(default_factory=dict)
    cases: str = "cases.jsonl"
    train: str | None = None
    preferences: str | None = None
    ratings: str | None = None
    golden: str | None = None
    skip: str | None = None
    documents: str | None = None
    inputs: dict[Kind, str] = Field(default_factory=dict)
    rubric: str | None = None
    labels: str | None = None
    schema_file: str | None = Field(default=None, alias="schema")
    gates: tuple[Gate, ...] = ()

    @field_validator("prompts")
    @classmethod
    def _has_default(cls, prompts: dict[str, str]) -> dict[str, str]:
        if prompts and "default" not in prompts:
            raise ValueError(f"given {sorted(prompts)}: one of the prompts must be called 'default'")
        return prompts

    @property
    def written(self) -> bool:
        """Whether answers are written; elsewhere likelihoods are read off, of the base model and of every adapter."""
        return self.form == "generate"

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The deciding metric first, each once."""
        return tuple(dict.fromkeys((self.metric, *self.metrics, *filter(None, (self.lenient,)))))

    def prompt(self, name: str) -> str:
        """The text of one of the suite's prompts, empty when it declares none and ``default`` is asked for."""
        if name in self.prompts:
            return self.prompts[name]
        if name == "default":
            return ""
        raise BadInput(f"{self.folder}/suite.toml: no prompt {name!r}: {suggest(name, self.prompts)}")

    def path(self, name: str) -> Path:
        return self.folder / name


NO_TAGS: Mapping[str, Any] = MappingProxyType({})


class Case(NamedTuple):
    """One input with its reference. ``choices`` only where the suite's form is ``choice``; ``documents`` are the ids of those
    of the suite's documents that hold the answer, where they are known.
    """

    id: str
    input: str
    reference: str
    split: Split = "test"
    cluster: str = ""
    choices: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    tags: Mapping[str, Any] = NO_TAGS


KEPT = 1 << 24
"""Bytes. A file up to this size is kept as it was read, so that it may be edited while a run is under way; a larger one is
read again each time, which bounds the memory, and must not change meanwhile."""


class Cases(Collection[Case]):
    """The cases of a file, made each time they are gone through; inputs that are no text become text on the way.

    Attributes:
        content: Fingerprint of them all.
        counts: How many there are of each split.

    Raises:
        BadInput: for a broken line, a duplicate id, a missing reference, an unknown split or an input that cannot be made text.
        HarnessError: when they are gone through after a file larger than ``KEPT`` was changed.
    """

    def __init__(self, path: Path, *, choice: bool = False, cascade: Cascade | None = None) -> None:
        self._path = path
        self.cascade = cascade or Cascade(path.parent)
        self._stamp = _stamp(path)
        self._read = path.read_bytes() if self._stamp and self._stamp[0] <= KEPT else None
        self.counts: Counter[str] = Counter()
        self.content = fingerprint_each(map(_content, self._checked(choice)))

    def __len__(self) -> int:
        return self.counts.total()

    def __contains__(self, case: object) -> bool:
        return any(case == other for other in self)

    def __iter__(self) -> Iterator[Case]:
        for _, values in self._rows():
            yield self._case(values)

    def _case(self, values: dict[str, Any]) -> Case:
        asked = values["input"]
        return _case(values, asked if isinstance(asked, str) else self.cascade.text(asked))

    def _rows(self, parse: Parse | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._read is None:
            self._refuse_change()
        if is_prose(self._path):
            yield from passages(self._path, self._read)
            return
        told = case_rows(self._path, self._read)
        if told is not None:
            yield from told
        elif self._read is not None:
            yield from parse_jsonl(TextIOWrapper(BytesIO(self._read), encoding="utf-8"), self._path, parse=parse)
        else:
            yield from read_jsonl(self._path, parse=parse)
        if self._read is None:
            self._refuse_change()

    def _checked(self, choice: bool) -> Iterator[Case]:
        seen: dict[str, int] = {}
        for number, values in self._rows(strict):  # once: a key that stands twice, NaN
            try:
                _check(values, choice)
                if seen.setdefault(values["id"], number) != number:
                    raise BadInput(f"duplicate id {values['id']!r}: it stands on line {seen[values['id']]} too")
                case = self._case(values)
            except BadInput as error:
                raise BadInput(f"{self._path}:{number}: {error}") from error
            self.counts[case.split] += 1
            yield case

    def _refuse_change(self) -> None:
        if _stamp(self._path) != self._stamp:
            raise HarnessError(f"{self._path}: was changed while it was being worked on: run again")


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of change; None for what is no file, of which ``read_jsonl`` says why."""
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_size, found.st_mtime_ns


NOT_ASKED = {
    "folder",
    "inputs",
    "gates",
    "description",
    "lenient",
    "labels",
    "ratings",
    "skip",
    "estimates",
    "declining",
}
"""Keys of a suite that change neither what is asked nor what decides."""


@dataclass(frozen=True)
class Task:
    """A suite with its cases: what the run works on."""

    suite: Suite
    cases: Collection[Case]

    @cached_property
    def content(self) -> str:
        """Fingerprint of declaration and cases."""
        declared = self.suite.model_dump(mode="json", exclude=NOT_ASKED)
        cases = self.cases.content if isinstance(self.cases, Cases) else fingerprint_each(map(_content, self.cases))
        return fingerprint(declared, cases)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many cases each split has."""
        return self.cases.counts if isinstance(self.cases, Cases) else Counter(case.split for case in self.cases)

    def split(self, name: Split) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.split == name)


NAMED = ("train", "preferences", "ratings", "golden", "skip", "documents", "rubric", "labels", "schema_file")
"""Keys of files and folders that a suite may have."""


def named_files(suite: Suite) -> list[str]:
    """What a suite names beside its cases, as it is written there."""
    return [name for name in (getattr(suite, key) for key in NAMED) if name]


def load_suite(folder: Path) -> Suite:
    """The declaration in ``folder/suite.toml``.

    Raises:
        BadInput: naming the file and every wrong key.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such suite folder")
    suite = load_toml(Suite, folder / SUITE, folder=folder, name=folder.name)
    for name in named_files(suite):
        if not suite.path(name).exists():
            raise BadInput(f"{folder / SUITE}: {name!r} is named but {suite.path(name)} does not exist")
    return suite


def load_task(folder: Path) -> Task:
    """A suite with its cases.

    Raises:
        BadInput: for a broken line, a duplicate id, a missing reference, an unknown split or no test cases.
    """
    suite = load_suite(folder)
    path = suite.path(suite.cases)
    try:
        cascade = Cascade(path.parent, suite.inputs)
    except BadInput as error:
        raise BadInput(f"{folder / 'suite.toml'}: {error}") from error
    chooses = suite.form == "choice" and suite.choice_by != "written"
    cases = Cases(path, choice=chooses, cascade=cascade)
    if not cases.counts["test"]:
        raise BadInput(f"{path}: no case has the split 'test': claims are made on test cases, add some")
    return Task(suite=suite, cases=cases)


CASE_KEYS = {"id", "input", "reference", "split", "cluster", "choices", "documents", "tags"}


OBJECT = ', or as an object such as {"text": "Which total?", "image": "scan.png"}'


def _check(values: dict[str, Any], choice: bool) -> None:
    for key in values.keys() - CASE_KEYS:
        raise BadInput(f"unknown key {key!r}: {suggest(key, CASE_KEYS)}")
    for key in ("id", "input", "reference"):
        value = values.get(key)
        if key == "input" and isinstance(value, dict):
            refuse_odd(value)
            continue
        if value is None or (key != "reference" and value == ""):
            raise BadInput(f"{key}: missing: every case needs a non-empty {key!r}")
        if not isinstance(value, str):
            raise BadInput(f"{key}: given {value!r}: write it as a string{OBJECT if key == 'input' else ''}")
    split = values.get("split", "test")
    if split not in ("dev", "test"):
        raise BadInput(f"split: given {split!r}: choose 'dev' or 'test'")
    documents = values.get("documents", [])
    if not isinstance(documents, list) or not all(isinstance(name, str) for name in documents):
        raise BadInput(f'documents: given {documents!r}: write the ids of documents as a list, such as ["page-008"]')
    choices = values.get("choices", ())
    if choice and values["reference"] not in choices:
        raise BadInput(f"reference: given {values['reference']!r}: it must be one of choices {list(choices)!r}")


def _case(values: dict[str, Any], asked: str) -> Case:
    return Case(
        values["id"],
        asked,
        values["reference"],
        values.get("split", "test"),
        str(values.get("cluster") or values["id"]),
        tuple(values.get("choices", ())),
        tuple(values.get("documents", ())),
        values.get("tags", NO_TAGS),
    )


def _content(case: Case) -> tuple[Any, ...]:
    """What counts in an identity: all but the tags."""
    return case[:-1]
