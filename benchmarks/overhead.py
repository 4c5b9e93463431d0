"""What the harness itself costs: cases × metric a second with a model that says its question back, beside three other tools.

    python benchmarks/overhead.py                      # a few minutes; the table is printed, figures go to benchmarks/results/
    python benchmarks/overhead.py --cases 100000       # the long run of ours alone is this long
    python benchmarks/overhead.py --profile            # where our time goes (cProfile), nothing else

Every measurement is a process of its own. Ours goes from files to scores in DuckDB; the others (in virtual environments
made here, under .harness/bench-envs) read the same file, give the same answers, score them alike, and keep results in
memory or, inspect_ai, in its log. Such a model takes no time and no memory. Imports and a first small run are not counted. The order of tools alternates.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# harness is not imported here: a child's peak memory starts at its parent's
ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
ENVIRONMENTS = ROOT / ".harness" / "bench-envs"
OTHERS = {"pydantic-evals": "2.62.0", "inspect_ai": "0.3.285", "deepeval": "4.3.1"}
OURS = "tuneworthy"
WARM = 5
QUIET = {"DEEPEVAL_TELEMETRY_OPT_OUT": "1", "DEEPEVAL_DISABLE_DOTENV": "1", "DEEPEVAL_NO_INSPECT_PROMPT": "1"}
DESKS = ("orlan", "quent", "hesk", "ubrin", "yarrow", "ipsen")
WRONG = 4
"""Every fourth question, and with it its answer, is wrong; the others have their keys in another order than the reference."""

Figures = dict[str, Any]


def draw(folder: Path, count: int) -> Path:
    """A project of ``count`` cases on a model that says its question back, written a line at a time."""
    suite = folder / "suites/notes"
    (folder / "baselines").mkdir(parents=True)
    suite.mkdir(parents=True)
    (folder / "baselines/zero_shot.toml").write_text('technique = "prompt"\n')
    (suite / "suite.toml").write_text('metric = "json_exact"\n\n[prompts]\ndefault = "Label the note as JSON."\n')
    (folder / "experiment.toml").write_text('name = "notes"\nmodels = ["scripted:echo"]\nsuites = ["suites/notes"]\n')
    with (suite / "cases.jsonl").open("w") as cases:
        for number in range(count):
            desk, note = DESKS[number % len(DESKS)], "The kettle has leaked since Monday."
            said = "nobody" if number % WRONG == 0 else desk
            reference = {"desk": desk, "rank": "R2", "order": 10_000 + number, "note": note}
            asked = {"note": note, "order": 10_000 + number, "rank": "R2", "desk": said}
            row = {"id": f"n{number}", "input": json.dumps(asked), "reference": json.dumps(reference), "split": "test"}
            cases.write(json.dumps(row) + "\n")
    return folder


def interpreter(tool: str) -> str:
    """The Python in which a tool is installed; made where it is not there yet."""
    if tool == OURS:
        return sys.executable
    folder = ENVIRONMENTS / f"{tool}-{OTHERS[tool]}"
    python, done = folder / "bin/python", folder / "installed"
    if not done.exists():
        print(f"installing {tool} {OTHERS[tool]} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{tool}=={OTHERS[tool]}"], check=True)
        done.touch()
    return str(python)


def measured(tool: str, warm: Path, folder: Path, *more: str) -> Figures:
    """What one process of a tool took on a folder."""
    script = HERE / "overhead" / ("ours.py" if tool == OURS else f"with_{tool.replace('-', '_')}.py")
    done = subprocess.run(
        [interpreter(tool), str(script), str(warm), str(folder), *more],
        cwd=folder,
        env=os.environ | QUIET | {"DEEPEVAL_HOME": str(folder / "deepeval")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{tool} on {folder} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def median(runs: Sequence[Figures]) -> Figures:
    """The run in the middle by time, with all times beside it."""
    ordered = sorted(runs, key=lambda run: run["seconds"])
    return ordered[(len(ordered) - 1) // 2] | {"all_seconds": [round(run["seconds"], 4) for run in runs]}


def side_by_side(folders: dict[int, Path], counts: Sequence[int], repeats: int) -> dict[int, dict[str, Figures]]:
    """Cases → tool → figures; every repeat begins with another tool."""
    tools = [OURS, *OTHERS]
    for tool in tools:
        interpreter(tool)
    found: dict[int, dict[str, Figures]] = {}
    for count in counts:
        runs: dict[str, list[Figures]] = {tool: [] for tool in tools}
        for repeat in range(repeats):
            turn = repeat % len(tools)
            for tool in [*tools[turn:], *tools[:turn]]:
                runs[tool].append(measured(tool, folders[WARM], folders[count]))
        found[count] = {tool: median(of) for tool, of in runs.items()}
        means = {tool: figures["mean"] for tool, figures in found[count].items()}
        assert len({round(mean, 9) for mean in means.values()}) == 1, f"the tools disagree on the score: {means}"
    return found


class Machine:
    """What a table was taken on, and how much of it other programs used since this was made."""

    def __init__(self) -> None:
        self.started, self.busy, self.own = time.perf_counter(), _busy(), _own()

    def conditions(self) -> Figures:
        found: Figures = {"python": platform.python_version(), "cpu": _cpu(), "cores": os.cpu_count()}
        if self.busy is not None:
            ours = _own() - self.own
            others = ((_busy() or 0.0) - self.busy - ours) / (time.perf_counter() - self.started)
            found["cores_used_by_others"] = round(max(0.0, others), 2)
        return found

    def __str__(self) -> str:
        found = self.conditions()
        others = found.get("cores_used_by_others", "an unknown number")
        return (
            f"{found['cpu']}, {found['cores']} cores, of which other programs used {others}; Python {found['python']}"
        )


def _busy() -> float | None:
    """Seconds of work of all cores since the machine started; None where there is no /proc."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _wait, irq, soft, *_ = map(int, stat.read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Seconds of work of this process and of its finished children."""
    return sum(os.times()[:4])


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    return next((line.split(":")[1].strip() for line in info.open() if line.startswith("model name")), "CPU")


def table(result: Figures) -> str:
    """The Markdown of all figures."""
    lines = [
        f"{result['machine']}; median of {result['repeats']}",
        "",
        "| tool | cases | ms a case | of it CPU | cases/s | time, ours = 1 | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for count, tools in result["side_by_side"].items():
        for tool, run in tools.items():
            shown = tool if tool == OURS else f"{tool} {OTHERS[tool]}"
            lines.append(_line(shown, int(count), run, run["seconds"] / tools[OURS]["seconds"]))
    lines += [
        "",
        "| ours alone, cases | ms a case | of it CPU | cases × metric/s | expand and ask s | generate s | score s | peak MiB | of it before |",
    ]
    lines += ["|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for count, run in result["ours"].items():
        stages = " | ".join(f"{seconds:.2f}" for seconds in run["stages"].values())
        rate, memory = int(count) / run["seconds"], f"{run['peak_mib']:.0f} | {run['peak_mib_before']:.0f}"
        lines.append(
            f"| {int(count):,} | {1000 / rate:.4f} | {1000 * run['cpu_seconds'] / int(count):.4f} | {rate:,.0f} | {stages} | {memory} |"
        )
    return "\n".join(lines) + "\n"


def _line(tool: str, count: int, run: Figures, ratio: float) -> str:
    each = run["seconds"] / count
    cpu = run["cpu_seconds"] / count
    return f"| {tool} | {count:,} | {each * 1000:.3f} | {cpu * 1000:.3f} | {1 / each:,.0f} | {ratio:.2f} | {run['peak_mib']:.0f} |"


def profile(folder: Path, warm: Path) -> None:
    """Print where our time goes."""
    to = folder / "profile"
    measured(OURS, warm, folder, str(to))
    for order in ("tottime", "cumulative"):
        pstats.Stats(str(to)).sort_stats(order).print_stats("^((?!importlib).)*$", 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=20_000, help="cases of our long run (default: 20000)")
    parser.add_argument("--beside", type=int, nargs="*", default=[200, 800], help="cases of the comparison")
    parser.add_argument("--memory", type=int, nargs="*", default=[10_000, 50_000, 100_000], help="more runs of ours")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="profile our long run and stop")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for overhead.md and overhead.json")
    given = parser.parse_args()
    machine = Machine()
    with tempfile.TemporaryDirectory() as scratch:
        alone = [given.cases] if given.profile else sorted({given.cases, *given.memory})
        counts = {WARM, *alone, *(() if given.profile else given.beside)}
        folders = {count: draw(Path(scratch) / str(count), count) for count in sorted(counts)}
        if given.profile:
            profile(folders[given.cases], folders[WARM])
            return
        result: Figures = {"repeats": given.repeats, "versions": OTHERS}
        result["side_by_side"] = side_by_side(folders, given.beside, given.repeats)
        result["ours"] = {
            count: median([measured(OURS, folders[WARM], folders[count]) for _ in range(given.repeats)])
            for count in alone
        }
    result |= {"conditions": machine.conditions(), "machine": str(machine)}
    shown = table(result)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "overhead.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "overhead.md").write_text(shown)
    print(shown)


if __name__ == "__main__":
    main()
