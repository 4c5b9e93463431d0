"""From evidence to a report's values: everything a page shows is computed here, and nothing after it.

with evidence(load_experiment(Path("experiment.toml"))) as found:
    page = to_html(gather(found))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.report.browse import browse
from harness.report.gathered import (
    LAYERS,
    Answer,
    Base,
    Browse,
    Check,
    Cost,
    Curve,
    Difference,
    Drop,
    Gathered,
    Layer,
    Learning,
    Rung,
    Setup,
    Span,
    Suite,
    Tone,
    layer_of,
)
from harness.verdict import Claim, SuiteVerdict, Summary, Verdict, describe_suite, summaries

if TYPE_CHECKING:
    from harness.evidence import Evidence
    from harness.suite import Task
    from harness.trial import Training

CHANGE = "What would change it:"
POINTS = 120
"""Points a loss curve is drawn with: more cannot be seen."""

LABELS = {"memory_gib": "memory, GiB", "gpus": "GPUs"}
ADVICE: Mapping[str, tuple[str, Tone]] = {
    "prompt": ("Prompting suffices", "prompt"),
    "constrain": ("Constrained decoding suffices", "prompt"),
    "rag": ("Use retrieval", "context"),
    "golden": ("Use golden examples", "context"),
    "fine-tune": ("Fine-tune", "tuned"),
    "fine-tune+rag": ("Fine-tune and retrieve", "tuned"),
    "collect-data": ("Collect more data", "open"),
    "none": ("Do not fine-tune", "open"),
}


def gather(evidence: Evidence) -> Gathered:
    """Everything that a report shows.

    Raises:
        Incomplete: when the experiment was never run.
    """
    models = tuple(_OneModel(evidence, model).base() for model in evidence.models)
    return Gathered(evidence.experiment.name, evidence.policy.alpha, models, _setup(evidence))


def answer_of(verdict: SuiteVerdict, technique: str | None) -> Answer:
    """The verdict in words; ``technique`` is that of the contender that suffices."""
    first, *rest = describe_suite(verdict)
    sentence = first.partition(": ")[2]
    change = next((text.partition(CHANGE)[2].strip() for text in rest if text.strip().startswith(CHANGE)), "")
    word, tone = ADVICE["golden" if technique == "golden" else verdict.recommendation]
    if verdict.verdict == "INVALID":
        word, tone = "Invalid evidence", "invalid"
    elif verdict.verdict == "INCONCLUSIVE" and verdict.recommendation != "collect-data":
        word, tone = "Not shown yet", "open"
    return Answer(word, tone, verdict.verdict, sentence[:1].upper() + sentence[1:], change)


def differences(verdict: SuiteVerdict, floor: float) -> tuple[Difference, ...]:
    """Gains over every baseline, those of the contender in question first."""
    ceilings = {claim.contrast: claim.upper for claim in verdict.claims if claim.name.startswith("ceiling:")}
    found = [
        _difference(claim, claim.name.removeprefix("gain:"), floor, ceilings.get(claim.contrast))
        for claim in verdict.claims
        if claim.name.startswith("gain:")
    ]
    return tuple(sorted(found, key=lambda one: one.ours != verdict.contender))


def _difference(claim: Claim, theirs: str, floor: float | None = None, ceiling: float | None = None) -> Difference:
    ours = claim.contrast.removesuffix(f" - {theirs}")
    span = Span(claim.estimate, claim.lower, claim.upper)
    made = Difference(ours, theirs, span, claim.n, claim.seeds, "open", ceiling)
    if floor is None:
        return made
    state: Any = "shown" if claim.lower > floor else "refuted" if (ceiling or claim.upper) < floor else "open"
    return Difference(ours, theirs, span, claim.n, claim.seeds, state, ceiling)


@dataclass
class _OneModel:
    """One base model's rows, verdict and trainings, read once."""

    evidence: Evidence
    model: str

    @cached_property
    def rows(self) -> pa.Table:
        return self.evidence.rows(self.model)

    @cached_property
    def verdict(self) -> Verdict:
        return self.evidence.verdicts[self.model]

    @cached_property
    def summaries(self) -> dict[tuple[str, str], list[Summary]]:
        found: dict[tuple[str, str], list[Summary]] = {}
        for one in summaries(self.rows, self.evidence.policy):
            found.setdefault((one.suite, one.metric), []).append(one)
        return found

    @cached_property
    def trainings(self) -> list[Training]:
        kept = self.evidence.store.trainings(self.evidence.experiment.name)
        return [training for training in kept if training.model == self.model]

    @cached_property
    def recipes(self) -> dict[tuple[str, str], str]:
        """(suite, contender) to the recipe behind it."""
        cells = (cell for cell in self.evidence.matrix.cells if cell.model.id == self.model and cell.contender.recipe)
        return {(cell.suite.name, cell.contender.name): cell.contender.recipe or "" for cell in cells}

    def base(self) -> Base:
        tasks = self.evidence.matrix.tasks
        named = {task.suite.name for task in tasks}
        absent = [self._unmeasured(one) for name, one in self.verdict.suites.items() if name not in named]
        suites = (*(self._suite(task) for task in tasks), *absent)
        cells = (cell for cell in self.evidence.matrix.cells if cell.model.id == self.model)
        identity = next((cell.identity for cell in cells), "")
        return Base(self.model, identity, suites, tuple(self._drops()), dict(self.verdict.hashes))

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
            checks=_checks(found),
        )

    def _suite(self, task: Task) -> Suite:
        name = task.suite.name
        found = self.verdict.suites.get(name)
        policy = self.evidence.policy
        named = policy.suites[name].metric if name in policy.suites else None
        metric = (found.metric if found else named) or task.suite.metric
        margin = policy.margin_of(name)
        floor = margin if policy.route == "quality" else -policy.noninferiority_of(name)
        whole = {
            "name": name,
            "role": policy.suites[name].role if name in policy.suites else task.suite.role,
            "description": task.suite.description,
            "metric": metric,
            "margin": margin,
            "floor": floor,
            "cases": len(task.split("test")),
            "ladder": self._ladder(name, metric, found),
            "curves": tuple(_curve(training) for training in self.trainings if training.suite == name),
            "secondary": self._secondary(name, metric),
            "costs": self._costs(name, metric),
            "browse": self._browse(task, metric, found),
        }
        return Suite(**whole, **(self._decided(found, floor) if found else {}))

    def _decided(self, found: SuiteVerdict, floor: float) -> dict[str, Any]:
        techniques = {one.contender: one.technique for one in self.summaries.get((found.suite, found.metric or ""), ())}
        gains = differences(found, floor)
        own = [one for one in gains if one.ours == found.contender]
        flips = found.diagnosis.get("flips")
        return {
            "answer": answer_of(found, techniques.get(found.suffices or "")),
            "contender": found.contender,
            "suffices": found.suffices,
            "hardest": min(own, key=lambda one: (round(one.span.estimate, 12), one.theirs), default=None),
            "reasons": tuple(reason.sentence for reason in found.reasons),
            "differences": gains,
            "diagnosis": tuple(
                (key, _gap(value)) for key, value in found.diagnosis.items() if isinstance(value, Claim)
            ),
            "flips": (flips["baseline"], flips["fixed"], flips["broken"]) if flips else None,
            "checks": _checks(found),
            "learning": _learning(found.learning_curve),
            "economics": dict(found.economics),
        }

    def _ladder(self, suite: str, metric: str, found: SuiteVerdict | None) -> tuple[Rung, ...]:
        claims = [claim for claim in found.claims if claim.name.startswith("gain:")] if found else []
        finalists = {name for c in claims for name in (c.name[5:], c.contrast.removesuffix(f" - {c.name[5:]}"))}
        seeds = _by_seed(self.rows, suite, metric)
        rungs = [
            Rung(
                contender=one.contender,
                technique=one.technique,
                layer=layer_of(one.technique),
                span=_within(one),
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
                table.setdefault(one.contender, {})[name] = _within(one)
        return table

    def _costs(self, suite: str, metric: str) -> tuple[Cost, ...]:
        used = _usage(self.rows, suite, metric)
        costs = [self._cost(suite, **row) for row in used]
        return tuple(sorted(costs, key=lambda cost: (LAYERS.index(cost.layer), cost.contender)))

    def _cost(self, suite: str, *, contender: str, technique: str, answers: int, means: Sequence[float | None]) -> Cost:
        recipe = self.recipes.get((suite, contender)) if "@" not in contender else None
        trainings = [t for t in self.trainings if t.suite == suite and t.recipe in self._with_starts(recipe)]
        own = sum(training.recipe == recipe for training in trainings)
        seconds = sum(training.seconds for training in trainings) if trainings else None
        return Cost(contender, layer_of(technique), answers, *means, trainings=own, training_seconds=seconds)

    def _with_starts(self, recipe: str | None) -> set[str]:
        """The recipe and those that it starts from: they are paid for too."""
        needed: set[str] = set()
        while recipe is not None and recipe not in needed:
            needed.add(recipe)
            candidate = self.evidence.experiment.candidates.get(recipe)
            recipe = candidate.start_from if candidate else None
        return needed

    def _browse(self, task: Task, metric: str, found: SuiteVerdict | None) -> Browse:
        about, flips = (found.contender, found.diagnosis.get("flips")) if found else (None, None)
        return browse(
            self.evidence, task, model=self.model, metric=metric, rows=self.rows,
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


def _gap(claim: Claim) -> Difference:
    ours, _, theirs = claim.contrast.partition(" - ")
    return Difference(ours, theirs, Span(claim.estimate, claim.lower, claim.upper), claim.n, claim.seeds)


def _checks(found: SuiteVerdict) -> tuple[Check, ...]:
    """Failed ones first."""
    checks = (Check(gate.name, gate.status == "pass", gate.evidence, gate.outcome) for gate in found.gates)
    return tuple(sorted(checks, key=lambda check: check.passed))


def _within(one: Summary) -> Span:
    """A mean's interval inside [0, 1] and around its estimate: the pseudo-cases pull its centre to one half."""
    span = one.interval
    if not Span(span.estimate, span.lower, span.upper).known:
        return Span(span.estimate, span.lower, span.upper)
    return Span(span.estimate, max(0.0, min(span.lower, span.estimate)), min(1.0, max(span.upper, span.estimate)))


def _curve(training: Training) -> Curve:
    """At most ``POINTS`` points: means of neighbouring steps."""
    losses = training.losses
    width = max(1, -(-len(losses) // POINTS))
    parts = [losses[at : at + width] for at in range(0, len(losses), width)]
    points = tuple((part[-1][0], sum(loss for _, loss, *_ in part) / len(part)) for part in parts)
    return Curve(training.recipe, training.seed, points)


def _learning(found: Mapping[str, Any]) -> Learning | None:
    if not found.get("points"):
        return None
    slope: Claim | None = found.get("slope")
    points = tuple((point["fraction"], point["mean"]) for point in found["points"])
    return Learning(found["contender"], points, Span(slope.estimate, slope.lower, slope.upper) if slope else None)


def _by_seed(rows: pa.Table, suite: str, metric: str) -> dict[str, list[tuple[int, float]]]:
    """Contender to the mean of each training seed, on the clean test cases."""
    wanted = (pc.field("suite") == suite) & (pc.field("metric") == metric) & (pc.field("split") == "test")
    clean = rows.filter(wanted & ~pc.field("flagged") & pc.field("training_seed").is_valid())
    means = (
        clean.group_by(["contender", "training_seed"])
        .aggregate([("score", "mean")])
        .sort_by([("contender", "ascending"), ("training_seed", "ascending")])
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for row in means.to_pylist():
        if row["score_mean"] is not None:
            found.setdefault(row["contender"], []).append((row["training_seed"], row["score_mean"]))
    return found


USED = ("prompt_tokens", "output_tokens", "seconds", "cost")


def _usage(rows: pa.Table, suite: str, metric: str) -> list[dict[str, Any]]:
    """Each contender's means an answer, over all that it answered."""
    mine = rows.filter((pc.field("suite") == suite) & (pc.field("metric") == metric))
    grouped = mine.group_by(["contender", "technique"]).aggregate([("case_id", "count"), *((u, "mean") for u in USED)])
    return [
        {
            "contender": row["contender"],
            "technique": row["technique"],
            "answers": row["case_id_count"],
            "means": [row[f"{name}_mean"] for name in USED],
        }
        for row in grouped.to_pylist()
    ]


def _setup(evidence: Evidence) -> Setup:
    experiment = evidence.experiment
    run = evidence.store.last_run(experiment.name)
    config = {key: value for key, value in (run.config if run else {}).items() if key != "folder"}
    return Setup(
        command="harness run experiment.toml && harness report experiment.toml",
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


__all__ = ["Gathered", "Layer", "answer_of", "differences", "gather"]
