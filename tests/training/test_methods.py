"""One contract for every method and every adapter: it trains, goes on after a kill as if nothing had been, answers, and is exported in
every form that can carry it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.experiment import Model
from harness.matrix import Matrix
from harness.recipe import ELSEWHERE, FLOAT_ONLY, Adapter, Kind, Recipe
from harness.suite import Case
from harness.training import METHODS, Job, train
from harness.training.job import Exam, Reward, adapter_fingerprint
from harness.training.rows import Row
from harness.trial import Generation, Step, Trial

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests.export.contract import as_trained, exports, questions
from tests.models.tiny_models import build_tiny
from tests.training.test_training import demonstrations, job, preferences, same

KINDS = get_args(Kind)
RATINGS: tuple[Row, ...] = tuple({**row, "label": i % 2 == 0} for i, row in enumerate(demonstrations()))
DATA: dict[str, dict[str, Any]] = {
    "sft": {"rows": demonstrations()},
    "dpo": {"rows": preferences(), "data": "preferences"},
    "kto": {"rows": RATINGS, "data": "ratings"},
    "grpo": {"rows": demonstrations()},
    "rloo": {"rows": demonstrations()},
    "rlhf": {"rows": preferences(6), "data": "preferences"},
    "orpo": {"rows": preferences(), "data": "preferences"},
    "simpo": {"rows": preferences(), "data": "preferences"},
}
assert DATA.keys() | {*ELSEWHERE} == METHODS.keys()
VOWELS = """
def score(case, text):
    letters = [letter for letter in text.lower() if letter.isalpha()]
    return sum(letter in "aeiou" for letter in letters) / max(1, len(letters))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model and a suite that rewards vowels."""
    made = tmp_path_factory.mktemp("methods")
    build_tiny("llama", made / "llama")
    suite = made / "vowels"
    suite.mkdir()
    (suite / "suite.toml").write_text('metric = "vowel_share:score"\n')
    (suite / "vowel_share.py").write_text(VOWELS)
    return made


@pytest.fixture(scope="module")
def matrix(folder: Path) -> Matrix:
    """What an export is asked: the rows' prompts."""
    return questions(folder / "asked", folder / "llama", demonstrations(), home=folder / "home")


def asked(folder: Path, method: str, kind: str = "lora", *, name: str = "", **changes: Any) -> Job:
    recipe = Recipe.model_validate(
        {
            "method": method,
            "learning_rate": 1e-3,
            "epochs": 1,
            "batch_size": 4,
            "generations": 4,
            "save_steps": 2,
            "max_length": 120,
            "adapter": Adapter(kind=kind, rank=4),  # type: ignore[arg-type]
            **changes,
        }
    )
    quantization: Any = "none" if kind in FLOAT_ONLY else "nf4"
    return job(
        folder / "llama",
        folder / "home" / "adapters",
        adapter=name or f"{method}-{kind}",
        model=Model(id=str(folder / "llama"), quantization=quantization),
        recipe=recipe,
        reward=Reward(folder / "vowels", "vowel_share:score", "v", 8),
        **DATA[method],
    )


def answers(folder: Path, one: Job) -> list[Generation]:
    from harness.models.local import Local

    trials = [
        Trial(
            id=f"{number:016x}",
            suite="vowels",
            contender="c",
            technique="tune",
            model="m",
            case_id=str(number),
            split="test",
            cluster="",
            messages=({"role": "user", "content": row["prompt"]},),
            max_new_tokens=8,
            adapter=one.adapter,
        )
        for number, row in enumerate(demonstrations())
    ]
    local = Local(one.model, home=folder / "home")
    return sorted((g for batch in local.generate(trials) for g in batch), key=lambda g: g.trial_id)


def trains_and_resumes(folder: Path, one: Job) -> None:
    training = train(one)
    assert len(training.losses) == training.steps >= 3
    assert training.base
    again = replace(one, adapter=f"{one.adapter}-again", out=one.out.with_name(f"{one.adapter}-again"))

    def stop(step: Step) -> None:
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(again, stop)
    resumed = train(again)
    assert resumed.losses == training.losses
    assert not again.work.exists()
    assert not list(one.out.parent.glob("*.reward"))
    if one.recipe.adapter.kind == "full":
        from safetensors.torch import load_file

        first, second = (load_file(out / "model.safetensors") for out in (one.out, again.out))
        assert all(first[name].equal(second[name]) for name in first)
    else:
        assert same(one.out, again.out)
    assert [g.text for g in answers(folder, one)] == [g.text for g in answers(folder, again)]


@pytest.mark.parametrize("method", DATA)
def test_every_method(method: str, folder: Path) -> None:
    trains_and_resumes(folder, asked(folder, method))


@pytest.mark.parametrize(
    "optimizer",
    ["paged_adamw_8bit", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("adamw_8bit", "paged_adamw"))],
)
def test_every_optimizer(optimizer: str, folder: Path) -> None:
    one = asked(folder, "sft", name=f"by-{optimizer}", optimizer=optimizer)
    trains_and_resumes(folder, one)
    plain = one.recipe.model_copy(update={"optimizer": "adamw"})
    names = [adapter_fingerprint(model="m", recipe=recipe, rows=[], seed=1) for recipe in (one.recipe, plain)]
    assert names[0] != names[1]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "lora"])
def test_every_adapter(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers is what was trained, on a base that was loaded anew."""
    import torch

    from harness.models.local import Local
    from harness.training.session import Session

    seen: list[Any] = []
    save, ids = Session._save, torch.arange(5, 40)[None]

    def watched(session: Session, model: Any, out: Path) -> None:
        with torch.no_grad():
            seen.append(model.eval()(ids).logits)
        save(session, model, out)

    monkeypatch.setattr(Session, "_save", watched)
    one = asked(folder, "sft", kind, name=f"told-{kind}", learning_rate=1e-2)
    train(one)
    local = Local(one.model, home=folder / "home")
    with torch.no_grad():
        with local.wearing(one.adapter) as model:
            ours = model(ids).logits
        with local.wearing(None) as model:
            untrained = model(ids).logits
    torch.testing.assert_close(ours, seen[-1], atol=2e-4, rtol=1e-4)
    assert (ours - untrained).abs().max() > 0.05


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", DATA)
def test_every_pair(method: str, kind: str, folder: Path, matrix: Matrix, tmp_path: Path) -> None:
    one = asked(folder, method, kind, name=f"pair-{method}-{kind}")
    trains_and_resumes(folder, one)
    exports(as_trained(one, matrix), tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("method", "kind"), [*((method, "lora") for method in DATA), *(("sft", kind) for kind in KINDS if kind != "lora")]
)
def test_dev_chooses_with_every_method_and_every_adapter(method: str, kind: str, folder: Path) -> None:
    """In legs, each from the last checkpoint, the training is what it is in one go; and what was scored is what answers."""
    cases = tuple(Case(f"d{i}", row["prompt"], "", "dev") for i, row in enumerate(demonstrations()))
    shown = tuple(({"role": "user", "content": case.input},) for case in cases)
    exam = Exam(folder / "vowels", "vowel_share:score", "v", 8, cases, shown)
    plain = asked(folder, method, kind, name=f"whole-{method}-{kind}", epochs=2)
    legs = asked(folder, method, kind, name=f"legs-{method}-{kind}", epochs=2, keep="best", patience=9)
    training, chosen = train(plain), train(replace(legs, exam=exam))
    assert chosen.losses == training.losses
    assert len(chosen.looks) == 3
    best = max(look.score or 0.0 for look in chosen.looks)
    scores = [vowels(g.text or "") for g in answers(folder, legs)]
    assert sum(scores) / len(scores) == pytest.approx(best)


@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_rewards_are_learnt(method: str, folder: Path) -> None:
    """A model that is paid for vowels writes more of them."""
    changes = {"epochs": 6, "learning_rate": 3e-3, "batch_size": 16, "generations": 8}
    one = asked(folder, method, name=f"vowels-{method}", **changes)
    train(one)
    untrained = replace(one, adapter=None)  # type: ignore[arg-type]
    before, after = ([vowels(g.text or "") for g in answers(folder, some)] for some in (untrained, one))
    assert sum(after) / len(after) > sum(before) / len(before) + 0.05


def vowels(text: str) -> float:
    scope: dict[str, Any] = {}
    exec(VOWELS, scope)
    return float(scope["score"](None, text))


def test_an_adapter_fits_its_own_base_alone(folder: Path, tmp_path: Path) -> None:
    from harness.errors import BadInput

    one = asked(folder, "sft", name="locked")
    train(one)
    other = replace(one, model=Model(id=str(build_tiny("qwen3", tmp_path / "other"))))
    with pytest.raises(BadInput, match=r"was trained on other weights than model .* has now"):
        answers(folder, other)


@pytest.mark.parametrize("changed", ["chat_template.jinja", "tokenizer_config.json", "config.json"])
def test_the_lock_holds_tokenizer_and_template_too(changed: str, folder: Path, tmp_path: Path) -> None:
    """The same weights behind another template are another base."""
    from harness.errors import BadInput
    from harness.models.weights import identity, refuse_foreign

    base = Path(asked(folder, "sft", name="unused").model.id)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "training.json").write_text(json.dumps({"base": identity(Model(id=str(base)))}))
    copied = shutil.copytree(base, tmp_path / "copied")
    refuse_foreign(tmp_path / "adapter", identity(Model(id=str(copied))), "copied")
    (copied / changed).write_text((copied / changed).read_text() + "\n")
    with pytest.raises(BadInput, match=r"model 'copied' has now .*; tokenizer and chat template count too"):
        refuse_foreign(tmp_path / "adapter", identity(Model(id=str(copied))), "copied")
