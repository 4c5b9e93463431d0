"""End to end in headless Chromium: with the keyboard alone, with the mouse, with hostile answers, on a narrow screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness.experiment import load_experiment
from harness.review import session as module
from harness.store import open_store
from harness.store.reviews import Review
from tests.conftest import Project
from tests.review.reviewed import say, serving, sit
from tests.review.test_server import hostile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
DONE = "done => document.getElementById('far').textContent.startsWith(done + ' of ')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Seat:
    """A reviewer before the page, who notes what the browser complains of."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.page: Page = browser.new_page(**options)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(url)
        self.page.wait_for_selector(".answer")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wait(self, done: int) -> None:
        self.page.wait_for_function(DONE, arg=done)

    def said(self) -> str:
        return self.page.inner_text("#said")


def kept(project: Project) -> list[Review]:
    with open_store(load_experiment(project.experiment).home, write=False) as store:
        return store.reviews()


def test_with_the_keyboard_alone(ready: Project, browser: Browser) -> None:
    with serving(sit(ready, cases=5)) as served:
        seat = Seat(browser, served.url)
        assert served.token not in seat.page.url, "taken off the address"
        for done, key in enumerate(("ArrowLeft", "2", "t", "s"), 1):
            seat.press(key)
            seat.wait(done)
        seat.press("u")
        seat.wait(3)
        assert seat.said() == "Taken back. Pair 4 of 5."
        seat.press("?")
        assert seat.page.evaluate("document.getElementById('help').open")
        seat.press("ArrowLeft", "Escape")
        assert not seat.page.evaluate("document.getElementById('help').open")
        assert len(kept(ready)) == 3, "no key decides while the help is open"
        for _ in range(12):  # with Tab to a button, and Enter
            seat.press("Tab")
            if seat.page.evaluate("document.activeElement.id") == "tie":
                break
        outline = seat.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", "where the keyboard is can be seen"
        seat.press("Enter")
        seat.wait(4)
        seat.press("ArrowRight")
        seat.page.wait_for_selector("#end:not([hidden])")
        assert seat.page.inner_text("h1") == "All 5 pairs are decided"
        assert seat.complaints == []
        seat.page.close()
    assert [row.score for row in kept(ready)].count(0.5) == 2


def test_with_the_mouse_and_once_more_after_a_reload(ready: Project, browser: Browser) -> None:
    with serving(sit(ready, cases=3)) as served:
        seat = Seat(browser, served.url)
        seat.page.click("#skip")
        seat.wait(1)
        seat.page.click("#left")
        seat.wait(2)
        seat.page.reload()
        seat.wait(2)
        seat.page.click("#right")
        seat.page.click("#again")
        seat.page.wait_for_selector(".answer")
        assert "2 of 3" in seat.page.inner_text("#far")
        seat.page.click("#undo")
        seat.wait(1)
        assert seat.complaints == []
        stranger = browser.new_page()
        stranger.goto(f"http://127.0.0.1:{served.port}/")
        stranger.wait_for_selector("#said.wrong")
        assert "the token is missing or wrong" in stranger.inner_text("#said")
        seat.page.close()
        stranger.close()


def test_rating_with_digits(ready: Project, browser: Browser) -> None:
    with serving(sit(ready, cases=2, rates=True)) as served:
        seat = Seat(browser, served.url)
        seat.press("2", "Enter")
        assert seat.said() == "Still to be graded: short."
        seat.press("1", "Enter")
        seat.wait(1)
        seat.press("9", "1", "0", "Enter")
        seat.wait(2)
        assert seat.complaints == []
        seat.page.close()
    assert [row.grades for row in kept(ready)] == [{"right": 2, "short": 1}, {"right": 1, "short": 0}]


def test_a_busy_store_is_told_and_the_decision_kept(
    ready: Project, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    with serving(sit(ready, cases=3)) as served:
        seat = Seat(browser, served.url)
        with open_store(ready.folder / ".harness", write=True):
            seat.press("ArrowLeft")
            seat.page.wait_for_selector("#said.wrong")
            assert "Another process is using the store" in seat.said()
            assert seat.page.inner_text("#far").startswith("0 of 3"), "it does not move on"
        seat.wait(1)
        seat.page.close()
    assert len(kept(ready)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_answers_on_a_narrow_screen(project: Project, browser: Browser, scheme: str) -> None:
    say(project, lambda cell, trial: f"{hostile(cell, trial)} {'x' * 3000}")
    with serving(sit(project, cases=2)) as served:
        seat = Seat(browser, served.url, viewport={"width": 390, "height": 844}, color_scheme=scheme)
        shown = seat.page.inner_text(".answer .words")
        assert shown.startswith("<script>alert(1)</script><img src=x")
        assert seat.page.locator(".answer img, .answer script, .answer a").count() == 0
        assert seat.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing to scroll sideways"
        assert seat.complaints == []
        seat.page.close()
