"""A suite is one task: its cases, how they are scored, what must be shown, and the data to train for it.

suites/triage/
    suite.toml         the declaration below
    cases.jsonl        {"id": "t1", "input": "My parcel …", "reference": "{…}", "split": "dev", "cluster": "t1"}
    train.jsonl        {"messages": [{"role": "user", …}, {"role": "assistant", …}]}
    preferences.jsonl  {"prompt": "…", "chosen": "…", "rejected": "…"}
    documents/         *.md, *.txt or *.jsonl ({"id": "d1", "text": "…"}): what retrieval finds
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from harness.declaration import Declaration, load_toml, read_jsonl
from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint

Split = Literal["dev", "test"]
Role = Literal["decide", "guard", "watch"]


class Gate(Declaration):
    """A claim about contenders on this suite that ``pytest suites/`` checks.

    ``minimum``: the mean of ``metric`` is at least this. ``over``: it beats that contender by ``margin`` (the lower end of
    the paired interval). ``contender`` names one contender or ``*`` for all.
    """

    name: str
    contender: str = "*"
    metric: str | None = None
    minimum: float | None = Field(default=None, ge=0, le=1)
    over: str | None = None
    margin: float = Field(default=0.0, ge=-1, le=1)


class Suite(Declaration):
    """The declaration in ``suite.toml``; paths are relative to its folder.

    A suite of the form ``choice`` is scored by log-likelihood: of the option's ``letter`` after MMLU's listing, without a
    chat template, or of the option's ``text`` as the assistant's answer (MMLU's continuation form, as a chat).
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    folder: Path
    description: str = ""
    role: Role = "decide"
    form: Literal["generate", "choice"] = "generate"
    choice_by: Literal["letter", "text"] = "letter"
    metric: str
    metrics: tuple[str, ...] = ()
    margin: float | None = Field(default=None, gt=0, lt=1)
    noninferiority: float | None = Field(default=None, gt=0, lt=1)
    max_new_tokens: int = Field(default=64, gt=0, le=32768)
    prompts: dict[str, str] = Field(default_factory=dict)
    cases: str = "cases.jsonl"
    train: str | None = None
    preferences: str | None = None
    golden: str | None = None
    documents: str | None = None
    rubric: str | None = None
    schema_file: str | None = Field(default=None, alias="schema")
    gates: tuple[Gate, ...] = ()

    @field_validator("prompts")
    @classmethod
    def _has_default(cls, prompts: dict[str, str]) -> dict[str, str]:
        if prompts and "default" not in prompts:
            raise ValueError(f"given {sorted(prompts)}: one of the prompts must be called 'default'")
        return prompts

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """The deciding metric first, each once."""
        return tuple(dict.fromkeys((self.metric, *self.metrics)))

    def prompt(self, name: str) -> str:
        """The text of one of the suite's prompts, empty when it declares none and ``default`` is asked for."""
        if name in self.prompts:
            return self.prompts[name]
        if name == "default":
            return ""
        raise BadInput(f"{self.folder}/suite.toml: no prompt {name!r}: {suggest(name, self.prompts)}")

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Case:
    """One input with its reference. ``choices`` only where the suite's form is ``choice``."""

    id: str
    input: str
    reference: str
    split: Split = "test"
    cluster: str = ""
    choices: tuple[str, ...] = ()
    tags: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """Fingerprint of what is asked and expected."""
        return fingerprint(self.input, self.reference, self.choices)


@dataclass(frozen=True)
class Task:
    """A suite with its cases read: what the run works on."""

    suite: Suite
    cases: tuple[Case, ...]

    @cached_property
    def content(self) -> str:
        """Fingerprint of declaration and cases."""
        declared = self.suite.model_dump(mode="json", exclude={"folder", "gates", "description"})
        return fingerprint(declared, [(c.id, c.content, c.split, c.cluster) for c in self.cases])

    def split(self, name: Split) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.split == name)


def load_suite(folder: Path) -> Suite:
    """The declaration in ``folder/suite.toml``.

    Raises:
        BadInput: naming the file and every wrong key.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such suite folder")
    suite = load_toml(Suite, folder / "suite.toml", folder=folder, name=folder.name)
    named = (suite.train, suite.preferences, suite.golden, suite.documents, suite.rubric, suite.schema_file)
    for name in named:
        if name and not suite.path(name).exists():
            raise BadInput(f"{folder / 'suite.toml'}: {name!r} is named but {suite.path(name)} does not exist")
    return suite


def load_task(folder: Path) -> Task:
    """A suite with its cases.

    Raises:
        BadInput: for a broken line, a duplicate id, a missing reference, an unknown split or no test cases.
    """
    suite = load_suite(folder)
    path = suite.path(suite.cases)
    cases = tuple(_cases(path, suite))
    if not any(case.split == "test" for case in cases):
        raise BadInput(f"{path}: no case has the split 'test': claims are made on test cases, add some")
    return Task(suite=suite, cases=cases)


CASE_KEYS = {"id", "input", "reference", "split", "cluster", "choices", "tags"}


def _cases(path: Path, suite: Suite) -> Iterable[Case]:
    seen: dict[str, int] = {}
    for number, values in read_jsonl(path):
        where = f"{path}:{number}"
        for key in values.keys() - CASE_KEYS:
            raise BadInput(f"{where}: unknown key {key!r}: {suggest(key, CASE_KEYS)}")
        case_id = _text(values, "id", where)
        if case_id in seen:
            raise BadInput(f"{where}: duplicate id {case_id!r}: it stands on line {seen[case_id]} too")
        seen[case_id] = number
        split = values.get("split", "test")
        if split not in ("dev", "test"):
            raise BadInput(f"{where}: split: given {split!r}: choose 'dev' or 'test'")
        choices = tuple(values.get("choices", ()))
        reference = _text(values, "reference", where)
        if suite.form == "choice" and reference not in choices:
            raise BadInput(f"{where}: reference: given {reference!r}: it must be one of choices {list(choices)!r}")
        yield Case(
            id=case_id,
            input=_text(values, "input", where),
            reference=reference,
            split=split,
            cluster=str(values.get("cluster") or case_id),
            choices=choices,
            tags=values.get("tags", {}),
        )


def _text(values: dict[str, Any], key: str, where: str) -> str:
    value = values.get(key)
    if value is None or (key != "reference" and value == ""):
        raise BadInput(f"{where}: {key}: missing: every case needs a non-empty {key!r}")
    if not isinstance(value, str):
        raise BadInput(f"{where}: {key}: given {value!r}: write it as a string")
    return value
