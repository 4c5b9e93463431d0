"""What a stranger's declarations may not do unasked: run code, send keys away, reach beyond their own folder.

    experiment.toml and the suites that it names ask for more than an evaluation needs:
      candidates.axolotl.command: runs the program '/opt/axolotl/bin/axolotl'
      suites/reply: metric 'house:polite': runs suites/reply/house.py
      models: 'openai:m@http://10.0.0.7/v1': sends prompts, and the key OPENAI_API_KEY, to 10.0.0.7
    read them, and if you trust them say --trust (or set TUNEWORTHY_TRUST=1)

Everything is said at once, before anything is imported, started or sent. A metric of an installed package that declares an entry
point of the group ``tuneworthy.metrics`` needs no word: whoever installed it trusts it. `pytest suites/` runs the Python that lies in
suites anyway, and asks nobody.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

from harness.contender import Retrieve, baseline_files, load_baseline
from harness.declaration import declare, read_toml
from harness.errors import BadInput
from harness.experiment import Candidate, Experiment, Model, load_experiment, suite_folders
from harness.metrics import JUDGED, MAKERS, METRICS
from harness.metrics.estimate import ESTIMATES
from harness.models.address import KEYS, hosts_of
from harness.place import EXPERIMENT, SUITE
from harness.regression.task import is_yaml
from harness.resources import Engines, Role
from harness.retrieval import RETRIEVERS
from harness.suite import BLESSED_FILE, SCORING_FILE, Suite, named_files

VARIABLE = "TUNEWORTHY_TRUST"
GROUP = "tuneworthy.metrics"
ROLES: tuple[Role, ...] = ("train", "generate", "judge")
HERE = {"localhost", "127.0.0.1", "::1"}


def trusted() -> bool:
    """Whether the user said so, for this command or in the environment."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def load_trusted(path: Path) -> Experiment:
    """The experiment in a file.

    Raises:
        BadInput: as ``load_experiment``; for what it and its suites ask for beyond an evaluation, unless that is trusted.
    """
    experiment = load_experiment(path)
    refuse(path, demands(experiment))
    return experiment


def refuse(what: Path, asked: Iterable[str]) -> None:
    """Nothing, where nothing is asked for or everything is trusted.

    Raises:
        BadInput: naming all that is asked for.
    """
    lines = [] if trusted() else list(dict.fromkeys(asked))
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise BadInput(
            f"{what} and what it names ask for more than an evaluation needs:\n{listed}\n"
            f"read them, and if you trust them say --trust (or set {VARIABLE}=1)"
        )


def refuse_suites(paths: Iterable[Path], *, code: bool = False) -> None:
    """``refuse`` for those of the paths that are suites' folders: their files are read, and with ``code`` their metrics run."""
    for path in paths:
        refuse(path, of_suite(path, code=code))


def demands(experiment: Experiment) -> Iterator[str]:
    """What an experiment asks for, a line each."""
    root = project_of(experiment.folder)
    jurors = experiment.judge.bases if experiment.judge else ()
    for model in (*experiment.bases, *jurors):
        yield from _of_model(model)
    for name, candidate in experiment.candidates.items():
        yield from _of_candidate(name, candidate, experiment.folder, root)
    yield from _of_retriever("retrieve", experiment.retrieve)
    for file in baseline_files([experiment.folder / entry for entry in experiment.baselines]):
        yield from _of_baseline(file)
    yield from _of_engines(experiment.engine)
    if (jobs := experiment.home / "slurm").is_dir():
        yield f"{jobs}: jobs under way of --engine slurm, which are pickles"
    for guard in filter(is_yaml, map(Path, experiment.guards)):
        yield f"guards: {str(guard)!r}: lm-eval fills in its templates and runs the functions that it names"
    single = {"store": experiment.store, "prices": experiment.prices}
    listed = {"suites": experiment.suites, "baselines": experiment.baselines, "guards": experiment.guards}
    named = [(key, value) for key, value in single.items() if value] + [(k, v) for k, vs in listed.items() for v in vs]
    for key, value in named:
        yield from _outside(f"{key}: {value!r}", experiment.folder / value.partition("*")[0], root)
    for folder in suite_folders(experiment):
        yield from of_suite(folder, root, code=True)


def of_suite(folder: Path, root: Path | None = None, *, code: bool) -> Iterator[str]:
    """Which files a suite names elsewhere, and with ``code`` what it would run; nothing of one that cannot be read, of which its
    loader says why.
    """
    root = root or project_of(folder)
    path = folder / SUITE
    if not path.is_file():
        return
    yield from _outside(str(path), path, root)
    try:
        suite = declare(Suite, {"name": folder.name, **read_toml(path), "folder": folder}, where=str(path))
    except BadInput:
        return
    for name in (suite.cases, *named_files(suite), BLESSED_FILE, SCORING_FILE):
        yield from _outside(f"{folder}: {name!r}", suite.path(name), root)
    if code:
        yield from _of_metrics(suite)


def _of_metrics(suite: Suite) -> Iterator[str]:
    folder = suite.folder
    gated = filter(None, (gate.metric for gate in suite.gates))
    for metric in dict.fromkeys((*suite.all_metrics, *gated)):
        yield from _code(f"{folder}: metric {metric!r}", metric, {*METRICS, *MAKERS, *JUDGED}, folder)
        if metric == "lm_eval":
            yield f"{folder}: metric 'lm_eval': searches answers for the patterns in {SCORING_FILE}"
    for estimate in suite.estimates:
        yield from _code(f"{folder}: estimate {estimate!r}", estimate, ESTIMATES, folder)


def project_of(folder: Path) -> Path:
    """Within which declarations may name files: the Git work tree that the folder lies in, or the folder itself; of a suite,
    that of the experiment above it.
    """
    here = folder.resolve()
    above = [here, *here.parents]
    for place in above:
        if (place / ".git").exists():
            return place
    return next((place for place in above[:4] if (place / EXPERIMENT).is_file()), here)


def _of_model(model: Model) -> Iterator[str]:
    scheme, _, rest = model.id.partition(":")
    if model.trust_remote_code:
        yield f"models: {model.id!r}: trust_remote_code runs Python that comes with the weights"
    if scheme == "scripted" and ".py:" in rest:
        yield f"models: {model.id!r}: runs {rest.rpartition(':')[0]}"
    for host in (host for host in hosts_of(model) if host not in HERE):
        keys = [variable for variable in KEYS.get(scheme, ()) if os.environ.get(variable)]
        with_key = f", and the key {keys[0]}," if keys else ""
        yield f"models: {model.id!r}: sends prompts{with_key} to {host}"


def _of_engines(engines: Engines) -> Iterator[str]:
    if engines.ray.address is not None:
        yield f"engine.ray.address: {engines.ray.address!r}: sends work and data there"
    for name, machines in (("ray", engines.ray), ("slurm", engines.slurm)):
        if machines.shared is not None:
            yield f"engine.{name}.shared: {machines.shared!r}: writes prompts, answers and adapters there"
        if any(machines.of(role).options for role in ROLES):
            yield f"engine.{name}: options go to the scheduler, which can be told to run commands"


def _of_candidate(name: str, candidate: Candidate, folder: Path, root: Path) -> Iterator[str]:
    where = f"candidates.{name}"
    if candidate.command:
        yield f"{where}.command: runs the program {candidate.command[0]!r}"
    for key in ("config", "replay_file"):
        value = getattr(candidate, key)
        if value:
            yield from _outside(f"{where}.{key}: {value!r}", folder / value, root)


def _of_baseline(file: Path) -> Iterator[str]:
    """Nothing of one that cannot be read, of which its loader says why."""
    try:
        baseline = load_baseline(file)
    except BadInput:
        return
    yield from _of_retriever(str(file), baseline.retrieve)


def _of_retriever(where: str, retrieve: Retrieve | None) -> Iterator[str]:
    if retrieve is not None:
        yield from _code(f"{where}: retriever {retrieve.retriever!r}", retrieve.retriever, RETRIEVERS)


def _code(said: str, target: str, known: Collection[str], folder: Path | None = None) -> Iterator[str]:
    """``module:object`` that is neither shipped nor declared by an installed package; its file may lie in ``folder``."""
    name, colon, _ = target.partition(":")
    if not colon or name in known or any(point.value == target for point in entry_points(group=GROUP)):
        return
    own = None if folder is None else folder / f"{name}.py"
    yield f"{said}: runs {own if own is not None and own.is_file() else f'the module {name!r}'}"


def _outside(said: str, path: Path, root: Path) -> Iterator[str]:
    """A path that leads out of the project, symbolic links followed; of a folder, every file in it."""
    real = path.expanduser().resolve()
    if not real.is_relative_to(root):
        yield f"{said}: lies outside {root}: {real}"
        return
    for inner in path.rglob("*") if path.is_dir() and "documents" in path.parts else ():
        if inner.is_symlink() and not inner.resolve().is_relative_to(root):
            yield f"{said}: {inner} leads outside {root}: {inner.resolve()}"
