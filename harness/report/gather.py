"""From evidence to a report's values: everything a page shows is computed here, and nothing after it.

with evidence(load_experiment(Path("experiment.toml"))) as found:
    page = to_html(gather(found))
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from harness.calibration import Calibration, calibrations, findings
from harness.contender import SEARCH
from harness.errors import NotCompared
from harness.estimates import Estimated, estimates
from harness.report.beside import amounts, estimated
from harness.report.browse import browse
from harness.report.browsed import Browse
from harness.report.claims import claims
from harness.report.decided import NOT_COMPARED, answer_of, checks, differences, gap, learning
from harness.report.fit import fits
from harness.report.gathered import Base, Cost, Drop, Gathered, Judged, Rung, Searched, Setup, Span, Suite
from harness.report.layer import LAYERS, layer_of
from harness.report.ledger import ledger
from harness.report.measured import by_seed, curve, deciding, usage, within
from harness.report.merged import merged
from harness.report.searched import searched
from harness.verdict import Claim, Rows, SuiteVerdict, Summary, Verdict, load_rows, merge_losses, summaries
from harness.verdict.describe import touched

if TYPE_CHECKING:
    from harness.evidence import Evidence
    from harness.suite import Task
    from harness.trial import Training


LABELS = {"memory_gib": "memory, GiB", "gpus": "GPUs"}


def gather(evidence: Evidence) -> Gathered:
    """Everything that a report shows.

    Raises:
        Incomplete: when the experiment was never run.
    """
    try:
        verdicts, alone = evidence.verdicts, ""
    except NotCompared as error:  # what was measured is worth showing all the same
        verdicts, alone = {}, str(error)
    models = tuple(
        _OneModel(evidence, model, verdicts.get(model, Verdict({})), alone).base() for model in evidence.models
    )
    return Gathered(evidence.experiment.name, evidence.policy.alpha, models, _setup(evidence))


@dataclass
class _OneModel:
    """One base model's rows, verdict and trainings, read once; ``alone`` says why there is no verdict."""

    evidence: Evidence
    model: str
    verdict: Verdict
    alone: str

    def rows(self, suite: str, metric: str) -> pa.Table:
        return deciding(self.evidence.rows(self.model), suite, metric)

    @cached_property
    def loaded(self) -> Rows:
        return self.evidence.loaded(self.model)

    @cached_property
    def summaries(self) -> dict[tuple[str, str], list[Summary]]:
        found: dict[tuple[str, str], list[Summary]] = {}
        for one in summaries(self.loaded, self.evidence.policy):
            found.setdefault((one.suite, one.metric), []).append(one)
        return found

    @cached_property
    def measured(self) -> Rows | None:
        """The rows of amounts; None where no suite has one."""
        named = [metric for metrics in self.evidence.metrics.values() for metric in metrics.values()]
        rows = self.evidence.amounts(self.model) if any(metric.amount for metric in named) else None
        return load_rows(rows, amounts=True) if rows is not None and rows.num_rows else None

    @cached_property
    def amounts(self) -> dict[tuple[str, str], list[Summary]]:
        found: dict[tuple[str, str], list[Summary]] = {}
        for one in summaries(self.measured, self.evidence.policy) if self.measured else ():
            found.setdefault((one.suite, one.metric), []).append(one)
        return found

    @cached_property
    def estimates(self) -> Estimated:
        return estimates(self.evidence, self.model)

    def _rows_of(self, suite: str) -> Callable[[str], Rows]:
        """The rows among which those of a metric are."""
        metrics = self.evidence.metrics[suite]
        return lambda name: self.measured if self.measured and metrics[name].amount else self.loaded

    @cached_property
    def trainings(self) -> list[Training]:
        """Of whole recipes: what was trained on a share of the data is the learning curve's, or a search's."""
        return [training for training in self._all_trainings if training.recipe in self.evidence.experiment.candidates]

    @cached_property
    def _all_trainings(self) -> list[Training]:
        found = self.evidence.store.trainings(self.evidence.experiment.name)
        return [training for training in found if training.model == self.model]

    def _searches(self, task: Task) -> Iterator[Searched]:
        """Of the suite's candidates, those that came to their end."""
        for sought in self.evidence.matrix.sought:
            if (sought.suite, sought.model.id) == (task.suite.name, self.model):
                found = searched(sought, dev=task.counts["dev"])
                if found is not None:
                    yield found

    @cached_property
    def recipes(self) -> dict[tuple[str, str], str]:
        """(suite, contender) to the recipe behind it."""
        cells = (cell for cell in self.evidence.matrix.cells if cell.model.id == self.model and cell.contender.recipe)
        return {(cell.suite.name, cell.contender.name): cell.contender.recipe or "" for cell in cells}

    @cached_property
    def calibrations(self) -> list[Calibration]:
        judges = any(
            metric.judge and metric.judge.jurors
            for named in self.evidence.metrics.values()
            for metric in named.values()
        )
        return calibrations(self.evidence, self.model) if judges else []

    def base(self) -> Base:
        tasks = self.evidence.matrix.tasks
        named = {task.suite.name for task in tasks}
        absent = [self._unmeasured(one) for name, one in self.verdict.suites.items() if name not in named]
        suites = (*(self._suite(task) for task in tasks), *absent)
        cells = (cell for cell in self.evidence.matrix.cells if cell.model.id == self.model)
        identity = next((cell.identity for cell in cells), "")
        policy = self.evidence.policy
        merges = (
            merged(merge_losses(self.loaded, policy), policy.merge.parts, policy.alpha) if policy.merge.parts else ()
        )
        return Base(self.model, identity, suites, tuple(self._drops()), dict(self.verdict.hashes), merges)

    # --- one suite

    def _unmeasured(self, found: SuiteVerdict) -> Suite:
        return Suite(
            name=found.suite,
            role="decide",
            description="",
            metric=found.metric or "",
            margin=found.margin,
            floor=found.margin,
            cases=0,
            answer=answer_of(found, None),
            reasons=tuple(reason.sentence for reason in found.reasons),
            checks=checks(found),
        )

    def _suite(self, task: Task) -> Suite:
        name = task.suite.name
        found = self.verdict.suites.get(name)
        policy = self.evidence.policy
        named = policy.suites[name].metric if name in policy.suites else None
        metric = (found.metric if found else named) or task.suite.metric
        margin = policy.margin_of(name)
        floor = margin if policy.route == "quality" else -policy.noninferiority_of(name)
        rows = self.rows(name, metric)
        whole: dict[str, Any] = {
            "name": name,
            "role": policy.suites[name].role if name in policy.suites else task.suite.role,
            "description": task.suite.description,
            "metric": metric,
            "margin": margin,
            "floor": floor,
            "cases": len(task.split("test")),
            "ladder": self._ladder(name, metric, found, rows),
            "curves": tuple(curve(training) for training in self.trainings if training.suite == name),
            "fits": fits([training for training in self.trainings if training.suite == name]),
            "secondary": self._secondary(name, metric),
            "beside": (*estimated(self.estimates, name), *amounts(self.amounts, name)),
            "gates": tuple(claims(task.suite, self._rows_of(task.suite.name), policy)),
            "searches": tuple(self._searches(task)),
            "costs": self._costs(name, rows),
            "browse": self._browse(task, metric, found, rows),
            "judged": tuple(
                Judged(one.metric, one.judge, tuple(findings(one, tables=False)))
                for one in self.calibrations
                if one.suite == name
            ),
        }
        if found is not None:
            return Suite(**whole, **self._decided(found, floor))
        if self.alone and whole["role"] == "decide":
            return Suite(**whole, answer=NOT_COMPARED, reasons=(f"{self.alone[:1].upper()}{self.alone[1:]}.",))
        return Suite(**whole)

    def _decided(self, found: SuiteVerdict, floor: float) -> dict[str, Any]:
        techniques = {one.contender: one.technique for one in self.summaries.get((found.suite, found.metric or ""), ())}
        gains = differences(found, floor)
        own = [one for one in gains if one.ours == found.contender]
        return {
            "answer": answer_of(found, techniques.get(found.suffices or "")),
            "contender": found.contender,
            "suffices": found.suffices,
            "hardest": min(own, key=lambda one: (round(one.span.estimate, 12), one.theirs), default=None),
            "reasons": tuple(reason.sentence for reason in found.reasons),
            "touched": touched(found),
            "differences": gains,
            "diagnosis": tuple((key, gap(value)) for key, value in found.diagnosis.items() if isinstance(value, Claim)),
            "checks": checks(found),
            "learning": learning(found),
            "ledger": ledger(found.ledger, self.evidence.accounts[self.model].get(found.suite)),
            "economics": dict(found.economics),
        }

    def _ladder(self, suite: str, metric: str, found: SuiteVerdict | None, rows: pa.Table) -> tuple[Rung, ...]:
        claims = [claim for claim in found.claims if claim.name.startswith("gain:")] if found else []
        finalists = {name for c in claims for name in (c.name[5:], c.contrast.removesuffix(f" - {c.name[5:]}"))}
        seeds = by_seed(rows)
        rungs = [
            Rung(
                contender=one.contender,
                technique=one.technique,
                layer=layer_of(one.technique),
                span=within(one),
                n=one.interval.n,
                seeds=tuple(seeds.get(one.contender, ())),
                finalist=one.contender in finalists,
                missing=one.missing,
            )
            for one in self.summaries.get((suite, metric), ())
        ]
        return tuple(sorted(rungs, key=lambda rung: (LAYERS.index(rung.layer), -rung.span.estimate, rung.contender)))

    def _secondary(self, suite: str, metric: str) -> dict[str, dict[str, Span]]:
        table: dict[str, dict[str, Span]] = {}
        for (where, name), found in self.summaries.items():
            for one in found if where == suite and name != metric else ():
                table.setdefault(one.contender, {})[name] = within(one)
        return table

    def _costs(self, suite: str, rows: pa.Table) -> tuple[Cost, ...]:
        used = [row for row in usage(rows) if row["technique"] != SEARCH]
        costs = [self._cost(suite, **row) for row in used]
        return tuple(sorted(costs, key=lambda cost: (LAYERS.index(cost.layer), cost.contender)))

    def _cost(self, suite: str, *, contender: str, technique: str, answers: int, means: Mapping[str, Any]) -> Cost:
        recipe = self.recipes.get((suite, contender)) if "@" not in contender else None
        starts = self._with_starts(recipe)
        trainings = [t for t in self._all_trainings if t.suite == suite and t.recipe.partition("/")[0] in starts]
        own = sum(training.recipe == recipe for training in trainings)
        seconds = sum(training.seconds for training in trainings) if trainings else None
        return Cost(contender, layer_of(technique), answers, **means, trainings=own, training_seconds=seconds)

    def _with_starts(self, recipe: str | None) -> set[str]:
        """The recipe and those that it starts from: they are paid for too, as are the searches for them."""
        needed: set[str] = set()
        while recipe is not None and recipe not in needed:
            needed.add(recipe)
            candidate = self.evidence.experiment.candidates.get(recipe)
            recipe = candidate.start_from if candidate else None
        return needed

    def _browse(self, task: Task, metric: str, found: SuiteVerdict | None, rows: pa.Table) -> Browse:
        about, flips = (found.contender, found.diagnosis.get("flips")) if found else (None, None)
        return browse(
            self.evidence, task, model=self.model, metric=metric, rows=rows,
            tuned=about and about.partition("#")[0], baseline=flips["baseline"] if flips else None,
        )  # fmt: skip

    # --- guards

    def _drops(self) -> Iterator[Drop]:
        for suite, found in self.verdict.suites.items():
            for claim in found.claims:
                if claim.name.startswith("drop:"):
                    yield self._drop(suite, claim)

    def _drop(self, suite: str, claim: Claim) -> Drop:
        guard = claim.name.removeprefix("drop:")
        pair = claim.contrast.removesuffix(f" on {guard}")
        reference, _, tuned = pair.partition(" - ")
        limit = self._limit(guard, reference)
        state: Any = "holds" if claim.upper < limit else "broken" if claim.lower > limit else "open"
        return Drop(guard, suite, tuned, Span(claim.estimate, claim.lower, claim.upper), limit, claim.n, state)

    def _limit(self, guard: str, reference: str) -> float:
        policy = self.evidence.policy
        limit = policy.noninferiority_of(guard)
        own = policy.suites.get(guard)
        if own is None or own.max_relative_drop is None:
            return limit
        means = [one.interval.estimate for (suite, metric), found in self.summaries.items() for one in found
                 if suite == guard and one.contender == reference and metric in (own.metric, metric)]  # fmt: skip
        return min(limit, own.max_relative_drop * means[0]) if means else limit


def _setup(evidence: Evidence) -> Setup:
    experiment = evidence.experiment
    file = shlex.quote(experiment.file)
    run = evidence.store.last_run(experiment.name)
    config = {key: value for key, value in (run.config if run else {}).items() if key not in ("folder", "file")}
    return Setup(
        command=f"harness run {file} && harness report {file}",
        config=config,
        versions=run.versions if run else {},
        hardware={LABELS.get(key, key): value for key, value in (run.hardware if run else {}).items()},
        seeds=experiment.seeds if experiment.candidates else (),
        suites={task.suite.name: task.content for task in evidence.matrix.tasks},
        metrics={
            f"{suite} · {name}": metric.hash
            for suite, named in evidence.metrics.items()
            for name, metric in named.items()
        },
        started=f"{run.started:%Y-%m-%d %H:%M} UTC" if run else "",
        finished=f"{run.finished:%Y-%m-%d %H:%M} UTC" if run and run.finished else "",
    )
