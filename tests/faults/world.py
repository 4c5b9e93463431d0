"""Two small projects: one that does everything (four trainings, local and served answers, a judge, a report), and one without torch.

whole = make_whole(folder, server.url)
quick = make_quick(folder, server.url)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Project, cases, write_rows

RUBRIC = """# Labels

- `right` (3): Names the thing.
  5: Exactly.
  1: Not at all.
- `short` (1): Says no more.
  5: Nothing else.
  1: Chatter.
"""
JUDGE = '\n[judge]\nmodel = "openai:judge@{url}/v1"\n[policy]\nmin_prompt_variants = 0\nmin_seeds = 2\nmin_clusters = 2\nmax_flagged = 1.0\n'


def make_whole(folder: Path, url: str) -> Project:
    """Two base models, one trained and one served; SFT and DPO with two seeds; a guard; the judge grades every answer."""
    from tests.local_project import make

    project = make(folder)
    text = project.experiment.read_text(encoding="utf-8")
    served = f'models = [{json.dumps(str(folder / "model"))}, "openai:answers@{url}/v1"]'
    text = text.replace(f"models = [{json.dumps(str(folder / 'model'))}]", served)
    text = text.replace("epochs = 2", "epochs = 1").replace("save_steps = 2", "save_steps = 1")
    project.write("experiment.toml", text + JUDGE.format(url=url))
    project.write("baselines/zero_shot.toml", 'prompt = "*"\n')
    project.replace(
        "suites/label/suite.toml", 'default = "label"', 'default = "label"\nword = "word"\nname = "as word"'
    )
    project.write("suites/label/rubric.md", RUBRIC)
    project.replace("suites/label/suite.toml", 'metric = "exact_match"\n', _METRICS)
    return project


def make_lean(folder: Path, url: str) -> Project:
    """The same in little, on one base model, with one seed: two trainings of three and two steps, 66 answers."""
    project = make_whole(folder, url)
    project.replace("experiment.toml", f', "openai:answers@{url}/v1"', "")
    project.replace("experiment.toml", "training_seeds = 2", "training_seeds = 1")
    project.replace("experiment.toml", "with_rag = true\n", "")
    project.write("baselines/zero_shot.toml", "")
    for suite, count in (("label", 9), ("facts", 5)):
        path = project.folder / "suites" / suite / "cases.jsonl"
        rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(rows[:count]), encoding="utf-8")
    return project


_METRICS = 'metric = "exact_match"\nmetrics = ["rubric", "token_f1"]\nrubric = "rubric.md"\n'


def make_quick(folder: Path, url: str, count: int = 24) -> Project:
    """Answers of a served and of a scripted model, graded by a judge; nothing is trained."""
    project = Project(folder)
    project.write(
        "experiment.toml",
        f'name = "sums"\nmodels = ["scripted:constant=4", "openai:answers@{url}/v1"]\nsuites = ["suites/sums"]\n'
        f'baselines = ["baselines"]\n{JUDGE.format(url=url)}',
    )
    project.write("baselines/zero_shot.toml", "")
    project.write("baselines/few_shot.toml", "shots = 2\n")
    project.write("suites/sums/suite.toml", f'{_METRICS}train = "train.jsonl"\n[prompts]\ndefault = "Add."\n')
    project.write("suites/sums/rubric.md", RUBRIC)
    write_rows(folder / "suites/sums/cases.jsonl", cases(count))
    write_rows(folder / "suites/sums/train.jsonl", [{"prompt": f"{i} + 1", "completion": str(i + 1)} for i in range(4)])
    return project


def copied(project: Project, folder: Path) -> Project:
    """The same project elsewhere, with what it has done so far; its base model stays where it is."""
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns("model"))
    return Project(folder)


def called(*arguments: object) -> int:
    """The command line in this process; its exit code."""
    from harness.cli import main

    os.environ.setdefault("OPENAI_API_KEY", "sk-not-a-key")
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as left:
        return int(left.code or 0)
    raise AssertionError("the command line always exits")


def measure(project: Project) -> int:
    return called("run", project.experiment)


def report(project: Project) -> int:
    return called("report", project.experiment)


def preload(whole: bool) -> None:
    """Everything that a run imports, before the first fork."""
    import openai  # noqa: F401
    import pandas  # noqa: F401

    import harness.cli.run
    import harness.evidence
    import harness.report
    import harness.run  # noqa: F401

    if whole:
        import accelerate  # noqa: F401
        import bitsandbytes  # noqa: F401
        import datasets  # noqa: F401
        import peft  # noqa: F401
        import torch
        import transformers  # noqa: F401
        import trl  # noqa: F401
        from transformers import Trainer  # noqa: F401
        from trl import DPOTrainer, SFTTrainer  # noqa: F401

        torch.set_num_threads(1)


Job = Callable[[], Any]
