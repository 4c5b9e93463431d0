"""The forecast as a person reads it, a line at a time.

any suite: with 300 cases and 3 seeds you can justify gains of 11.6 points or more (power 80%, margin 3.0, alpha 0.05).
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.outlook.effort import Effort
from harness.outlook.forecast import Forecast
from harness.outlook.suite import Outlook
from harness.plural import plural
from harness.progress import clock, expected, searched
from harness.verdict.economics.memo import usd
from harness.verdict.plan import often
from harness.verdict.reasons import points


def text(found: Forecast) -> Iterator[str]:
    """All of it."""
    tables: list[list[str]] = []
    for outlook in found.outlooks:
        yield from _suite(outlook)
        for effort in found.efforts:
            if effort.suite == outlook.suite:
                yield from _effort(effort, outlook)
        table = list(_table(outlook)) if outlook.role == "decide" else []
        if table not in tables:  # suites that are reckoned alike share one
            yield from table
            tables.append(table)
        yield ""
    yield from _run(found)


def _run(found: Forecast) -> Iterator[str]:
    yield from (f"as it is, this decides nothing: {warning}" for warning in found.warnings)
    if found.run is not None:
        todo = found.run.todo
        work = f"a run would do {plural(len(todo.jobs), 'training')} and up to {plural(todo.trials, 'answer')}"
        yield f"{work} · {expected(todo)}" if todo.jobs or todo.cells else "nothing is missing to run"
        yield from map(searched, todo.matrix.sought)
        yield from (bill.said for bill in found.run.bills)


def _suite(outlook: Outlook) -> Iterator[str]:
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
    if outlook.recipes > 1:
        yield (
            f"  Dev chooses among {outlook.recipes} tuned contenders by the trainings that test uses: the seeds' part of a "
            f"bound has alpha/{outlook.recipes}."
        )


def _effort(effort: Effort, outlook: Outlook) -> Iterator[str]:
    """The work, and each contender whose differences vary otherwise than those that the suite is planned by."""
    todo = "" if effort.todo is None else f", {effort.todo or 'none'} to do"
    known = [f"about {clock(effort.seconds)}"] if effort.todo and effort.seconds is not None else []
    known += [usd(effort.usd)] if effort.todo and effort.usd is not None else []
    taken = ", ".join(known)
    start = f" from {effort.start_from}'s" if effort.start_from else ""
    said = f"{plural(effort.trainings, 'training')}{start}, {plural(effort.steps, 'step')} each{todo}"
    yield f"  {effort.recipe}: {said}{f' ({taken})' if taken else ''}."
    for name, spread in effort.spreads.items():
        if spread != outlook.spread:
            chance = often(effort.chances[name])
            varies = f"per-case SD {spread.case_sd:.2f}, seed SD {spread.seed_sd:.3f}"
            yield f"  {name}: a gain of {points(outlook.planned)} points would be shown {chance} ({varies})."


def _table(outlook: Outlook) -> Iterator[str]:
    """The power of a deciding suite: a block for each number of seeds, a column for each number of cases."""
    table = outlook.table()
    columns = sorted({row["cases"] for row in table})
    for seeds in sorted({row["seeds"] for row in table}):
        head = plural(seeds, "seed") if seeds else "one artefact"
        yield f"  {head:<14}" + "".join(f"{f'{cases:,}':>8}" for cases in columns) + "  cases"
        for gain in sorted({row["gain"] for row in table}):
            found = {row["cases"]: row["power"] for row in table if (row["seeds"], row["gain"]) == (seeds, gain)}
            yield f"  gain {points(gain):>4}     " + "".join(f"{found[cases]:>8.0%}" for cases in columns)


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
