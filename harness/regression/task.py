"""Writes a guard suite from a task of lm-eval: one of its own by name, or a YAML of yours, with data of the Hub or on this disk.

    write_task(Path("suites/hellaswag"), "hellaswag")                 # 1,140 fixed questions; needs the Hub once
    write_task(Path("suites/towns"), "tasks/towns.yaml")              # its data_files may be local: nothing is asked of a network

    {"id": "towns-00017", "input": "Q: What animal stands for Lena?\\nA:", "reference": " lynx", "choices": [" bear", " lynx"], …}

lm-eval itself renders every question, its examples included, and the suite holds what it would ask; so the scores are lm-eval's
(``acc``, or ``acc_norm`` where the task has it; TruthfulQA's mc2; whether LAMBADA's word is what comes next; what filters and exact match
make of what GSM8K's answers say), on questions that are written down and can be locked. A task with another function of its own is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

from harness.errors import BadInput, HarnessError, need, suggest
from harness.suite import SCORING_FILE

ITEMS = 1140
"""Questions: a paired drop of 5 points at 20 % disagreement is seen with a power of more than 80 %."""
SUITE = """\
description = {description}
role = "guard"
form = "choice"
choice_by = "{choice_by}"
metric = "{metric}"
{more}"""
METRICS = {"acc": "raw", "acc_norm": "normed"}
"""lm-eval's metric → how a suite chooses."""
SCORED = {"mass": "right_mass", "written": "lm_eval"}
"""How a suite chooses → its metric, where that is not whether the choice is right."""
TOKENS = 256
"""What lm-eval lets a task write that does not say."""
OF_LM_EVAL = ("metric", "aggregation", "higher_is_better", "hf_evaluate")
MC2 = "mc2_targets"
"""Where a question of TruthfulQA says which of its options are right: they are put first, if they are not."""
DELIMITER = " "


@dataclass(frozen=True, slots=True)
class Written:
    """What a suite was made of: questions, tasks (MMLU has 57), and questions that could not be taken."""

    folder: Path
    questions: int
    tasks: int
    left_out: int

    def said(self) -> str:
        left = (
            f"; {self.left_out} left out, whose options are not told apart or of which several are right"
            if self.left_out
            else ""
        )
        return f"wrote {self.folder}: {self.questions} questions of {self.tasks} task{'s' * (self.tasks > 1)}{left}"


def is_yaml(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def write_task(folder: Path, task: str, *, items: int = ITEMS, shots: int | None = None) -> Written:
    """Write ``folder`` as a suite of ``items`` questions of a task, or of all that there are; subtasks have equal shares, and
    ``shots`` examples stand before each question (as many as the task says, otherwise).

    Raises:
        BadInput: for an unknown task, one that cannot be a suite, or a folder that holds one already.
        HarnessError: when its data cannot be had.
        MissingExtra: without lm-eval.
    """
    if (folder / "suite.toml").exists():
        raise BadInput(f"{folder}: holds a suite already: choose another folder, or remove it")
    loaded = _load(task)
    kinds = {name: _choice_by(one) for name, one in loaded.items()}
    if len(set(kinds.values())) > 1:
        raise BadInput(
            f"lm-eval task {task!r}: its tasks are scored in different ways ({kinds}): write each as a suite of its own"
        )
    share = ceil(items / len(loaded))
    cases: list[dict[str, Any]] = []
    left_out = 0
    for name, one in sorted(loaded.items()):
        found = list(_cases(name, one, shots))
        kept = [case for case in found if case is not None]
        left_out += len(found) - len(kept)
        cases += sorted(sorted(kept, key=_by_content)[:share], key=lambda case: str(case["id"]))
    if not cases:
        raise BadInput(f"lm-eval task {task!r}: none of its questions can be taken")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.jsonl").write_text(
        "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases), encoding="utf-8"
    )
    said = f"lm-eval's {Path(task).stem}, {len(cases)} fixed questions: what the base model knew must not be forgotten."
    kind = next(iter(kinds.values()))
    described = json.dumps(said, ensure_ascii=False)
    more = ""
    if kind == "written":
        scoring, tokens = _scoring(loaded)
        (folder / SCORING_FILE).write_text(json.dumps(scoring, indent=1) + "\n", encoding="utf-8")
        more = f"max_new_tokens = {tokens}\n"
    text = SUITE.format(description=described, choice_by=kind, metric=SCORED.get(kind, "exact_match"), more=more)
    (folder / "suite.toml").write_text(text, encoding="utf-8")
    return Written(folder, len(cases), len(loaded), left_out)


def _load(task: str) -> dict[str, Any]:
    """lm-eval's tasks by name; a group's are its members."""
    need("lm_eval", extra="lm-eval")
    from harness.regression.choice import silent

    yaml = Path(task).expanduser()
    if is_yaml(yaml) and not yaml.is_file():
        raise BadInput(f"lm-eval task {task!r}: there is no such file")
    named = _name_in(yaml) if is_yaml(yaml) else task
    try:
        with silent():
            found = _found(yaml if is_yaml(yaml) else _own_file(task), named)
    except BadInput:
        raise
    except Exception as error:  # lm-eval, datasets and the Hub raise what they like
        raise HarnessError(
            f"lm-eval task {task!r}: its data cannot be had: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}; a task "
            "of the Hub needs a network once (is HF_HUB_OFFLINE set?): write the suite where there is one, and copy the folder"
        ) from error
    return dict(found["tasks"])


def _found(yaml: Path | None, named: str) -> Mapping[str, Any]:
    """What lm-eval loads by that name: from the folder of its file, or from all that it has, which takes 14 s to look through.

    Raises:
        BadInput: when there is no such task.
    """
    from lm_eval.tasks import TaskManager

    if yaml is not None:
        beside = TaskManager(include_path=str(yaml.parent), include_defaults=False)
        try:
            return dict(beside.load([named]))
        except (KeyError, ValueError):  # a group may have members elsewhere
            if not yaml.is_relative_to(_own()):
                raise
    manager = TaskManager()
    if named not in manager.all_tasks:
        raise BadInput(f"lm-eval knows no task {named!r}: {suggest(named, manager.all_tasks)}")
    return dict(manager.load([named]))


def _own() -> Path:
    """Where lm-eval's own tasks lie."""
    return Path(str(import_module("lm_eval.tasks").__file__)).parent


def _own_file(task: str) -> Path | None:
    """The file of a task of lm-eval's own, where it, or its folder, is called like the task."""
    own = _own()
    named = [found for name in (f"{task}.yaml", f"_{task}.yaml") for found in sorted(own.rglob(name))]
    inside = sorted((own / task).glob("*.yaml")) if (own / task).is_dir() else []
    return next((found for found in (*named, *inside) if _called(found, task)), None)


def _called(yaml: Path, task: str) -> bool:
    """Whether a file is of that task; what others include names none."""
    try:
        return _name_in(yaml) == task
    except BadInput:
        return False


def _name_in(yaml: Path) -> str:
    """The name of the task, or of the group, in a file."""
    parser: Any = import_module("yaml")
    loader: Any = type("Loader", (parser.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda loader, suffix, node: None)  # ``!function`` is lm-eval's to read
    try:
        said = parser.load(yaml.read_text(encoding="utf-8"), loader)
    except (OSError, UnicodeDecodeError, parser.YAMLError) as error:
        raise BadInput(f"{yaml}: cannot be read as YAML: {str(error).splitlines()[0]}") from error
    name = said.get("task") or said.get("group") if isinstance(said, dict) else None
    if isinstance(name, list):
        name = said.get("group")
    if not isinstance(name, str):
        raise BadInput(f"{yaml}: names no task: write task: NAME into it")
    return name


def _choice_by(task: Any) -> str:
    """How the task's options are scored.

    Raises:
        BadInput: for a task that a suite of choices cannot stand for.
    """
    name, config = task.config.task, task.config
    if task.OUTPUT_TYPE not in ("multiple_choice", "loglikelihood", "generate_until"):
        raise BadInput(
            f"lm-eval task {name!r} is of the kind {task.OUTPUT_TYPE!r}: a guard chooses among options (multiple_choice), looks at one "
            "(loglikelihood) or writes (generate_until); for perplexity name a text as a suite of the form 'text'"
        )
    if callable(config.process_results):
        if getattr(config.process_results, "__name__", "") == "process_results_mc2":
            return "mass"
        raise BadInput(
            f"lm-eval task {name!r} scores its options by a function of its own (process_results): of these only TruthfulQA's mc2 is "
            "supported"
        )
    metrics = [metric.get("metric") for metric in config.metric_list or ()]
    if task.OUTPUT_TYPE == "generate_until":
        return _written(task, metrics)
    special = {"loglikelihood": "greedy"}.get(
        task.OUTPUT_TYPE, "before" if getattr(task, "multiple_input", False) else ""
    )
    if special and "acc" in metrics:
        return special
    known = [] if special else [name for name in ("acc_norm", "acc") if name in metrics]
    if not known:
        raise BadInput(
            f"lm-eval task {name!r} is scored by {', '.join(map(str, metrics)) or 'nothing'}: acc and acc_norm are supported"
        )
    if known[0] == "acc_norm" and config.target_delimiter != DELIMITER:
        known = [metric for metric in known if metric == "acc"] or known
        if known[0] == "acc_norm":
            raise BadInput(
                f"lm-eval task {name!r}: acc_norm with the delimiter {config.target_delimiter!r} is not supported"
            )
    return METRICS[known[0]]


def _written(task: Any, metrics: Sequence[Any]) -> str:
    """``written``, for a task whose score is made of what its declaration says.

    Raises:
        BadInput: for one that draws its answers, or has another score.
    """
    name, config = task.config.task, task.config
    given = dict(config.generation_kwargs or {})
    if given.get("do_sample") or float(given.get("temperature") or 0) > 0 or (config.repeats or 1) > 1:
        raise BadInput(
            f"lm-eval task {name!r} draws its answers (do_sample, temperature or repeats): a guard is asked once, greedily"
        )
    if "exact_match" not in metrics or not all(isinstance(metric, str) for metric in metrics):
        raise BadInput(
            f"lm-eval task {name!r} writes, and is scored by {', '.join(map(str, metrics)) or 'nothing'}: exact_match is supported"
        )
    if config.doc_to_choice is not None:
        raise BadInput(f"lm-eval task {name!r} writes, and has options too (doc_to_choice): that is not supported")
    return "written"


def _scoring(loaded: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """``scoring.json`` of tasks that write, and how many tokens they may; of several lists of filters the first counts.

    Raises:
        BadInput: when JSON cannot say it, or the tasks are scored in different ways.
    """
    found = [_scored(task) for task in loaded.values()]
    if any(one != found[0] for one in found):
        raise BadInput(
            f"lm-eval tasks {', '.join(sorted(loaded))}: their answers are scored in different ways: write each as a suite of its own"
        )
    return found[0]


def _scored(task: Any) -> tuple[dict[str, Any], int]:
    name, config = task.config.task, task.config
    steps = (
        [dict(step) for step in config.filter_list[0]["filter"]] if config.filter_list else [{"function": "take_first"}]
    )
    [exact] = [metric for metric in config.metric_list if metric.get("metric") == "exact_match"]
    scoring = {
        "filter": [[step.pop("function"), step.get("kwargs", step)] for step in steps],
        "exact_match": {key: value for key, value in exact.items() if key not in OF_LM_EVAL},
        "several": bool(task.multiple_target),
    }
    try:
        json.dumps(scoring)
    except TypeError as error:
        raise BadInput(f"lm-eval task {name!r}: its filters run functions of its own: that is not supported") from error
    return scoring, int((config.generation_kwargs or {}).get("max_gen_toks", TOKENS))


def _cases(name: str, task: Any, shots: int | None) -> Iterator[dict[str, Any] | None]:
    """Every question as lm-eval would ask it; None for one that cannot be taken."""
    from harness.regression.choice import silent

    with silent():
        if shots is not None:
            task.set_config(key="num_fewshot", value=shots)
        task.set_fewshot_seed(seed=1234)  # as simple_evaluate does
        task.build_all_requests(limit=None, rank=0, world_size=1, apply_chat_template=False)
    asked: dict[int, list[Any]] = {}
    for instance in task.instances:
        asked.setdefault(instance.doc_id, []).append(instance)
    for number, instances in sorted(asked.items()):
        yield _case(f"{name}-{number:05d}", task, sorted(instances, key=lambda one: one.idx), name)


def _case(id: str, task: Any, instances: Sequence[Any], name: str) -> dict[str, Any] | None:
    doc = instances[0].doc
    kind = _choice_by(task)
    if kind == "written":
        return _prompted(id, task, instances[0], name)
    count = 1 if kind == "greedy" else len(task.doc_to_choice(doc))
    # more instances than choices: acc_mutual_info asks each without its question too
    before, after = ([one.args[place] for one in instances[:count]] for place in (0, 1))
    asked, options = (after, before) if kind == "before" else (before, after)
    right = _right(kind, task, doc, count)
    if kind == "mass":
        options = [
            option
            for label in (1, 0)
            for option, given in zip(options, doc[MC2]["labels"], strict=True)
            if given == label
        ]
    if right is None or len(set(options)) < count or len(set(asked)) > 1 or not asked[0]:
        return None
    named = {"subject": name}
    return {"id": id, "input": asked[0], "reference": options[right], "choices": options, "tags": named}


def _prompted(id: str, task: Any, instance: Any, name: str) -> dict[str, Any] | None:
    """A question whose answer is written, until one of its choices."""
    asked, given = instance.args
    until = given.get("until") or []
    gold = task.doc_to_target(instance.doc)
    if not asked or not until:
        return None
    reference = (
        json.dumps([str(one) for one in (gold if isinstance(gold, list) else [gold])])
        if task.multiple_target
        else str(gold)
    )
    ends = [until] if isinstance(until, str) else [str(one) for one in until]
    return {"id": id, "input": asked, "reference": reference, "choices": ends, "tags": {"subject": name}}


def _right(kind: str, task: Any, doc: Any, count: int) -> int | None:
    """Which option is right: of several the last; None where nobody says so, or several are right and one is asked for."""
    if kind == "greedy":
        return 0
    if kind == "mass":
        right = list(doc[MC2]["labels"]).count(1)
        return right - 1 if right else None
    gold = task.doc_to_text(doc) if kind == "before" else task.doc_to_target(doc)
    if isinstance(gold, str) and kind != "before":
        choices = task.doc_to_choice(doc)
        gold = choices.index(gold) if gold in choices else None
    return gold if isinstance(gold, int) and 0 <= gold < count else None


def _by_content(case: Mapping[str, Any]) -> str:
    """An order that no one chose, the same each time."""
    return hashlib.sha256(f"{case['input']}\0{case['reference']}".encode("utf-8", "surrogatepass")).hexdigest()
