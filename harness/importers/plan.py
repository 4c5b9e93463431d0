"""Who gave which answers: what a tool's log cannot know, said once for a dozen runs.

    suite = "triage"            # for every run, unless its own table says otherwise
    dev_share = 0.3

    [runs.prompts]              # one table for five prompt variants: prompt-terse, prompt-examples, …
    path = "prompt-{contender}"
    technique = "prompt"

    [runs.sft]                  # one table for all training seeds: sft-0, sft-1, …
    path = "sft-{training_seed}"
    technique = "tune"

``harness import lm-eval runs/ --map runs.toml --out rows.parquet`` reads such a file. The table's name is the contender
unless ``contender`` or ``{contender}`` says otherwise. A pattern may hold ``*``, ``?`` and placeholders; ``path`` is to fit
whole neighbouring parts of the file's path, the others all of what they are matched with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.declaration import Declaration, declare, load_toml
from harness.errors import BadInput, suggest
from harness.importers.answer import Keys, Logged, brief
from harness.verdict.check import PROBE, TECHNIQUES, TUNED, UNTRAINED

OPTIONS = "options"
PATTERNS = ("path", "task", "model", "args", "tag", "provider", "prompt")
PLACEHOLDERS: Mapping[str, str] = {
    "contender": ".+?",
    "suite": ".+?",
    "training_seed": r"\d{1,9}",
    "repeat": r"\d{1,9}",
}
PIECE = re.compile(r"\{(\w*)\}|([*?])")
Whole = Annotated[int, Field(ge=0, lt=2**31)]


class Said(Declaration):
    """What may be said for all runs or for one.

    ``split`` puts every case there; ``dev_share`` draws that share of them, by the hash of cluster or case id. ``scale``
    is ``WORST:BEST`` of the metric in the log.
    """

    suite: Annotated[str, Field(min_length=1)] | None = None
    split: Literal["dev", "test"] | None = None
    dev_share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    metric: Annotated[str, Field(min_length=1)] | None = None
    scale: str | None = None
    source: Literal["program", "judge", "human"] | None = None

    @field_validator("scale")
    @classmethod
    def _two_numbers(cls, given: str | None) -> str | None:
        if given is not None:
            ends(given)
        return given

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Said:
        if self.split is not None and self.dev_share is not None:
            raise ValueError("split and dev_share: give one: all cases to one split, or a share of them to dev")
        return self


class Run(Said):
    """A contender, and patterns that find its runs; every pattern that is given must fit.

    A table with ``skip`` takes what fits no other.
    """

    path: str | None = None
    task: str | None = None
    model: str | None = None
    args: str | None = None
    tag: str | None = None
    provider: str | None = None
    prompt: str | None = None
    skip: bool = False
    contender: Annotated[str, Field(min_length=1)] | None = None
    technique: str | None = None
    data_fraction: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    training_seed: Whole | None = None
    repeat: Whole | None = None

    @field_validator("technique")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None and given not in TECHNIQUES and not PROBE.fullmatch(given):
            raise ValueError(f"given {given!r}, allowed: {', '.join(TECHNIQUES)} ({suggest(given, TECHNIQUES)})")
        return given

    @model_validator(mode="after")
    def _placeholders(self) -> Run:
        found = [name for pattern in self.patterns.values() for name, _ in PIECE.findall(pattern) if name]
        for name in found:
            if name not in PLACEHOLDERS:
                raise ValueError(f"placeholder {{{name}}}: {suggest(name, PLACEHOLDERS)}")
            if found.count(name) > 1 or getattr(self, name) is not None:
                raise ValueError(f"placeholder {{{name}}}: said twice: keep one")
        return self

    @property
    def patterns(self) -> dict[str, str]:
        """The patterns that are given, by label."""
        return {key: getattr(self, key) for key in PATTERNS if getattr(self, key) is not None}


class Plan(Said):
    """All runs of one import; ``case_id`` and ``cluster`` name fields of the tool's own cases."""

    case_id: Annotated[str, Field(min_length=1)] | None = None
    cluster: Annotated[str, Field(min_length=1)] | None = None
    runs: Mapping[str, Run] = Field(default_factory=dict)

    @property
    def keys(self) -> Keys:
        """What identifies a case."""
        return Keys(self.case_id, self.cluster)


@dataclass(frozen=True, slots=True)
class Identity:
    """One run's part of a row: everything that is the same for all of its answers, and how its scores are read."""

    contender: str
    technique: str
    suite: str
    data_fraction: float
    training_seed: int | None
    repeat: int
    split: str | None
    dev_share: float | None
    metric: str | None
    scale: tuple[float, float]
    source: str | None


def load_plan(path: Path | None, **options: Any) -> tuple[Plan, str]:
    """The plan, and what messages about it begin with.

    Args:
        path: a map file; options then say what it leaves unsaid for every run. Without one, options are about the one run.
        options: keys of `Run` and `Plan`; None says nothing.

    Raises:
        BadInput: with every problem, a map without runs, or options about one run beside a map.
    """
    said = {key: value for key, value in options.items() if value is not None}
    about = {key: said.pop(key) for key in list(said) if key not in Plan.model_fields}
    if path is None:
        run = declare(Run, about, where=OPTIONS)
        return declare(Plan, said, where=OPTIONS).model_copy(update={"runs": {"": run}}), OPTIONS
    if about:
        given = ", ".join("--" + key.replace("_", "-") for key in about)
        raise BadInput(f"{given}: the runs are told apart by --map {path}: say it in their tables")
    plan = load_toml(Plan, path)
    if not plan.runs:
        raise BadInput(f"{path}: no runs: write a table [runs.NAME] for each contender")
    if "split" in said or "dev_share" in said:
        said = {"split": None, "dev_share": None, **said}
    return declare(Plan, {**plan.model_dump(exclude={"runs"}), **said}, where=OPTIONS).model_copy(
        update={"runs": plan.runs}
    ), str(path)


def ends(scale: str) -> tuple[float, float]:
    """Worst and best of ``"0:100"``.

    Raises:
        ValueError: when it is not two different numbers.
    """
    numbers = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*:\s*(-?\d+(?:\.\d+)?)\s*", scale)
    worst, best = map(float, numbers.groups()) if numbers else (0.0, 0.0)
    if worst == best:
        raise ValueError(f"given {scale!r}, allowed: WORST:BEST, as 0:100, 1:5, or 1:0 where less is better")
    return worst, best


def identify(logged: Logged, plan: Plan, where: str) -> tuple[str, Identity | None]:
    """The name of the run's table, and who it is: None for a run to be skipped.

    Raises:
        BadInput: when no table or several fit, or something is left unsaid.
    """
    fitting = [(name, run, found) for name, run in plan.runs.items() if (found := _fits(run, logged)) is not None]
    fitting = [one for one in fitting if not one[1].skip] or fitting[:1]
    if len(fitting) != 1:
        tables = " and ".join(f"runs.{name}" for name, *_ in fitting)
        said = (
            f"{tables} both fit: make one narrower" if fitting else "no table fits it: add one, or one with skip = true"
        )
        raise BadInput(f"{where}: {told(logged)}: {said}")
    name, run, found = fitting[0]
    return name, None if run.skip else _identity(logged, plan, (name, run, found), where)


def _identity(logged: Logged, plan: Plan, table: tuple[str, Run, Mapping[str, str]], where: str) -> Identity:
    name, run, found = table
    where = f"{where}: runs.{name}" if name else where
    said = {**plan.model_dump(exclude_none=True, exclude={"runs"}), **run.model_dump(exclude_none=True), **found}
    if run.split or run.dev_share:
        said |= {"split": run.split, "dev_share": run.dev_share}
    contender, suite = said.get("contender", name), said.get("suite", logged.suite)
    problems = list(_problems(said, contender=contender, suite=suite))
    if problems:
        raise BadInput("\n".join(f"{where}: {problem}" for problem in problems))
    return Identity(
        contender=contender,
        technique=said["technique"],
        suite=str(suite),
        data_fraction=said.get("data_fraction", 1.0),
        training_seed=int(said["training_seed"]) if "training_seed" in said else None,
        repeat=int(said.get("repeat", 0)),
        split=said.get("split"),
        dev_share=said.get("dev_share"),
        metric=said.get("metric"),
        scale=ends(said.get("scale", "0:1")),
        source=said.get("source"),
    )


def _problems(said: Mapping[str, Any], *, contender: str | None, suite: str | None) -> Iterator[str]:
    technique, seed = said.get("technique"), said.get("training_seed")
    if not contender:
        yield "contender: missing: give the contender's name"
    if technique is None:
        yield f"technique: missing: one of {', '.join(TECHNIQUES)}"
    if suite is None:
        yield "suite: missing: the log does not name its task: give it a name"
    if said.get("split") is None and said.get("dev_share") is None:
        yield (
            "dev_share or split: missing: contenders are chosen on dev cases and compared on test cases: "
            "give the share to draw for dev, such as 0.3, or the one split that these cases are"
        )
    if technique in TUNED and seed is None:
        yield "training_seed: missing: give the seed of that training, or {training_seed} in a pattern"
    if technique in UNTRAINED and seed is not None:
        yield f"training_seed: given {seed}, but {technique!r} trains nothing: number its repeats with repeat"


def _fits(run: Run, logged: Logged) -> dict[str, str] | None:
    """What the placeholders stand for, or None when some pattern does not fit."""
    found: dict[str, str] = {}
    for key, pattern in run.patterns.items():
        wanted = compiled(pattern, path=key == "path")
        match = next((m for label in logged.labels.get(key, ()) if (m := wanted.search(label))), None)
        if match is None:
            return None
        found |= match.groupdict()
    return found


def compiled(pattern: str, *, path: bool) -> re.Pattern[str]:
    """The regular expression of a pattern."""
    one = "[^/]" if path else "."
    expression, end = "", 0
    for piece in PIECE.finditer(pattern):
        expression += re.escape(pattern[end : piece.start()])
        name, wild = piece.groups()
        expression += f"(?P<{name}>{PLACEHOLDERS[name].replace('.', one)})" if name else one + "*" * (wild == "*")
        end = piece.end()
    expression += re.escape(pattern[end:])
    return re.compile(rf"(?:^|/)(?:{expression})(?:/|$)" if path else rf"\A(?:{expression})\Z", re.DOTALL)


def check_labels(plan: Plan, labels: Iterable[str], tool: str, where: str) -> None:
    """Every pattern is about something that this tool's runs have.

    Raises:
        BadInput: otherwise.
    """
    known = list(labels)
    for name, run in plan.runs.items():
        for key in run.patterns:
            if key not in known:
                raise BadInput(f"{where}: runs.{name}: {key}: {tool} runs are told apart by {', '.join(known)}")


def check_used(plan: Plan, used: Iterable[str], seen: Iterable[str], where: str) -> None:
    """Every table fitted some run.

    Raises:
        BadInput: otherwise, with what there was to fit.
    """
    unused = [f"runs.{name}" for name in plan.runs if name not in set(used)]
    if unused:
        there = "; ".join(dict.fromkeys(seen))
        raise BadInput(f"{where}: {', '.join(unused)}: no run fits; the runs are: {brief(there, 1000)}")


def told(logged: Logged) -> str:
    """The run by all that patterns can be matched with."""
    labels = ((key, brief(found[-1], 60)) for key, found in logged.labels.items() if key != "path" and any(found))
    return ", ".join([logged.path, *(f"{key} {label!r}" for key, label in labels)])
