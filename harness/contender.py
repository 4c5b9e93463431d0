"""A contender is one way to answer a suite. The untrained ones are TOML files in ``baselines/``, one contender or a few each.

    # baselines/few_shot.toml
    technique = "prompt"
    shots = [2, 4]

``expand`` turns a file into contenders: one for each number of shots and each prompt that it names, so that ``few_shot``
above becomes ``few_shot_2`` and ``few_shot_4``, and ``prompt = "*"`` becomes one contender a prompt of the suite (but for
``documents``, which is the instruction that retrieved documents come with).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.declaration import Declaration, load_toml
from harness.errors import BadInput
from harness.suite import Split, Suite

Technique = Literal["prompt", "constrain", "rag", "golden", "tune", "tune+rag"]
ProbeTechnique = Annotated[str, Field(pattern=r"^probe:(gold-passage|pass@\d+|search)$")]
SEARCH = "probe:search"
"""The technique of what a search tries on dev: counted, and never chosen by a verdict."""


class Retrieve(Declaration):
    """Which documents go into the prompt."""

    retriever: str = "bm25"
    k: int = Field(default=3, gt=0, le=100)


class Baseline(Declaration):
    """A file of ``baselines/``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_+-]*$")
    technique: Literal["prompt", "constrain", "rag", "golden"] = "prompt"
    description: str = ""
    prompt: str = "default"
    shots: int | tuple[int, ...] = 0
    think: bool = False
    retrieve: Retrieve | None = None


class Contender(Declaration):
    """One way to answer one suite, fully said.

    The last four are a probe's: ``gold`` puts the documents into the prompt that a case says hold its answer, ``samples``
    asks so many times at ``temperature``, and ``share`` is that of the training data which its adapter saw.
    """

    name: str
    technique: Technique | ProbeTechnique
    prompt: str = "default"
    shots: int = Field(default=0, ge=0)
    think: bool = False
    retrieve: Retrieve | None = None
    recipe: str | None = None
    gold: bool = False
    samples: int = Field(default=1, gt=0)
    temperature: float = Field(default=0.0, ge=0)
    share: float = Field(default=1.0, gt=0, le=1)

    @property
    def tuned(self) -> bool:
        return self.recipe is not None

    @property
    def retrieves(self) -> bool:
        """Whether documents are put into its prompt."""
        return self.gold or (self.retrieve is not None and self.technique != "golden")

    @property
    def label(self) -> str:
        """Its name, and on which share of the data it was trained; all that a search tries on one share have one."""
        name = f"{self.recipe}/*" if self.searches else self.name
        return f"{name} on {self.share:g}" if self.share < 1 or self.searches else name

    @property
    def searches(self) -> bool:
        """Whether a search tries it."""
        return self.technique == SEARCH

    @property
    def probes(self) -> bool:
        """Whether it is no part of what a verdict chooses among."""
        return self.technique.startswith("probe:") or self.share < 1

    @property
    def split(self) -> Split | None:
        """The only cases that it is asked: a probe is asked those of test to say why, and a search those of dev."""
        return None if not self.probes else "dev" if self.searches else "test"


def load_baseline(path: Path) -> Baseline:
    """One file of ``baselines/``; its name is the file's unless it says otherwise."""
    return load_toml(Baseline, path, name=path.stem)


def baseline_files(paths: list[Path]) -> list[Path]:
    """The files that are named, and those of folders that are."""
    return [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]


def load_baselines(paths: list[Path]) -> list[Baseline]:
    """Files and folders of baselines, in the order given.

    Raises:
        BadInput: when there is none, or two share a name.
    """
    baselines = [load_baseline(file) for file in baseline_files(paths)]
    names = [baseline.name for baseline in baselines]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two baselines are called {name!r}: give one of them another name")
    return baselines


def expand(baseline: Baseline, suite: Suite) -> list[Contender]:
    """The contenders of a baseline on a suite; none where the suite lacks what it needs (documents, examples, schema)."""
    if baseline.retrieve and baseline.technique == "rag" and not suite.documents:
        return []
    if baseline.technique == "constrain" and not suite.schema_file:
        return []
    shots = baseline.shots if isinstance(baseline.shots, tuple) else (baseline.shots,)
    if any(shots) and not (suite.golden or suite.train):
        return []
    others = [name for name in suite.prompts if name not in ("default", "documents")]
    prompts = others if baseline.prompt == "*" else [baseline.prompt]
    return [
        Contender(
            name=_name(baseline, count, prompt),
            technique=baseline.technique,
            prompt=prompt,
            shots=count,
            think=baseline.think,
            retrieve=baseline.retrieve,
        )
        for count in shots
        for prompt in prompts
    ]


def _name(baseline: Baseline, shots: int, prompt: str) -> str:
    parts = [baseline.name]
    if isinstance(baseline.shots, tuple):
        parts.append(str(shots))
    if baseline.prompt == "*":
        parts = [prompt if baseline.name == "suite_prompts" else f"{baseline.name}_{prompt}", *parts[1:]]
    return "_".join(parts)
