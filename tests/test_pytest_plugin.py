"""The pytest door, through ``pytester``: a scripted model that says the user's message back, on a suite of words.

``plain`` repeats the word, which is right but for one case in twenty; ``think`` is told to think first and ends in nonsense.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.matrix import Matrix, expand
from harness.run import run
from harness.store import CellRow, open_store
from harness.trial import Generation

ROOT = Path(__file__).parents[1]
HOSTILE = "other\x1b[31m\u202e"

EXPERIMENT = 'name = "tiny"\nmodels = ["scripted:echo"]\nsuites = ["suites/*"]\n'
SUITE = """
metric = "exact_match"

[[gates]]
name = "mostly right"
minimum = 0.8

[[gates]]
name = "beats thinking"
contender = "plain"
over = "think"
margin = 0.03
"""


class Project:
    """A project in ``pytester``'s folder."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def suite(self, name: str, text: str = SUITE, *, test: int = 60, dev: int = 20, wrong: int = 20) -> None:
        rows = [
            {"id": f"{name}{i:03}", "input": f"w{i}", "reference": f"w{i}" if i % wrong else HOSTILE, "split": split}
            for i, split in enumerate(["test"] * test + ["dev"] * dev)
        ]
        self.write(f"suites/{name}/suite.toml", text)
        self.write(f"suites/{name}/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def pytest(self, *arguments: str) -> pytest.RunResult:
        """pytest in this process, beside its usual plugins only ours."""
        return self.pytester.runpytest_inprocess("-p", "no:hypothesispytest", "-p", "no:randomly", *arguments)

    def fill(self) -> None:
        run(load_experiment(self.folder / "experiment.toml"), progress=Silent())


class Silent:
    """A progress that nobody sees."""

    def begin(self, todo: Any) -> None: ...
    def train_step(self, label: str, step: Any) -> None: ...
    def trained(self, training: Any) -> None: ...
    def generated(self, count: int, errors: int) -> None: ...
    def scored(self, count: int) -> None: ...
    def waiting(self, said: str) -> None: ...
    def end(self) -> None: ...


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    made = Project(pytester)
    made.write("experiment.toml", EXPERIMENT)
    made.write("baselines/plain.toml", 'technique = "prompt"\n')
    made.write("baselines/think.toml", 'technique = "prompt"\nthink = true\n')
    made.suite("words")
    return made


@pytest.fixture
def no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("harness.gate.bench.run", refuse)


# --- elsewhere


ELSEWHERE = """
import sys

def pytest_addoption(parser):
    for name in ("--limit", "--replay", "--contender", "--experiment"):
        parser.addoption(name)

def pytest_sessionfinish():
    print("loaded:", sorted({"harness.gate.hooks", "harness.suite", "pydantic", "duckdb", "pyarrow", "torch"} & set(sys.modules)))
"""


def test_a_session_elsewhere_sees_nothing(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ELSEWHERE)
    pytester.makepyfile("def test_own(): pass")
    (pytester.path / "suites/a").mkdir(parents=True)
    (pytester.path / "suites/a/suite.toml").write_text('metric = "exact_match"\n')
    result = pytester.runpytest_subprocess("-s", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*loaded: []*"])
    result.stdout.no_fnmatch_line("tuneworthy:*")


def test_a_session_elsewhere_has_no_fixtures_and_options_of_ours(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_own(scores): pass")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["*fixture 'scores' not found*"])
    assert pytester.runpytest_inprocess("--replay").ret == pytest.ExitCode.USAGE_ERROR


def test_the_project_need_not_be_the_working_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    result = project.pytest("--rootdir", str(project.folder), str(project.folder / "suites"), "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*3 tests collected*"])


# --- collection


def test_an_item_is_a_gate_and_a_contender(project: Project) -> None:
    result = project.pytest("suites", "--collect-only", "-q")
    assert result.outlines[:3] == [
        "suites/words/suite.toml::mostly right[plain]",
        "suites/words/suite.toml::mostly right[think]",
        "suites/words/suite.toml::beats thinking[plain]",
    ]
    assert not (project.folder / ".harness").exists()


def test_several_base_models_are_several_items(project: Project) -> None:
    project.write(
        "experiment.toml", EXPERIMENT.replace('["scripted:echo"]', '["scripted:echo", "scripted:constant=4"]')
    )
    result = project.pytest("suites", "-rA")
    result.assert_outcomes(passed=2, failed=4)
    result.stdout.fnmatch_lines(
        [
            "PASSED *::mostly right[[]plain on scripted:echo]",
            "PASSED *::beats thinking[[]plain on scripted:echo]",
            "FAILED *::mostly right[[]plain on scripted:constant=4]*",
        ]
    )


WRONG = {
    "unknown key": (SUITE + "minimun = 0.5\n", "*suite.toml: gates.1.minimun: unknown key: did you mean 'minimum'?"),
    "not TOML": ("metric = \n", "*suite.toml: not valid TOML: *line 1*"),
    "no claim": (SUITE + '[[gates]]\nname = "g"\n', "*gates.2 ('g'): nothing is claimed: give 'minimum' or 'over'"),
    "two of a name": (
        SUITE + '[[gates]]\nname = "mostly right"\nminimum = 0.1\n',
        "*two gates are called 'mostly right'*",
    ),
    "a metric that is not scored": (
        SUITE + '[[gates]]\nname = "g"\nmetric = "token_f1"\nminimum = 0.1\n',
        "*gates.2.metric: given 'token_f1', which the suite does not score: choose one of exact_match",
    ),
    "an unknown metric": (
        SUITE.replace("exact_match", "exact_mach"),
        "*metric 'exact_mach'*did you mean 'exact_match'?",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_is_one_clear_error(project: Project, text: str, message: str) -> None:
    project.suite("words", text)
    project.suite("zebras")
    result = project.pytest("suites")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting suites/words/suite.toml*", message])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*.py:*")


def test_a_wrong_experiment_is_said_once(project: Project) -> None:
    project.suite("zebras")
    project.write("experiment.toml", EXPERIMENT + "sed = 1\n")
    result = project.pytest("suites")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*experiment.toml: sed: unknown key: did you mean 'seed'?"])


def test_a_broken_suite_that_was_not_asked_for_is_named(project: Project) -> None:
    project.suite("zebras", "metrik = 1\n")
    result = project.pytest("suites/words")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*suites/zebras/suite.toml: metrik: unknown key: did you mean 'metric'?"])


def test_a_suite_that_the_experiment_does_not_list_is_skipped_and_said(project: Project) -> None:
    project.write("experiment.toml", EXPERIMENT.replace("suites/*", "suites/words"))
    project.suite("zebras")
    result = project.pytest("suites", "-rs", "--collect-only")
    result.stdout.fnmatch_lines(["SKIPPED*zebras/suite.toml: *experiment.toml does not list this suite*"])


# --- judging


def test_an_empty_store_is_measured_first_and_a_filled_one_is_only_read(
    project: Project, request: pytest.FixtureRequest
) -> None:
    result = project.pytest("suites", "-v")
    result.assert_outcomes(passed=2, failed=1)
    assert any("160 answers to do" in line for line in result.errlines)
    request.getfixturevalue("no_measuring")
    project.pytest("suites").assert_outcomes(passed=2, failed=1)


def test_a_lost_gate_shows_numbers_and_the_five_worst_cases(project: Project) -> None:
    result = project.pytest("suites", "-k", "think and mostly")
    start = result.outlines.index(
        "lost: exact_match of think is 0.000, at most 0.043 (60 cases, 95% one-sided); needed: at least 0.8"
    )
    assert result.outlines[start : start + 6] == [
        "lost: exact_match of think is 0.000, at most 0.043 (60 cases, 95% one-sided); needed: at least 0.8",
        "worst cases:",
        "  words000 scored 0.00",
        "    expected other\\x1b[31m\\u202e",
        "    actual   ' and the answer.",
        "  words001 scored 0.00",
    ]
    assert sum(line.startswith("    expected") for line in result.outlines) == 5
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_estimate_above_the_line_is_not_yet_shown(project: Project) -> None:
    project.suite("words", SUITE.replace("0.8", "0.93"))
    result = project.pytest("suites", "-k", "plain and mostly")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not shown: exact_match of plain is 0.950, between 0.883 and 0.988 (60 cases, 95% one-sided); needed: at least 0.93. "
            "It needs about * more cases (* in all), if 0.950 is the truth"
        ]
    )


def test_a_gain_that_is_not_shown_names_both_sides(project: Project) -> None:
    turned = SUITE.replace('contender = "plain"\nover = "think"', 'contender = "think"\nover = "plain"')
    project.suite("words", turned)
    result = project.pytest("suites", "-k", "beats")
    result.stdout.fnmatch_lines(
        [
            "lost: exact_match of think over plain, paired, is -0.950, at most -0.8?? (60 cases, 95% one-sided); needed: "
            "more than +0.03",
            "  words001 scored 0.00 against 1.00",
        ]
    )


def test_a_gate_about_a_contender_that_is_not_there_is_an_error(project: Project) -> None:
    project.suite("words", SUITE.replace('contender = "plain"', 'contender = "plane"'))
    result = project.pytest("suites", "-k", "beats")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no contender 'plane' on suite 'words'*did you mean 'plain'?"])
    result.stdout.no_fnmatch_line("*The above exception*")


# --- what could not be measured


def test_what_a_model_did_not_answer_is_an_error_and_no_failure(project: Project) -> None:
    lines = [json.dumps({"input": f"w{i}", "text": f"w{i}"}) + "\n" for i in range(80) if i != 7]
    project.write("answers.jsonl", "".join(lines))
    project.write("experiment.toml", EXPERIMENT.replace("scripted:echo", "scripted:answers.jsonl"))
    project.suite("words", wrong=7)
    project.write("answers.jsonl", "".join(lines[:59]))
    result = project.pytest("suites", "-k", "plain and mostly")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["1 of 60 test answers of 'plain' on suite 'words' have no 'exact_match': LookupError*; run again*"]
    )


def test_replay_never_measures(project: Project, no_measuring: None) -> None:
    result = project.pytest("suites", "--replay")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["tuneworthy: replay, stored rows only", "no results yet at *"])


def test_replay_of_an_incomplete_store_is_an_error_where_rows_are_missing(project: Project) -> None:
    project.fill()
    project.write("baselines/other.toml", 'technique = "prompt"\nshots = 0\nprompt = "default"\nthink = true\n')
    result = project.pytest("suites", "--replay")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["60 of 60 test answers of 'other' *; leave --replay out, or run `harness run`"])


def test_old_answers_are_not_taken_for_answers_to_changed_cases(project: Project) -> None:
    project.fill()
    project.suite("words", wrong=3)
    result = project.pytest("suites", "--replay")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["60 of 60 test answers *: never asked as they stand now; leave --replay out*"])
    project.pytest("suites").assert_outcomes(passed=1, failed=2)


def test_a_changed_metric_is_scored_again(project: Project) -> None:
    project.fill()
    project.suite("words", SUITE.replace('"exact_match"', '"exact_match"\nmetrics = ["token_f1"]'))
    project.pytest("suites").assert_outcomes(passed=2, failed=1)


# --- options


def test_a_limited_run_passes_nothing(project: Project) -> None:
    project.write("suites/words/test_words.py", "def test_it(scores):\n    assert scores('plain').n == 30\n")
    result = project.pytest("suites", "--limit", "30", "-rs")
    result.assert_outcomes(failed=1, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "tuneworthy: LIMITED RUN, the first 30 cases of each split: it passes nothing",
            "SKIPPED*limited run of 30 cases a split: passes nothing",
        ]
    )
    assert any("100 answers to do" in line or "160 answers to do" in line for line in result.errlines)
    for wrong in ("0", "-1", "x"):
        refused = project.pytest("suites", "--limit", wrong)
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines([f"*--limit: given '{wrong}': it must be a whole number above 0"])


def test_contenders_can_be_chosen(project: Project) -> None:
    project.pytest("suites", "--contender", "think").assert_outcomes(failed=1, deselected=2)
    both = project.pytest("suites", "--contender", "think", "--contender", "plain")
    both.assert_outcomes(passed=2, failed=1)
    refused = project.pytest("suites", "--contender", "plan")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["ERROR: --contender plan: no gate is about it: did you mean 'plain'?"])


def test_another_experiment_can_be_named(project: Project) -> None:
    project.write("other.toml", EXPERIMENT.replace("scripted:echo", "scripted:constant=4").replace("tiny", "other"))
    result = project.pytest("suites", "--experiment", "other.toml")
    result.assert_outcomes(failed=3)
    refused = project.pytest("suites", "--experiment", "othr.toml")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["ERROR: --experiment othr.toml: no such file"])


def test_selection_works_as_everywhere(project: Project) -> None:
    project.suite("zebras")
    project.write("suites/words/test_words.py", "def test_own(): pass\n")
    assert project.pytest("suites", "-k", "zebras").parseoutcomes()["deselected"] == 4
    assert project.pytest("suites", "-m", "gate").parseoutcomes()["deselected"] == 1
    node = "suites/words/suite.toml::mostly right[think]"
    project.pytest(node).assert_outcomes(failed=1)
    project.pytest("suites/words/suite.toml::mostly right").assert_outcomes(passed=1, failed=1)
    project.pytest("suites", "-x").assert_outcomes(passed=1, failed=1)
    project.pytest("suites").assert_outcomes(passed=5, failed=2)
    assert project.pytest("suites", "--lf").parseoutcomes()["failed"] == 2
    assert "passed" not in project.pytest("suites", "--lf").parseoutcomes()
    project.pytest("suites", "--junitxml", "out.xml", "--strict-markers")
    written = (project.folder / "out.xml").read_text(encoding="utf-8")
    assert 'tests="7"' in written
    assert 'failures="2"' in written
    assert "other\\x1b[31m" in written


def test_xdist_is_refused_for_suites_and_for_nothing_else(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write("tests/test_own.py", "def test_own(): pass\n")
    for path in ("suites", ".", "suites/words/suite.toml::mostly right[think]"):
        refused = project.pytest(path, "-n", "2")
        assert refused.ret == pytest.ExitCode.USAGE_ERROR
        refused.stderr.fnmatch_lines(
            ["ERROR: suites cannot be checked with pytest-xdist (-n): the store has one writer*"]
        )
    project.pytest("suites/words", "-n", "0", "--collect-only").stdout.fnmatch_lines(["*3 tests collected*"])
    project.pytest("tests", "-n", "1").assert_outcomes(passed=1)


def test_a_busy_store_is_an_error(project: Project) -> None:
    project.fill()
    with open_store(project.folder / ".harness", write=True):
        result = project.pytester.runpytest_subprocess("suites", "-p", "no:hypothesispytest")
    result.assert_outcomes(errors=3)
    result.stdout.no_fnmatch_line("*Traceback*")


# --- fixtures


def test_users_write_their_own_tests(project: Project) -> None:
    project.write(
        "suites/words/test_words.py",
        """
def test_fixtures(suite, scores, paired, answers, base_model):
    assert (suite.name, base_model) == ("words", "scripted:echo")
    plain = scores("plain")
    assert (plain.n, plain.seeds, len(plain.values)) == (60, 0, 60)
    assert plain.lower < plain.mean == 0.95 < plain.upper
    assert plain.values["words000"] == 0.0
    gain = paired("plain", "think", "exact_match")
    assert 0.8 < gain.lower < gain.estimate == 0.95
    rows = answers("plain")
    assert (rows[1].case_id, rows[1].input, rows[1].expected, rows[1].actual, rows[1].score) == (
        "words001", "w1", "w1", "w1", 1.0)

def test_lost(scores):
    assert scores("think").lower > 0.5

def test_not_measured(scores):
    scores("thinks")

def test_no_such_metric(paired):
    paired("plain", "think", "rouge")
""",
    )
    result = project.pytest("suites/words/test_words.py")
    result.assert_outcomes(passed=1, failed=1, errors=2)
    result.stdout.fnmatch_lines(["*no contender 'thinks' on suite 'words'*did you mean 'think'?"])
    result.stdout.fnmatch_lines(["suite 'words' does not score 'rouge': choose one of exact_match"])


def test_fixtures_are_documented(project: Project) -> None:
    shown = project.pytest("--fixtures", "suites")
    for name in ("suite", "scores", "paired", "answers", "base_model"):
        shown.stdout.fnmatch_lines([f"{name} *fixtures.py:*", "    ?*"])


def test_a_test_runs_once_for_each_base_model(project: Project) -> None:
    project.write(
        "experiment.toml", EXPERIMENT.replace('["scripted:echo"]', '["scripted:echo", "scripted:constant=4"]')
    )
    project.write("suites/words/test_words.py", "def test_it(scores):\n    assert scores('plain').mean > 0.5\n")
    result = project.pytest("suites/words/test_words.py", "-rA")
    result.stdout.fnmatch_lines(["PASSED*test_it[[]scripted:echo]", "FAILED*test_it[[]scripted:constant=4]*"])


def test_a_test_outside_of_a_suite_is_told(project: Project) -> None:
    project.write("tests/test_own.py", "def test_it(scores): pass\n")
    result = project.pytest("tests")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no suite.toml beside *: a test that draws on scores stands in a suite's folder"])


# --- tuned contenders, on rows put into the store by hand


def local_model(folder: Path) -> Path:
    """What passes for a model that runs here, as long as nobody asks it."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def store(matrix: Matrix, answer: Callable[[Any, Any], str]) -> None:
    """Fill the store as a run would, with ``answer(cell, case)`` for generations."""
    cells = [
        CellRow(c.id, c.suite.name, c.contender.name, c.contender.technique, c.model.id, c.seed, c.adapter)
        for c in matrix.cells
    ]
    with open_store(matrix.experiment.home, write=True) as opened:
        opened.declare(matrix.experiment.name, cells)
        for cell in matrix.cells:
            cases = {case.id: case for case in cell.task.cases}
            trials = list(cell.trials())
            opened.add_trials(cell.id, trials)
            opened.add_generations([Generation(t.id, text=answer(cell, cases[t.case_id])) for t in trials])
    run(matrix.experiment, progress=Silent())  # only scores: no answer is missing


def right_now_and_then(cell: Any, case: Any) -> str:
    number = int(case.id[-3:])
    if cell.seed is None:
        return str(case.reference) if number % 2 else "?"
    return str(case.reference) if (number + cell.seed) % 10 else "?"


SPY = """
import sys

def pytest_sessionfinish():
    print("torch:", "torch" in sys.modules)
"""


@pytest.fixture
def tuned(project: Project) -> Project:
    local_model(project.folder / "model")
    for name in ("words", "zebras"):
        project.suite(name, 'train = "train.jsonl"\n' + SUITE.split("[[gates]]", maxsplit=1)[0] + TUNED, wrong=1000)
        lesson = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "a"}]}
        project.write(f"suites/{name}/train.jsonl", (json.dumps(lesson) + "\n") * 4)
    project.write("suites/guard/suite.toml", GUARD)
    rows = [
        {"id": f"g{i:03}", "input": f"Which {i}?", "reference": "b", "choices": ["a", "b"], "cluster": str(i % 20)}
        for i in range(60)
    ]
    project.write("suites/guard/cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    model = str(project.folder / "model")
    project.write("experiment.toml", EXPERIMENT.replace("scripted:echo", model) + '[candidates.sft]\nmethod = "sft"\n')
    return project


TUNED = """
[[gates]]
name = "tuned is better"
contender = "sft"
over = "plain"
"""
GUARD = """
role = "guard"
form = "choice"
metric = "exact_match"

[[gates]]
name = "nothing is forgotten"
minimum = 0.3
"""


def test_tuned_contenders_guards_and_no_torch(tuned: Project) -> None:
    matrix = expand(load_experiment(tuned.folder / "experiment.toml"))
    store(matrix, right_now_and_then)
    tuned.pytest("suites", "--collect-only", "-q").stdout.fnmatch_lines(
        [
            "suites/guard/suite.toml::nothing is forgotten[[]base]",
            "suites/guard/suite.toml::nothing is forgotten[[]sft@words]",
            "suites/guard/suite.toml::nothing is forgotten[[]sft@zebras]",
            "suites/words/suite.toml::tuned is better[[]sft]",
        ]
    )
    tuned.write("conftest.py", SPY)
    tuned.write(
        "suites/words/test_words.py",
        "def test_it(paired, answers):\n"
        "    assert paired('sft', 'plain').seeds == 3\n"
        "    assert len(answers('sft')) == 3 * 60\n",
    )
    first = tuned.pytester.runpytest_subprocess("suites", "-s", "-p", "no:hypothesispytest")
    first.assert_outcomes(passed=6)
    first.stdout.fnmatch_lines(["*torch: False*"])
    shown = tuned.pytest("suites", "--replay", "-m", "gate")
    shown.assert_outcomes(passed=5, deselected=1)


# --- what is shipped


@pytest.fixture
def shipped(project: Project) -> Project:
    for part in ("suites", "baselines"):
        shutil.rmtree(project.folder / part)
        shutil.copytree(ROOT / part, project.folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*project.folder.glob("suites/*/cases.jsonl"), project.folder / "suites/handbook/documents.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:3] + lines[-20:]), encoding="utf-8")
    local_model(project.folder / "model")
    text = (ROOT / "experiment.toml").read_text(encoding="utf-8")
    project.write("experiment.toml", text.replace("embedded:tiny", str(project.folder / "model")))
    return project


def test_every_shipped_gate_and_test_finds_its_contenders(shipped: Project) -> None:
    """Answered by hand, all right: no gate may then be an error, and every shipped test runs to its end."""
    matrix = expand(load_experiment(shipped.folder / "experiment.toml"))
    store(matrix, lambda cell, case: case.reference if cell.contender.name not in ("zero_shot", "few_shot_4") else "?")
    result = shipped.pytest("suites")
    outcomes = result.parseoutcomes()
    assert "errors" not in outcomes, result.stdout.str()
    assert outcomes["passed"] + outcomes["failed"] >= 30
    for folder in (ROOT / "suites").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert (folder / f"test_{folder.name}.py").is_file()
            assert (folder / "README.md").is_file()
