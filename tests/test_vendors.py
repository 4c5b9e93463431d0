"""A run that pays: batches that survive a kill, a limit on cost, and answers of a model that has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.errors import Incomplete
from harness.experiment import Model, load_experiment
from harness.gate.bench import Bench
from harness.models.address import find_address, identify
from harness.progress import Console
from harness.run import Outcome, run
from harness.store import open_store
from harness.vendors import Spending
from tests.conftest import Project, Ran
from tests.models.fake_vendor import FAULTS, Body, Vendor, open_vendor

Harness = Callable[..., Ran]
RUBRIC = "# Sums\n- `right` (1): Gives the sum.\n  5: Exactly.\n  1: Not at all.\n"
GOOD = json.dumps({"right": {"reason": "it is", "score": 4}})
IDS = ["openai:m@{}/v1", "anthropic:m@{}"]
PRICED = "input_cost_per_token = 1e-3\noutput_cost_per_token = 2e-3\n"
KEY = "sk-recognisable-0123456789"
CASES = 24


def answer(body: Body) -> str:
    """A grading to a judge's question; to others, what was asked."""
    return GOOD if "response_format" in body or "output_config" in body else str(body["messages"][-1]["content"])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.vendors.POLLS", (0.01, 0.02))
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def served(
    project: Project, vendor: Vendor, *, id: str = IDS[0], judge: str | None = None, price: bool = True
) -> Project:
    """The project's suite, one contender of a served model, and a judge behind the rubric where one is named."""
    for name in ("few_shot", "zero_shot"):
        (project.folder / f"baselines/{name}.toml").unlink(missing_ok=True)
    project.write("baselines/zero_shot.toml", 'technique = "prompt"\n')
    if judge:
        suite = project.folder / "suites/sums/suite.toml"
        text = suite.read_text().replace('metric = "exact_match"', 'metric = "exact_match"\nmetrics = ["rubric"]')
        if "rubric.md" not in text:
            project.write(
                "suites/sums/suite.toml", text.replace("\n\n[prompts]", '\nrubric = "rubric.md"\n\n[prompts]')
            )
        project.write("suites/sums/rubric.md", RUBRIC)
    paid = PRICED if price else ""
    project.write(
        "experiment.toml",
        'name = "sums"\nsuites = ["suites/sums"]\nbaselines = ["baselines"]\n'
        + (f'[judge.model]\nid = "{judge.format(vendor.url)}"\n{paid}' if judge else "")
        + f'[[models]]\nid = "{id.format(vendor.url)}"\n{paid}',
    )
    return project


def fill(project: Project, **spending: Any) -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True), spending=Spending(**spending))


def generations(project: Project) -> list[tuple[Any, ...]]:
    with open_store(project.folder / ".harness", write=False) as store:
        return store._database.run("SELECT text, error, cost, served FROM generations ORDER BY trial_id")


def identity_of(vendor: Vendor, id: str) -> str:
    model = Model(id=id.format(vendor.url))
    return identify(id.partition(":")[0], find_address(model, variable="NONE"))


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("judge", IDS)
def test_contenders_and_judges_are_asked_in_batches(project: Project, id: str, judge: str) -> None:
    with open_vendor(answer, tokens=(100, 10)) as vendor:
        outcome = fill(served(project, vendor, id=id, judge=judge), batch=True)
        assert (outcome.generated, outcome.errors, outcome.scored) == (2 * CASES, 0, 2 * CASES)
        rows = generations(project)
        assert {error for _, error, _, _ in rows} == {None}
        assert [cost for _, _, cost, _ in rows] == [pytest.approx(0.06)] * len(rows), "half of 0.12"
        assert {name for *_, name in rows} == {"judge-2026-11-01"}
        assert len(vendor.batches) == 2, "one for all cells, one for all gradings"
        assert not [call for call in vendor.calls if call.endswith(("/chat/completions", "/v1/messages"))]
        assert fill(project, batch=True).generated == 0
        assert len(vendor.batches) == 2


@pytest.mark.parametrize("id", IDS)
def test_a_killed_run_takes_its_batch_up_again(project: Project, id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    with open_vendor(answer) as vendor, monkeypatch.context() as patched:
        served(project, vendor, id=id)
        patched.setattr("harness.vendors.time.sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            fill(project, batch=True)
        patched.undo()
        monkeypatch.setattr("harness.vendors.POLLS", (0.01, 0.02))
        assert len(vendor.batches) == 1
        outcome = fill(project, batch=True)
        assert (outcome.generated, outcome.errors) == (CASES, 0)
        assert len(vendor.batches) == 1, "nothing is paid for twice"
        with open_store(project.folder / ".harness", write=False) as store:
            assert store.batches(identity_of(vendor, id)) == []


def test_what_is_in_a_batch_is_not_asked_at_once_too(
    project: Project, monkeypatch: pytest.MonkeyPatch, harness: Harness
) -> None:
    def killed(seconds: float) -> None:
        raise KeyboardInterrupt

    with open_vendor(answer) as vendor:
        served(project, vendor)
        with monkeypatch.context() as patched:
            patched.setattr("harness.vendors.time.sleep", killed)
            assert harness("run", project.experiment, "--batch").code == 130
        ran = harness("run", project.experiment)
        assert ran.code == 4
        assert "24 answers of these are in batch batch_0" in ran.err
        assert harness("forget", project.experiment, "--batch", "batch_9").code == 4
        assert "gave up batch batch_0" in harness("forget", project.experiment, "--batch", "batch_0").out
        harness("run", project.experiment)
        assert vendor.calls["POST /v1/chat/completions"] == CASES


@pytest.mark.parametrize("id", IDS)
def test_one_request_of_a_batch_may_fail(project: Project, id: str) -> None:
    odd = {"1 + 1": "no such thing", "2 + 2": "expired", "4 + 4": "broken"}
    bad = [True]
    with open_vendor(answer, item=lambda body: odd.get(body["messages"][-1]["content"]) if bad[0] else None) as vendor:
        outcome = fill(served(project, vendor, id=id), batch=True)
        assert (outcome.generated, outcome.errors) == (CASES, 3)
        errors = sorted(str(error) for _, error, _, _ in generations(project) if error)
        assert any("no such thing" in error for error in errors)
        assert any("expired" in error or "24 hours" in error for error in errors)
        bad[0] = False
        outcome = fill(project, batch=True)
        assert (outcome.generated, outcome.errors) == (3, 0)
        assert len(vendor.batches["batch_1"]["requests"]) == 3


@pytest.mark.parametrize("whole", ["failed", "expired"])
def test_a_whole_batch_may_fail(project: Project, whole: str, capsys: pytest.CaptureFixture[str]) -> None:
    with open_vendor(answer, whole=whole) as vendor:
        spending = Spending(batch=True)
        run(load_experiment(served(project, vendor).experiment), progress=Console(), spending=spending)
        said = {"failed": "the vendor refused it: too many", "expired": "expired"}[whole]
        assert all(said in str(error) for _, error, _, _ in generations(project))
        assert (
            "batch batch_0 " + {"failed": said, "expired": "not answered within 24 hours"}[whole]
            in capsys.readouterr().err
        )
        vendor.whole = None
        assert fill(project, batch=True).errors == 0


@pytest.mark.parametrize(("id", "path"), [(IDS[0], "/v1/batches"), (IDS[1], "/v1/messages/batches")])
@pytest.mark.parametrize(("status", "sent"), [(0, 1), (500, 1), (529, 2), (429, 2)])
def test_a_batch_that_may_have_been_taken_is_not_sent_again(
    project: Project, harness: Harness, id: str, path: str, status: int, sent: int
) -> None:
    """Where the vendor surely took nothing it is sent again, and only there."""
    with open_vendor(answer) as vendor:
        handle = vendor.handle

        def once(method: str, asked: str, raw: bytes) -> Any:
            first = (method, asked) == ("POST", path) and not vendor.calls[f"POST {path}"]
            kept = handle(method, asked, raw)
            return (0.0, status, {}, b"{}" if status else None) if first else kept

        vendor.handle = once  # type: ignore[method-assign]
        ran = harness("run", served(project, vendor, id=id).experiment, "--batch")
        assert vendor.calls[f"POST {path}"] == sent
    if sent == 1:
        assert ran.code == 3
        assert f"model '{id.format(vendor.url)}': a batch failed: " in ran.err
        assert "it may have been taken all the same" in ran.err


def test_a_batch_that_must_not_say_a_temperature_is_sent_again(project: Project) -> None:
    with open_vendor(answer, item=lambda body: "temperature" if "temperature" in body else None) as vendor:
        outcome = fill(served(project, vendor), batch=True)
    assert (outcome.generated, outcome.errors, len(vendor.batches)) == (CASES, 0, 2)


def test_batches_are_bounded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.batches.openai.OpenAIDesk.most", 10)
    with open_vendor(answer) as vendor:
        assert fill(served(project, vendor), batch=True).generated == CASES
    assert sorted(len(batch["requests"]) for batch in vendor.batches.values()) == [4, 10, 10]


def test_replies_that_cannot_be_read_are_asked_for_again_in_a_batch(project: Project) -> None:
    def moody(body: Body) -> str:
        again = "could not be used" in json.dumps(body)
        return answer(body) if again or answer(body) != GOOD else "Sure, a 5!"

    with open_vendor(moody) as vendor:
        outcome = fill(served(project, vendor, judge=IDS[1]), batch=True)
    assert outcome.scored == 2 * CASES
    assert [len(batch["requests"]) for batch in vendor.batches.values()] == [CASES] * 3


@pytest.mark.parametrize(("more", "limit"), [([], 6), (["--batch"], 3)])
def test_the_limit_on_cost_is_kept(project: Project, harness: Harness, more: list[str], limit: int) -> None:
    """Answers and gradings cost 0.20 each, half of that in batches: 9.60 or 4.80 for all."""
    with open_vendor(answer, tokens=(100, 50)) as vendor:
        served(project, vendor, judge=IDS[1])
        ran = harness("run", project.experiment, "--max-cost", limit, *more)
        assert ran.code == 3
        assert f"stopped before --max-cost ${limit} would be passed: $" in ran.err
        assert "missing: run again to go on" in ran.err
        spent = sum(cost for _, _, cost, _ in generations(project))
        kept = len(generations(project))
        assert 0 < spent <= limit
        assert 0 < kept < 2 * CASES
        asked = len(vendor.bodies)
        assert asked == kept
        harness("run", project.experiment, "--max-cost", 1000, *more)
        assert len(generations(project)) == len(vendor.bodies) == 2 * CASES, "only what was missing is asked"


def test_a_limit_needs_a_price(project: Project, harness: Harness) -> None:
    with open_vendor(answer) as vendor:
        ran = harness("run", served(project, vendor, price=False).experiment, "--max-cost", 3)
    assert ran.code == 4
    assert "--max-cost cannot be kept: openai:m@" in ran.err
    assert "no price known: give the model input_cost_per_token" in ran.err
    assert vendor.bodies == []


def test_the_plan_prices_answers_and_gradings(project: Project, harness: Harness) -> None:
    with open_vendor(answer) as vendor:
        served(project, vendor, judge=IDS[1])
        at_once = json.loads(harness("run", project.experiment, "--dry-run", "--json").out)
        batched = json.loads(harness("run", project.experiment, "--dry-run", "--json", "--batch").out)
        assert [bill["what"].partition(":")[0] for bill in at_once["bills"]] == ["openai", "anthropic"]
        assert at_once["gradings"] == CASES
        assert at_once["bills"][1]["usd"] > CASES * 280 * 2e-3, "all tokens of a reply are counted"
        assert batched["usd"] == pytest.approx(at_once["usd"] / 2)
        fill(project)
        spent = sum(cost for _, _, cost, _ in generations(project))
        assert spent <= at_once["usd"]
        project.replace("suites/sums/rubric.md", "Not at all.", "Far off.")
        later = json.loads(harness("run", project.experiment, "--dry-run", "--json").out)
        assert (later["answers"], later["gradings"]) == (0, CASES), "answers that are there are graded anew"


def test_answers_of_a_model_that_has_changed_are_not_compared(project: Project, harness: Harness) -> None:
    with open_vendor(
        answer, item=lambda body: "late" if body["messages"][-1]["content"] == "1 + 1" else None
    ) as vendor:
        project = served(project, vendor)
        project.write("baselines/other.toml", 'technique = "prompt"\nshots = 1\n')
        fill(project, batch=True)
        vendor.item, vendor.served = lambda body: None, "judge-2026-12-01"
        ran = harness("run", project.experiment)
        assert ran.code == 3
        said = "judge-2026-11-01 (46) and judge-2026-12-01 (2) and are not comparable"
        assert said in ran.err
        assert "`harness forget --served judge-2026-12-01`, then `harness run`" in ran.err
        for command in ("verdict", "report"):
            ran = harness(command, project.experiment)
            assert (ran.code, said in ran.err) == (3, True)
        with pytest.raises(Incomplete, match="are not comparable"):
            Bench(project.experiment, replay=True).ensure(lambda: {("sums", None)}, lambda: Console(quiet=True))
        assert (
            "did you mean 'judge-2026-12-01'" in harness("forget", project.experiment, "--served", "judge-2026-12").err
        )
        assert "forgot 46 answers of judge-2026-11-01 and 46 scores" in (
            harness("forget", project.experiment, "--served", "judge-2026-11-01").out
        )
        ran = harness("run", project.experiment)
        assert ran.code != 3 or "not comparable" not in ran.err
        assert {name for *_, name in generations(project)} == {"judge-2026-12-01"}


def test_gradings_of_a_judge_that_has_changed_are_not_compared(project: Project, harness: Harness) -> None:
    with open_vendor(answer, item=lambda body: "late" if "7 + 7" in json.dumps(body) else None) as vendor:
        served(project, vendor, judge=IDS[1])
        project.replace("experiment.toml", f'id = "{IDS[0].format(vendor.url)}"\n{PRICED}', 'id = "scripted:echo"\n')
        fill(project, batch=True)
        vendor.served = "judge-2026-12-01"
        ran = harness("run", project.experiment)
        assert ran.code == 3
        found = "the judge's scores by 'rubric' come from judge-2026-11-01 (23) and judge-2026-12-01 (1)"
        assert f"suite 'sums': {found} and are not comparable" in ran.err
        forgot = harness("forget", project.experiment, "--served", "judge-2026-11-01").out
        assert "forgot 23 answers of judge-2026-11-01 and 23 scores" in forgot
        asked = len(vendor.bodies)
        assert "not comparable" not in harness("run", project.experiment).err
        assert len(vendor.bodies) == asked + 23


def test_keys_are_nowhere(project: Project, harness: Harness) -> None:
    """A contender and a judge, at once and in batches, and a server that repeats the key in every error."""
    echoed = f"your key {KEY} is odd"
    with open_vendor(
        answer, share=0.3, faults=FAULTS, item=lambda body: echoed if "7" in str(body) else None
    ) as vendor:
        kinds = vendor._fault

        def echo(kind: str, path: str, body: Body) -> Any:
            seconds, status, headers, payload = kinds(kind, path, body)
            return seconds, status, headers, (payload or b"").replace(b"no, ", f"no {KEY} ".encode()) or None

        vendor._fault = echo  # type: ignore[method-assign]
        served(project, vendor, judge=IDS[1])
        said = [harness("run", project.experiment, "--batch")]
        vendor.served, vendor.faults = "m", ("refused", "overloaded", "broken", "cut")
        said += [harness("run", project.experiment), harness("report", project.experiment)]
        said += [harness("verdict", project.experiment, "--json")]
    assert any(KEY in head for head in vendor.headers), "it was sent"
    spoken = "".join(ran.out + ran.err for ran in said)
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    odd = [path for path in files if KEY.encode() in path.read_bytes() or b"recognisable" in path.read_bytes()]
    assert (odd, "recognisable" in spoken) == ([], False)
