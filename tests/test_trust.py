"""What a stranger's declarations may not do unasked, and what the user's word lets them do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import load_experiment
from harness.pattern import pattern_of
from harness.trust import demands, project_of
from tests.conftest import Project, Ran, cases, write_rows

Harness = Callable[..., Ran]
HOUSE = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\ndef polite(case, text):\n    return 1.0\n"
ASKED = "and what it names ask for more than an evaluation needs:"
TABLE = "\n[candidates.sft]\nmethod = "


@pytest.fixture(autouse=True)
def nobody_trusts(trusting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEWORTHY_TRUST", raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # --trust sets it for the rest of a process


@pytest.fixture
def house(project: Project) -> Project:
    """A suite with a metric of its own, which leaves a trace when it is imported."""
    project.write("suites/sums/house.py", HOUSE)
    project.replace("suites/sums/suite.toml", '"exact_match"', '"house:polite"')
    return project


def test_a_metric_of_the_suites_own_runs_only_when_trusted(house: Project, harness: Harness) -> None:
    for command in (["run"], ["run", "--dry-run"], ["verdict"], ["report"], ["lock"], ["plan"]):
        ran = harness(*command, house.experiment)
        assert ran.code == 4
        assert ran.err == (
            f"harness: {house.experiment} {ASKED}\n"
            f"  {house.folder}/suites/sums: metric 'house:polite': runs {house.folder}/suites/sums/house.py\n"
            "read them, and if you trust them say --trust (or set TUNEWORTHY_TRUST=1)\n"
        )
    assert not (house.folder / "suites/sums/ran").exists()
    assert harness("run", house.experiment, "--trust").code in {0, 2, 3, 4}
    assert (house.folder / "suites/sums/ran").exists()


COMMANDS = (
    "forget {x} --served m", "review sums {x} --reviewer ann", "review sums {x} --reviewer ann --agreement",
    "judge sample sums out.jsonl {x}", "judge calibrate {x}", "judge probe sums {x} --dry-run", "export adapter sft@sums --out out --experiment {x}",
    "store check {x}", "store compact {x}", "store export out {x}", "store import other {x}", "store gc {x}",
    "bless sums=zero_shot --experiment {x}", "watch sums=zero_shot --experiment {x}", "data split rows.jsonl out --experiment {x}", "data signals rows.jsonl out --forget ann --experiment {x}",
)  # fmt: skip
"""All that take an experiment, beside those above."""


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_opens_a_store_elsewhere_or_runs_anything_unasked(
    house: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """To remove adapters that nobody names, of all things, from a folder that a stranger named."""
    monkeypatch.chdir(house.folder)
    house.write("experiment.toml", f'store = "../elsewhere"\n{house.experiment.read_text()}')
    (house.folder.parent / "elsewhere").mkdir()
    write_rows(house.folder / "rows.jsonl", [{"prompt": "1 + 1", "completion": "2"}] * 20)
    ran = harness(*(part.format(x="experiment.toml") for part in command.split()))
    assert (ran.code, ASKED in ran.err, ran.out) == (4, True, ""), ran.err
    assert "runs house.py" in ran.err.replace("suites/sums/", "").replace(f"{house.folder}/", "")
    assert "store: '../elsewhere': lies outside" in ran.err
    assert list((house.folder.parent / "elsewhere").iterdir()) == []
    assert not (house.folder / "suites/sums/ran").exists()


def test_the_word_stands_before_the_command_too(house: Project, harness: Harness) -> None:
    assert harness("--trust", "run", "--dry-run", house.experiment).code == 0


def test_the_environment_may_say_it(house: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWORTHY_TRUST", "0")
    assert harness("run", "--dry-run", house.experiment).code == 4
    monkeypatch.setenv("TUNEWORTHY_TRUST", "1")
    assert harness("run", "--dry-run", house.experiment).code == 0


@pytest.mark.parametrize("metric", ["os:system", "subprocess:getoutput", "house.inner:polite"])
def test_modules_that_python_knows_are_no_exception(project: Project, harness: Harness, metric: str) -> None:
    project.replace("suites/sums/suite.toml", '"exact_match"', f'"{metric}"')
    ran = harness("verdict", project.experiment)
    assert (ran.code, f"metric {metric!r}: runs the module" in ran.err) == (4, True)


def test_what_is_shipped_needs_no_word() -> None:
    assert list(demands(load_experiment(Path(__file__).parent.parent / "experiment.toml"))) == []


def test_a_package_that_declares_its_metric_needs_no_word(
    project: Project, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    about = site / "acme-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tuneworthy.metrics]\npolite = acme_metrics:polite\n")
    (site / "acme_metrics.py").write_text("def polite(case, text):\n    return 1.0\n")
    monkeypatch.syspath_prepend(site)
    project.replace("suites/sums/suite.toml", '"exact_match"', '"acme_metrics:polite"')
    assert harness("run", "--dry-run", project.experiment).code == 0
    project.replace("suites/sums/suite.toml", '"acme_metrics:polite"', '"acme_metrics:sys.exit"')
    assert "runs the module 'acme_metrics'" in harness("run", "--dry-run", project.experiment).err, (
        "only what it declares"
    )


def test_shipped_metrics_with_arguments_need_no_word(project: Project, harness: Harness) -> None:
    project.replace("suites/sums/suite.toml", '"exact_match"', '"numeric:0.5"')
    assert harness("run", "--dry-run", project.experiment).code == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f'{TABLE}"external"\ncommand = ["/bin/touch", "ran"]\n', "candidates.sft.command: runs the program '/bin/touch'"),
        (f'{TABLE}"sft"\nreplay = 1.0\nreplay_file = "/etc/passwd"\n', "candidates.sft.replay_file: '/etc/passwd': lies outside"),
        ('store = "../../elsewhere"\n', "store: '../../elsewhere': lies outside"),
        ('prices = "/etc/passwd"\n', "prices: '/etc/passwd': lies outside"),
        ('engine = { ray = { address = "ray://x:1", shared = "s3://b" } }\n', "shared: 's3://b': writes prompts, answers and adapters"),
        ('engine = { slurm = { train = { options = { slurm_setup = ["id"] } } } }\n', "told to run commands"),
        ('guards = ["tasks/x.yaml"]\n', "guards: 'tasks/x.yaml': lm-eval fills in its templates and runs"),
        ('guards = ["../../x.txt"]\n', "guards: '../../x.txt': lies outside"),
        ('baselines = ["../../x"]\n', "baselines: '../../x': lies outside"),
    ],
)  # fmt: skip
def test_programs_and_places_elsewhere(project: Project, harness: Harness, table: str, said: str) -> None:
    text = project.experiment.read_text()
    kept = "".join(line for line in text.splitlines(keepends=True) if not table.startswith(line.split(" =")[0]))
    project.write("experiment.toml", kept + table)
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert said in ran.err


def test_patterns_for_lm_evals_filters_are_asked_for(project: Project, harness: Harness) -> None:
    project.replace("suites/sums/suite.toml", '"exact_match"', '"lm_eval"')
    project.write("suites/sums/scoring.json", '{"filter": [["regex", {"regex_pattern": "(a+)+$"}]]}')
    ran = harness("run", project.experiment)
    assert (ran.code, "metric 'lm_eval': searches answers for the patterns in scoring.json" in ran.err) == (4, True)


def test_a_gates_metric_is_code_too(project: Project, harness: Harness) -> None:
    text = (project.folder / "suites/sums/suite.toml").read_text()
    gate = '[[gates]]\nname = "polite"\ncontender = "few_shot"\nmetric = "house:polite"\nminimum = 0.5\n'
    project.write("suites/sums/suite.toml", f"{text}\n{gate}")
    assert "metric 'house:polite': runs the module 'house'" in harness("run", project.experiment).err


def test_estimates_and_retrievers_of_ones_own_are_code_too(project: Project, harness: Harness) -> None:
    project.replace("suites/sums/suite.toml", "train =", 'estimates = ["house:longest"]\ntrain =')
    project.write("baselines/rag.toml", 'technique = "rag"\nretrieve = { retriever = "os:system" }\n')
    project.write("experiment.toml", project.experiment.read_text() + '[retrieve]\nretriever = "pickle:loads"\n')
    said = harness("run", project.experiment).err
    assert "estimate 'house:longest': runs the module 'house'" in said
    assert "rag.toml: retriever 'os:system': runs the module 'os'" in said
    assert "retrieve: retriever 'pickle:loads': runs the module 'pickle'" in said


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ('"openai:m@http://10.0.0.7/v1"', "sends prompts, and the key OPENAI_API_KEY, to 10.0.0.7"),
        ('"anthropic:m@https://evil.example"', "sends prompts to evil.example"),
        (
            '{ id = "openai:m", base_url = ["http://127.0.0.1:9/v1", "http://far.example/v1"] }',
            "sends prompts, and the key OPENAI_API_KEY, to far.example",
        ),
        ('{ id = "org/name", trust_remote_code = true }', "trust_remote_code runs Python that comes with the weights"),
        ('"scripted:house.py:answer"', "runs house.py"),
    ],
)
def test_models(project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch, model: str, said: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    project.replace("experiment.toml", '"scripted:constant=4"', model)
    ran = harness("run", project.experiment)
    assert (ran.code, said in ran.err, "sk-secret" in ran.err) == (4, True, False)


def test_jobs_that_a_stranger_left_behind(project: Project, harness: Harness) -> None:
    (project.folder / ".harness/slurm").mkdir(parents=True)
    assert "jobs under way of --engine slurm, which are pickles" in harness("run", project.experiment).err


def test_a_judge_is_a_model_too(project: Project, harness: Harness) -> None:
    project.write(
        "experiment.toml", project.experiment.read_text() + '[judge]\nmodel = "openai:m@http://far.example/v1"\n'
    )
    assert "sends prompts to far.example" in harness("run", project.experiment).err


def test_servers_of_this_machine_need_no_word(project: Project, harness: Harness) -> None:
    project.replace("experiment.toml", '"scripted:constant=4"', '"openai:m@http://127.0.0.1:9/v1"')
    assert harness("run", "--dry-run", project.experiment).code == 0


def test_files_that_a_suite_links_to_elsewhere(project: Project, harness: Harness, tmp_path: Path) -> None:
    secret = write_rows(tmp_path / "secret.jsonl", [{"prompt": "a", "completion": "password"}])
    (project.folder / "suites/sums/train.jsonl").unlink()
    (project.folder / "suites/sums/train.jsonl").symlink_to(secret)
    for ran in (
        harness("run", project.experiment),
        harness("data", "leaks", project.folder / "suites/sums"),
        harness("data", "check", project.folder / "suites/sums"),
    ):
        assert (ran.code, f"'train.jsonl': lies outside {project.folder}: {secret}" in ran.err) == (4, True)
        assert "password" not in ran.out + ran.err


def test_cases_elsewhere(project: Project, harness: Harness, tmp_path: Path) -> None:
    write_rows(tmp_path / "elsewhere.jsonl", cases(6))
    project.replace("suites/sums/suite.toml", "train =", 'cases = "../../../elsewhere.jsonl"\ntrain =')
    assert f"'../../../elsewhere.jsonl': lies outside {project.folder}" in harness("run", project.experiment).err


def test_a_link_inside_a_folder_of_documents(project: Project, harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("password")
    documents = project.folder / "suites/sums/documents"
    documents.mkdir()
    (documents / "page.md").write_text("2 and 2 are 4.")
    (documents / "more.txt").symlink_to(tmp_path / "secret.txt")
    project.replace("suites/sums/suite.toml", "train =", 'documents = "documents"\ntrain =')
    assert f"more.txt leads outside {project.folder}" in harness("run", project.experiment).err


def test_within_one_repository_paths_may_climb(tmp_path: Path, harness: Harness) -> None:
    from tests.conftest import set_up

    project = set_up(tmp_path)
    (tmp_path / ".git").mkdir()
    write_rows(tmp_path / "shared/train.jsonl", [{"prompt": "1 + 1", "completion": "2"}])
    project.replace("suites/sums/suite.toml", '"train.jsonl"', '"../../../shared/train.jsonl"')
    assert project_of(project.folder) == tmp_path
    assert harness("run", "--dry-run", project.experiment).code == 0


def test_everything_is_said_at_once(house: Project, harness: Harness) -> None:
    house.write("experiment.toml", house.experiment.read_text() + 'store = "/tmp/x"\n')
    said = harness("run", house.experiment).err.splitlines()
    assert len([line for line in said if line.startswith("  ")]) == 2


def test_patterns_of_suites_stay_in_the_folder(project: Project, harness: Harness) -> None:
    for pattern in ("/*", "../*"):
        project.write("experiment.toml", f'name = "x"\nmodels = ["scripted:echo"]\nsuites = ["{pattern}"]\n')
        ran = harness("run", project.experiment)
        assert (ran.code, "a pattern with * stays in the experiment's folder" in ran.err) == (4, True)


def test_brackets_without_end_and_declarations_without_end(project: Project, harness: Harness) -> None:
    project.write("experiment.toml", f"name = {'[' * 100_000}")
    assert "too many brackets inside each other" in harness("run", project.experiment).err
    project.write("experiment.toml", f'name = "{"x" * (1 << 20)}"')
    assert "a declaration has at most 1,048,576" in harness("run", project.experiment).err
    for device in ("/dev/null", "/dev/zero"):
        assert "is no file: a declaration is a TOML file" in harness("run", Path(device)).err


def test_a_pattern_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.pattern.SECONDS", 0.1)
    pattern = pattern_of("(a|aa)+$", where="reference")
    with pytest.raises(BadInput, match=r"took more than 0\.1 s on a text of 41 characters"):
        pattern.found("a" * 40 + "!")
    assert pattern.found("a" * 40)
