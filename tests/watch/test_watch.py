"""The same cases asked again over a real socket: planted drift is found, none is not alarmed, rounds stay out of verdicts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import run
from harness.store import open_store
from tests.conftest import Project, Ran, set_up, write_rows
from tests.models.fake_vendor import Body, Vendor, open_vendor

Harness = Callable[..., Ran]
CASES = 120
OLD, NEW = "m-2026-08-07", "m-2026-11-20"
TARGET = "sums=zero_shot"
WRONG = set(range(1, CASES, 10))
START = datetime(2026, 11, 1, 6)


@dataclass
class World:
    """A project whose one model is served by ``vendor``; ``wrong`` are the sums that it gets wrong now."""

    project: Project
    vendor: Vendor
    harness: Harness
    patch: pytest.MonkeyPatch
    wrong: set[int] = field(default_factory=set)
    week: int = 0

    def watch(self, *more: object) -> Ran:
        """A week later, by somebody's cron."""
        self.week += 1
        later = START + timedelta(weeks=self.week)
        self.patch.setattr("harness.store.submission.now", lambda: later)
        self.patch.setattr("harness.watch.round.now", lambda: later)
        return self.harness("watch", TARGET, "--experiment", self.project.experiment, *more)

    def drift(self, *more: object) -> dict[str, Any]:
        ran = self.watch("--json", *more)
        assert ran.code in (0, 1, 3), ran.err
        found: dict[str, Any] = json.loads(ran.out)[TARGET]
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with open_store(self.project.folder / ".harness", write=False) as store:
            return store._database.run(sql)

    def verdict_rows(self) -> Any:
        with evidence(load_experiment(self.project.experiment)) as found:
            model = found.models[0]
            return found.store.rows(
                "sums", model=model, metrics={"sums": {"exact_match": self.digest(found)}}
            ).to_pylist()

    @staticmethod
    def digest(found: Any) -> str:
        return str(found.metrics["sums"]["exact_match"].hash)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Vendor]]:
    """A project whose round 0 is measured, to be copied, and its vendor."""
    project = set_up(tmp_path_factory.mktemp("watch"))
    rows = [
        {"id": f"s{i}", "input": f"{i} + {i}", "reference": str(2 * i), "split": "dev" if i % 3 == 0 else "test"}
        for i in range(CASES)
    ]
    write_rows(project.folder / "suites/sums/cases.jsonl", rows)
    with open_vendor(answering(WRONG), served=OLD) as vendor, pytest.MonkeyPatch.context() as patch:
        project.write(
            "experiment.toml",
            f'name = "sums"\nmodels = ["openai:m@{vendor.url}/v1"]\nsuites = ["suites/sums"]\nbaselines = ["baselines"]\n',
        )
        patch.setenv("OPENAI_API_KEY", "sk-any")
        patch.delenv("OPENAI_BASE_URL", raising=False)
        patch.setattr("harness.store.submission.now", lambda: START)
        run(load_experiment(project.experiment), progress=Console(quiet=True))
        yield project.folder, vendor


def answering(wrong: set[int]) -> Callable[[Body], str]:
    """Sums, but for those in ``wrong``."""

    def answer(body: Body) -> str:
        number = int(re.findall(r"(\d+) \+", str(body["messages"][-1]["content"]))[-1])
        return "no idea" if number in wrong else str(2 * number)

    return answer


@pytest.fixture
def world(measured: tuple[Path, Vendor], tmp_path: Path, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> World:
    folder, vendor = measured
    monkeypatch.setattr("harness.vendors.POLLS", (0.01, 0.02))
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    copy = Project(shutil.copytree(folder, tmp_path / "copy"))
    made = World(copy, vendor, harness, monkeypatch, set(WRONG))
    vendor.answer, vendor.served = answering(made.wrong), OLD
    return made


def test_a_vendor_that_changes_its_model_is_found_out(world: World) -> None:
    for _ in range(2):
        ran = world.watch()
        assert (ran.code, "drift:" in ran.out) == (0, False), ran.out + ran.err
    world.vendor.served = NEW
    world.wrong.update(range(2, CASES, 4))
    found = world.drift()
    assert found["drift"] is True
    assert (found["alarm"]["round"], found["general"]["round"], found["general"]["since"]) == (3, 3, 3)
    assert (found["change"]["at"], found["change"]["earliest"], found["change"]["latest"]) == (3, 3, 3)
    lost = sum(1 for n in range(2, CASES, 4) if n % 3 and n % 10 != 1) / 80
    assert found["change"]["size"]["estimate"] == pytest.approx(-lost)
    assert found["rounds"][3]["unchanged"] == pytest.approx(1 - lost)
    assert [told["renamed"] for told in found["rounds"]] == [False, False, False, True]
    assert [(s["served"], s["first"], s["last"]) for s in found["stretches"]] == [([OLD], 0, 2), ([NEW], 3, 3)]
    ran = world.watch("--replay")
    assert ran.code == 1
    assert re.search(
        r"^drift: on these cases the score fell by 25 \(14 to 34\) points; shown at round 3 with [\d.,e+]+ to 1 where 20 ",
        ran.out,
        re.M,
    ), ran.out
    assert "in general: shown for other cases like these, p = " in ran.out
    assert "since: round 3 (2026-11-22 06:00); no other place fits" in ran.out
    assert f"model id: from round 3 on answers come from {NEW}, before from {OLD}: −25 (−34 to −14) points" in ran.out
    assert f"do: name {OLD} as the model if it is still served, or measure anew" in ran.out
    assert f"`harness forget --served {OLD}`, then `harness run`" in ran.out


def test_answers_in_other_words_that_score_the_same_are_no_drift(world: World) -> None:
    """Every round two answers are wrong that were right, and two the other way round."""
    bad = sorted(world.wrong)
    for week in range(4):
        world.wrong.clear()
        world.wrong.update([*bad[2:], 2 + 30 * (week % 3), 5 + 30 * (week % 3)])
        ran = world.watch()
        assert ran.code == 0, ran.out
    assert "no drift shown: round 4 scores " in ran.out
    assert "100%" not in ran.out, "some answers were others"


def test_replay_asks_nothing_and_writes_nothing(world: World) -> None:
    world.watch()
    asked, before = len(world.vendor.bodies), world.rows("SELECT * FROM rounds")
    ran = world.watch("--report")
    assert ran.code == 0
    assert (len(world.vendor.bodies), world.rows("SELECT * FROM rounds")) == (asked, before)
    assert "sums=zero_shot with openai:m" in ran.out


def test_rounds_are_in_nothing_that_a_verdict_is_made_of(world: World, tmp_path: Path) -> None:
    tables = ("generations", "scores", "asked", "cells", "trainings")

    def shown() -> list[Any]:
        world.harness("report", world.project.experiment, "--out", tmp_path)
        said = world.harness("verdict", world.project.experiment, "--json").out
        counts = [world.rows(f"SELECT count(*) FROM {table}") for table in tables]
        return [world.verdict_rows(), json.loads(said)["suites"], (tmp_path / "report.html").read_text(), counts]

    world.harness("verdict", world.project.experiment)
    before = shown()
    world.vendor.served = NEW
    world.wrong.update(range(CASES))
    for _ in range(2):
        assert world.watch().code == 1
    assert world.rows("SELECT count(*), min(served) FROM reanswers") == [(160, NEW)]
    for ours, theirs in zip(before, shown(), strict=True):
        assert ours == theirs
    asked = len(world.vendor.bodies)
    world.harness("run", world.project.experiment, "--json")
    assert len(world.vendor.bodies) == asked, "nothing is asked again for a verdict"


def test_an_export_keeps_rounds_apart_and_an_import_takes_them(world: World, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    world.vendor.served = NEW
    world.watch()
    for name, only in (("all", ()), ("part", ("--only", "sums"))):
        folder = tmp_path / name
        assert world.harness("store", "export", folder, world.project.experiment, *only).code == 0
        assert set(pq.read_table(folder / "generations.parquet")["served"].to_pylist()) == {OLD}
        assert set(pq.read_table(folder / "reanswers.parquet")["served"].to_pylist()) == {NEW}
        other = tmp_path / f"from {name}"
        other.mkdir()
        open_store(other, write=True).close()
        for _ in range(2):
            ran = world.harness("store", "import", folder, other)
            assert ran.code == 0, ran.err
        with open_store(other, write=False) as store:
            counts = store._database.run("SELECT (SELECT count(*) FROM reanswers), (SELECT count(*) FROM rescores)")
        assert counts == [(80, 80)]
    assert world.harness("store", "check", world.project.experiment).code == 0


def test_a_killed_round_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.store.again import Again

    add, calls = Again.add, list[int]()

    def killed(self: Again, one: Any, rows: Any, firsts: Any) -> None:
        add(self, one, rows, firsts)
        calls.append(len(rows))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Again, "add", killed)
        assert world.watch().code == 130
    assert world.rows("SELECT count(*) FROM reanswers") == [(calls[0],)]
    assert 0 < calls[0] < 80
    ran = world.watch("--replay")
    assert "note: round 1 is not finished: the next call goes on with it" in ran.out
    assert ran.code == 0
    asked = len(world.vendor.bodies)
    assert world.drift()["rounds"][1]["number"] == 1
    assert world.rows("SELECT number, finished IS NULL FROM rounds") == [(1, False)]
    assert world.rows("SELECT count(*), count(DISTINCT first) FROM reanswers") == [(80, 80)]
    assert len(world.vendor.bodies) - asked <= 80 - calls[0], "what was stored is not asked again"


def test_a_round_that_lacks_too_many_answers_stays_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.vendors import Vendors

    answers = Vendors.answers

    def failing(self: Vendors, model: Any, trials: Any) -> Iterator[list[Any]]:
        for rows in answers(self, model, trials):
            for place, row in enumerate(rows):
                if place % 5 == 0:
                    row.text, row.error = None, "the server is down"
            yield rows

    with monkeypatch.context() as patched:
        patched.setattr(Vendors, "answers", failing)
        ran = world.watch()
    assert ran.code == 3
    assert "note: round 1 is not finished" in ran.out
    ran = world.watch()
    assert ran.code == 0
    assert world.rows("SELECT number, finished IS NULL FROM rounds") == [(1, False)]
    assert world.rows("SELECT count(*) FROM reanswers WHERE error IS NOT NULL") == [(0,)]


def test_a_limit_on_cost_stops_a_round_that_goes_on_later(world: World) -> None:
    text = world.project.experiment.read_text()
    priced = f'id = "openai:m@{world.vendor.url}/v1"\ninput_cost_per_token = 1e-3\noutput_cost_per_token = 2e-3\n'
    world.project.write("experiment.toml", re.sub(r"models = .*\n", "", text) + f"[[models]]\n{priced}")
    world.patch.setattr(world.vendor, "tokens", (10, 1))
    ran = world.watch("--max-cost", 0.5)
    assert ran.code == 3
    assert "stopped before --max-cost would be passed: round 1 of sums=zero_shot lacks " in ran.err
    asked = len(world.vendor.bodies)
    (kept,) = world.rows("SELECT count(*) FROM reanswers")
    assert 0 < kept[0] < 80
    assert world.watch().code == 0
    assert len(world.vendor.bodies) == asked + 80 - kept[0]
    assert world.rows("SELECT number, finished IS NULL FROM rounds") == [(1, False)]


def test_measured_anew_rounds_begin_again(world: World) -> None:
    world.vendor.served = NEW
    world.wrong.update(range(2, CASES, 4))
    assert world.watch().code == 1
    assert world.harness("forget", world.project.experiment, "--served", OLD).code == 0
    ran = world.watch()
    assert (ran.code, "round 0 is what `harness run` stores, and 80 answers of 80 missing: run it first" in ran.err) == (3, True)  # fmt: skip
    world.harness("run", world.project.experiment, "--json")
    found = world.drift()
    assert (found["drift"], len(found["rounds"]), found["former"]) == (False, 2, 1)
    assert found["rounds"][1]["difference"]["estimate"] == 0


def test_a_sample_is_the_same_every_time(world: World) -> None:
    asked = len(world.vendor.bodies)
    for number in (1, 2):
        found = world.drift("--cases", 20)
        assert (found["cases"], len(found["rounds"])) == (20, number + 1)
    assert len(world.vendor.bodies) == asked + 40
    assert world.rows("SELECT count(DISTINCT first) FROM reanswers") == [(20,)]


def test_a_metric_of_another_version_scores_what_is_stored(world: World) -> None:
    world.watch()
    asked = len(world.vendor.bodies)
    world.project.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "contains"')
    world.harness("run", world.project.experiment, "--json")
    found = world.drift()
    assert (found["metric"], [told["measured"] for told in found["rounds"]]) == ("contains", [80, 80, 80])
    assert len(world.vendor.bodies) == asked + 80


def test_no_round_begins_for_what_is_not_there(world: World) -> None:
    for target, said in [
        ("sums", "write SUITE=CONTENDER"),
        ("sums=zero_shoot", "no contender 'zero_shoot': did you mean 'zero_shot'?"),
        ("sum=zero_shot", "no suite 'sum': did you mean 'sums'?"),
    ]:
        ran = world.harness("watch", target, "--experiment", world.project.experiment)
        assert ran.code == 4
        assert said in ran.err
    assert world.rows("SELECT count(*) FROM rounds") == [(0,)]


def test_the_page_is_whole_escaped_and_without_scripts(world: World, tmp_path: Path) -> None:
    world.vendor.served = "<script>alert(1)</script>\u202e"
    world.wrong.update(range(2, CASES, 4))
    page = tmp_path / "drift.html"
    assert world.watch("--html", page).code == 1
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src &#39;none&#39;" in text
    assert not re.findall(r"(?:src|href)=", text)
    assert "Drift is shown in 1 of 1 contender: sums=zero_shot." in text
    assert text.count('<circle class="dot"') == 1
    asked = len(world.vendor.bodies)
    for place in (tmp_path / "no/such/drift.html", tmp_path, "/"):
        ran = world.watch("--html", place)
        assert (ran.code, "no file can be written there" in ran.err) == (4, True)
    assert len(world.vendor.bodies) == asked, "said before anything is paid for"


JUDGED = "# Sums\n- `right` (1): Gives the sum.\n  5: Exactly.\n  1: Not at all.\n"


def test_a_judge_grades_what_is_new_in_a_round_once(world: World) -> None:
    def answer(body: Body) -> str:
        if "response_format" not in body:
            return plain(body)
        score = 1 if "no idea" in str(body["messages"]) else 5
        return json.dumps({"right": {"reason": "so", "score": score}})

    plain = world.vendor.answer
    world.vendor.answer = answer
    world.project.write("suites/sums/rubric.md", JUDGED)
    world.project.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "rubric"\nrubric = "rubric.md"')
    world.project.write(
        "experiment.toml", f'{world.project.experiment.read_text()}judge.model = "openai:judge@{world.vendor.url}/v1"\n'
    )
    world.harness("run", world.project.experiment, "--json")
    asked = len(world.vendor.bodies)
    found = world.drift()
    assert len(world.vendor.bodies) == asked + 80, "an answer that is word for word round 0's has its grading"
    assert (found["metric"], found["rounds"][1]["measured"], found["rounds"][1]["difference"]["estimate"]) == ("rubric", 80, 0)  # fmt: skip
    world.wrong.update(range(2, CASES, 4))
    ran = world.watch("--max-cost", 0)
    assert ran.code == 4, "no price is known"
    found = world.drift("--batch")
    assert found["rounds"][2]["measured"] == 80
    assert found["rounds"][2]["difference"]["estimate"] == pytest.approx(-0.25)
    assert found["drift"] is True
