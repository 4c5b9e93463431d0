"""The embedded model ships whole, loads as any model does, and comes from the world that is committed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from harness.embedded import TINY
from harness.embedded.lexicon import LETTERS
from harness.embedded.stages import MIXTURES, draw_many
from harness.embedded.suites import write_suites
from harness.embedded.world import World
from harness.experiment import Model
from harness.models.local import Local
from harness.trial import Trial

ROOT = Path(__file__).parent.parent


def test_the_shipped_suites_are_what_the_world_draws(tmp_path: Path) -> None:
    write_suites(tmp_path)
    drawn = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.jsonl"))
    assert drawn == sorted(path.relative_to(ROOT / "suites") for path in (ROOT / "suites").rglob("*.jsonl"))
    for path in drawn:
        assert (tmp_path / path).read_bytes() == (ROOT / "suites" / path).read_bytes(), path


@pytest.mark.parametrize("stage", MIXTURES)
def test_draws_repeat_and_end_with_an_answer(stage: str) -> None:
    mixture = MIXTURES[stage](World())
    draws = draw_many(mixture, random.Random(3), 300)
    assert draws == draw_many(mixture, random.Random(3), 300)
    for draw in draws:
        assert draw.answer or draw.messages[-1]["role"] == "assistant"


def test_a_scheme_is_learnt_only_where_an_example_showed_it() -> None:
    world, rng = World(), random.Random(11)
    for draw in (world.scheme_by_example(rng) for _ in range(200)):
        answers = [i for i, message in enumerate(draw.messages) if message["role"] == "assistant"]
        assert draw.learnt[-1] == answers[-1]
        for place in draw.learnt:
            assert draw.messages[place] in [draw.messages[i] for i in answers if i < place]


def test_a_four_choice_question_holds_its_answer_once() -> None:
    world, rng = World(), random.Random(5)
    for (town, relation), value in list(world.facts.items())[:50]:
        draw = world.four_choice(rng, (town, relation))
        options = dict(
            line.split(". ", 1) for line in draw.text.splitlines() if line[:3] in [f"{x}. " for x in LETTERS]
        )
        assert options[draw.answer.strip()] == value
        assert len(set(options.values())) == 4


def test_the_guard_and_the_replay_share_no_question() -> None:
    asked = {json.loads(line)["input"] for line in (ROOT / "suites/general/cases.jsonl").read_text().splitlines()}
    replayed = (ROOT / "suites/replay.jsonl").read_text()
    assert "Answer:\n" not in replayed
    assert not any(f"{question}\\nA. " in replayed for question in asked)


def test_the_weights_are_small_and_safe() -> None:
    assert sum(path.stat().st_size for path in TINY.glob("*.safetensors")) <= 8_000_000
    assert not [path for path in TINY.iterdir() if path.suffix in {".bin", ".pt", ".pkl", ".py"}]
    assert "{% generation %}" in (TINY / "chat_template.jinja").read_text()
    assert json.loads((TINY / "config.json").read_text())["model_type"] == "llama"


def test_it_answers_from_context(tmp_path: Path) -> None:
    local = Local(Model(id="embedded:tiny"), home=tmp_path)
    world, rng = World(), random.Random(41)
    draws = [d for d in (world.question_with_documents(rng, 4) for _ in range(60)) if d.task == "context"][:40]
    trials = [
        Trial(str(i), "s", "c", "prompt", "embedded:tiny", str(i), "test", "", d.messages[:-1], 24)
        for i, d in enumerate(draws)
    ]
    said = {g.trial_id: g.text for batch in local.generate(trials) for g in batch}
    right = sum(said[str(i)] == d.messages[-1]["content"] for i, d in enumerate(draws))
    assert right >= 34


def test_pretraining_runs(tmp_path: Path) -> None:
    from harness.embedded.pretrain import Plan, pretrain

    plan = Plan()
    short = replace(
        plan, batch_tokens=512, compiled=False, layers=1, width=32, heads=2, inner=32,
        stages=tuple(replace(stage, tokens=0.003) for stage in plan.stages),
    )  # fmt: skip
    out = pretrain(short, tmp_path / "model", say=lambda line: None)
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {
        p.name for p in out.iterdir()
    }
    assert (tmp_path / "model-first").is_dir()
