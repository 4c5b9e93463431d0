"""The table of all that is known, each figure beside its goal, and a plot of the ratios: results/gpu/gpu.md and gpu.svg.

What was not measured is a line that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from benchmarks.cuda.scale import Scale

Figures = Mapping[str, Any]
GIB = 2**30
TRAININGS = [(method, size) for size in ("1.5b", "8b") for method in ("sft", "dpo")]


class Known(Protocol):
    """Where figures lie."""

    @property
    def folder(self) -> Any: ...

    def known(self, name: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A figure made of one or several measurements; ``ratio`` above (or below) ``goal`` reaches it."""

    name: str
    needs: tuple[str, ...]
    figure: Callable[..., float]
    unit: str
    goal: float | None = None
    most: bool = False

    def value(self, known: Mapping[str, Figures]) -> float | None:
        if not all(name in known for name in self.needs):
            return None
        try:
            return self.figure(*(known[name] for name in self.needs))
        except (KeyError, TypeError, ZeroDivisionError):
            return None


def _faster(ours: Figures, theirs: Figures) -> float:
    return float(ours["tokens_per_second"] / theirs["tokens_per_second"])


def _lines() -> list[Line]:
    found = [
        Line("copy within memory", ("ceilings",), lambda c: c["copy_gb_per_second"], "GB/s"),
        Line("bf16 matrix product", ("ceilings",), lambda c: c["bf16_tflops"], "TFLOP/s"),
    ]
    for method, size in TRAININGS:
        ours, plain, unsloth, twice = (f"{method}-{size}-{arm}" for arm in ("ours", "trl", "unsloth", "twice"))
        found += [
            Line(f"{method} {size}: real tokens trained", (ours,), lambda o: o["tokens_per_second"], "tokens/s"),
            Line(f"{method} {size}: times plain TRL", (ours, plain), _faster, "×", 2.0),
            Line(f"{method} {size}: times Unsloth", (ours, unsloth), _faster, "×"),
            Line(f"{method} {size}: peak memory", (ours,), lambda o: o["peak_gib"], "GiB"),
            Line(f"{method} {size}: all computed twice, times plain TRL", (twice, plain), _faster, "×"),
            Line(
                f"{method} {size}: all computed twice, memory, plain TRL = 1", (twice, plain),
                lambda o, p: o["peak_gib"] / p["peak_gib"], "×", 1.0, True,
            ),
            Line(
                f"{method} {size}: last quarter's loss less plain TRL's", (ours, plain),
                lambda o, p: o["loss_last_quarter"] - p["loss_last_quarter"], "",
            ),
            Line(
                f"{method} {size}: share of the bf16 peak", (ours, "ceilings"), lambda o, c: 100 * o["tflops"] / c["bf16_tflops"],
                "%",
            ),
            Line(f"{method} {size}: times all computed twice", (ours, twice), _faster, "×"),
        ]  # fmt: skip
        if size == "8b":
            little = f"{method}-8b-24gb"
            found += [
                Line(
                    f"{method} 8b in 24 GB: peak memory",
                    (little,),
                    lambda o: o["peak_gib"] * GIB / 1e9,
                    "GB",
                    24.0,
                    True,
                ),
                Line(f"{method} 8b in 24 GB: times plain TRL", (little, plain), _faster, "×"),
            ]
    found += [
        Line(f"sft 1.5b: {what}", ("sft-1.5b-ours", f"sft-1.5b-{arm}"), _faster, "×")
        for arm, what in (
            ("drawn", "times rows drawn at random"),
            ("masked", "times attention with a mask"),
            ("packed", "times packed rows"),
        )
    ]
    return [
        *found,
        Line("70B: peak memory of five steps", ("memory-70b",), lambda m: m["peak_gib"], "GiB", 80.0, True),
        Line("generation", ("generate-batched",), lambda g: g["tokens_per_second"], "tokens/s"),
        Line(
            "generation: times lm-eval's HFLM", ("generate-batched", "generate-lm-eval"),
            _faster, "×", 3.0,
        ),
        Line(
            "generation: times one by one", ("generate-batched", "generate-single"),
            _faster, "×",
        ),
        Line(
            "generation: times continuous batching of transformers", ("generate-batched", "generate-continuous"),
            _faster, "×",
        ),
        Line(
            "generation: times the memory's floor", ("generate-batched", "ceilings"),
            lambda o, c: o["seconds"] / (o["read_bytes"] / (c["copy_gb_per_second"] * 1e9)), "×", None, True,
        ),
        Line(
            "choices: times lm-eval by itself", ("choices-ours", "choices-lm-eval"),
            lambda o, h: o["questions_per_second"] / h["questions_per_second"], "×", 1.0,
        ),
        Line("eight adapters: one base, eight loads = 1", ("adapters",), lambda a: a["ratio"], "×", 0.3, True),
        Line("the whole matrix", ("matrix",), lambda m: m["seconds"], "s"),
        Line("the whole matrix: GPU idle", ("matrix",), lambda m: 100 * m["idle_share"], "%", 10.0, True),
        Line("the whole matrix by two workers on the GPU", ("matrix-two",), lambda m: m["seconds"], "s"),
        Line("the whole matrix by two workers: GPU idle", ("matrix-two",), lambda m: 100 * m["idle_share"], "%", 10.0, True),
        Line("the whole matrix: cost", ("matrix",), lambda m: m["cost_usd"], "USD"),
    ]  # fmt: skip


def write(kept: Known, names: Sequence[str], scale: Scale) -> str:
    """Writes both beside the figures, and returns the table."""
    known = {name: found for name in names if (found := kept.known(name)) and "failed" not in found}
    text = table(known, {name: found for name in names if (found := kept.known(name)) and "failed" in found}, scale)
    kept.folder.mkdir(parents=True, exist_ok=True)
    (kept.folder / "gpu.md").write_text(text, encoding="utf-8")
    (kept.folder / "gpu.svg").write_text(plot(known), encoding="utf-8")
    return text


def table(known: Mapping[str, Figures], failed: Mapping[str, Figures], scale: Scale) -> str:
    ceilings = known.get("ceilings", {})
    head = f"{ceilings.get('device', 'no device')}; {_versions(known)}"
    if scale.small:
        head = f"A rehearsal on tiny shapes: no figure of it says anything about a GPU. {head}"
    rows = [head, "", "| figure | value | goal | reached |", "|---|---:|---:|---|"]
    for line in _lines():
        value = line.value(known)
        goal = "" if line.goal is None else f"{'≤' if line.most else '≥'} {line.goal:g}"
        rows.append(f"| {line.name} | {_shown(value, line.unit)} | {goal} | {_reached(line, value)} |")
    rows += [
        f"| {name} | {_agreement(figures)} | | |"
        for name, figures in known.items()
        if name.startswith(("correct", "fault", "demo"))
    ]
    rows += ["", *(f"- {name}: not measured: {figures['failed']}" for name, figures in failed.items())]
    profiles = [(name, figures["profile"]) for name, figures in known.items() if figures.get("profile")]
    rows += [part for name, text in profiles for part in ("", f"### {name}", "", "```", text.rstrip(), "```")]
    return "\n".join(rows).rstrip() + "\n"


def _versions(known: Mapping[str, Figures]) -> str:
    for figures in known.values():
        if "versions" in figures:
            return f"{figures['date']}; " + ", ".join(
                f"{name} {number}" for name, number in figures["versions"].items()
            )
    return "nothing measured yet"


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.2f} {unit}".rstrip()


def _reached(line: Line, value: float | None) -> str:
    if line.goal is None or value is None:
        return ""
    return "yes" if (value <= line.goal if line.most else value >= line.goal) else "**missed**"


def _agreement(figures: Figures) -> str:
    left_out = {"versions", "date", "command", "wall_seconds"}
    return "; ".join(f"{key} {value}" for key, value in figures.items() if key not in left_out)


WIDTH, ROW, LABEL, TOP = 720, 26, 290, 24


def plot(known: Mapping[str, Figures]) -> str:
    """Ratios that have a goal, as bars to twice the goal; the line is the goal."""
    lines = [
        (line, value)
        for line in _lines()
        if line.goal and line.unit == "×" and (value := line.value(known)) is not None
    ]
    height = TOP + ROW * max(len(lines), 1) + 10
    room = WIDTH - LABEL - 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<text x="{LABEL + room / 2}" y="14" text-anchor="middle">goal</text>',
        f'<line x1="{LABEL + room / 2}" x2="{LABEL + room / 2}" y1="18" y2="{height - 6}" stroke="#888" stroke-dasharray="3 3"/>',
    ]
    for number, (line, value) in enumerate(lines):
        y = TOP + ROW * number
        assert line.goal is not None
        wide = room * min(value / (2 * line.goal), 1)
        good = value <= line.goal if line.most else value >= line.goal
        sign = "at most" if line.most else "at least"
        parts += [
            f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(line.name)}</text>',
            f'<rect x="{LABEL}" y="{y + 4}" width="{wide:.1f}" height="15" fill="{"#2a7" if good else "#c63"}"/>',
            f'<text x="{LABEL + wide + 6:.1f}" y="{y + 15}">{value:.2f} ({sign} {line.goal:g})</text>',
        ]
    if not lines:
        parts.append(f'<text x="20" y="{TOP + 15}">nothing measured yet</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
