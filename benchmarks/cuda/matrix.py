"""The whole matrix on one device: wall time, how idle the device is meanwhile, and what that makes of the verdict's economics.

    demo(scale, work)          # the shipped experiment on the embedded model: the right answers, as on a CPU?
    whole(scale, work)         # one base × (three baselines + four candidates × three seeds) × three suites

`harness run` is killed when the time of one call is over and goes on in the next: what it took is added up.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import model_of
from benchmarks.cuda.scale import Scale
from benchmarks.right_answers import RIGHT

ROOT = Path(__file__).parent.parent.parent
SUITES = ("triage", "extract", "reply")
BASELINES = ("zero_shot", "few_shot", "golden")
EVERY = 0.5
"""Seconds between looks at the device."""
PRICE = 3.9
"""USD an hour, the middle of what an H100 was rented for in 2026 (docs/economics.md)."""
CANDIDATES = """
[candidates.sft]
method = "sft"
epochs = 1

[candidates.rslora]
method = "sft"
epochs = 1
adapter = { kind = "rslora" }

[candidates.kto]
method = "kto"
start_from = "sft"
epochs = 1
suites = ["reply"]

[candidates.dpo]
method = "dpo"
start_from = "sft"
epochs = 1
suites = ["reply"]
"""


class Unfinished(Exception):
    """The time of this call is over; the next goes on."""


def demo(scale: Scale, work: Path, *, seconds: float) -> dict[str, Any]:
    """The verdicts of the shipped experiment, beside the right ones."""
    project = _project(work / "demo", ROOT / "experiment.toml", scale)
    took = _run(project, seconds)
    verdicts = _said(project, "verdict")["suites"]
    got = {name: (one["verdict"], one["recommendation"]) for name, one in verdicts.items() if name in RIGHT}
    right = {
        name: got[name][0] == answer and got[name][1] in remedies
        for name, (answer, remedies) in RIGHT.items()
        if name in got
    }
    return took | {"verdicts": got, "right": right}


def whole(scale: Scale, work: Path, *, shape: str, seconds: float, workers: int = 1) -> dict[str, Any]:
    """Wall time, idle share, cost at ``PRICE``, and the net present value that the verdict makes of the measured rows. Of several
    ``workers`` on one GPU, one computes while another loads, keeps or begins.
    """
    folder = model_of(scale.shape(shape), work)
    text = (
        f'name = "whole"\nmodels = [{json.dumps(str(folder))}]\nsuites = {json.dumps([f"suites/{s}" for s in SUITES])}\n'
        f"baselines = {json.dumps([f'baselines/{b}.toml' for b in BASELINES])}\ntraining_seeds = {scale.seeds}\n"
        f"gpu_hour_usd = {PRICE}\nworkers = {workers}\n{CANDIDATES}"
    )
    project = _project(work / f"whole-{workers}", text, scale)
    took = _run(project, seconds)
    return took | {"cost_usd": round(took["seconds"] / 3600 * PRICE, 2), "gpu_hour_usd": PRICE} | _money(project)


def _money(project: Path) -> dict[str, Any]:
    """The verdict's economics with what this run measured: hours of every training, seconds of every answer."""
    import duckdb

    with duckdb.connect(str(project / ".harness/results.duckdb"), read_only=True) as store:
        row = store.execute("SELECT count(*), coalesce(avg(seconds), 0) FROM trainings").fetchone()
    assert row is not None
    runs, each = int(row[0]), float(row[1]) / 3600
    cost = (
        f"\n[policy.cost]\nrequests_per_month = 100_000\ngpu_hour_usd = {PRICE}\ntuned_gpu_hour_usd = {PRICE}\n"
        f"training_runs = {runs}\ntraining_gpu_hours = {each:.6f}\n"
    )
    experiment = project / "experiment.toml"
    text = experiment.read_text(encoding="utf-8")
    if "[policy.cost]" not in text:
        experiment.write_text(text + cost, encoding="utf-8")
    suites = _said(project, "verdict")["suites"]
    worth = {name: (one.get("economics") or {}).get("npv_usd") for name, one in suites.items()}
    return {"trainings": runs, "hours_a_training": round(each, 5), "npv_usd": worth}


def _project(folder: Path, experiment: Path | str, scale: Scale) -> Path:
    """A copy of the shipped suites with an experiment; made once, so that its store goes on."""
    if folder.is_dir():
        return folder
    shutil.copytree(ROOT / "suites", folder / "suites", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "baselines", folder / "baselines")
    text = experiment if isinstance(experiment, str) else experiment.read_text(encoding="utf-8")
    if scale.cases is not None:
        text = text.replace("training_seeds = 3", f"training_seeds = {scale.seeds}")
        for path in folder.glob("suites/*/*.jsonl"):
            _shorten(path, scale.cases)
    (folder / "experiment.toml").write_text(text, encoding="utf-8")
    return folder


def _shorten(path: Path, count: int) -> None:
    """The first rows of a file, or the first cases of each of its splits."""
    seen: Counter[str] = Counter()
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        split = json.loads(line).get("split", "")
        seen[split] += 1
        if seen[split] <= (count if split else 8 * count):
            kept.append(line)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _run(project: Path, seconds: float) -> dict[str, Any]:
    """`harness run` to its end or to the end of the time, with what earlier calls took.

    Raises:
        Unfinished: when the time was too short.
    """
    kept = project / "took.json"
    before = json.loads(kept.read_text()) if kept.is_file() else {"seconds": 0.0, "busy": []}
    started = time.perf_counter()
    with _watched() as busy:
        process = subprocess.Popen([sys.executable, "-m", "harness.cli", "run"], cwd=project, stdout=subprocess.DEVNULL)
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            code = None
    took = {"seconds": before["seconds"] + time.perf_counter() - started, "busy": [*before["busy"], *busy]}
    kept.write_text(json.dumps(took))
    if code is None:
        raise Unfinished(f"{project}: {took['seconds']:.0f} s so far")
    left = [cell for cell in _said(project, "run", "--dry-run")["cells"] if cell["missing"]]
    if left:
        raise RuntimeError(f"harness run in {project} ended with {code}, and {len(left)} cells are not answered")
    looks = took["busy"]
    idle = round(1 - sum(looks) / len(looks) / 100, 3) if looks else None
    return {"seconds": round(took["seconds"], 1), "idle_share": idle, "looks": len(looks)}


@contextmanager
def _watched() -> Iterator[list[float]]:
    """How busy the first GPU is, in per cent, looked at while the block runs; nothing without one."""
    found: list[float] = []
    over = threading.Event()

    def look() -> None:
        while shutil.which("nvidia-smi") and not over.wait(EVERY):
            said = subprocess.run(
                ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"],
                capture_output=True, text=True, check=False,
            ).stdout.strip()  # fmt: skip
            if said.isdigit():
                found.append(float(said))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _said(project: Path, *command: str) -> dict[str, Any]:
    """What a command of the harness says as JSON."""
    given = [sys.executable, "-m", "harness.cli", *command, "--json"]
    done = subprocess.run(given, cwd=project, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"harness {' '.join(command)}: {done.stderr.strip()[:300]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
