"""Guards from lm-eval's tasks: what is written, and that our numbers are those of lm-eval run by itself."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, HarnessError
from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.suite import load_task
from tests.conftest import Ran, write_rows
from tests.models.test_local import WORDS, save_adapter

pytest.importorskip("lm_eval")

from harness.regression.task import write_task
from tests.models.tiny_models import build_tiny

YAML = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {docs}, dev: {docs}}}
test_split: test
fewshot_split: dev
fewshot_config: {{sampler: first_n}}
output_type: multiple_choice
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_choice: options
doc_to_target: answer
num_fewshot: {shots}
metric_list:
{metrics}
"""


def task(folder: Path, name: str = "towns", *, shots: int = 0, metrics: tuple[str, ...] = ("acc",)) -> Path:
    """A task of 24 questions with local data."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "question": " ".join(WORDS[i % 9 : i % 9 + 3 + i % 4]),
            "options": ["boats", "the old lighthouse", f"city {i}", "Mira"][: 2 + i % 3],
            "answer": i % 2,
        }
        for i in range(24)
    ]
    docs = write_rows(folder / f"{name}.jsonl", rows)
    listed = "\n".join(f"  - metric: {metric}" for metric in metrics)
    path = folder / f"{name}.yaml"
    path.write_text(YAML.format(name=name, docs=json.dumps(str(docs)), shots=shots, metrics=listed))
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("guard") / "model", context=1024)


def experiment(folder: Path, base: Path, guards: list[str], **keys: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "suites" / "sums").mkdir(parents=True, exist_ok=True)
    (folder / "suites" / "sums" / "suite.toml").write_text('metric = "exact_match"\n')
    write_rows(folder / "suites" / "sums" / "cases.jsonl", [{"id": "1", "input": "1 + 1", "reference": "2"}])
    (folder / "baselines").mkdir(exist_ok=True)
    (folder / "baselines" / "zero_shot.toml").write_text("")
    more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    model = json.dumps(str(base))
    text = f'models = [{{ id = {model}, quantization = "none" }}]\nsuites = ["suites/*"]\nguards = {json.dumps(guards)}\n{more}'
    (folder / "experiment.toml").write_text(text)
    return folder / "experiment.toml"


def cell(path: Path, suite: str) -> Cell:
    (found,) = [cell for cell in expand(load_experiment(path)).cells if cell.suite.name == suite]
    return found


def answered(one: Cell) -> dict[str, Any]:
    from harness.models.local import Local

    local = Local(one.model, home=Path("none"))
    trials = {trial.id: trial.case_id for trial in one.trials()}
    return {trials[g.trial_id]: g for batch in local.generate(list(one.trials())) for g in batch}


def by_itself(base: Path, yaml: Path) -> dict[str, Any]:
    """lm-eval, as its own documentation runs it: results and samples."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from harness.models.base import quiet
    from harness.regression.choice import silent

    with quiet(), silent():
        lm = HFLM(pretrained=str(base), batch_size=4, device="cpu", dtype="float32")
        manager = TaskManager(include_path=str(yaml.parent), include_defaults=False)
        found: dict[str, Any] = simple_evaluate(
            lm, tasks=[yaml.stem], task_manager=manager, bootstrap_iters=0, log_samples=True
        )
    return found


@pytest.mark.parametrize(
    ("name", "shots", "metrics", "counted"),
    [("plain", 0, ("acc",), "acc"), ("normed", 2, ("acc", "acc_norm"), "acc_norm")],
)
def test_numbers_are_those_of_lm_eval(
    name: str, shots: int, metrics: tuple[str, ...], counted: str, base: Path, tmp_path: Path
) -> None:
    yaml = task(tmp_path / "tasks", name, shots=shots, metrics=metrics)
    one = cell(experiment(tmp_path, base, [f"tasks/{name}.yaml"]), name)
    assert (one.suite.role, one.suite.choice_by) == ("guard", {"acc": "raw", "acc_norm": "normed"}[counted])
    given, theirs = answered(one), by_itself(base, yaml)
    right = {case.id: given[case.id].text == case.reference for case in one.cases}
    assert len(right) == 24
    assert 0 < sum(right.values()) < 24
    assert sum(right.values()) / 24 == theirs["results"][name][f"{counted},none"]
    samples = {f"{name}-{sample['doc_id']:05d}": bool(sample[counted]) for sample in theirs["samples"][name]}
    assert samples == right


def test_questions_are_fixed(tmp_path: Path) -> None:
    """As many as were asked for, an equal share of every task of a group, the same each time."""
    folder = tmp_path / "tasks"
    for name in ("one", "two"):
        task(folder, name)
    (folder / "both.yaml").write_text("group: both\ntask: [one, two]\naggregate_metric_list: [{metric: acc}]\n")
    written = write_task(tmp_path / "suite", str(folder / "both.yaml"), items=10)
    assert written.said() == f"wrote {tmp_path / 'suite'}: 10 questions of 2 tasks"
    cases = list(load_task(tmp_path / "suite").cases)
    assert [case.tags["subject"] for case in cases] == ["one"] * 5 + ["two"] * 5
    assert cases[0].input.startswith("Q: ")
    assert cases[0].reference in cases[0].choices
    write_task(tmp_path / "again", str(folder / "both.yaml"), items=10)
    assert (tmp_path / "again" / "cases.jsonl").read_bytes() == (tmp_path / "suite" / "cases.jsonl").read_bytes()
    with pytest.raises(BadInput, match="holds a suite already"):
        write_task(tmp_path / "suite", str(folder / "both.yaml"))


def test_a_guard_is_written_once_and_again_when_its_data_changes(base: Path, tmp_path: Path) -> None:
    yaml = task(tmp_path / "tasks")
    path = experiment(tmp_path, base, ["tasks/towns.yaml"])
    before = cell(path, "towns").id
    written = (tmp_path / ".harness/guards/towns/cases.jsonl").stat().st_mtime_ns
    assert cell(path, "towns").id == before
    assert (tmp_path / ".harness/guards/towns/cases.jsonl").stat().st_mtime_ns == written
    docs = yaml.with_suffix(".jsonl")
    docs.write_text(docs.read_text().replace("city 4", "city 400"))
    assert cell(path, "towns").id != before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("output_type: multiple_choice", "output_type: loglikelihood_rolling"),
            "is of the kind 'loglikelihood_rolling'",
        ),
        (
            ("output_type: multiple_choice", "output_type: generate_until"),
            "writes, and is scored by acc: exact_match is",
        ),
        (
            ("output_type: multiple_choice", "output_type: generate_until\ngeneration_kwargs: {do_sample: true}"),
            "draws its answers",
        ),
        (("  - metric: acc", "  - metric: mcc"), "is scored by mcc: acc and acc_norm are supported"),
        (("num_fewshot: 0", "process_results: !function own.scored"), "scores its options by a function of its own"),
        (("task: towns", "tusk: towns"), "names no task: write task: NAME into it"),
        (("task: towns", "task: [a: b"), "cannot be read as YAML"),
    ],
)
def test_what_no_guard_can_be_made_of(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    yaml = task(tmp_path)
    yaml.write_text(yaml.read_text().replace(*change))
    (tmp_path / "own.py").write_text("def scored(doc, results):\n    return {'acc': 1.0}\n")
    with pytest.raises(BadInput) as refused:
        write_task(tmp_path / "suite", str(yaml))
    assert said in str(refused.value)
    assert not (tmp_path / "suite").exists()


def test_data_that_cannot_be_had(tmp_path: Path) -> None:
    yaml = task(tmp_path)
    yaml.with_suffix(".jsonl").unlink()
    with pytest.raises(HarnessError, match=r"its data cannot be had: .*write the suite where there is one"):
        write_task(tmp_path / "suite", str(yaml))
    with pytest.raises(BadInput, match="there is no such file"):
        write_task(tmp_path / "suite", "none.yaml")


def test_a_task_of_lm_evals_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HellaSwag as lm-eval declares it, on rows in the form of its data set; without a network it says what to do."""
    import datasets

    rows = [
        {
            "activity_label": "Sailing",
            "ctx_a": f"Mira has {i} boats.",
            "ctx_b": "she",
            "endings": ["sails one.", "eats it.", f"sells {i}.", "sleeps."],
            "label": str(i % 4),
        }
        for i in range(6)
    ]
    made = datasets.Dataset.from_list(rows)
    monkeypatch.setattr(datasets, "load_dataset", lambda **_: datasets.DatasetDict(train=made, validation=made))
    write_task(tmp_path / "hellaswag", "hellaswag", items=4)
    loaded = load_task(tmp_path / "hellaswag")
    assert (loaded.suite.choice_by, len(loaded.cases)) == ("normed", 4)
    first = next(iter(loaded.cases))
    assert first.input.startswith("Sailing: Mira has ")
    assert first.input.endswith(" boats. She")
    assert first.choices[0] == " sails one."

    def offline(**_: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(
        HarnessError, match=r"'arc_easy': its data cannot be had: ConnectionError: no route; .* copy the folder"
    ):
        write_task(tmp_path / "arc", "arc_easy")


SPECIAL = {
    "truthfulqa_mc2": [
        {
            "question": f"Who sails boat {i}?",
            "mc1_targets": {"choices": ["Mira", "nobody"], "labels": [1, 0]},
            "mc2_targets": {
                "choices": ["Mira does", f"she {i}", "the boats", "a lighthouse sails it"][: 3 + i % 2],
                "labels": [1, 1, 0, 0][: 3 + i % 2],
            },
        }
        for i in range(8)
    ],
    "truthfulqa_mc1": [
        {
            "question": f"Who sails boat {i}?",
            "mc1_targets": {"choices": ["Mira" if i % 2 else "the old city", "a boat", "she"], "labels": [1, 0, 0]},
            "mc2_targets": {"choices": ["Mira", "nobody"], "labels": [1, 0]},
        }
        for i in range(8)
    ],
    "winogrande": [
        {
            "sentence": f"The boat left the city because the _ was {word}.",
            "option1": "boat",
            "option2": "city",
            "answer": "12"[i % 2],
        }
        for i, word in enumerate(["old", "large", "near", "blue", "small", "wet", "Mira's", "sold"])
    ],
    "gsm8k": [
        {"question": f"Mira has {i} boats and sells one. How many?", "answer": f"{i} - 1 = {i - 1}\n#### {i - 1}"}
        for i in range(1, 9)
    ],
    "lambada_openai": [{"text": f"the old boats of the city {i} {WORDS[i]}"} for i in range(8)],
}


@pytest.mark.parametrize(
    ("name", "folder", "chosen"),
    [
        ("truthfulqa_mc2", "truthfulqa/truthfulqa_mc2.yaml", "mass"),
        ("truthfulqa_mc1", "truthfulqa/truthfulqa_mc1.yaml", "raw"),
        ("winogrande", "winogrande/default.yaml", "before"),
        ("lambada_openai", "lambada/lambada_openai.yaml", "greedy"),
        ("gsm8k", "gsm8k/gsm8k.yaml", "written"),
    ],
)
def test_numbers_of_lm_evals_own_tasks(
    name: str, folder: str, chosen: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As lm-eval declares them, on rows in the form of their data sets; beside lm-eval by itself on the same rows."""
    import datasets
    import lm_eval
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from harness.metrics import load_metrics
    from harness.models.base import quiet
    from harness.regression.choice import silent

    rows, real = SPECIAL[name], datasets.load_dataset
    if chosen == "greedy":  # half of the words are what the model would write
        rows = [*rows[:4], *_foretold(base, 4)]
    made = datasets.Dataset.from_list(rows)

    def load(*given: Any, **named: Any) -> Any:
        if "json" in (*given, named.get("path")):
            return real(*given, **named)
        return datasets.DatasetDict(train=made, validation=made, test=made)

    monkeypatch.setattr(datasets, "load_dataset", load)
    one = cell(experiment(tmp_path, base, [name]), name)
    assert one.suite.choice_by == chosen
    given = answered(one)
    metric = load_metrics(one.suite)[one.suite.metric]
    ours = {case.id: metric(case, given[case.id].text) for case in one.cases}
    with quiet(), silent():
        lm = HFLM(pretrained=str(base), batch_size=4, device="cpu", dtype="float32")
        [file] = Path(str(lm_eval.__file__)).parent.glob(f"tasks/{folder}")
        manager = TaskManager(include_path=str(file.parent), include_defaults=False)  # all of them take 14 s
        theirs: Any = simple_evaluate(lm, tasks=[name], task_manager=manager, bootstrap_iters=0, log_samples=True)
    if chosen == "written":
        _compare_what_is_written(given, theirs["samples"][name], metric, one)
        return
    found = {f"{name}-{sample['doc_id']:05d}": float(sample["acc"]) for sample in theirs["samples"][name]}
    assert len(ours) == 8
    assert ours == (pytest.approx(found, abs=1e-6) if chosen == "mass" else found)
    assert sum(ours.values()) / 8 == pytest.approx(theirs["results"][name]["acc,none"])
    assert 0 < sum(ours.values()) < 8


def _compare_what_is_written(given: Any, samples: list[dict[str, Any]], metric: Any, one: Cell) -> None:
    """A random model solves nothing: its answers are lm-eval's, word for word, and so are the scores of others."""
    strict = [sample for sample in samples if sample["filter"] == "strict-match"]
    assert len(strict) == 8
    for sample in strict:
        assert given[f"gsm8k-{sample['doc_id']:05d}"].text == sample["resps"][0][0]
    assert any(g.text for g in given.values())
    cases = {case.id: case for case in one.cases}
    case = cases["gsm8k-00002"]  # two are left
    assert metric(case, "3 - 1 = 2\n#### 2") == 1.0
    assert metric(case, "so #### $2") == 0.0  # the filter takes no dollars
    assert metric(case, "#### 2,") == 1.0
    assert metric(case, "2") == 0.0
    assert case.input.count("Question:") == 6  # five examples before it
    assert (case.choices, one.suite.max_new_tokens) == (("Question:", "</s>", "<|im_end|>"), 256)


def _foretold(base: Path, count: int) -> list[dict[str, str]]:
    """Texts whose last word is what the model itself would write."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    drawn, found = random.Random(1), list[dict[str, str]]()
    while len(found) < count:
        before = " ".join(drawn.choice(WORDS) for _ in range(drawn.randint(2, 9)))
        ids = tokenizer(before, return_tensors="pt").input_ids
        if tokenizer.decode(model(ids).logits[0, -1].argmax()) == " the":
            found.append({"text": f"{before} the"})
    return found


WRITES = """
task: names
dataset_path: json
dataset_kwargs:
  data_files: {{test: {docs}}}
test_split: test
output_type: generate_until
doc_to_text: "Who sails to {{{{city}}}}?"
doc_to_target: names
generation_kwargs: {{until: ["\\n", "."], max_gen_toks: 7, do_sample: false}}
metric_list:
  - metric: exact_match
    ignore_case: true
    ignore_punctuation: true
"""


def test_an_answer_in_words_meets_one_of_several(base: Path, tmp_path: Path) -> None:
    from harness.metrics import load_metrics

    docs = write_rows(
        tmp_path / "names.jsonl", [{"city": f"city {i}", "names": ["Mira", f"Lena {i}"]} for i in range(6)]
    )
    yaml = tmp_path / "names.yaml"
    yaml.write_text(WRITES.format(docs=json.dumps(str(docs))))
    write_task(tmp_path / "suite", str(yaml))
    loaded = load_task(tmp_path / "suite")
    metric, case = load_metrics(loaded.suite)["lm_eval"], next(iter(loaded.cases))
    assert [metric(case, text) for text in ("mira!", "LENA 0", "Mira and Lena", "")] == [1.0, 1.0, 0.0, 0.0]
    one = cell(experiment(tmp_path / "project", base, [str(yaml)]), "names")
    given, theirs = answered(one), by_itself(base, yaml)
    assert {s["doc_id"]: s["resps"][0][0] for s in theirs["samples"]["names"]} == {
        int(id[-1]): g.text for id, g in given.items()
    }
    assert any(g.text for g in given.values())
    assert all(bool(g.output_tokens) == bool(g.text) for g in given.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "scoring.json: no such file: metric 'lm_eval' is for suites that"),
        ("{", "scoring.json: cannot be read as JSON"),
        ('{"filter": [], "exact": 1}', "scoring.json: exact: unknown key: did you mean 'exact_match'?"),
        ('{"filter": [["regxe", {}]]}', "scoring.json: filter 'regxe': lm-eval cannot make it of {}"),
        ('{"filter": [["regex", {"regex_pattern": "("}]]}', "scoring.json: filter 'regex': lm-eval cannot make it of"),
        ('{"filter": [], "exact_match": {"case": 1}}', "scoring.json: exact_match: lm-eval takes no {'case': 1}"),
    ],
)
def test_scoring_that_says_something_else(content: str | None, said: str, tmp_path: Path) -> None:
    from harness.metrics import load_metrics

    (tmp_path / "suite.toml").write_text('form = "choice"\nchoice_by = "written"\nmetric = "lm_eval"\n')
    write_rows(tmp_path / "cases.jsonl", [{"id": "1", "input": "Q", "reference": "A", "choices": ["\n"]}])
    if content is not None:
        (tmp_path / "scoring.json").write_text(content)
    with pytest.raises(BadInput) as refused:
        load_metrics(load_task(tmp_path).suite)
    assert said in str(refused.value)


def test_two_of_one_name(base: Path, tmp_path: Path) -> None:
    task(tmp_path / "tasks")
    shutil.copytree(tmp_path / "tasks", tmp_path / "other")
    with pytest.raises(BadInput, match=r"guards: 'tasks/towns.yaml' and 'other/towns.yaml' have one name"):
        expand(load_experiment(experiment(tmp_path, base, ["tasks/towns.yaml", "other/towns.yaml"])))
    with pytest.raises(BadInput, match=r"guards: 'texts/none.txt': there is no such file"):
        expand(load_experiment(experiment(tmp_path, base, ["texts/none.txt"])))


PROSE = "\n\n".join(" ".join(WORDS[i % 7 :] * (1 + i % 3)) for i in range(30))


def test_likelihood_of_a_text(base: Path, tmp_path: Path) -> None:
    """Passage by passage what lm-eval's rolling log-likelihood is; a share that may decide."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from harness.metrics import load_metric
    from harness.models.base import quiet
    from harness.regression.choice import silent
    from harness.trial import output_of

    (tmp_path / "plain.txt").write_text(PROSE)
    one = cell(experiment(tmp_path, base, ["plain.txt"]), "plain")
    assert (one.suite.role, one.suite.form, one.suite.metric) == ("guard", "text", "byte_probability")
    cases = {case.id: case for case in one.cases}
    assert "\n\n".join(case.input for case in cases.values()) == PROSE
    given = answered(one)
    with quiet(), silent():
        lm = HFLM(pretrained=str(base), batch_size=1, device="cpu", dtype="float32")
        asked = [Instance("loglikelihood_rolling", {}, (case.input,), 0) for case in cases.values()]
        theirs = lm.loglikelihood_rolling(asked, disable_tqdm=True)
    metric = load_metric("byte_probability", one.suite)
    for case, expected in zip(cases.values(), theirs, strict=True):
        found = given[case.id]
        assert (found.text, found.finish, found.output_tokens) == ("", "passage", 0)
        assert found.logprob == pytest.approx(expected, rel=1e-4)
        score = metric.function(case, output_of(found))
        assert score == pytest.approx(2 ** (expected / len(case.input.encode()) / 0.6931471805599453), rel=1e-4)
        assert 0 < score < 1


def test_a_text_is_read_and_answers_nothing(base: Path, tmp_path: Path) -> None:
    from harness.metrics import load_metrics

    (tmp_path / "plain.txt").write_text(PROSE)
    suite = cell(experiment(tmp_path, base, ["plain.txt"]), "plain").suite
    assert set(load_metrics(suite)) == {"byte_probability", "bits_per_byte", "perplexity"}
    with pytest.raises(
        BadInput, match="metric 'exact_match': it is of written answers, and a suite of the form 'text' is read"
    ):
        load_metrics(replace_metric(suite))


def replace_metric(suite: Any) -> Any:
    return suite.model_copy(update={"metric": "exact_match", "metrics": ()})


@pytest.mark.parametrize(("content", "said"), [(b"\xff\xfe", "is no UTF-8 at byte 0"), (b" \n\n ", "holds no text")])
def test_no_text(content: bytes, said: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        expand(load_experiment(experiment(tmp_path, base, ["plain.txt"])))


@pytest.mark.exhaustive
def test_guards_in_a_run(base: Path, harness: Callable[..., Ran], tmp_path: Path) -> None:
    """The base and every adapter are asked both guards; the verdict claims what they lose."""
    (tmp_path / "plain.txt").write_text(PROSE)
    task(tmp_path / "tasks")
    path = experiment(tmp_path, base, ["plain.txt", "tasks/towns.yaml"], workers=1)
    rows = [{"id": f"{i}", "input": f"{i} + {i}", "reference": f"{2 * i}", "split": "test"} for i in range(12)]
    write_rows(tmp_path / "suites" / "sums" / "cases.jsonl", rows)
    for seed in range(3):
        save_adapter(base, tmp_path / f"run-{seed}", seed=seed, rank=4)
    path.write_text(path.read_text() + '[candidates.ours]\nmethod = "given"\ngiven = ["run-0", "run-1", "run-2"]\n')
    ran = harness("run", path)
    assert ran.code in (0, 2, 3), ran.err
    verdict = json.loads(harness("verdict", path, "--json").out)
    (found,) = (
        [model["suites"]["sums"] for model in verdict["models"].values()]
        if "models" in verdict
        else [verdict["suites"]["sums"]]
    )
    claims = {claim["name"]: claim for claim in found["claims"]}
    assert {"drop:plain", "drop:towns"} <= set(claims)
    assert claims["drop:towns"]["n"] == 24
    assert claims["drop:plain"]["seeds"] == 3
    assert claims["drop:plain"]["estimate"] > 0, "random adapters make plain text less likely"
