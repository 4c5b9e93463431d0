"""The page: self-contained, well formed, and deaf to what models write."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.report import Gathered, to_html, to_markdown, to_terminal
from harness.report.browsed import Asked, Attempt, Browse, Flips, Said
from harness.report.gathered import Term
from tests.report.report_worlds import GAPS, HOSTILE, LEDGER, MERGES, MODEL, decided, small

VOID = {"meta", "input", "line", "circle", "rect", "polyline", "br"}


class Page(HTMLParser):
    """Checks nesting; keeps attributes and the texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def hostile() -> Gathered:
    """Every text of a small report is hostile."""
    text = "".join(HOSTILE)
    base = small().models[0]
    browse = Browse(
        contenders=((text, "tuned"),),
        cases=(Asked(text, "test", text, text),),
        attempts=(Attempt(text, text, 0.0, (Said(text, (1,), 0.0, text),), ((text, text),), ((text, text),)),),
        tuned=text,
        baseline=text,
        total=1,
        flips=(Flips(text, "tuned", 1, 1, 2),),
    )
    gaps = tuple(
        (key, replace(gap, ours=text, theirs=text)) for key, gap in (*base.suites[0].diagnosis, (text, GAPS[0][1]))
    )
    looks = tuple(replace(look, when=text) for look in LEDGER.looks)
    ledger = replace(LEDGER, standing=text, spent=text, terms=(Term(text, text, text, changed=True),), looks=looks)
    rungs = tuple(replace(rung, contender=text, technique=text) for rung in base.suites[0].ladder)
    suite = replace(
        base.suites[0], name=text, description=text, metric=text, contender=text, suffices=text, reasons=(text,),
        ladder=rungs, secondary={text: {text: rungs[0].span}}, browse=browse, diagnosis=gaps, ledger=ledger,
    )  # fmt: skip
    setup = replace(small().setup, command=text, config={text: [text]}, versions={text: text}, hardware={text: text})
    return small(experiment=text, models=(replace(base, model=text, suites=(suite,)),), setup=setup)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    return decided(tmp_path_factory.mktemp("drawn"), cases=120)


@pytest.mark.parametrize("make", [small, hostile])
def test_page_is_well_formed(make: object) -> None:
    page = Page(to_html(make()))  # type: ignore[operator]
    assert not page.open
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_from_anywhere(drawn: Gathered) -> None:
    for gathered in (small(), hostile(), drawn):
        page = Page(to_html(gathered))
        outside = [(tag, key, value) for tag, key, value in page.attributes if key in ("src", "href", "srcset", "data")]
        assert all(tag == "a" and value.startswith("#") for tag, _, value in outside)
        assert "@import" not in to_html(gathered)
        assert not re.search(r"url\(", to_html(gathered))
        (policy,) = [
            value for tag, key, value in page.attributes if (tag, key) == ("meta", "content") and "-src" in value
        ]
        allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert {name for name, who in allowed.items() if who == "'none'"} == {"default-src", "base-uri", "form-action"}
        assert set(allowed) == {"default-src", "base-uri", "form-action", "style-src", "script-src"}


def test_hostile_text_is_escaped() -> None:
    text = to_html(hostile())
    page = Page(text)
    assert not {key for _, key, _ in page.attributes if key.startswith("on")}
    assert not {c for c in text if c < " " and c not in "\n"}
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert len(page.scripts) == 2
    assert "{{ 7 * 7 }}" in text
    text.encode()


def test_answers_come_through_whole() -> None:
    island = json.loads(Page(to_html(hostile())).scripts[0])
    suite = island["suites"][0]
    said = "".join(island["pieces"][piece] for piece in island["texts"][suite["attempts"][0][3][0][0]])
    assert said.startswith("</script><script>window.owned = 1</script><img src=x")
    assert "\\x1b[2J" in said


def test_every_drawing_has_a_name(drawn: Gathered) -> None:
    drawings = re.findall(r"<svg class=[^>]*>", to_html(drawn))
    assert len(drawings) > 50
    assert all("aria-label=" in one or "aria-hidden=" in one for one in drawings)


def test_the_same_values_give_the_same_bytes(drawn: Gathered, tmp_path: Path) -> None:
    assert to_html(drawn) == to_html(drawn)
    assert to_html(drawn) == to_html(decided(tmp_path, cases=120)).replace(str(tmp_path), "")


def test_a_decided_report_shows_what_was_decided(drawn: Gathered) -> None:
    page = to_html(drawn)
    by_name = {suite.name: suite for suite in drawn.models[0].suites}
    triage = by_name["triage"]
    assert triage.answer is not None
    assert triage.answer.word == "Fine-tune"
    assert [len(dict(rung.seeds)) for rung in triage.ladder if rung.layer == "tuned"] == [3, 3, 3]
    assert [curve.recipe for curve in triage.curves] == ["sft"] * 3 + ["dpo"] * 3
    assert {drop.guard for drop in drawn.models[0].drops} == {"general"}
    cost = triage.cost("dpo")
    assert cost is not None
    assert cost.trainings == 3
    assert cost.training_seconds == pytest.approx(6 * 61.0)
    assert [gate.contender for gate in triage.gates] == ["sft", "sft"]
    for expected in ("Fine-tuning is justified", "General ability", "Training loss", "pytest suites/"):
        assert expected in page
    assert "triage" in to_markdown(drawn)
    assert "triage" in to_terminal(drawn)


def test_browsing_is_bounded(drawn: Gathered) -> None:
    for suite in drawn.models[0].suites:
        shown = suite.browse
        by_contender = {name: 0 for name, _ in shown.contenders}
        for attempt in shown.attempts:
            by_contender[attempt.contender] += 1
        assert all(count <= 53 for name, count in by_contender.items() if name not in (shown.tuned, shown.baseline))


def test_a_large_report_stays_small(tmp_path: Path) -> None:
    assert len(to_html(decided(tmp_path, cases=300)).encode()) < 2_000_000


def _dom(page: Path) -> str:
    """The page's elements after its script ran."""
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=5000",
        "--allow-file-access-from-files", f"--user-data-dir={page.parent / 'profile'}", "--dump-dom", f"file://{page}",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")


@needs_chromium
def test_our_script_is_the_one_that_may_run(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(to_html(small()), encoding="utf-8")
    assert (
        "0 of the 1 case kept for this contender; the suite has 400 test cases. Fixed and broken are beside few_shot."
        in _dom(tmp_path / "page.html")
    )
    injected = to_html(small()).replace("</body>", "<script>document.title = 'owned'</script></body>")
    (tmp_path / "page.html").write_text(injected, encoding="utf-8")
    assert "<title>owned" not in _dom(tmp_path / "page.html")


@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_page_in_a_browser(width: int, drawn: Gathered, tmp_path: Path) -> None:
    """No sideways scrolling, no injected script, answers rendered; the probe stands in for our own script's policy."""
    probe = """<script>addEventListener("load", () => {
      document.title = JSON.stringify({fits: document.documentElement.scrollWidth <= innerWidth,
        owned: window.owned === undefined, cards: document.querySelectorAll("#cards > li").length})})</script></body>"""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", to_html(drawn)).replace("</body>", probe)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    frame = f"""<!doctype html><iframe src="page.html" style="width:{width}px;height:900px"
      onload="document.title = this.contentDocument.title"></iframe>"""
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    found = re.search(r"<title>(\{.*?\})</title>", _dom(tmp_path / "frame.html"))
    assert found is not None
    seen = json.loads(found[1])
    assert seen["fits"]
    assert seen["owned"]
    assert seen["cards"] > 0


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The same values with every text that is one of the names replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _renamed(getattr(value, one.name), names) for one in fields(value)})
    if isinstance(value, tuple):
        return tuple(_renamed(one, names) for one in value)
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(one, names) for key, one in value.items()}
    return names.get(value, value) if isinstance(value, str) else value


LONG = {name: f"{name}_{'w' * 70}" for name in ("sft", "few_shot", "few_shot_4", "all", "triage", "json_exact")}
LONG |= {MODEL: f"hf:organisation/{'M' * 80}", "sft@triage": f"sft@triage_{'w' * 70}"}


@needs_chromium
@pytest.mark.parametrize("names", [{}, LONG], ids=["names", "long names"])
def test_nothing_is_wider_than_a_phone(names: Mapping[str, str], drawn: Gathered, tmp_path: Path) -> None:
    """With everything unfolded, at 390 pixels: only what has a box of its own to scroll in reaches over the edge."""
    models = (replace(drawn.models[0], merges=MERGES), *small().models)
    probe = """<script>addEventListener("load", () => {
      document.querySelectorAll("details").forEach(one => one.open = true);
      const scrolls = one => one && (["auto", "scroll"].includes(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
      const over = [...document.querySelectorAll("main *, header *, nav, svg text")].filter(one => {
        const box = one.getBoundingClientRect(), drawing = one.ownerSVGElement && one.tagName !== "text";
        return box.width > 1 && box.right > 0 && !drawing && (box.left < -0.5 || box.right > innerWidth + 0.5) && !scrolls(one.parentElement)});
      document.title = JSON.stringify({width: innerWidth, seen: document.querySelectorAll("main *").length > 500,
        over: over.map(one => `${one.tagName.toLowerCase()} ${one.textContent.trim().slice(0, 40)}`)})})</script></body>"""
    whole = to_html(_renamed(replace(drawn, models=models), names))
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", whole).replace("</body>", probe)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    frame = """<!doctype html><iframe src="page.html" style="border:0;width:390px;height:900px"
      onload="document.title = this.contentDocument.title"></iframe>"""
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    found = re.search(r"<title>(\{.*?\})</title>", _dom(tmp_path / "frame.html"))
    assert found is not None
    assert json.loads(found[1]) == {"width": 390, "seen": True, "over": []}


@needs_chromium
def test_a_number_of_the_flip_table_opens_its_cases(drawn: Gathered, tmp_path: Path) -> None:
    triage = next(suite for suite in drawn.models[0].suites if suite.name == "triage")
    one = next(flips for flips in triage.browse.flips if flips.contender == "few_shot_4")
    assert one.broken > 20
    probe = """<script>addEventListener("load", () => {
      document.querySelector("a[data-suite=triage][data-contender=few_shot_4][data-show=broken]").click();
      setTimeout(() => document.title = [document.getElementById("contender").selectedOptions[0].textContent,
        document.querySelectorAll("#cards .flip.broken").length, document.querySelectorAll("#cards > li").length,
        document.activeElement.id].join(" "), 200)})</script></body>"""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", to_html(drawn)).replace("</body>", probe)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert "<title>few_shot_4 12 12 answers</title>" in _dom(tmp_path / "page.html")


def test_the_lock_stands_in_the_memo_unless_it_held(drawn: Gathered) -> None:
    page = to_html(drawn)
    assert page.count("<b>Lock</b> not locked: the question was not frozen before the answers were seen.") == 3
    assert page.count("<b>Lock</b> locked on 2026-01-01 08:00 UTC, before any test score; changed since:") == 1
    assert page.count("Lock and looks") == 5
    assert "<td>2026-01-01 09:00 UTC</td><td>yes</td>" in page
    assert "<td>now (this one)</td><td>no</td>" in page


def test_one_contender_is_shown_without_a_verdict(project: object, harness: object) -> None:
    (project.folder / "baselines/few_shot.toml").unlink()  # type: ignore[attr-defined]
    file = project.experiment.rename(project.folder / "my sums.toml")  # type: ignore[attr-defined]
    assert harness("run", file).code == 4  # type: ignore[operator]
    ran = harness("report", file)  # type: ignore[operator]
    page = (project.folder / "reports/sums/report.html").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert ran.code == 0
    assert "Not compared" in ran.out
    assert "Suite 'sums': all rows are of one contender, 'zero_shot'" in ran.out
    assert "zero_shot: 6 (0 to 24)" in page
    assert "harness run &#39;my sums.toml&#39; &amp;&amp; harness report &#39;my sums.toml&#39;" in page


def test_the_command_writes_the_files(project: object, harness: object) -> None:
    assert harness("run", project.experiment).code == 2  # type: ignore[operator, attr-defined]
    ran = harness("report", project.experiment)  # type: ignore[operator, attr-defined]
    folder = project.folder / "reports" / "sums"  # type: ignore[attr-defined]
    assert ran.out.endswith(f"wrote {folder / 'report.html'} and {folder / 'report.md'}\n")
    assert not Page((folder / "report.html").read_text(encoding="utf-8")).open
