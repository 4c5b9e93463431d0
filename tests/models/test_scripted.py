from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.models import identity, is_local, load_backend
from harness.models.scripted import Scripted
from harness.trial import Generation, Trial
from tests.models.fake_api import collect, make_trials


def say(id: str, trials: list[Trial]) -> list[str | None]:
    backend = load_backend(Model(id=id), home=Path("home"))
    rows = collect(backend.generate(trials))
    backend.close()
    return [rows[trial.id].text for trial in trials]


def test_echo_and_constant() -> None:
    trials = make_trials(600)
    assert say("scripted:echo", trials) == [f"question {i}" for i in range(600)]
    assert set(say("scripted:constant={}", trials)) == {"{}"}
    assert say("scripted:constant=a=b.jsonl", trials[:1]) == ["a=b.jsonl"]
    assert say("scripted:constant=", trials[:1]) == [""]


def test_a_row_is_whole() -> None:
    (row,) = collect(Scripted(lambda trial: "two words").generate(make_trials(1))).values()
    assert row == Generation(
        "t0", text="two words", prompt_tokens=4, output_tokens=2, seconds=0.0, finish="stop", error=None, cost=None
    )


def test_a_function_that_fails_gives_error_rows() -> None:
    def answer(trial: Trial) -> str:
        if trial.id == "t1":
            raise TimeoutError("too slow")
        return trial.case_id

    rows = collect(Scripted(answer).generate(make_trials(3)))
    assert [rows[f"t{i}"].text for i in range(3)] == ["c0", None, "c2"]
    assert rows["t1"].error == "TimeoutError: too slow"


def test_choices_are_said_to_be_chosen() -> None:
    (row,) = collect(Scripted(lambda trial: trial.choices[1]).generate(make_trials(1, choices=("A", "B")))).values()
    assert (row.text, row.finish) == ("B", "choice")


def test_a_function_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "judge.py"
    path.write_text('def shout(trial):\n    return trial.messages[-1]["content"].upper()\n')
    assert say(f"scripted:{path}:shout", make_trials(2)) == ["QUESTION 0", "QUESTION 1"]
    before = identity(Model(id=f"scripted:{path}:shout"))
    with pytest.raises(BadInput, match="has no function 'shut': did you mean 'shout'"):
        say(f"scripted:{path}:shut", [])
    path.write_text("def shout(trial):\n    return 'no'\n")
    assert identity(Model(id=f"scripted:{path}:shout")) != before, "another program is another model"
    path.write_text("def shout(")
    with pytest.raises(BadInput, match=r"judge\.py: cannot be imported: SyntaxError"):
        say(f"scripted:{path}:shout", [])


def test_answers_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"input": "refund", "text": "billing"}\n{"input": "refund late", "text": "complaints"}\n')
    (trial,) = make_trials(1)

    def ask(text: str) -> Trial:
        return make_trials(1, messages=({"role": "user", "content": text},))[0]

    assert say(f"scripted:{path}", [ask("refund")]) == ["billing"]
    assert say(f"scripted:{path}", [ask("Q: refund late A:")]) == ["complaints"]
    assert say(f"scripted:{path}", [ask("Q: refund late A: complaints Q: refund A:")]) == ["billing"]
    backend = load_backend(Model(id=f"scripted:{path}"), home=tmp_path)
    assert collect(backend.generate([trial]))["t0"].error == f"LookupError: {path} has no answer to 'question 0'"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"input": "a"}', ":1: every line needs strings 'input' and 'text'"),
        (
            '{"input": "a", "text": "b"}\n{"input": "a", "text": "c"}',
            ":2: another answer to the same input stands above",
        ),
        ("oops", ":1: not valid JSON"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line)
    with pytest.raises(BadInput) as caught:
        load_backend(Model(id=f"scripted:{path}"), home=tmp_path)
    assert str(caught.value).startswith(f"{path}{said}")


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("scripted:ecko", "model 'scripted:ecko': unknown script: did you mean 'echo'?"),
        ("scripted:nowhere.jsonl", "model 'scripted:nowhere.jsonl': no such file: "),
        ("opanai:gpt", "model 'opanai:gpt': unknown scheme 'opanai': did you mean 'openai'?"),
    ],
)
def test_unknown_models(id: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_backend(Model(id=id), home=Path())
    assert str(caught.value).startswith(said)


def test_identity_follows_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"input": "a", "text": "b"}\n')
    model = Model(id=f"scripted:{path}")
    before = identity(model)
    assert load_backend(model, home=tmp_path).hash == before
    path.write_text('{"input": "a", "text": "c"}\n')
    assert identity(model) != before
    assert identity(Model(id="scripted:echo")) != identity(Model(id="scripted:constant=x"))
    assert Scripted(lambda trial: "x", name="one").hash != Scripted(lambda trial: "x", name="two").hash


def test_where_a_model_runs(tmp_path: Path) -> None:
    local = ["embedded:tiny", "Qwen/Qwen3-0.6B", "./models/mine", str(tmp_path)]
    assert all(is_local(Model(id=id)) for id in local)
    assert not any(is_local(Model(id=id)) for id in ["scripted:echo", "openai:x", "anthropic:x"])
