"""Evidence to render: ``small()`` made by hand, ``decided()`` through the real verdict on drawn rows.

python tests/report/report_worlds.py /tmp/report.html       # a page to look at, with hostile answers in it
"""

from __future__ import annotations

import math
import random
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa

from harness.experiment import Candidate, Experiment
from harness.question import Account
from harness.report import Gathered, gather, to_html, to_markdown, to_terminal
from harness.report.browsed import Asked, Attempt, Browse, Flips, Said
from harness.report.gathered import (
    Answer,
    Base,
    Check,
    Cost,
    Curve,
    Difference,
    Drop,
    Fit,
    Learning,
    Ledger,
    Look,
    Lost,
    Merged,
    Rung,
    Setup,
    Span,
    Suite,
    Term,
)
from harness.search import Course, Search, Try
from harness.store import open_store
from harness.suite import Case, Gate, Task
from harness.suite import Suite as Declared
from harness.trial import Training
from harness.verdict import Policy, decide, load_rows
from harness.verdict import lock as locks

HOSTILE = (
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'> & \"quoted\"",
    "| cell | `code` | **bold** [link](http://evil.example)\n# heading\n@team www.evil.example",
    "\x1b[2J\x1b[31mred\x07 \u202egnp.exe\u202c \u2066x\u2069 zero\u200bwidth \ud800 half \x00 nul",
    "{{ 7 * 7 }} {% raw %} ]]> <!-- --> \u2028 line",
)


GAPS = (
    ("format_loss", Difference("few_shot, read leniently", "few_shot", Span(0.06, 0.031, 0.09), 400, 0)),
    ("format_gap", Difference("constrained", "few_shot", Span(0.052, 0.024, 0.081), 400, 0)),
    ("knowledge_gap", Difference("gold", "few_shot", Span(0.101, 0.07, 0.13), 400, 0)),
    ("retrieval_gap", Difference("gold", "rag_bm25", Span(0.03, 0.011, 0.05), 400, 0)),
    ("latent_ability", Difference("tries", "few_shot", Span(0.013, -0.01, 0.036), 400, 0)),
    ("interaction", Difference("(sft+rag - rag)", "(sft - few_shot)", Span(-0.04, -0.07, -0.01), 400, 3)),
)
MERGES = (
    Merged(
        "all",
        ("sft@triage", "sft@reply"),
        "reverted",
        "all, merged from sft@triage and sft@reply, is reverted: sft@reply scores 60.0 on reply.",
        (
            Lost("sft@triage", "triage", "dev", 0.835, 0.84, Span(-0.005, -0.02, 0.01), 0.0418, 80, "holds"),
            Lost("sft@reply", "reply", "dev", 0.6, 0.48, Span(0.12, 0.08, 0.16), 0.03, 40, "broken"),
        ),
    ),
    Merged("pair", ("sft@triage", "dpo@reply"), "not compared", "pair was not compared with its parts.", ()),
)
LEDGER = Ledger(
    "changed",
    "locked on 2026-01-01 08:00 UTC, before any test score; changed since: margin 0.05 → 0.03",
    "look 2 at these test cases, not planned: claims at alpha 0.0076",
    terms=(
        Term("metric", "json_exact", "json_exact"),
        Term("margin", "0.05", "0.03", changed=True),
        Term("alpha", "0.05", "0.05"),
        Term("planned_gain", "0.08", "0.08"),
        Term("test_cases", "400 (3f9a)", "400 (3f9a)"),
        Term("general.noninferiority", "0.03", "0.03"),
        Term("prices", "litellm 1.109.1, 2026-11-22", "litellm 1.109.1, 2026-11-22"),
    ),
    looks=(Look(1, "2026-01-01 09:00 UTC", 400, 0.05, True), Look(2, "", 400, 0.0076, False, here=True)),
)


def small(**changed: Any) -> Gathered:
    """One decided, one undecided and one invalid suite."""
    gain = Difference("sft", "few_shot", Span(0.0834, 0.0512, 0.1147), 400, 3, "shown", 0.1201)
    triage = Suite(
        name="triage",
        role="decide",
        description="Notes into desks.",
        metric="json_exact",
        margin=0.03,
        floor=0.03,
        cases=400,
        answer=Answer(
            "Fine-tune",
            "tuned",
            "JUSTIFIED",
            "Fine-tuning is justified; fine-tune (sft).",
            "a margin above 5.1 points.",
        ),
        contender="sft",
        suffices="sft",
        hardest=gain,
        reasons=(
            "sft minus few_shot: 8.3 points (5.1 to 11.5, 400 cases, 3 seeds): more than the 3.0 asked, over the only baseline.",
        ),
        ladder=(
            Rung("few_shot", "prompt", "prompt", Span(0.752, 0.716, 0.785), 400, finalist=True),
            Rung(
                "sft",
                "tune",
                "tuned",
                Span(0.8354, 0.801, 0.866),
                400,
                ((1000, 0.83), (1001, 0.841), (1002, 0.835)),
                finalist=True,
            ),
        ),
        differences=(gain,),
        diagnosis=GAPS,
        learning=Learning("sft", ((0.25, 0.71), (0.5, 0.78), (1.0, 0.8354)), Span(0.055, 0.02, 0.09)),
        ledger=LEDGER,
        curves=(Curve("sft", 1000, ((1, 2.1), (10, 0.4))),),
        fits=(Fit("sft", "sft: only 31 % of what was learnt holds on dev.", over=True, kept=("dev kept step 24.",)),),
        secondary={"sft": {"json_valid": Span(1.0, 0.99, 1.0)}},
        checks=(Check("errors", True, "every answer was measured", "INVALID"),),
        costs=(
            Cost("few_shot", "prompt", 480, 212.4, 18.2, 0.0123, None),
            Cost("sft", "tuned", 1440, 64.0, 18.0, 0.0062, None, 3, 312.0),
        ),
        browse=Browse(
            contenders=(("few_shot", "prompt"), ("sft", "tuned")),
            cases=(Asked("t1", "test", "Where is it?", '{"desk": "quent"}'),),
            attempts=(
                Attempt("few_shot", "t1", 0.0, (Said('{"desk": "hesk"}', (), 0.0),), (("user", "Where is it?"),)),
                Attempt(
                    "sft", "t1", 1.0, (Said('{"desk": "quent"}', (1000, 1001, 1002), 1.0),), (("user", "Where is it?"),)
                ),
            ),
            tuned="sft",
            baseline="few_shot",
            total=400,
            flips=(Flips("sft", "tuned", 61, 28, 400),),
        ),
    )
    reply = Suite(
        name="reply",
        role="decide",
        description="",
        metric="rouge_l",
        margin=0.03,
        floor=0.03,
        cases=60,
        answer=Answer(
            "Not shown yet",
            "open",
            "INCONCLUSIVE",
            "Undecided; a prompt suffices (formal|short).",
            "train 5 seeds (there are 1).",
        ),
        contender="dpo",
        suffices="formal|short",
        hardest=Difference("dpo", "formal|short", Span(0.02, float("-inf"), float("inf")), 60, 1),
        reasons=("Dpo has 1 training seed: train 3 seeds.",),
        checks=(Check("seeds", False, "dpo has 1 training seed: train 3 seeds", "INCONCLUSIVE"),),
    )
    broken = Suite(
        name="broken",
        role="decide",
        description="",
        metric="accuracy",
        margin=0.03,
        floor=0.03,
        cases=0,
        answer=Answer(
            "Invalid evidence",
            "invalid",
            "INVALID",
            "No decision, the evidence is not valid.",
            "repair measured and decide again.",
        ),
        reasons=("No test rows of suite 'broken': run it, or take it out of the policy.",),
        checks=(Check("measured", False, "no test rows of suite 'broken'", "INVALID"),),
    )
    drop = Drop("general", "triage", "sft@triage", Span(0.004, -0.006, 0.014), 0.03, 240, "holds")
    setup = Setup(
        command="harness run experiment.toml && harness report experiment.toml",
        config={"name": "demo", "seed": 1},
        versions={"python": "3.12.1"},
        hardware={"cores": 2, "gpus": []},
        seeds=(1000, 1001, 1002),
        suites={"triage": "5f0c"},
        metrics={"triage · json_exact": "77ab"},
        started="2026-01-02 03:04 UTC",
        finished="2026-01-02 04:04 UTC",
    )
    base = Base("embedded:tiny", "c0ffee", (triage, reply, broken), (drop,), {"rows": "aa", "policy": "bb"})
    return Gathered(**{"experiment": "demo", "alpha": 0.05, "models": (base,), "setup": setup, **changed})


# --- through decide() -------------------------------------------------------------------------------------------------

PROMPTS = {
    "zero_shot": 0.0,
    "few_shot_2": 0.10,
    "few_shot_4": 0.16,
    "keys": 0.05,
    "polite": -0.02,
    "chain_of_thought": 0.02,
}
CONTEXT = {
    "golden": ("golden", 0.14),
    "rag_bm25": ("rag", 0.2),
    "rag_dense": ("rag", 0.17),
    "rag_hybrid": ("rag", 0.21),
}
SEEDS = (1000, 1001, 1002)
SUITES = {
    # name: (base skill, worth of context, worth of tuning, of tuning with RAG)
    "triage": (0.35, 0.4, 0.52, 0.5),
    "extract": (0.80, 0.1, 0.0, 0.0),
    "handbook": (0.30, 2.4, 0.15, 0.42),
    "coin": (0.44, 0.1, 0.28, 0.02),
    "reply": (0.60, 0.3, 0.09, 0.09),
}
MODEL = "embedded:tiny"
PROBED = {
    # suite: contender: (technique, what it adds to the prompts)
    "triage": {"constrained": ("constrain", 0.22)},
    "handbook": {
        "constrained": ("constrain", 0.19),
        "gold": ("probe:gold-passage", 0.6),
        "tries": ("probe:pass@8", 0.3),
    },
}
SHARES = {"sft_eighth": 0.125, "sft_quarter": 0.25, "sft_half": 0.5}
MERGED = {"triage": 0.52, "coin": 0.0}
"""What the merged adapter adds to the prompts where its parts are at home."""
TRIES: tuple[dict[str, float], ...] = (
    {"learning_rate": 2e-4, "lora_rank": 16},
    {"learning_rate": 5e-4, "lora_rank": 16},
    {"learning_rate": 1e-4, "lora_rank": 64},
    {"learning_rate": 5e-2, "lora_rank": 64},
)
SEARCHED = {(1, 0.25): 0.61, (2, 0.25): 0.64, (3, 0.25): 0.52, (4, 0.25): -math.inf, (1, 1.0): 0.7, (2, 1.0): 0.6875}
TERMS: dict[str, Any] = {
    "metric": "json_exact", "margin": 0.03, "alpha": 0.05, "estimand": "recipe", "route": "quality", "planned_gain": 0.08,
    "test_cases": "120 (3f9a0c)", "general.noninferiority": 0.03, "general.max_relative_drop": None, "prices": None,
    "min_seeds": 3, "min_clusters": 10, "max_flagged": 0.1, "looks": 1, "n_max": None,
}  # fmt: skip
LOCK = locks.Lock("2026-01-01 08:00 UTC", changes=(locks.Change("margin", 0.05, 0.03),))
LOOKED = locks.Look("0f" * 16, 120, 0.05, True, 1, None)


HISTORY = {
    "triage": locks.History(lock=locks.Lock("2026-01-01 08:00 UTC")),
    "coin": locks.History((LOOKED,), LOCK),
}
ACCOUNTS = {
    "triage": Account(TERMS, TERMS),
    "coin": Account({**TERMS, "margin": 0.05}, TERMS, (("2026-01-01 09:00 UTC", LOOKED),)),
}


def decided(folder: Path, *, cases: int = 120, seed: int = 7, hostile: bool = True) -> Gathered:
    """A report on drawn rows; the answers are hostile every now and then."""
    return gather(_Drawn(folder, cases, seed, hostile).evidence())


def _sought(suite: str) -> Any:
    """A search that came to its end: four recipes, of which one diverged and two went on."""
    tries = tuple(Try(number, settings) for number, settings in enumerate(TRIES, 1))
    asked = tuple((tries[number - 1], share) for number, share in SEARCHED)
    course = Course(tries, asked, SEARCHED, over=True, winner=tries[0])
    return SimpleNamespace(
        suite=suite,
        name="sft",
        model=SimpleNamespace(id=MODEL),
        search=Search(learning_rate=(1e-4, 5e-4)),
        found=course,
    )


class _Drawn:
    def __init__(self, folder: Path, cases: int, seed: int, hostile: bool) -> None:
        self.folder, self.cases, self.hostile, self.draw = folder, cases, hostile, random.Random(seed)
        self.rows: list[dict[str, Any]] = []
        self.answers: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.cells: list[Any] = []
        self.tasks: list[Task] = []

    def evidence(self) -> Any:
        for name in SUITES:
            self._suite(name)
        self._guard()
        self._merge()
        rows = pa.Table.from_pylist(self.rows)
        policy = Policy.model_validate(
            {
                "suites": {t.suite.name: {"metric": t.suite.metric, "role": t.suite.role} for t in self.tasks},
                "merge": {"parts": {"all": [f"sft@{name}" for name in MERGED]}},
            }
        )
        candidates = {"sft": Candidate(method="sft"), "dpo": Candidate(method="dpo", start_from="sft")}
        experiment = Experiment(
            name="demo", folder=self.folder, models=(MODEL,), suites=tuple(SUITES), candidates=candidates
        )
        store = SimpleNamespace(
            trainings=lambda name: self._trainings(),
            last_run=lambda name: SimpleNamespace(
                config=experiment.model_dump(mode="json"),
                versions={"python": "3.12.1", "torch": "2.9.0", "transformers": "5.16.0"},
                hardware={"processor": "AMD EPYC", "cores": 2, "memory_gib": 23.4, "gpus": []},
                started=datetime(2026, 1, 2, 3, 4),
                finished=datetime(2026, 1, 2, 4, 31),
            ),
            answers=lambda name, suite, *, model, metrics, places: [
                {**answer, "contender": contender}
                for contender in dict.fromkeys(contender for contender, _ in places)
                for answer in self.answers[suite, contender]
                if (contender, answer["case_id"]) in places
            ],
        )
        matrix = SimpleNamespace(experiment=experiment, tasks=self.tasks, cells=self.cells, sought=(_sought("coin"),))
        metrics = {
            t.suite.name: {t.suite.metric: SimpleNamespace(judge=None, hash="5f0c77ab", amount=False)}
            for t in self.tasks
        }
        return SimpleNamespace(
            matrix=matrix, store=store, experiment=experiment, models=[MODEL], policy=policy, metrics=metrics,
            rows=lambda model: rows, loaded=lambda model: load_rows(rows), verdicts={MODEL: decide(rows, policy, history=HISTORY)}, accounts={MODEL: ACCOUNTS},
        )  # fmt: skip

    def _suite(self, name: str) -> None:
        skill, context, tuned, both = SUITES[name]
        metric = "rouge_l" if name == "reply" else "json_exact"
        suite = Declared(
            gates=(
                Gate(name="good enough", contender="sft", minimum=0.7),
                Gate(name="beats examples", contender="sft", over="few_shot_4"),
            ),
            name=name,
            folder=self.folder,
            metric=metric,
            description=f"What {name} asks for, in one sentence.",
        )
        cases = [
            Case(
                f"{name}-{i:04}",
                f"Zeno here, order {i}. The delivery is late.",
                f'{{"desk": "quent", "rank": "R{i % 4}"}}',
                "dev" if i < 40 else "test",
                f"{name}-{i}",
            )
            for i in range(self.cases + 40)
        ]
        self.tasks.append(Task(suite, tuple(cases)))
        for contender, more in PROMPTS.items():
            self._answered(suite, cases, contender, "prompt", None, skill + more)
        for contender, (technique, more) in CONTEXT.items():
            if technique == "golden" or name == "handbook":
                self._answered(suite, cases, contender, technique, None, skill + more * context)
        for contender, (technique, more) in PROBED.get(name, {}).items():
            self._answered(suite, cases, contender, technique, None, skill + more)
        for contender, share in SHARES.items() if name == "coin" else ():
            for training in SEEDS:
                less = skill + tuned * (1 + 0.3 * math.log2(share))
                self._answered(suite, cases, contender, "tune", training, less, share=share)
        for contender, more in {
            "sft": tuned,
            "dpo": tuned - 0.02,
            **({"sft+rag": both} if name == "handbook" else {}),
        }.items():
            technique = "tune+rag" if "+" in contender else "tune"
            for training in SEEDS:
                self._answered(suite, cases, contender, technique, training, skill + more + self.draw.gauss(0, 0.01))

    def _guard(self) -> None:
        suite = Declared(name="general", folder=self.folder, metric="exact_match", role="guard", form="choice")
        cases = [
            Case(f"general-{i:04}", f"Which colour does town {i} fly?", "grey", "test", f"town-{i % 60}")
            for i in range(self.cases)
        ]
        self.tasks.append(Task(suite, tuple(cases)))
        wrong = self.draw.sample(range(len(cases)), len(cases) // 20)
        self._answered(suite, cases, "base", "prompt", None, 0.9, fixed=wrong)
        for name in SUITES:
            for contender in ("sft", "dpo", *(("sft+rag",) if name == "handbook" else ())):
                for training in SEEDS:
                    also = [*wrong, self.draw.randrange(len(cases))]
                    self._answered(suite, cases, f"{contender}@{name}", "tune", training, 0.9, fixed=also)

    def _merge(self) -> None:
        """One adapter of two that keeps one task and loses the other."""
        for task in self.tasks:
            for training in SEEDS if task.suite.name in MERGED else ():
                skill, more = SUITES[task.suite.name][0], MERGED[task.suite.name]
                self._answered(task.suite, task.cases, "all", "tune", training, skill + more)

    def _answered(
        self,
        suite: Any,
        cases: Any,
        contender: str,
        technique: str,
        training: int | None,
        skill: float,
        fixed: Any = None,
        share: float = 1.0,
    ) -> None:
        recipe = contender.partition("+")[0] if training else None
        named = SimpleNamespace(name=contender, technique=technique, recipe=recipe)
        self.cells.append(
            SimpleNamespace(model=SimpleNamespace(id=MODEL), identity="c0ffee" * 8, suite=suite, contender=named)
        )
        for i, case in enumerate(cases):
            hard = random.Random(case.id).gauss(0, 0.25)
            right = i not in fixed if fixed is not None else self.draw.random() < skill + hard
            score = (
                (self.draw.uniform(0.7, 1) if right else self.draw.uniform(0, 0.5))
                if suite.metric == "rouge_l"
                else float(right)
            )
            self._row(suite, case, contender, technique, training, score, share)
            self._answer(suite, case, contender, technique, training, right, score)

    def _row(
        self, suite: Any, case: Any, contender: str, technique: str, training: int | None, score: float, share: float
    ) -> None:
        long = {"rag": 420, "golden": 300, "tune+rag": 400}.get(technique, 60)
        self.rows.append(
            {
                "suite": suite.name, "contender": contender, "technique": technique, "metric": suite.metric, "case_id": case.id,
                "training_seed": training, "repeat": 0, "data_fraction": share, "split": case.split, "cluster": case.cluster, "score": score, "error": None,
                "source": "program", "flagged": False, "prompt_tokens": long, "output_tokens": 18, "seconds": 0.002 + long / 1e5, "cost": None,
            }
        )  # fmt: skip

    def _answer(
        self, suite: Any, case: Any, contender: str, technique: str, training: int | None, right: bool, score: float
    ) -> None:
        text = (
            case.reference if right else case.reference.replace("quent", self.draw.choice(["hesk", "orlan", "ubrin"]))
        )
        if self.hostile and not right and self.draw.random() < 0.2:
            text = self.draw.choice(HOSTILE)
        user = case.input
        if technique in ("rag", "tune+rag"):
            user = (
                "Documents:\n"
                + "\n".join(f"[{k}] {PAGE * 3} {(int(case.id[-4:]) + k) % 40}" for k in (1, 2, 3))
                + f"\n\nQuestion: {user}"
            )
        self.answers.setdefault((suite.name, contender), []).append(
            {
                "case_id": case.id, "training_seed": training, "text": text, "error": None, "finish": "stop", "scores": {suite.metric: score},
                "messages": [{"role": "system", "content": "Label the message as JSON."}, {"role": "user", "content": user}], "documents": [],
            }
        )  # fmt: skip

    def _trainings(self) -> list[Training]:
        return [
            Training(f"{name}-{recipe}-{s}", recipe, name, MODEL, s, "", 61.0, 240, 360, 360, 90_000, [(k, 2.2 / (1 + k / 25) + self.draw.random() * 0.1, 0, 0) for k in range(1, 241)], {})
            for name in SUITES for recipe in ("sft", "dpo") for s in SEEDS
        ]  # fmt: skip


PAGE = "The filter of the Grozak stove is called kladrun and stands on shelf 582, looked after by Faye Danos."

__all__ = ["HOSTILE", "decided", "open_store", "small"]

if __name__ == "__main__":
    made = decided(Path("/tmp"), cases=int(sys.argv[2]) if len(sys.argv) > 2 else 120)
    Path(sys.argv[1]).write_text(to_html(made), encoding="utf-8")
    print(to_terminal(made))
    Path(sys.argv[1]).with_suffix(".md").write_text(to_markdown(made), encoding="utf-8")
