"""Trained candidates as what is deployed: every form on a random model, the merged one compared with what was evaluated."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, Incomplete
from harness.experiment import load_experiment
from harness.export import FORMS, export
from harness.export.trained import Trained, find
from harness.matrix import Matrix, expand
from harness.training import train
from tests.conftest import Project, Ran

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests.local_project import make

Harness = Callable[..., Ran]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small matrix with the first seed's SFT and DPO trained."""
    made = make(tmp_path_factory.mktemp("export"))
    for job in expand(load_experiment(made.experiment)).jobs:
        if job.seed == 1000:
            train(job)
    return made


@pytest.fixture(scope="module")
def matrix(project: Project) -> Matrix:
    return expand(load_experiment(project.experiment))


def one(matrix: Matrix, name: str = "sft@label") -> list[Trained]:
    return find(matrix, [name])


def test_merged_answers_as_it_was_evaluated(matrix: Matrix, tmp_path: Path) -> None:
    """In float32 nothing is left but rounding; in 16 bits the difference is said."""
    said = export("merged", one(matrix), tmp_path / "exact", dtype="float32")
    found = json.loads((tmp_path / "exact" / "export.json").read_text())
    assert found["answers"] == found["identical"] == 20
    assert found["logits"] < 1e-5
    assert said[0].startswith("sft@label, seed 1000: 20 of 20 answers are those that were evaluated")
    export("merged", one(matrix), tmp_path / "half")
    rounded = json.loads((tmp_path / "half" / "export.json").read_text())
    assert 1e-5 < rounded["logits"] < 0.05
    config = json.loads((tmp_path / "half" / "config.json").read_text())
    assert config["dtype"] == "bfloat16"
    assert "quantization_config" not in config
    assert (tmp_path / "half" / "chat_template.jinja").is_file()


def test_a_merge_into_other_weights_is_seen(matrix: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is no formality: merged into the weights before quantisation, it is another model."""
    from harness.models import base

    load = base.load_base
    monkeypatch.setattr(
        base, "load_base", lambda model, **options: load(model.model_copy(update={"quantization": "none"}), **options)
    )
    from harness.export import merged

    (found,) = one(matrix)
    (tmp_path / "wrong").mkdir()
    merged.save(found, tmp_path / "wrong", dtype="float32")
    monkeypatch.undo()
    assert merged.compare(found, tmp_path / "wrong").logits > 0.01


def test_adapter_with_its_card(matrix: Matrix, tmp_path: Path) -> None:
    said = export("adapter", one(matrix, "dpo@label"), tmp_path / "out")
    assert said == [f"dpo@label: the adapter of seed 1000, for {matrix.jobs[0].model.id}", f"wrote {tmp_path / 'out'}"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith(f"---\nbase_model: {matrix.jobs[0].model.id}\nlibrary_name: peft\n")
    for part in ("# dpo@label", "| method | dpo |", "preferences.jsonl, sha256", "No verdict yet", "## Limits"):
        assert part in card
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_vllm_serves_all_adapters(matrix: Matrix, tmp_path: Path) -> None:
    """The script is run with a stand-in for vllm that says what it was asked."""
    export("vllm", find(matrix, ["sft@label", "dpo@label"]), tmp_path / "out")
    script = tmp_path / "out" / "serve.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    tool = tmp_path / "bin" / "vllm"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    tool.chmod(0o755)
    ran = subprocess.run(
        [script, "--port", "9"],
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    asked = ran.stdout.splitlines()
    assert asked[:2] == ["serve", matrix.jobs[0].model.id]
    assert asked[asked.index("--max-lora-rank") + 1] == "16"
    assert asked[asked.index("--max-loras") + 1] == "2"
    assert {word for word in asked if word.startswith("--")} - {"--port"} <= VLLM
    assert [word.partition("=")[0] for word in asked if "@label=" in word] == ["sft@label", "dpo@label"]
    assert all((tmp_path / "out" / word.partition("=")[2]).is_dir() for word in asked if "@label=" in word)
    assert all(word.count("=") == 1 for word in asked if "@label=" in word), "vLLM parts them at every ="
    assert asked[asked.index("--generation-config") + 1] == "vllm"
    assert asked[-2:] == ["--port", "9"]


VLLM = {
    "--revision",
    "--quantization",
    "--enable-lora",
    "--max-loras",
    "--max-lora-rank",
    "--lora-modules",
    "--generation-config",
}
"""Options of ``vllm serve`` (its vllm/entrypoints/openai/cli_args.py and vllm/engine/arg_utils.py)."""
OLLAMA = {"FROM", "PARAMETER", "TEMPLATE", "SYSTEM"}
"""Instructions of a Modelfile, and below parameters (docs.ollama.com/modelfile)."""


@pytest.mark.parametrize(("rank", "told"), [(4, "8"), (48, "64"), (300, "320")])
def test_a_rank_that_vllm_can_be_told(rank: int, told: str, matrix: Matrix, tmp_path: Path) -> None:
    """It knows a few, and serves any adapter up to them: a merge by ``cat`` has the sum of its parts' ranks."""
    assert f"--max-lora-rank {told} " in script_of(matrix, rank, tmp_path)


def test_a_rank_that_vllm_does_not_serve(matrix: Matrix, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="sft@label has rank 513, and vLLM serves up to 512: export it as merged"):
        script_of(matrix, 513, tmp_path)


def script_of(matrix: Matrix, rank: int, folder: Path) -> str:
    (found,) = one(matrix)
    changed = replace(found, job=replace(found.job, out=folder / "adapter"))
    shutil.copytree(found.folder, changed.folder)
    config = json.loads((found.folder / "adapter_config.json").read_text())
    (changed.folder / "adapter_config.json").write_text(json.dumps({**config, "r": rank}))
    export("vllm", [changed], folder / "out")
    return (folder / "out" / "serve.sh").read_text()


def test_ollama_says_the_same_template(matrix: Matrix, tmp_path: Path) -> None:
    export("ollama", one(matrix), tmp_path / "out")
    lines = (tmp_path / "out" / "Modelfile").read_text()
    assert lines == (
        "FROM ./model\n"
        'TEMPLATE """{{- if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ else }}{{ end }}'
        '{{- range .Messages }}{{ if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n<|im_start|>assistant\n'
        '{{ else if eq .Role "assistant" }}{{ .Content }}<|im_end|>\n{{ end }}{{ end }}"""\n'
        "PARAMETER temperature 0\n"
        "PARAMETER num_ctx 256\n"
        'PARAMETER stop """<|im_end|>"""\n'
        'SYSTEM """label"""\n'
    )
    outside = re.sub(r'"""(.|\n)*?"""', "", lines).splitlines()
    assert {line.split()[0] for line in outside} <= OLLAMA
    assert {line.split()[1] for line in outside if line.startswith("PARAMETER")} <= {"temperature", "num_ctx", "stop"}
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


def test_a_template_that_ollama_cannot_say(tmp_path: Path) -> None:
    from harness.export.ollama import find_turns
    from harness.models.chat import load_chat
    from tests.models.tiny_models import build_tiny

    gemma = load_chat(build_tiny("gemma", tmp_path / "gemma"))
    with pytest.raises(BadInput, match="x: the chat template cannot be said in Ollama's language"):
        find_turns(gemma, "x")


def test_a_template_with_a_system_prompt_of_its_own(tmp_path: Path) -> None:
    from harness.export.ollama import find_turns
    from harness.models.chat import Chat, load_chat
    from tests.models.tiny_models import CHATML, build_tiny

    chat = load_chat(build_tiny("llama", tmp_path / "m"))
    chat.tokenizer.chat_template = (
        "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}" + CHATML
    )
    turns = find_turns(Chat(chat.tokenizer), "x")
    assert turns.render([{"role": "user", "content": "Hello"}]) == (
        "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )
    assert "{{ else }}<|im_start|>system\nYou are helpful." in turns.template()


def test_axolotl(matrix: Matrix, tmp_path: Path) -> None:
    yaml: Any = pytest.importorskip("yaml")
    export("axolotl", find(matrix, ["sft@label", "dpo@label"], trained=False), tmp_path / "out")
    sft = yaml.safe_load((tmp_path / "out" / "sft.yaml").read_text().replace("{", "<").replace("}", ">"))
    assert (sft["adapter"], sft["lora_r"], sft["learning_rate"], sft["num_epochs"]) == ("qlora", 16, 0.01, 2)
    assert sft["datasets"] == [{"path": "<rows>", "ds_type": "json", "type": "chat_template"}]
    dpo = yaml.safe_load((tmp_path / "out" / "dpo.yaml").read_text().replace("{", "<").replace("}", ">"))
    assert (dpo["rl"], dpo["rl_beta"]) == ("dpo", 0.1)


def test_gguf_by_llama_cpp(matrix: Matrix, tmp_path: Path) -> None:
    tool = tmp_path / "llama.cpp"
    tool.mkdir()
    with pytest.raises(BadInput, match=r"as --llama-cpp DIR"):
        export("gguf", one(matrix), tmp_path / "out", llama_cpp=tool)
    assert not (tmp_path / "out").exists()
    (tool / "convert_hf_to_gguf.py").write_text(
        "import pathlib, sys\nassert (pathlib.Path(sys.argv[1]) / 'config.json').is_file()\n"
        "pathlib.Path(sys.argv[3]).write_bytes(b'GGUF')\n"
    )
    export("gguf", one(matrix), tmp_path / "out", llama_cpp=tool)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "export.json", "model.gguf"]


@pytest.fixture(scope="module")
def known(matrix: Matrix) -> dict[str, str]:
    """User's words → what the candidate answers."""
    from harness.export.merged import answers, compared
    from harness.models.local import Local

    (found,) = one(matrix)
    trials = compared(found)
    local = Local(found.job.model, home=matrix.experiment.home)
    texts = answers(local, trials)
    return {trial.messages[-1]["content"]: texts[trial.id] or "" for trial in trials}


def test_what_is_served_is_asked_the_same(known: dict[str, str], project: Project, harness: Harness) -> None:
    """The suite's cases with its system prompt, by the server's name of the model; the same answers hold."""
    pytest.importorskip("openai")
    from tests.models.fake_api import serve
    from tests.models.test_openai import completion

    with serve(lambda number, body: completion(known[body["messages"][-1]["content"]])) as api:
        ran = check(project, harness, api.url)
        short = check(project, harness, api.url, "--cases", "5", "--json")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        f"sft@label, seed 1000: 20 of 20 answers of openai:out@{api.url} are those that were evaluated, letter for letter",
        ran.out.splitlines()[1],
    ]
    assert "exact_match: it loses 0.0 points (" in ran.out
    asked = api.bodies[0]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("out", 0, 4)
    assert asked["messages"][0] == {"role": "system", "content": "label"}
    assert len(api.bodies) == 25
    (said,) = json.loads(short.out)
    assert (said["answers"], said["identical"], said["state"], said["different"]) == (5, 5, "holds", [])


def test_a_server_that_has_lost_something_is_seen(known: dict[str, str], project: Project, harness: Harness) -> None:
    """One that never stops writes what the candidate did not; of a candidate that scores nothing no loss can be shown."""
    pytest.importorskip("openai")
    from tests.models.fake_api import serve
    from tests.models.test_openai import completion

    with serve(lambda number, body: completion(known[body["messages"][-1]["content"]] + " and so on")) as api:
        ran = check(project, harness, api.url)
    assert ran.code in (1, 2)
    assert "0 of 20 answers" in ran.out
    assert "and so on' is served" in ran.out
    assert (
        "compare tokenizer, chat template, stop tokens and system prompt of the server with the model's own" in ran.out
    )


def test_losses_that_are_shown_and_not() -> None:
    """By the interval: what is not shown to be small does not hold."""
    from harness.export.served import EXIT_CODES, Checked, Pair
    from harness.stats import Interval

    def checked(lower: float, upper: float, *pairs: Pair) -> Checked:
        lost = Interval((lower + upper) / 2, lower, upper, 0.05, 9, 20, 0, 20)
        return Checked("sft@x", 1, "openai:x@http://h", "exact_match", pairs or (Pair("1", "a", "b"),), lost, 0.03)

    states = [checked(*bounds).state for bounds in ((-0.01, 0.02), (-0.04, 0.04), (0.04, 0.2))]
    assert states == ["holds", "undecided", "lost"]
    assert [EXIT_CODES[state] for state in states] == [0, 2, 1]
    assert checked(-0.1, 0.1, Pair("1", "a", "a")).state == "holds", "the same answers need no interval"


def check(project: Project, harness: Harness, url: str, *more: str) -> Ran:
    served = f"openai:out@{url}"
    return harness("export", "check", "sft@label", "--served", served, "--experiment", str(project.experiment), *more)


@pytest.mark.exhaustive
def test_through_transformers_serve(matrix: Matrix, project: Project, harness: Harness, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from tests.models.test_transformers_serve import serving

    export("merged", one(matrix), tmp_path / "out", dtype="float32")
    with serving(str(tmp_path / "out"), tmp_path / "log.txt") as address:
        ran = harness(
            *("export", "check", "sft@label", "--served", f"openai:{address}", "--experiment", str(project.experiment))
        )
    assert ran.code == 0, ran.out
    assert "20 of 20 answers" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["merge", "sft@label"], 4, "unknown form 'merge': did you mean 'merged'?"),
        (["merged", "sft@labels"], 4, "no candidate 'sft@labels': did you mean 'sft@label'?"),
        (["merged", "sft@label", "--seed", "7"], 4, "sft@label has no training seed 7: 1000, 1001 are there"),
        (["merged", "sft@label", "--seed", "1001"], 3, "sft@label (seed 1001) is not trained yet: run `harness run`"),
        (["merged", "sft@label", "dpo@label"], 4, "one model is made of one candidate: name one"),
        (["merged", "sft@label", "--dtype", "int8"], 4, "--dtype 'int8'"),
        (["merged", "sft@label", "--model", "x"], 4, "no base model 'x'"),
    ],
)
def test_one_clear_error(
    arguments: list[str], code: int, said: str, project: Project, harness: Harness, tmp_path: Path
) -> None:
    ran = harness("export", *arguments, "--out", str(tmp_path / "out"), "--experiment", str(project.experiment))
    assert (ran.code, ran.err.count("\n")) == (code, 1)
    assert said in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "sft@label"], "check takes --served openai:MODEL@URL, and every other form --out FOLDER"),
        (["check", "sft@label", "--served", "openai:x@http://h", "--out", "x"], "check takes --served"),
        (["merged", "sft@label", "--served", "openai:x@http://h"], "check takes --served"),
        (["check", "sft@label", "--served", "out"], "--served 'out': write openai:MODEL@URL"),
    ],
)
def test_what_a_check_needs(arguments: list[str], said: str, project: Project, harness: Harness) -> None:
    ran = harness("export", *arguments, "--experiment", str(project.experiment))
    assert (ran.code, ran.err.count("\n")) == (4, 1)
    assert said in ran.err


def test_what_is_there_already_stays(matrix: Matrix, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is there already"):
        export("adapter", one(matrix), tmp_path)
    whole = replace(one(matrix)[0], job=replace(one(matrix)[0].job, out=tmp_path))
    with pytest.raises(BadInput, match="was trained whole and has no adapter"):
        export("adapter", [whole], tmp_path / "out")
    with pytest.raises(Incomplete):
        find(matrix, ["sft@label"], seed=1001)
    assert set(FORMS) == {"adapter", "merged", "vllm", "ollama", "gguf", "axolotl"}


def test_the_page_says_what_goes_into_which_form() -> None:
    from harness.export.shape import ALONE, SHAPES, refusal

    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    said = {row[0].split("`")[1]: [cell.strip() == "yes" for cell in row[1:]] for row in rows if row[0].count("`") == 2}
    for shape in SHAPES:
        alone = {refusal(form, shape) is None for form in ALONE}
        assert said[shape] == [refusal("adapter", shape) is None, alone == {True}, refusal("vllm", shape) is None], (
            shape
        )
