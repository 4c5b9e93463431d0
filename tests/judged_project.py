"""A project whose answers a scripted judge grades: prompts decide what the scripted model says of a sum.

project = judged(project, "fair")                              # [judge] model = scripted:tests/judges.py:fair
fill(project)
"""

from __future__ import annotations

from pathlib import Path

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import Outcome, run
from tests.conftest import Project, cases, write_rows

JUDGES = Path(__file__).parent / "judges.py"
RUBRIC = """# Sums

- `right` (3): Gives the sum.
  5: Exactly.
  1: Not at all.
- `short` (1): Says no more.
  1: Nothing else.
  0: Chatter.
"""
MODEL = '''
def adder(trial):
    """Adds by the first prompt; by the others half of the time, and at length."""
    system, asked = trial.messages[0]["content"], trial.messages[-1]["content"]
    left, _, right = asked.partition(" + ")
    total = int(left) + int(right)
    if system == "Add.":
        return str(total)
    return f"Let me see. It is {total if total % 4 else total + 1}, I think." if system == "Think." else "no idea"
'''


def juror(name: str) -> str:
    return f"scripted:{JUDGES}:{name}"


def judged(
    project: Project, *names: str, more: str = "", metrics: str = '"rubric"', count: int = 24, model: str = "adder"
) -> Project:
    """With one judge, or a jury."""
    project.write("model.py", MODEL)
    project.write("suites/sums/rubric.md", RUBRIC)
    project.write(
        "suites/sums/suite.toml",
        f'metric = "exact_match"\nmetrics = [{metrics}]\nrubric = "rubric.md"\n[prompts]\ndefault = "Add."\n'
        'thinking = "Think."\nlost = "Guess."\n',
    )
    write_rows(project.folder / "suites/sums/cases.jsonl", cases(count))
    (project.folder / "baselines/few_shot.toml").unlink(missing_ok=True)
    project.write("baselines/suite_prompts.toml", 'technique = "prompt"\nprompt = "*"\n')
    jurors = [f'"{juror(name)}"' for name in names]
    who = f"model = {jurors[0]}" if len(names) == 1 else f"models = [{', '.join(jurors)}]"
    project.write(
        "experiment.toml",
        f'name = "sums"\nmodels = ["scripted:{project.folder}/model.py:{model}"]\nsuites = ["suites/sums"]\n'
        f'baselines = ["baselines"]\n[judge]\n{who}\n{more}',
    )
    return project


def fill(project: Project) -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True))


def scores(project: Project, metric: str = "rubric") -> dict[tuple[str, str], tuple[float | None, str | None]]:
    """(contender, case) → (score, error)."""
    with evidence(load_experiment(project.experiment)) as found:
        rows = found.rows(found.models[0]).to_pylist()
    return {(r["contender"], r["case_id"]): (r["score"], r["error"]) for r in rows if r["metric"] == metric}
