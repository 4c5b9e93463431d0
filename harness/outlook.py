"""What a test set can decide, before anything is paid for: what ``harness plan`` prints.

    triage: with 300 cases and 3 seeds you can justify gains of 11.6 points or more (power 80 %, margin 3.0).
      A gain of 8.0 points would be shown 51 times in 100; it takes 3,630 cases with 3 seeds, 880 with 5.

Variances come from the options, else from what the store holds of dev (a guard without dev rows: of test, since a variance
gives no answer away), else they are assumed. The gain is always a planned one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import BadInput, Incomplete, StoreBusy
from harness.evidence import Evidence, evidence
from harness.experiment import load_experiment
from harness.matrix import Matrix, expand
from harness.plural import plural
from harness.progress import Planned, expected, plan_of
from harness.stats.looks import look_alpha
from harness.stats.power import cases_needed, gain_shown, power
from harness.verdict import Policy, load_rows
from harness.verdict.board import Board, Scores, compare, load_board
from harness.verdict.check import TUNED
from harness.verdict.plan import often, planned_gain
from harness.verdict.reasons import points

GAINS = (0.05, 0.08, 0.10, 0.15)
CASES = (100, 200, 400, 800)
SEEDS = (3, 5)


@dataclass(frozen=True, slots=True)
class Spread:
    """How much a paired difference varies from case to case and from training to training, in score units."""

    case_sd: float
    seed_sd: float
    source: str


ASSUMED = Spread(0.5, 0.02, "assumed: one answer in four changes")
ASSUMED_GUARD = Spread(0.2, 0.01, "assumed: one answer in twenty-five changes")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person says instead of what the experiment says; None leaves it."""

    cases: int | None = None
    seeds: int | None = None
    margin: float | None = None
    gain: float | None = None
    power: float | None = None
    alpha: float | None = None
    case_sd: float | None = None
    seed_sd: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One suite: so many test cases and seeds, the bound that a claim must pass, and the truth that is planned for.

    A guard's ``margin`` is minus the loss no longer tolerable, and nothing lost is planned.
    """

    suite: str
    role: str
    cases: int
    seeds: int
    margin: float
    planned: float
    alpha: float
    power: float
    spread: Spread

    def chance(self, gain: float, *, cases: int | None = None, seeds: int | None = None) -> float:
        """Probability that a true gain is shown."""
        cases, seeds = self.cases if cases is None else cases, self.seeds if seeds is None else seeds
        return power(gain=gain, cases=cases, seeds=seeds, **self._known())

    @property
    def justifiable(self) -> float | None:
        """The least true gain that is shown with the power asked for; None when not even a full one is."""
        return gain_shown(cases=self.cases, seeds=self.seeds, power=self.power, **self._known())

    def needed(self, seeds: int) -> int | None:
        """Cases that the planned truth takes with so many seeds (0 where nothing is trained); None when more seeds are what it takes."""
        return cases_needed(gain=self.planned, seeds=seeds or 2, power=self.power, **self._known())

    @property
    def ways(self) -> list[tuple[int, int]]:
        """(seeds, cases) that show the planned truth: with the seeds there are, and with five and ten where that takes
        fewer cases.
        """
        found: list[tuple[int, int]] = []
        for seeds in sorted({self.seeds, *(more for more in (5, 10) if more > self.seeds > 0)}):
            cases = self.needed(seeds)
            if cases is not None and (not found or cases < found[-1][1]):
                found.append((seeds, cases))
        return found

    def table(self) -> list[dict[str, Any]]:
        """The power of every gain worth planning for, over cases and seeds."""
        gains = sorted({round(gain, 4) for gain in (self.planned, *GAINS) if gain > self.margin})
        return [
            {"gain": gain, "cases": cases, "seeds": seeds, "power": self.chance(gain, cases=cases, seeds=seeds)}
            for gain in gains
            for seeds in (sorted({*SEEDS, self.seeds}) if self.seeds else [0])
            for cases in CASES
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "suite": self.suite,
            "role": self.role,
            "cases": self.cases,
            "seeds": self.seeds,
            "margin": self.margin,
            "planned_gain": self.planned,
            "alpha": self.alpha,
            "power": self.power,
            "case_sd": self.spread.case_sd,
            "seed_sd": self.spread.seed_sd,
            "spread_from": self.spread.source,
            "justifiable_gain": self.justifiable,
            "chance": self.chance(self.planned),
            "ways": [{"seeds": seeds, "cases": cases} for seeds, cases in self.ways],
            "seeds_not_cases": self.needed(self.seeds) is None,
            "table": self.table() if self.role == "decide" else [],
        }

    def _known(self) -> dict[str, float]:
        return {
            "margin": self.margin,
            "v_case": self.spread.case_sd**2,
            "v_seed": self.spread.seed_sd**2,
            "alpha": self.alpha,
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an experiment can decide, and what a run of it would do; ``run`` is None without one, or while it is written."""

    outlooks: tuple[Outlook, ...]
    run: Planned | None = None


def forecast(path: Path | None, options: Options) -> Forecast:
    """One outlook for each suite that decides or guards; of no experiment, one for what the options say.

    Raises:
        BadInput: no experiment and no number of cases, or numbers that make no sense.
    """
    _check(options)
    if path is None:
        return Forecast((_bare(options),))
    experiment = load_experiment(path)
    try:
        run = plan_of(experiment)
    except StoreBusy:
        run = None
    return Forecast(tuple(_outlooks(expand(experiment), options)), run)


def as_dict(found: Forecast) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    run = found.run.as_dict() if found.run else {}
    work = {key: run[key] for key in ("trainings", "answers", "seconds", "usd") if key in run}
    work |= {"trainings": len(work["trainings"])} if work else {}
    return {"suites": [outlook.as_dict() for outlook in found.outlooks], "run": work or None}


def text(found: Forecast) -> Iterator[str]:
    """The forecast as a person reads it."""
    tables: list[list[str]] = []
    for outlook in found.outlooks:
        yield from lines(outlook)
        table = list(table_lines(outlook)) if outlook.role == "decide" else []
        if table not in tables:  # suites that are reckoned alike share one
            yield from table
            tables.append(table)
        yield ""
    if found.run is not None:
        todo = found.run.todo
        work = f"a run would do {plural(len(todo.jobs), 'training')} and up to {plural(todo.trials, 'answer')}"
        yield f"{work} · {expected(todo)}" if todo.jobs or todo.cells else "nothing is missing to run"
        yield from (bill.said for bill in found.run.bills)


def _outlooks(matrix: Matrix, options: Options) -> list[Outlook]:
    spreads = _spreads(matrix)
    return [
        _outlook(matrix, task.suite.name, len(task.split("test")), spreads, options)
        for task in sorted(matrix.tasks, key=lambda task: matrix.policy.suites[task.suite.name].role)
        if matrix.policy.suites[task.suite.name].role in ("decide", "guard")
    ]


def lines(outlook: Outlook) -> Iterator[str]:
    """The outlook of a suite as a person reads it."""
    with_what = f"with {plural(outlook.cases, 'case')}{_seeds(outlook.seeds)}"
    if outlook.role == "guard":
        limit = f"no loss is shown to be under {points(-outlook.margin)} points"
        yield f"{outlook.suite} guards: {with_what} {limit} {often(outlook.chance(0.0))}{_takes(outlook)}."
    else:
        least = outlook.justifiable
        can = f"you can justify gains of {points(least)} points or more" if least else "no gain can be justified"
        yield (
            f"{outlook.suite}: {with_what} {can} (power {outlook.power:.0%}, margin {points(outlook.margin)}, "
            f"alpha {outlook.alpha:.2g})."
        )
        chance = often(outlook.chance(outlook.planned))
        yield f"  A gain of {points(outlook.planned)} points would be shown {chance}{_takes(outlook)}."
    spread = outlook.spread
    yield f"  Per-case SD {spread.case_sd:.2f}, seed SD {spread.seed_sd:.3f} ({spread.source})."


def table_lines(outlook: Outlook) -> Iterator[str]:
    """The power table of a deciding suite: a block for each number of seeds, a column for each number of cases."""
    table = outlook.table()
    columns = sorted({row["cases"] for row in table})
    for seeds in sorted({row["seeds"] for row in table}):
        head = plural(seeds, "seed") if seeds else "one artefact"
        yield f"  {head:<14}" + "".join(f"{f'{cases:,}':>8}" for cases in columns) + "  cases"
        for gain in sorted({row["gain"] for row in table}):
            found = {row["cases"]: row["power"] for row in table if (row["seeds"], row["gain"]) == (seeds, gain)}
            yield f"  gain {points(gain):>4}     " + "".join(f"{found[cases]:>8.0%}" for cases in columns)


def _outlook(matrix: Matrix, suite: str, cases: int, spreads: Mapping[str, Spread], options: Options) -> Outlook:
    policy, experiment = matrix.policy, matrix.experiment
    guard = policy.suites[suite].role == "guard"
    limit = policy.noninferiority_of(suite)
    margin = -limit if guard or policy.route == "cost" else policy.margin_of(suite)
    seeds = experiment.training_seeds if policy.estimand == "recipe" else 0
    whole = Outlook(
        suite=suite,
        role="guard" if guard else "decide",
        cases=cases,
        seeds=seeds,
        margin=margin,
        planned=0.0 if guard else planned_gain(policy, margin),
        alpha=look_alpha(policy.alpha, looks=policy.looks, fraction=1.0),
        power=policy.power,
        spread=spreads.get(suite, ASSUMED_GUARD if guard else ASSUMED),
    )
    return _said(whole, replace(options, cases=None, margin=None, gain=None) if guard else options)


def _bare(options: Options) -> Outlook:
    if options.cases is None:
        raise BadInput("no experiment here: say --cases and --seeds, or name an experiment.toml")
    policy = Policy()
    margin = policy.margin if options.margin is None else options.margin
    gain = planned_gain(policy, margin)
    whole = Outlook("any suite", "decide", options.cases, 3, margin, gain, policy.alpha, policy.power, ASSUMED)
    return _said(whole, options)


def _said(outlook: Outlook, options: Options) -> Outlook:
    """The outlook with what a person says instead."""
    spread = outlook.spread
    if options.case_sd is not None or options.seed_sd is not None:
        case_sd = spread.case_sd if options.case_sd is None else options.case_sd
        spread = Spread(case_sd, spread.seed_sd if options.seed_sd is None else options.seed_sd, "as given")
    given = {name: getattr(options, name) for name in ("cases", "seeds", "margin", "power", "alpha")}
    given |= {"planned": options.gain}
    stated: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    said = replace(outlook, spread=spread, **stated)
    if said.planned <= said.margin:
        raise BadInput(f"--gain: given {said.planned:g}: plan for a gain above the margin, which is {said.margin:g}")
    return said


def _spreads(matrix: Matrix) -> dict[str, Spread]:
    """What the store holds about differences, by suite; of the first base model."""
    try:
        with evidence(matrix) as found:
            known = found.models[0] in found.store.models(matrix.experiment.name)
            return dict(_measured(found)) if known else {}
    except (Incomplete, StoreBusy):
        return {}


def _measured(found: Evidence) -> Iterator[tuple[str, Spread]]:
    rows = load_rows(found.rows(found.models[0]))
    for task in found.matrix.tasks:
        own = found.policy.suites[task.suite.name]
        metric = own.metric or task.suite.metric
        if metric in rows.metrics(task.suite.name) and own.role in ("decide", "guard"):
            board = load_board(rows, task.suite.name, metric)
            split = "dev" if board.dev or own.role == "decide" else "test"
            spread = _spread(board, list((board.dev if split == "dev" else board.test).values()), split, own.role)
            if spread is not None:
                yield task.suite.name, spread


def _spread(board: Board, scores: Sequence[Scores], split: str, role: str) -> Spread | None:
    """The widest of the tuned contenders' differences to the best untrained one; of two untrained ones where nothing was
    trained yet, and then the seeds' part is assumed.
    """
    whole = [one for one in scores if not one.missing and one.cases.size > 1]
    untrained = sorted((s for s in whole if s.technique not in TUNED), key=lambda s: (-round(s.mean, 12), s.contender))
    tuned = [one for one in whole if one.technique in TUNED and len(one.seeds) > 1]
    if not untrained:
        return None
    pairs = [compare(board, one, untrained[0]) for one in tuned or untrained[1:2]]
    moments = [made for made in pairs if made is not None]
    if not moments:
        return None
    case_sd = max((made.v_case * made.n) ** 0.5 for made in moments)
    seed_sd = max((made.v_seed * made.seeds) ** 0.5 for made in moments)
    said = f"from {plural(max(made.n for made in moments), f'{split} case')}"
    if not tuned:
        seed_sd = (ASSUMED_GUARD if role == "guard" else ASSUMED).seed_sd
        said += ", the seeds' part assumed"
    return Spread(case_sd, seed_sd, said)


def _check(options: Options) -> None:
    for name, least in (("cases", 2), ("seeds", 2)):
        value = getattr(options, name)
        if value is not None and value < least:
            raise BadInput(f"--{name}: given {value}: {least} or more is asked")
    for name in ("margin", "gain", "case_sd", "seed_sd"):
        value = getattr(options, name)
        if value is not None and not 0 <= value <= 1:
            raise BadInput(f"--{name.replace('_', '-')}: given {value:g}: 0 to 1 is asked, 0.03 for 3 points")
    for name, most in (("power", 1.0), ("alpha", 0.5)):
        value = getattr(options, name)
        if value is not None and not 0 < value < most:
            raise BadInput(f"--{name}: given {value:g}: more than 0 and less than {most:g} is asked")


def _takes(outlook: Outlook) -> str:
    """What the planned truth takes, where what there is does not do."""
    if outlook.chance(outlook.planned) >= outlook.power:
        return ""
    ways = [f"{plural(cases, 'case')}{_seeds(seeds)}" for seeds, cases in outlook.ways]
    if outlook.needed(outlook.seeds) is None:
        return "; seeds, not cases: " + (f"it takes {', or '.join(ways)}" if ways else "more than ten")
    return f"; it takes {', or '.join(ways)}"


def _seeds(count: int) -> str:
    return f" and {plural(count, 'seed')}" if count else ""
