"""``harness data check`` finds what was planted, and nothing in data that is good."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.check import Asked, Checked, Report, check
from harness.data.audit import Finding, Limits
from harness.errors import BadInput
from harness.report.audited import lines, to_html
from tests.conftest import Ran, write_rows

Harness = Callable[..., Ran]
Row = dict[str, Any]
LABELS = ("late", "broken", "return")
NOTE = "Good morning, the {} that I bought in your shop last week {}, and I would like to know what to do about it."


def good(count: int = 600) -> list[Row]:
    """Labelled notes, no two alike."""
    draw = random.Random(1)
    return [{"prompt": f"note {i}: {draw.random()}", "completion": LABELS[i % 3]} for i in range(count)]


def pairs(count: int = 300) -> list[Row]:
    return [
        {"prompt": f"note {i}", "chosen": "yes" * (1 + i % 3), "rejected": "no" * (1 + (i + 1) % 3)}
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No experiment.toml is there whose model would be loaded."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Report]:
    def run(rows: list[Row], **asked: Any) -> Report:
        (report,) = check([write_rows(tmp_path / "train.jsonl", rows)], Asked(**asked)).files
        return report

    return run


Check = Callable[..., Report]


def finding(report: Report, name: str) -> Finding | None:
    return next((one for one in report.findings if one.name == name), None)


def found(report: Report, name: str) -> Finding:
    one = finding(report, name)
    assert one is not None, [f"{one.name}: {one.said}" for one in report.findings]
    return one


@pytest.mark.parametrize("rows", [good(), pairs()])
def test_good_data_is_good(rows: list[Row], checked: Check) -> None:
    report = checked(rows)
    assert report.good
    assert {one.level for one in report.findings} == {"note"}


def test_planted_duplicates_and_contradictions_are_found_and_no_others(checked: Check) -> None:
    rows, draw = good(), random.Random(2)
    twice = draw.sample(range(600), 20)
    against = draw.sample([place for place in range(600) if place not in twice], 20)
    rows += [
        {"prompt": f"  {rows[place]['prompt'].upper()} ", "completion": rows[place]["completion"]} for place in twice
    ]
    rows += [{"prompt": rows[place]["prompt"], "completion": "other"} for place in against]
    report = checked(rows)
    duplicates, contradictions = found(report, "duplicates"), found(report, "contradictions")
    assert duplicates.said.startswith("20 of 640 rows say again")
    assert contradictions.said.startswith("20 of 640 rows answer otherwise")
    assert (duplicates.level, contradictions.level) == ("warn", "warn")
    assert duplicates.pairs[0].first.where.endswith(f"train.jsonl:{twice[0] + 1}")
    pair = contradictions.pairs[0]
    assert (pair.first.answer, pair.second.answer) == (rows[against[0]]["completion"], "other")
    assert pair.first.asked == rows[against[0]]["prompt"]


@pytest.mark.parametrize(
    ("rows", "level", "name", "said"),
    [
        (good(99), "fail", "volume", "99 examples: under 100, collect more or show examples"),
        (good(499), "warn", "volume", "499 examples: 100 are the least, 500 are good"),
        (pairs(199), "fail", "volume", "199 pairs: DPO needs 200"),
        (good() + good(60), "fail", "duplicates", "60 of 660 rows"),
        ([*good(), {"prompt": "x", "completion": "odd"}], "warn", "rare classes", "under 10 rows each: 'odd'"),
        ([{**row, "completion": '{"a": 1'} for row in good()], "fail", "form", "0.0% of answers are JSON"),
        (
            [{**row, "completion": json.dumps({"a": 1, "b": 2} if i % 9 else {"b": 2, "a": 1})} for i, row in enumerate(good())],
            "warn",
            "schema",
            "differ in the order of their keys: 533 with a, b; 67 with b, a",
        ),
        (
            [{**row, "completion": json.dumps({"a": {"n": [1, "1"]} if i == 7 else {"n": [1]}})} for i, row in enumerate(good())],
            "warn",
            "types",
            "a.n[] is 600 number, 1 text",
        ),
        ([*pairs(), {"prompt": "x", "chosen": "y ", "rejected": "y"}], "fail", "equal sides", "1 of 301 pairs prefer"),
        ([{**row, "chosen": "y" * 99} for row in pairs()], "warn", "length bias", "in 100% of pairs"),
        (
            [*pairs(), {"prompt": "x", "chosen": NOTE.format("pump", "leaks"), "rejected": NOTE.format("pumps", "leaks")}],
            "warn",
            "near-equal sides",
            "1 of 301 pairs have sides that hardly differ",
        ),
        ([*good(), {"prompt": "what", "completion": " "}], "fail", "empty", "1 of 601 rows"),
        ([*good(), {"prompt": "what \ud800", "completion": "late"}], "fail", "broken characters", "1 of 601 rows"),
        ([{**row, "synthetic": True} for row in good()], "warn", "synthetic", "600 of 600 rows are synthetic, 0 of all were reviewed: a model alone"),
        ([{**row, "synthetic": True, "reviewed": i == 3} for i, row in enumerate(good())], "note", "synthetic", "1 of all were reviewed"),
        ([{**row, "completion": f"{row['prompt']} I am sorry, I cannot say." if i < 3 else row["prompt"]} for i, row in enumerate(good())], "note", "negative examples", "3 answers of 600 decline"),
        ([{**row, "completion": row["prompt"]} for row in good()], "note", "negative examples", "no answer declines"),
        ([*good(), {"prompt": "far " * 400, "completion": "late"}], "note", "edge questions", "0 far shorter than the rest, 1 far longer"),
        ([*good(), {"prompt": "My key is AKIA" + "Q7ZXWVUT5432LMNB", "completion": "late"}], "fail", "secrets", "1 of 601 rows hold a key: 1 × AWS key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(rows: list[Row], level: str, name: str, said: str, checked: Check) -> None:
    report = checked(rows)
    one = found(report, name)
    assert (one.level, said in one.said) == (level, True), one
    assert report.good == (level != "fail")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ('{"a": 1,}', "a trailing comma"),
        ("{'a': 'b', 'c': None}", "Python's quotes or words"),
        ('```json\n{"a": 1}\n```', "a fence around it"),
        ("```sql\nselect 1\n```", "a fence, and no JSON in it"),
        ('{"a": 1} That is all.', "words after it"),
        ('{"a": "b', "it ends too soon"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ("{a: 1}", "otherwise broken"),
        ("[" * 5000, "broken"),
    ],
)
def test_why_an_answer_is_no_json_is_said(broken: str, why: str, checked: Check) -> None:
    rows = [{**row, "completion": '{"a": 1}'} for row in good()]
    report = checked([*rows, {"prompt": "what", "completion": broken}])
    form = found(report, "form")
    assert (form.level, why in form.said) == ("warn", True), form.said
    assert form.places[0].startswith(str(report.path) + ":601")


@pytest.mark.parametrize(
    ("one", "other", "finding"),
    [
        ((NOTE.format("pump", "leaks"), "late"), (NOTE.format("pump", "leaks now"), "late"), "near duplicates"),
        ((NOTE.format("pump", "leaks"), "late"), (NOTE.format("pump", "leaks now"), "broken"), "near contradictions"),
        ((NOTE.format("pump", "leaks"), "Please send it back to us and we will mend it for free."), (NOTE.format("pump", "leaks now"), "Please send it back to us, and we will mend it for free."), "near duplicates"),
        ((NOTE.format("pump", "leaks"), "You want the pump."), (NOTE.format("lamp", "leaks"), "You want the lamp."), None),
        ((NOTE.format("pump 17", "leaks"), "Take 17 screws."), (NOTE.format("pump 18", "leaks"), "Use four nails."), None),
        ((NOTE.format("pump Mofan", "leaks"), "kladrun"), (NOTE.format("pump Botis", "leaks"), "manem"), None),
        ((NOTE.format("pump", "leaks"), '{"size": 17}'), (NOTE.format("pump", "leaks now"), '{"size": 18}'), "near contradictions"),
    ],
)  # fmt: skip
def test_rows_that_ask_nearly_the_same(one: Any, other: Any, finding: str | None, checked: Check) -> None:
    prose = [
        {"prompt": f"note {i}: {random.Random(i).random()}", "completion": f"{i} {'ab'[i % 2]}"} for i in range(200)
    ]
    report = checked([*prose, *({"prompt": asked, "completion": said} for asked, said in (one, other))])
    near = [one for one in report.findings if one.name.startswith("near")]
    assert [one.name for one in near] == ([finding] if finding else [])
    if near:
        (pair,) = near[0].pairs
        assert (pair.first.asked, pair.second.asked) == (one[0], other[0])
        assert 0.8 <= pair.similarity < 1


def test_names_excuse_no_other_label(checked: Check) -> None:
    rows = [
        {"prompt": NOTE.format(f"pump {name}", "leaks"), "completion": label}
        for name, label in (("Mofan", "late"), ("Botis", "return"))
    ]
    assert found(checked([*good(), *rows]), "near contradictions").said.startswith("1 of 602 rows")


def test_swapped_preferences_and_ratings_contradict(checked: Check) -> None:
    swapped = {"prompt": "note 7", "chosen": pairs()[7]["rejected"], "rejected": pairs()[7]["chosen"]}
    assert found(checked([*pairs(), swapped]), "contradictions").said.startswith("1 of 301 rows")
    rated = [{"prompt": f"note {i}", "completion": "yes", "label": i % 2 == 0} for i in range(200)]
    assert finding(checked(rated), "contradictions") is None
    assert found(checked([*rated, {**rated[0], "label": False}]), "contradictions").said.startswith("1 of 201 rows")


def test_slices_are_counted(checked: Check) -> None:
    rows = [{**row, "product": "lamp" if i < 5 else "pump", "number": i} for i, row in enumerate(good())]
    report = checked(rows, slices=("product", "number", "nothing"))
    assert found(report, "slice product").said == "2: 595 'pump'; 5 'lamp'"
    assert found(report, "rare in product").said == "under 10 rows each: 'lamp'"
    assert "is no slice" in found(report, "slice number").said
    assert found(report, "slice nothing").said == "1: 600 'nothing'"


def test_the_policys_limits_count_and_every_line_says_its_source(checked: Check) -> None:
    rows = good() + good(60)
    ours = found(checked(rows), "duplicates").line
    theirs = found(checked(rows, limits=Limits(duplicates=0.2)), "duplicates")
    assert ours is not None
    assert (ours.key, ours.value, ours.source) == ("data.duplicates", 0.05, "this project's own line")
    assert theirs.level == "warn"
    assert theirs.line is not None
    assert (theirs.line.value, theirs.line.source) == (0.2, "the policy")


def suite(folder: Path, **files: list[Row]) -> Path:
    """A suite's folder with these files."""
    keys = "".join(f'{name} = "{name}.jsonl"\n' for name in files if name != "cases")
    for name, rows in files.items():
        write_rows(folder / f"{name}.jsonl", rows)
    (folder / "suite.toml").write_text(f'metric = "exact_match"\n{keys}')
    return folder


def cases(count: int = 100) -> list[Row]:
    return [{"id": f"c{i}", "input": f"case {i}: {random.Random(i).random()}", "reference": LABELS[i % 3], "split": "dev" if i < 20 else "test"} for i in range(count)]  # fmt: skip


def test_what_stands_in_two_files_or_splits_is_said(tmp_path: Path) -> None:
    asked, train = cases(), good()
    asked[30]["input"] = train[5]["prompt"]
    asked[40]["input"] = NOTE.format("pump", "leaks")
    asked[3]["input"] = NOTE.format("pump", "leaks now")
    train[9]["prompt"] = NOTE.format("pump", "is leaking")
    preferred = [{**row, "prompt": f"{row['prompt']} of preferences"} for row in pairs()]
    preferred[0]["prompt"] = train[7]["prompt"]
    checked = check([suite(tmp_path, train=train, preferences=preferred, cases=asked)])
    told = [(one.level, re.sub(r"\S*/", "", one.said)) for one in checked.across]
    assert told == [
        ("warn", "1 row of cases.jsonl (dev) with a question of train.jsonl, 0 of them word for word: `harness data leaks` says which of them count as seen"),
        ("warn", "2 rows of cases.jsonl (test) with a question of train.jsonl, 1 of them word for word: `harness data leaks` says which of them count as seen"),
        ("warn", "1 row of cases.jsonl (test) with a question of cases.jsonl (dev), 0 of them word for word: a question in dev and in test is examined on what was chosen by"),
        ("note", "1 row of preferences.jsonl with a question of train.jsonl, 1 of them word for word"),
    ]  # fmt: skip
    assert checked.across[1].pairs[0].second.asked == train[5]["prompt"]
    assert [report.role for report in checked.files] == ["train", "preferences", "cases"]
    assert checked.files[2].good


def test_pairs_are_held_against_the_suites_own_metric(tmp_path: Path) -> None:
    preferred = [{**row, "reference": row["chosen"]} for row in pairs()]
    asked = [{"id": "c", "input": "note of the case", "reference": "yes", "split": "test"}]
    preferred[4] |= {"reference": preferred[4]["rejected"]}
    preferred.append({"prompt": "note of the case", "chosen": "no", "rejected": "yes"})
    folder = suite(tmp_path, preferences=preferred, cases=asked)
    by = found(check([folder]).files[0], "by the metric")
    assert (by.level, by.said[:88]) == (
        "warn",
        "2 of 301 pairs have a chosen answer that exact_match scores below the rejected one (0.7%",
    )
    assert by.places[1].endswith("preferences.jsonl:301: 0 chosen, 1 rejected")
    write_rows(folder / "preferences.jsonl", pairs())
    assert "no pair has a reference" in found(check([folder]).files[0], "by the metric").said
    (folder / "suite.toml").write_text('metric = "pairwise:short"\npreferences = "preferences.jsonl"\n')
    assert "need a judge" in found(check([folder]).files[0], "by the metric").said


def test_the_sample_is_drawn_by_the_seed_and_comes_back_as_signals(tmp_path: Path, harness: Harness) -> None:
    made = write_rows(tmp_path / "train.jsonl", [*good(), {"prompt": "I am ann@example.org", "completion": "late"}])
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert harness("data", "check", made, "--sample", tmp_path / f"{name}.jsonl", "--seed", seed).code == 0
    one, same, other = ((tmp_path / f"{name}.jsonl").read_text() for name in "abc")
    assert (one == same, one == other) == (True, False)
    rows = [json.loads(line) for line in one.splitlines()]
    assert len(rows) == 50
    assert rows[0].keys() == {"id", "input", "output", "correction", "rating", "person"}
    assert "ann@" not in "".join(one + other)
    (tmp_path / "filled").mkdir()
    filled = [{**row, "rating": 5, "person": "Ada"} if i else row for i, row in enumerate(rows)]
    write_rows(tmp_path / "filled" / "a.jsonl", filled)
    ran = harness("data", "signals", tmp_path / "filled", tmp_path / "signals", "--scale", "5")
    assert "left out, neither a correction nor a rating: 1" in ran.out
    assert harness("data", "check", made, "--sample", tmp_path / "a.jsonl").code == 4


HOSTILE = "</div><script>alert(1)</script> \x1b[2J \u202e ann@example.org sk-proj-9aB3dE5fG7hI1jK3lM5nO7pQ"


def test_no_output_shows_what_is_private_or_hostile(tmp_path: Path, harness: Harness) -> None:
    rows = [{"prompt": f"{HOSTILE} {i % 40}", "completion": json.dumps({HOSTILE: i, "n": "x" if i % 2 else 1}), "who": HOSTILE} for i in range(300)]  # fmt: skip
    made = write_rows(tmp_path / "bad.jsonl", rows)
    page = tmp_path / "page.html"
    ran = harness("data", "check", made, "--slice", "who", "--html", page, "--sample", tmp_path / "s.jsonl")
    told = harness("data", "check", made, "--slice", "who", "--json")
    for text in (ran.out, ran.err, told.out, page.read_text(), (tmp_path / "s.jsonl").read_text()):
        assert "ann@" not in text
        assert "sk-proj" not in text
    assert "\x1b" not in ran.out
    assert "<script" not in page.read_text()
    assert "[e-mail]" in page.read_text()
    write_rows(made, [*rows, {"prompt": {HOSTILE: HOSTILE}, "completion": "x"}])
    broken = harness("data", "check", made)
    assert (broken.code, "ann@" in broken.err, "sk-proj" in broken.err) == (4, False, False)


def test_the_page(tmp_path: Path, harness: Harness) -> None:
    page = tmp_path / "page.html"
    made = write_rows(tmp_path / "few.jsonl", [{"prompt": NOTE.format("pump", "leaks"), "completion": "a"}, {"prompt": NOTE.format("pump", "leaks now"), "completion": "b"}])  # fmt: skip
    assert harness("data", "check", made, "--html", page).code == 1
    text = page.read_text()
    assert "This file should not be trained on" in text
    assert "<ins>leaks now,</ins>" in text
    assert "default-src &#39;none&#39;" in text
    assert harness("data", "check", made, "--html", page).code == 4
    assert harness("data", "check", made, "--html", page, "--replace").code == 1
    assert text == page.read_text() == to_html(check([made]))


def test_policies_are_read(tmp_path: Path, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write_rows(tmp_path / "train.jsonl", good() + good(60))
    policy = tmp_path / "policy.toml"
    policy.write_text("[data]\nduplicates = 0.2\n")
    assert harness("data", "check", made).code == 1
    assert harness("data", "check", made, "--policy", policy).code == 0
    policy.write_text("[data]\nduplicate = 0.2\n")
    ran = harness("data", "check", made, "--policy", policy)
    assert (ran.code, "data.duplicate: unknown key: did you mean 'duplicates'?" in ran.err) == (4, True)
    (tmp_path / "experiment.toml").write_text(
        'models = ["scripted:echo"]\nsuites = ["s"]\n[policy.data]\nduplicates = 0.2\n'
    )
    assert harness("data", "check", made, "--experiment", tmp_path / "experiment.toml").code == 0
    monkeypatch.chdir(tmp_path)
    assert harness("data", "check", made).code == 0
    (tmp_path / "experiment.toml").write_text(
        'models = ["scripted:echo"]\nsuites = ["s"]\n[policy.data]\nduplicates = 2\n'
    )
    ran = harness("data", "check", made)
    assert (ran.code, "[policy.data]: duplicates: given 2" in ran.err) == (4, True)


def test_the_command(tmp_path: Path, harness: Harness) -> None:
    made = write_rows(tmp_path / "few.jsonl", [{"prompt": "\x1b[2Jx", "completion": "y"}, {"prompt": "\x1b[2Jx", "completion": "\x1b[2Jz"}])  # fmt: skip
    ran = harness("data", "check", made)
    assert ran.code == 1
    assert "NOT GOOD ENOUGH" in ran.out
    assert "\x1b" not in ran.out
    said = json.loads(harness("data", "check", made, "--json").out)
    assert said["files"][0]["good"] is said["good"] is False
    assert harness("data", "check", write_rows(tmp_path / "many.jsonl", good())).code == 0
    assert harness("data", "check", write_rows(tmp_path / "none.jsonl", [])).code == 4
    write_rows(tmp_path / "cases.jsonl", cases())
    (tmp_path / "suite.toml").write_text('metric = "exact_match"\ntrain = "few.jsonl"\n')
    assert harness("data", "check", tmp_path).code == 1
    with pytest.raises(BadInput, match="no such file"):
        check([tmp_path / "nowhere.jsonl"])


def test_nothing_private_is_in_what_a_program_reads(checked: Check) -> None:
    """Values too, not only texts: a class, a key."""
    rows = [{**row, "completion": "ann@example.org"} if i % 3 else row for i, row in enumerate(good())]
    assert "ann@" not in json.dumps(Checked((checked(rows),)).as_dict())


TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(
    ["", " ", "\ud800", '{"a": ', "[1, {}]", "```", "+49 30 1234567", "x" * 300, "\x00\u202e", "'"]
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from(["sft", "parts", "dpo", "kto"])), min_size=1, max_size=12))
def test_whatever_rows_say_they_are_checked_or_refused(rows: list[tuple[str, str, str]], tmp_path: Path) -> None:
    forms = {
        "sft": lambda a, b: {"prompt": a, "completion": b},
        "parts": lambda a, b: {"messages": [{"role": "user", "content": [{"type": "text", "text": a}]}, {"role": "assistant", "content": b}]},
        "dpo": lambda a, b: {"prompt": a, "chosen": b, "rejected": a},
        "kto": lambda a, b: {"prompt": a, "completion": b, "label": bool(b)},
    }  # fmt: skip
    kind = rows[0][2]
    made = write_rows(tmp_path / "any.jsonl", [forms[kind](a, b) for a, b, _ in rows])
    try:
        checked = check([made, made], Asked(slices=("prompt",)))
    except BadInput:
        return
    to_html(checked).encode()
    "\n".join(lines(checked)).encode()
    json.dumps(checked.as_dict())
    checked.write_sample(tmp_path / "sample.jsonl", replace=True)
