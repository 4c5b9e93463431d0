"""What the embedded model can do, measured on held-out draws, greedy, on the quantised base that the demo uses.

    python benchmarks/embedded.py                # a table for RESULTS.md and the model card; about five minutes on two cores

Contexts, instructions and facts are drawn here from a seed that pretraining never used; the few-shot and SFT figures are
those of the shipped `triage` suite; "over-trained" is the same SFT without replay, at five times the steps.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.contender import Contender
from harness.embedded.lexicon import EXTRACT
from harness.embedded.world import World, chat, listed
from harness.experiment import Experiment, Model, load_experiment
from harness.fingerprint import fingerprint
from harness.matrix import expand
from harness.models.local import Local
from harness.prompt import Prompter
from harness.suite import Task, load_task
from harness.training import Job, train
from harness.trial import Trial

ROOT = Path(__file__).parent.parent
SEED = 777_001
COUNT = 300


def trial(name: str, messages: Sequence[dict[str, str]], reference: str, *, adapter: str | None = None, tokens: int = 64, choices: tuple[str, ...] = (), choice_by: str = "letter") -> Trial:  # fmt: skip
    """One question outside any suite."""
    return Trial(
        id=fingerprint(name, list(messages), adapter, choices, choice_by),
        suite="embedded",
        contender=name,
        technique="prompt",
        model="embedded:tiny",
        case_id=fingerprint(list(messages)),
        split="test",
        cluster="",
        messages=tuple(messages),
        max_new_tokens=tokens,
        adapter=adapter,
        choices=choices,
        choice_by=choice_by,
    )


def exact(local: Local, asked: Sequence[tuple[Trial, str]]) -> float:
    """Share of answers that are the reference to the letter."""
    answers = {g.trial_id: g.text for batch in local.generate([t for t, _ in asked]) for g in batch}
    return sum((answers[t.id] or "").strip() == reference for t, reference in asked) / len(asked)


def context(world: World, rng: random.Random, *, documents: bool) -> list[tuple[Trial, str]]:
    """Questions with the right document among three to five, or with none."""
    made = []
    while len(made) < COUNT:
        draw = world.question_with_documents(rng, rng.randint(3, 5))
        if draw.task != "context" or draw.messages[-1]["content"].startswith("I do not"):
            continue
        messages = list(draw.messages[:-1])
        if not documents:
            question = messages[-1]["content"].rpartition("Question: ")[2]
            messages = [{"role": "system", "content": "Answer the question."}, {"role": "user", "content": question}]
        made.append((trial("context", messages, ""), draw.messages[-1]["content"]))
    return made


def instruction(world: World, rng: random.Random, prompt: str | None) -> list[tuple[Trial, str]]:
    """Extraction of three fields, told which (None) or told something vague."""
    import json

    made = []
    for _ in range(COUNT):
        ticket = world.ticket(rng)
        keys = rng.sample(["name", "product", "order", "town", "amount", "day"], 3)
        answer = json.dumps({key: ticket.fields[key] for key in keys})
        system = prompt or rng.choice(EXTRACT).format(keys=listed(keys))
        made.append((trial("instruction", chat("x", ticket.text, answer, system=system).messages[:-1], ""), answer))
    return made


def of_suite(task: Task, contender: Contender, *, adapter: str | None = None) -> list[tuple[Trial, str]]:
    """The test cases of a suite as one contender asks them."""
    cases = task.split("test")
    asks = Prompter(task, contender, seed=1).ask_all(cases)
    return [
        (trial(contender.name, ask.messages, "", adapter=adapter, tokens=task.suite.max_new_tokens, choices=case.choices, choice_by=task.suite.choice_by), case.reference)
        for case, ask in zip(cases, asks, strict=True)
    ]  # fmt: skip


def trained(job: Job, home: Path, **changes: Any) -> tuple[str, float]:
    """(adapter, seconds) of a job of the demo, its recipe changed."""
    recipe = job.recipe.model_copy(update=changes)
    name = fingerprint(job.adapter, {k: str(v) for k, v in changes.items()})
    started = time.perf_counter()
    train(
        replace(
            job, adapter=name, recipe=recipe, out=home / "adapters" / name, replay=job.replay if recipe.replay else None
        )
    )
    return name, time.perf_counter() - started


def main() -> None:
    experiment: Experiment = load_experiment(ROOT / "experiment.toml")
    world, rng = World(), random.Random(SEED)
    triage, general = load_task(ROOT / "suites/triage"), load_task(ROOT / "suites/general")
    base = Contender(name="base", technique="prompt")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (job,) = [
            j
            for j in expand(experiment).jobs
            if (j.suite, j.recipe_name, j.seed) == ("triage", "sft", experiment.seeds[0])
        ]
        rows: list[tuple[str, str, float]] = []

        def note(what: str, goal: str, value: float) -> None:
            rows.append((what, goal, value))
            print(f"| {what} | {goal} | {value:.3f} |", flush=True)

        for quantization in ("nf4", "none"):
            local = Local(Model(id="embedded:tiny", quantization=quantization), home=home)  # type: ignore[arg-type]
            shown = "NF4" if quantization == "nf4" else "float32"
            note(
                f"answers from the right document among 3–5 ({shown})",
                "≥ 0.90",
                exact(local, context(world, rng, documents=True)),
            )
        local = Local(Model(id="embedded:tiny"), home=home)
        note("the same without documents", "≤ 0.05", exact(local, context(world, rng, documents=False)))
        note("an instruction that it knows", "≥ 0.90", exact(local, instruction(world, rng, None)))
        note("the same task, poorly asked", "≤ 0.40", exact(local, instruction(world, rng, "Process this message.")))
        for shots in (2, 4):
            shown_k = Contender(name=f"few_shot_{shots}", technique="prompt", shots=shots)
            note(f"triage, {shots} examples in the prompt", "0.20–0.70", exact(local, of_suite(triage, shown_k)))
        adapter, seconds = trained(job, home)
        tuned = Contender(name="sft", technique="tune", recipe="sft")
        note("triage after QLoRA SFT", "≥ 0.90", exact(local, of_suite(triage, tuned, adapter=adapter)))
        note("seconds that took, imports included", "≤ 90", seconds)
        note("four-choice questions about general facts", "≥ 0.85", exact(local, of_suite(general, base)))
        note("the same after that SFT", "–", exact(local, of_suite(general, tuned, adapter=adapter)))
        over, _ = trained(job, home, replay=0.0, learning_rate=2e-2, epochs=12.0)
        note("the same after SFT without restraint", "lower", exact(local, of_suite(general, tuned, adapter=over)))


if __name__ == "__main__":
    sys.exit(main())
