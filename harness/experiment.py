"""An experiment is the matrix that is run: models × contenders × suites × training seeds, and the policy that judges it.

harness run experiment.toml --dry-run
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.contender import Contender, Retrieve, expand, load_baselines
from harness.declaration import Declaration, declare, load_toml
from harness.errors import BadInput, suggest
from harness.place import EXPERIMENT
from harness.recipe import NEEDS, UNTRAINED, Recipe
from harness.resources import Engines
from harness.search import Search, Settings, apply, refuse_impossible, said
from harness.suite import Suite, Task, load_task

SEARCHING = 500
"""Where the seeds of a search's trainings begin: behind all that an experiment may have."""
Tracker = Literal["tensorboard", "mlflow", "wandb"]


class Model(Declaration):
    """A base model: an id or path that ``transformers`` loads, ``embedded:tiny``, or a served one.

    USD per token, under litellm's names, are what a served model's answers are counted with. ``base_url`` is where it is served,
    one address or several that share its requests. ``concurrency`` is the most requests that each of them gets at once: fewer
    are sent where it refuses some. ``family`` says whose kin it is where its name does
    not (``harness.verdict.kinship``).
    """

    id: str
    quantization: Literal["nf4", "none"] = "nf4"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    revision: str | None = None
    trust_remote_code: bool = False
    base_url: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    concurrency: int = Field(default=64, gt=0, le=1000)
    input_cost_per_token: float | None = Field(default=None, ge=0, lt=0.01, allow_inf_nan=False)
    output_cost_per_token: float | None = Field(default=None, ge=0, lt=0.01, allow_inf_nan=False)
    family: str | None = Field(default=None, min_length=1)

    @field_validator("base_url", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _whole_price(self) -> Model:
        if (self.input_cost_per_token is None) != (self.output_cost_per_token is None):
            raise ValueError("input_cost_per_token and output_cost_per_token are given together or not at all")
        return self


class Candidate(Recipe):
    """A recipe in the matrix, and the contenders that it fields.

    ``suites`` restricts it to some suites (all that have the data it needs otherwise); ``with_rag`` fields a second
    contender, ``NAME+rag``, on suites with documents; ``teacher`` is the model that wrote its training data, if one did and
    the rows do not say it (``harness.teachers``). With ``search`` dev chooses some of the recipe's settings first, for each suite
    and base model.
    """

    suites: tuple[str, ...] | None = None
    with_rag: bool = False
    teacher: str | Model | None = None
    search: Search | None = None

    @field_validator("search", mode="before")
    @classmethod
    def _one_word(cls, given: Any) -> Any:
        return (Search() if given else None) if isinstance(given, bool) else given

    @model_validator(mode="after")
    def _searchable(self) -> Candidate:
        if self.search is not None:
            refuse_impossible(self.search, self)
        return self

    @property
    def searched(self) -> Search | None:
        """The search with all that it tries, where there is one."""
        return self.search.around(self) if self.search else None

    def tried(self, settings: Settings, *, where: str) -> Candidate:
        """The candidate with the settings that a search tries or has found; ``where`` it is declared.

        Raises:
            BadInput: when the recipe cannot have them.
        """
        declared = {**apply(settings, self.model_dump()), "search": None}
        return declare(Candidate, declared, where=f"{where}.search: {said(settings)}")


class Probes(Declaration):
    """What is asked beside the matrix to say why a verdict came out so (see ``harness.probe``).

    ``gold`` answers with the documents that a case names, ``samples`` a case (0: none) at ``temperature`` tell whether the
    model can at all, and ``fractions`` of the training data show what more of it would bring.
    """

    gold: bool = True
    samples: int = Field(default=8, ge=0, le=1000)
    temperature: float = Field(default=0.8, gt=0, le=2)
    fractions: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.125, 0.25, 0.5)

    @field_validator("samples")
    @classmethod
    def _several(cls, samples: int) -> int:
        if samples == 1:
            raise ValueError("given 1: one sample cannot tell pass@1 from pass@k: take 8, or 0 for none")
        return samples


class Judging(Declaration):
    """Who grades by the suites' rubrics: see ``harness.metrics.judge``. One ``model``, or ``models`` that are a jury: each
    grades every answer, and the median counts. ``repeats`` gradings by each are averaged; a reply that cannot be read is asked
    for ``tries`` times.
    """

    model: str | Model | None = None
    models: tuple[str | Model, ...] = ()
    repeats: int = Field(default=1, gt=0, le=100)
    tries: int = Field(default=3, gt=0, le=10)

    @model_validator(mode="after")
    def _one_or_several(self) -> Judging:
        if (self.model is None) is not bool(self.models):
            raise ValueError('name one judge as model = "…", or a jury as models = ["…", "…"], and not both')
        ids = [model.id for model in self.bases]
        if len(set(ids)) < len(ids):
            raise ValueError(f"given {ids}: a juror twice is no second opinion: to grade again, take repeats = 2")
        return self

    @property
    def bases(self) -> tuple[Model, ...]:
        """The jurors' models; a judge alone is a jury of one."""
        given = self.models if self.model is None else (self.model,)
        return tuple(model if isinstance(model, Model) else Model(id=model) for model in given)


class Looking(Declaration):
    """How leaks are looked for beside the words: by an embedding model, a folder relative to the experiment's or one of the Hub's
    cache, and the least cosine that counts (see ``harness.data.meaning``).
    """

    embed: str = Field(min_length=1)
    similar: float = Field(default=0.7, gt=0, le=1)


class Experiment(Declaration):
    """The declaration in ``file``; paths are relative to its folder.

    ``guards`` are tasks of lm-eval and texts, beside the suites, of at most ``guard_items`` questions each
    (``harness.regression.guards``). ``report_to`` names trackers that are told of every training beside the store.
    ``prices`` is a list of prices of one's own, ``gpu_hour_usd`` what an hour of a GPU here
    costs: for ``--dry-run``. ``mix_adapters = false`` keeps rows of different adapters out of one batch. ``probes = true`` asks
    why, beside whether; a table says which of them. With a ``judge`` the metric ``rubric`` is its, and ``pairwise:CONTENDER`` may
    be asked for. ``leaks`` looks for test cases in training data in other words too. ``engine`` says what cells
    ask of machines where there are several.
    """

    name: str
    folder: Path
    file: str = EXPERIMENT
    seed: int = Field(default=1, ge=0)
    models: tuple[str | Model, ...] = Field(min_length=1)
    suites: tuple[str, ...] = Field(min_length=1)
    baselines: tuple[str, ...] = ("baselines",)
    candidates: dict[str, Candidate] = Field(default_factory=dict)
    guards: tuple[str, ...] = ()
    guard_items: int = Field(default=1140, gt=0)
    training_seeds: int = Field(default=3, gt=0, le=100)
    retrieve: Retrieve = Retrieve()
    batch_tokens: int | None = Field(default=None, gt=0)
    mix_adapters: bool = True
    workers: int | None = Field(default=None, gt=0)
    store: str = ".harness"
    prices: str | None = None
    gpu_hour_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    report_to: tuple[Tracker, ...] = ()
    probes: Probes | None = None
    judge: Judging | None = None
    leaks: Looking | None = None
    engine: Engines = Engines()
    policy: dict[str, Any] = Field(default_factory=dict)

    @field_validator("probes", mode="before")
    @classmethod
    def _one_word(cls, given: Any) -> Any:
        return (Probes() if given else None) if isinstance(given, bool) else given

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds: no two experiments with different seeds share one."""
        return tuple(self.seed * 1000 + i for i in range(self.training_seeds))

    def seeds_of(self, candidate: str) -> tuple[int, ...]:
        """Training seeds of a candidate: weights that are given have as many as there are of them."""
        given = self.candidates[candidate].given
        return tuple(self.seed * 1000 + i for i in range(len(given))) if given else self.seeds

    def search_seeds(self, search: Search) -> tuple[int, ...]:
        """Of the trainings by which a search chooses: none of them is one that test sees, or their luck would be counted."""
        return tuple(self.seed * 1000 + SEARCHING + i for i in range(search.seeds))

    @property
    def bases(self) -> tuple[Model, ...]:
        return tuple(m if isinstance(m, Model) else Model(id=m) for m in self.models)

    @property
    def embedder(self) -> str:
        """The model that leaks are looked for with: the folder of that name, where there is one."""
        named = self.leaks.embed.removeprefix("dense:") if self.leaks else ""
        return str(self.folder / named) if (self.folder / named).is_dir() else named

    @property
    def home(self) -> Path:
        """Where results, adapters and unfinished work lie."""
        return self.folder / self.store


def load_experiment(path: Path) -> Experiment:
    """The experiment in a TOML file.

    Raises:
        BadInput: for unknown keys, a recipe that starts from one that is not there, or a wrong policy.
    """
    experiment = load_toml(Experiment, path, folder=path.parent, file=path.name, name=path.stem)
    for name, candidate in experiment.candidates.items():
        start = candidate.start_from
        if start is not None and start not in experiment.candidates:
            raise BadInput(
                f"{path}: candidates.{name}.start_from: no candidate {start!r}: {suggest(start, experiment.candidates)}"
            )
        if start is not None and experiment.candidates[start].adapter.kind == "full":
            raise BadInput(
                f"{path}: candidates.{name}.start_from: {start!r} trains the whole model and leaves no adapter to go on "
                "with: start from a recipe with an adapter"
            )
        _refuse_circle(experiment, name, path)
    return experiment


def _refuse_circle(experiment: Experiment, name: str, path: Path) -> None:
    seen, current = [name], experiment.candidates[name].start_from
    while current is not None:
        if current in seen:
            raise BadInput(
                f"{path}: candidates.{name}.start_from: {' → '.join([*seen, current])} goes in a circle: "
                "one of them must start from the base model"
            )
        seen.append(current)
        current = experiment.candidates[current].start_from if current in experiment.candidates else None


def suite_folders(experiment: Experiment) -> list[Path]:
    """Where the suites of an experiment lie.

    Raises:
        BadInput: for a pattern that begins at the root.
    """
    folders: list[Path] = []
    for entry in experiment.suites:
        if "*" in entry and (Path(entry).is_absolute() or ".." in Path(entry).parts):
            raise BadInput(f"suites: given {entry!r}: a pattern with * stays in the experiment's folder: suites/*")
        matches = sorted(p.parent for p in experiment.folder.glob(f"{entry}/suite.toml")) if "*" in entry else []
        folders += matches or [experiment.folder / entry]
    return folders


def load_tasks(experiment: Experiment) -> list[Task]:
    """The suites of an experiment, cases read. A name with ``*`` stands for every folder that matches."""
    tasks = [load_task(folder) for folder in suite_folders(experiment)]
    names = [task.suite.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two suites are called {name!r}: give one of them another name")
    return tasks


def contenders(experiment: Experiment, suite: Suite) -> list[Contender]:
    """Every contender of an experiment on a suite, untrained ones first."""
    baselines = load_baselines([experiment.folder / entry for entry in experiment.baselines])
    if not suite.written:
        return [Contender(name="base", technique="prompt")]
    fielded = [contender for baseline in baselines for contender in expand(baseline, suite)]
    return fielded + [c for name in experiment.candidates for c in _fielded(experiment, name, suite)]


def trains_on(candidate: Candidate, suite: Suite) -> bool:
    """Whether a suite has the data that a candidate needs, and is meant for it."""
    if candidate.suites is not None and suite.name not in candidate.suites:
        return False
    if suite.role != "decide":
        return False
    return candidate.method in UNTRAINED or data_of(candidate, suite) is not None


def data_of(candidate: Candidate, suite: Suite) -> str | None:
    """Which of the suite's files a candidate is trained on: ``train``, ``preferences`` or ``ratings``."""
    return next((name for name in NEEDS[candidate.method] if getattr(suite, name) is not None), None)


def _fielded(experiment: Experiment, name: str, suite: Suite) -> list[Contender]:
    candidate = experiment.candidates[name]
    if not trains_on(candidate, suite):
        return []
    tuned = Contender(name=name, technique="tune", prompt=candidate.prompt, recipe=name)
    if not (candidate.with_rag and suite.documents):
        return [tuned]
    with_rag = tuned.model_copy(
        update={"name": f"{name}+rag", "technique": "tune+rag", "retrieve": experiment.retrieve}
    )
    return [tuned, with_rag]
