"""Inputs that are no text: made text once, kept by what they hold, and part of what a case is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import kept
from harness.cascade import Cascade, Page
from harness.errors import BadInput, MissingExtra
from harness.store import open_store
from harness.suite import load_task
from tests.conftest import Project, Ran, write_rows
from tests.converters.loud import Loud
from tests.converters.made import image_of, pdf_of
from tests.converters.web import CLOSE, page, web

Harness = Callable[..., Ran]
needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed: apt-get install tesseract-ocr"
)


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> type[Loud]:
    """Converts images here."""
    monkeypatch.setattr("harness.cascade.CONVERTERS", {"loud": "tests.converters.loud:Loud"})
    monkeypatch.setattr("harness.cascade.DEFAULTS", {"image": "loud"})
    monkeypatch.setattr(Loud, "calls", [])
    monkeypatch.setattr(Loud, "release", "loud 1")
    return Loud


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A suite's folder with two small files, inside a project."""
    (tmp_path / "experiment.toml").touch()
    made = tmp_path / "suites/scans"
    made.mkdir(parents=True)
    (made / "a.png").write_bytes(b"first")
    (made / "b.png").write_bytes(b"second")
    return made


def test_parts_follow_each_other_as_they_are_written(folder: Path, loud: type[Loud]) -> None:
    cascade = Cascade(folder)
    assert cascade.text({"text": "Read:", "image": ["b.png", "a.png"]}) == "Read:\n\nSECOND\n\nFIRST"
    assert cascade.text({"image": "a.png", "url": None, "text": ["One.", "Two."]}) == "FIRST\n\nOne.\n\nTwo."
    assert [(one.kind, one.source, one.text) for one in cascade.made] == [("image", "b.png", "SECOND"), ("image", "a.png", "FIRST")]  # fmt: skip


def test_a_file_is_converted_once_whatever_it_is_called(folder: Path, loud: type[Loud]) -> None:
    Cascade(folder).text({"image": "a.png"})
    (folder / "a.png").rename(folder / "c.png")
    (again,) = _made(Cascade(folder), "c.png")
    assert loud.calls == [b"first"]
    assert (again.source, again.converter, again.version, again.text) == ("c.png", "loud", "loud 1", "FIRST")
    assert again.seconds > 0
    assert [path.parent for path in (folder.parents[1] / kept.HOME).rglob("*.json")] == [
        folder.parents[1] / kept.HOME / "texts"
    ]


def test_other_content_another_argument_or_version_is_converted_anew(folder: Path, loud: type[Loud]) -> None:
    text = {"image": "a.png"}
    assert Cascade(folder).text(text) == "FIRST"
    (folder / "a.png").write_bytes(b"changed")
    assert Cascade(folder).text(text) == "CHANGED"
    assert Cascade(folder, {"image": "loud:!"}).text(text) == "CHANGED!"
    loud.release = "loud 2"
    assert Cascade(folder).text(text) == "CHANGED"
    assert loud.calls == [b"first", b"changed", b"changed", b"changed"]


def test_what_was_converted_is_known_where_the_converter_is_not(folder: Path, loud: type[Loud]) -> None:
    Cascade(folder).text({"image": "a.png"})
    loud.release = None
    assert Cascade(folder).text({"image": "a.png"}) == "FIRST"
    with pytest.raises(MissingExtra, match=r"input\.image: b\.png: this needs the package 'loud'"):
        Cascade(folder).text({"image": "b.png"})


def test_what_takes_long_is_told_now_and_then(
    folder: Path, loud: type[Loud], harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(folder / "rows.jsonl", [{"input": {"image": name}} for name in ("a.png", "b.png")])
    assert harness("data", "text", rows, folder / "quick.jsonl").err == ""
    monkeypatch.setattr("harness.cascade.EVERY", -1.0)
    said = harness("data", "text", rows, folder / "slow.jsonl").err
    assert said.splitlines()[-1] == "harness: inputs made text: 2 so far, the last one b.png"


def test_a_password_in_an_address_is_not_said(folder: Path) -> None:
    with pytest.raises(BadInput) as refused:
        Cascade(folder).text({"url": "http://ann:word@example.org/"})
    assert str(refused.value).startswith("input.url: http://***@example.org/: has a user or a password in it")


@pytest.mark.parametrize("left", ["", "{", '{"text": "FORGED"}', "[]", "3"])
def test_a_kept_text_that_is_not_whole_is_made_anew(folder: Path, loud: type[Loud], left: str) -> None:
    Cascade(folder).text({"image": "a.png"})
    (path,) = (folder.parents[1] / kept.HOME / "texts").iterdir()
    path.write_text(left)
    assert Cascade(folder).text({"image": "a.png"}) == "FIRST"
    assert len(loud.calls) == 2


def test_paths_lead_nowhere_else(folder: Path, loud: type[Loud]) -> None:
    outside = folder.parent / "secret.png"
    outside.write_bytes(b"secret")
    (folder / "link.png").symlink_to(outside)
    (folder / "around").symlink_to(folder.parent)
    (folder / "inside.png").symlink_to(folder / "a.png")
    for path in (
        "../secret.png",
        str(outside),
        str(folder / "a.png"),
        "link.png",
        "around/secret.png",
        "x/../../secret.png",
    ):
        with pytest.raises(BadInput, match="leads out of"):
            Cascade(folder).text({"image": path})
    (folder / "round.png").symlink_to(folder / "round.png")
    for path in ("a\0.png", "a" * 300, "round.png"):
        with pytest.raises(BadInput, match=r"cannot be read|no such file"):
            Cascade(folder).text({"image": path})
    for path in (".", "missing.png", "around/scans"):
        with pytest.raises(BadInput, match="no such file in"):
            Cascade(folder).text({"image": path})
    assert loud.calls == []
    assert Cascade(folder).text({"image": "inside.png"}) == "FIRST"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "name at least one of text, audio, image, pdf, url"),
        ({"image": None}, "name at least one of"),
        ({"img": "a.png"}, "unknown key 'img': did you mean 'image'?"),
        ({"image": ""}, "input.image: given '': write a text, or a list of texts"),
        ({"image": []}, "write a text, or a list"),
        ({"image": ["a.png", 3]}, "write a text, or a list"),
        ({"text": {"a": 1}}, "input.text: given"),
        ({"audio": "a.wav"}, "who converts audio is not said"),
    ],
)
def test_odd_inputs(folder: Path, given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        Cascade(folder).text(given)
    assert said in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda some: st.lists(some, max_size=2) | st.dictionaries(st.text(max_size=4), some, max_size=2),
    max_leaves=4,
)


@given(given=st.dictionaries(st.sampled_from(["text", "image", "pdf", "url", "png"]), JSON, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_input_is_it_is_text_or_refused(folder: Path, loud: type[Loud], given: dict[str, Any]) -> None:
    try:
        text = Cascade(folder, fetch=CLOSE).text(given)
    except BadInput:
        return
    assert text.strip()
    assert not set(given) - {"text", "image"}, "no such file and no such address are there"


def test_a_part_without_text_is_no_question(folder: Path) -> None:
    (folder / "blank.pdf").write_bytes(pdf_of(""))
    with pytest.raises(BadInput, match=r"input\.pdf: blank\.pdf: pypdf finds no text in it"):
        Cascade(folder).text({"text": "What?", "pdf": "blank.pdf"})


def test_a_page_is_fetched_once_and_stays_what_it_was(folder: Path) -> None:
    shown = b"<html><body><article><p>The seal of the pump is changed once a year, by four screws.</p></article></body></html>"
    with web(page(shown)) as there:
        asked = {"text": "When?", "url": f"{there.url}/seal"}
        text = Cascade(folder, fetch=CLOSE).text(asked)
        assert text == "When?\n\nThe seal of the pump is changed once a year, by four screws."
        assert there.paths == ["/seal"]
    assert Cascade(folder).text(asked) == text, "kept: nobody is there to be asked any more"
    (path,) = (folder.parents[1] / kept.HOME / "pages").iterdir()
    path.write_text("{")
    with pytest.raises(BadInput, match="no public address"):
        Cascade(folder).text(asked)


def test_an_address_may_lead_to_a_pdf(folder: Path) -> None:
    def fetch(url: str) -> Page:
        return Page(url, "application/pdf", pdf_of("The pump leaks."), "2026-11-26T10:00:00Z")

    cascade = Cascade(folder, fetch=fetch)
    assert cascade.text({"url": "https://example.org/a"}) == "The pump leaks."
    assert [(one.kind, one.source, one.converter) for one in cascade.made] == [
        ("pdf", "https://example.org/a", "pypdf")
    ]


def _made(cascade: Cascade, image: str) -> list[Any]:
    cascade.text({"image": image})
    return cascade.made


# --- in a suite


def _suite(folder: Path, rows: list[dict[str, Any]], more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "cases.jsonl", rows)
    (folder / "suite.toml").write_text(f'metric = "exact_match"\n{more}')
    return folder


def test_the_text_is_what_a_case_is(tmp_path: Path) -> None:
    """Under one fingerprint with the case that says the same at once; another text is another case."""
    mixed, said, other = (tmp_path / name for name in ("mixed", "said", "other"))
    for folder, text in ((mixed, "The pump leaks."), (other, "The pump is loud.")):
        folder.mkdir()
        (folder / "a.pdf").write_bytes(pdf_of(text))
    rows = [{"id": "a", "input": {"text": "What?", "pdf": "a.pdf"}, "reference": "seal"}]
    asked = load_task(_suite(mixed, rows))
    plain = load_task(_suite(said, [{**rows[0], "input": "What?\n\nThe pump leaks."}]))
    assert list(asked.cases) == list(plain.cases)
    assert asked.cases.content == plain.cases.content  # type: ignore[attr-defined]
    assert load_task(_suite(other, rows)).content != asked.content
    assert load_task(_suite(mixed, rows, '[inputs]\npdf = "pypdf"\n')).content == asked.content


@pytest.mark.parametrize(
    ("given", "more", "said"),
    [
        ({"pdf": "no.pdf"}, "", "cases.jsonl:1: input.pdf: no.pdf: no such file in"),
        ({"png": "a"}, "", "cases.jsonl:1: input: unknown key 'png'"),
        (3, "", 'cases.jsonl:1: input: given 3: write it as a string, or as an object such as {"text"'),
        ("x", '[inputs]\npdf = "tesseract"\n', "suite.toml: inputs.pdf: given 'tesseract', which converts image"),
        (
            "x",
            '[inputs]\nimage = "teseract"\n',
            "suite.toml: inputs.image: given 'teseract': did you mean 'tesseract'?",
        ),
        ("x", '[inputs]\nvideo = "tesseract"\n', "suite.toml: inputs.video"),
    ],
)
def test_a_suite_says_where_it_is_wrong(tmp_path: Path, given: Any, more: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_task(_suite(tmp_path / "s", [{"id": "a", "input": given, "reference": "x"}], more))
    assert said in str(refused.value)


@needs_tesseract
def test_a_suite_of_scans_from_data_to_verdict(project: Project, harness: Harness) -> None:
    """Some cases are files: the model reads them, the leak check reads them, and the rows are text for all else."""
    suite = project.folder / "suites/sums"
    asked, name = "Which total does it state?", "invoice number {} of the pump works, total"
    rows: list[dict[str, Any]] = []
    for i in range(18):
        total = f"{i + 3}1.50"
        said = f"{name.format(i)} {total}"
        given: Any = f"{asked}\n\n{said}"
        if i == 1:
            (suite / "scan.png").write_bytes(image_of(said))
            given = {"text": asked, "image": "scan.png"}
        elif i in (2, 3):
            (suite / f"{i}.pdf").write_bytes(pdf_of(said))
            given = {"text": asked, "pdf": f"{i}.pdf"}
        rows.append({"id": f"i{i}", "input": given, "reference": total, "split": "dev" if i % 3 == 0 else "test"})
    write_rows(suite / "cases.jsonl", rows)
    scanned = [
        {"role": "user", "content": f"{asked} {name.format(1)} 41.50"},
        {"role": "assistant", "content": "41.50"},
    ]
    write_rows(suite / "train.jsonl", [{"messages": scanned}])
    project.write("reader.py", "def total(trial):\n    return trial.messages[-1]['content'].rpartition('total ')[2]\n")
    project.replace("experiment.toml", "scripted:constant=4", f"scripted:{project.folder / 'reader.py'}:total")

    assert harness("run", project.experiment).code == 2
    found = json.loads(harness("verdict", project.experiment, "--json").out)["suites"]["sums"]
    assert (found["verdict"], found["recommendation"]) == ("INCONCLUSIVE", "prompt")
    with open_store(project.folder / ".harness", write=False) as store:
        answers = store.answers("sums", "sums", "zero_shot")
    assert {one["scores"]["exact_match"] for one in answers} == {1.0}
    (scan,) = [one for one in answers if one["case_id"] == "i1"]
    assert scan["messages"][-1]["content"] == f"{asked}\n\n{name.format(1)} 41.50"
    leaks = json.loads(harness("data", "leaks", suite, "--json").out)["suites"][str(suite)]
    assert [(one["case"], one["kind"]) for one in leaks["matches"]] == [("i1", "verbatim")]

    ran = harness("data", "text", suite / "cases.jsonl", project.folder / "text.jsonl")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("1 image input by tesseract (tesseract ")
    assert ran.out.splitlines()[1].startswith("2 pdf inputs by pypdf (pypdf ")
    told = [json.loads(line) for line in (project.folder / "text.jsonl").read_text().splitlines()]
    assert told[1]["input"] == f"{asked}\n\n{name.format(1)} 41.50"
    assert (told[1]["tags"], told[0]) == ({"image": "scan.png"}, rows[0])
    task, before = load_task(suite), load_task(suite).content
    shutil.copy(project.folder / "text.jsonl", suite / "cases.jsonl")
    shutil.rmtree(project.folder / ".harness/texts")
    assert load_task(suite).content == before == task.content, "the same question, and no converter needed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--converter", "image"), "--converter 'image': write KIND=NAME"),
        (("--converter", "img=tesseract"), "write KIND=NAME with one of audio, image, pdf, url"),
        (("--converter", "pdf=loud"), "inputs.pdf: given 'loud'"),
        ((), "rows.jsonl:2: given ['reference']: every row needs an 'input'"),
    ],
)
def test_rows_that_cannot_be_written_as_text(
    tmp_path: Path, harness: Harness, arguments: tuple[str, ...], said: str
) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"input": "a"}, {"reference": "b"}])
    ran = harness("data", "text", tmp_path / "rows.jsonl", tmp_path / "out.jsonl", *arguments)
    assert ran.code == 4
    assert said in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_cases_of_a_table_have_inputs_that_are_no_text(folder: Path, loud: type[Loud], harness: Harness) -> None:
    rows = [
        {"id": "a", "input": {"text": "What?", "image": "a.png"}, "reference": "x"},
        {"id": "b", "input": {"image": "b.png"}, "reference": "y"},
    ]
    assert harness("data", "convert", write_rows(folder / "rows.jsonl", rows), folder / "cases.parquet").code == 0
    (folder / "suite.toml").write_text('metric = "exact_match"\ncases = "cases.parquet"\n')
    assert [case.input for case in load_task(folder).cases] == ["What?\n\nFIRST", "SECOND"]


def test_inputs_that_are_no_text_survive_conversion(tmp_path: Path, harness: Harness) -> None:
    rows = [{"id": "a", "input": {"text": "What?", "image": ["1.png", "2.png"]}, "reference": "x"}]
    cases, out = write_rows(tmp_path / "cases.jsonl", rows), tmp_path / "messages.jsonl"
    assert harness("data", "convert", cases, out, "--to", "messages").code == 0
    (message, _) = json.loads(out.read_text())["messages"]
    assert message["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image", "image": "1.png"},
        {"type": "image", "image": "2.png"},
    ]
    for name in ("back.jsonl", "back.parquet"):
        assert harness("data", "convert", out, tmp_path / name, "--to", "cases").code == 0
    assert json.loads((tmp_path / "back.jsonl").read_text()) == rows[0]
    two = [
        {"id": "a", "input": {"text": "What?", "image": "1.png"}, "reference": "x"},
        {"id": "b", "input": {"pdf": "2.pdf"}, "reference": "y"},
    ]
    table, again = tmp_path / "two.parquet", tmp_path / "again.jsonl"
    assert harness("data", "convert", write_rows(tmp_path / "two.jsonl", two), table).code == 0
    assert harness("data", "convert", table, again).code == 0
    assert [json.loads(line) for line in again.read_text().splitlines()] == two, "columns that are empty are not there"
    refused = harness("data", "convert", cases, tmp_path / "a.json", "--to", "alpaca")
    assert refused.code == 4
    assert "has parts instead of a text, which alpaca cannot express" in refused.err.lower()
