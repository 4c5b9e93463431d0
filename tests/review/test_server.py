"""A real server on a free port: who may speak to it, what it tells, and what it does not."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.errors import BadInput
from harness.matrix import Cell
from harness.review import session as module
from harness.review.server import LARGEST, Server
from harness.store import open_store
from harness.trial import Trial
from tests.conftest import Project
from tests.review.reviewed import Page, prefer, say, serving, sit

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>**bold** [x](javascript:alert(3))\x1b[2J\u202e\u200b\ud800</textarea>"


def hostile(cell: Cell, trial: Trial) -> str:
    return f"{HOSTILE} {cell.seed} {trial.case_id}"


@pytest.fixture
def page(ready: Project) -> Iterator[Page]:
    with serving(sit(ready)) as page:
        yield page


@pytest.fixture(scope="module")
def still(answered: Project) -> Iterator[Page]:
    """For whoever is refused and so changes nothing."""
    with serving(sit(answered)) as page:
        yield page


def test_the_page_and_all_it_loads(still: Page) -> None:
    for path, kind in {
        "/": "text/html",
        "/page.js": "text/javascript",
        "/style.css": "text/css",
        "/icon.svg": "image/svg+xml",
    }.items():
        status, headers, text = still.send("GET", path, Authorization=None)
        assert status == 200
        assert headers["content-type"].startswith(kind)
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert still.token not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    html = still.send("GET", "/")[2]
    assert "<script>" not in html
    assert "style=" not in html
    assert " on" not in html.replace(" once", "").replace(" only", "").replace(" one", "").replace(" on ", "")


def test_it_listens_to_this_machine_alone(still: Page) -> None:
    """Another address of this machine is nobody's: who listens everywhere listens there too."""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", still.port), timeout=5)


def test_the_token_is_not_to_be_guessed(answered: Project) -> None:
    """Not from the seed of the random numbers with which cases are drawn."""
    tokens = []
    for _ in range(2):
        random.seed(1)
        server = Server(sit(answered))
        server._socket.close()
        tokens.append(server.token)
    assert tokens[0] != tokens[1]
    assert min(map(len, tokens)) >= 32


@pytest.mark.parametrize("given", [None, "Bearer ", "Bearer wrong", "Basic abc"])
def test_without_the_token_there_is_nothing(still: Page, given: str | None) -> None:
    for path in ("/view", "/about", "/nowhere"):
        status, headers, said = still.send("GET", path, Authorization=given)
        assert status == 401
        assert "the token is missing or wrong" in said["error"]
        assert "content-security-policy" in headers
    assert still.send("POST", "/compare", {"number": 1, "choice": "left"}, Authorization=given)[0] == 401
    assert still.view()["progress"]["done"] == 0
    assert still.send("GET", f"/view?token={still.token}", Authorization=None)[0] == 401, "no token in an address"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "[::1]:80", ""])
def test_another_name_of_this_machine_is_refused(still: Page, host: str) -> None:
    assert still.send("GET", "/", Host=host)[0] == 421
    assert still.send("GET", "/view", Host=host)[0] == 421


@pytest.mark.parametrize("twice", ["Authorization: Bearer wrong", "Origin: http://evil.example"])
def test_a_header_that_comes_twice_is_none(still: Page, twice: str) -> None:
    """Whoever reads the first of them and whoever reads the last must come to the same."""
    own = {
        "Host": f"127.0.0.1:{still.port}",
        "Authorization": f"Bearer {still.token}",
        "Origin": f"http://127.0.0.1:{still.port}",
    }
    lines = ["GET /view HTTP/1.1", twice, *(f"{name}: {value}" for name, value in own.items()), "Connection: close"]
    with socket.create_connection(("127.0.0.1", still.port), timeout=5) as talk:
        talk.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        status = int(talk.makefile("rb").readline().split()[1])
    assert status in {401, 403}


def test_localhost_is_this_machine_too(page: Page) -> None:
    here = f"localhost:{page.port}"
    assert page.send("POST", "/compare", {"number": 1, "choice": "tie"}, Host=here, Origin=f"http://{here}")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": None},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_page_is_refused(still: Page, headers: dict[str, str | None]) -> None:
    assert still.send("POST", "/compare", {"number": 1, "choice": "left"}, **headers)[0] == 403
    assert still.view()["progress"]["done"] == 0


def test_nobody_is_told_that_others_may_ask(still: Page) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Origin": "http://evil.example"}
    status, headers, _ = still.send("OPTIONS", "/compare", Authorization=None, **asked)
    assert status == 403
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{" * (LARGEST + 1), {}, 413),
        (b"[" * LARGEST, {}, 400),
        (b"\xff", {}, 400),
        ([1], {}, 400),
        ({"number": "1", "choice": "left"}, {}, 422),
        ({"number": True, "choice": "left"}, {}, 422),
        ({"number": 10**30, "choice": "left"}, {}, 422),
        ({"number": 1, "choice": {"a": 1}}, {}, 422),
        ({"number": 1, "choice": "left"}, {"Content_Type": "text/plain"}, 415),
        ({"number": 1, "choice": "left"}, {"Content_Type": None}, 415),
    ],
)
def test_odd_requests_are_refused(still: Page, body: object, headers: dict[str, str], status: int) -> None:
    got, _, said = still.send("POST", "/compare", body, **headers)
    assert got == status
    assert said["error"]
    assert still.view()["progress"]["done"] == 0


def test_a_large_head_and_unknown_paths(still: Page) -> None:
    assert still.send("GET", "/view", X_Long="x" * 20000)[0] == 431
    assert still.send("GET", "/../../etc/passwd")[0] == 404
    assert still.send("GET", "/compare")[0] == 405
    assert still.send("DELETE", "/view")[0] == 405


def test_nothing_says_whose_an_answer_is(project: Project) -> None:
    with serving(
        sit(say(project, lambda cell, trial: f"{len(trial.id + str(cell.seed)) % 2}{trial.case_id}{cell.seed is None}"))
    ) as page:
        told = json.dumps([page.send("GET", path)[2] for path in ("/", "/about", "/view", "/page.js")])
        told += json.dumps(page.send("POST", "/compare", {"number": 1, "choice": "skip"})[2])
        session_items = page.send("GET", "/view")[2]["item"]
    for word in ("sft", "zero_shot", "few_shot", "tuned", "adapter", "1000", "embedded", "contender", "trial"):
        assert word not in told.lower(), word
    assert set(session_items) == {"number", "asked", "reference", "answers"}
    assert all(isinstance(answer, str) for answer in session_items["answers"])


def test_what_a_model_wrote_is_text_with_nothing_hidden(project: Project) -> None:
    with serving(sit(say(project, hostile))) as page:
        answers = page.view()["item"]["answers"]
    assert all(answer.startswith("<script>alert(1)</script><img") for answer in answers), "text, and shown as such"
    assert all(r"\x1b[2J\u202e\u200b" in answer for answer in answers), "what steers the eye is written out"


def test_a_review_from_first_to_last(page: Page) -> None:
    for number in range(1, 4):
        status, _, view = page.send("POST", "/compare", {"number": number, "choice": "left"})
        assert (status, view["progress"]["done"], view["settled"]) == (200, number, False)
    assert page.send("POST", "/compare", {"number": 2, "choice": "right"})[2]["settled"]
    assert page.send("POST", "/undo", {})[2]["item"]["number"] == 3
    assert page.send("POST", "/compare", {"number": 3, "choice": "skip"})[2]["progress"]["skipped"] == 1
    assert page.send("POST", "/again", {})[2]["progress"] | {"minutes": None} == {
        "done": 2,
        "total": 10,
        "skipped": 0,
        "minutes": None,
    }
    for number in range(3, 11):
        view = page.send("POST", "/compare", {"number": number, "choice": "tie"})[2]
    assert view["item"] is None
    assert view["progress"]["minutes"] == 0


def test_two_reviewers_at_once(ready: Project) -> None:
    with serving(sit(ready, "Ada")) as ada, serving(sit(ready, "Bo")) as bo:
        seen = {name: one.view()["item"]["asked"] for name, one in {"ada": ada, "bo": bo}.items()}
        for number in range(1, 6):
            assert ada.send("POST", "/compare", {"number": number, "choice": "left"})[0] == 200
            assert bo.send("POST", "/compare", {"number": number, "choice": "right"})[0] == 200
        assert seen["ada"] != seen["bo"], "an order of their own"
        assert ada.send("GET", "/view", Authorization=f"Bearer {bo.token}")[0] == 401
    assert sit(ready, "Ada").view()["progress"]["done"] == 5


def test_a_busy_store_is_told_and_the_next_try_is_kept(
    page: Page, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.0)
    with open_store(ready.folder / ".harness", write=True):
        status, _, said = page.send("POST", "/compare", {"number": 1, "choice": "left"})
        assert (status, said["error"]) == (
            503,
            "Another process is using the store, a run perhaps. Your decision is kept here and tried again.",
        )
    assert page.send("POST", "/compare", {"number": 1, "choice": "left"})[2]["progress"]["done"] == 1


def test_rating_and_a_rubric_beside_it(ready: Project) -> None:
    with serving(sit(ready, rates=True)) as page:
        about = page.send("GET", "/about")[2]
        assert about["rates"]
        assert about["rubric"][1] == {
            "id": "short",
            "text": "Says no more.",
            "anchors": [[1, "Nothing."], [0, "Chatter."]],
        }
        assert len(page.view()["item"]["answers"]) == 1
        assert page.send("POST", "/rate", {"number": 1, "grades": {"right": 2}})[0] == 422
        assert page.send("POST", "/rate", {"number": 1, "grades": [2, 1]})[0] == 422
        assert page.send("POST", "/rate", {"number": 1, "grades": {"right": 2, "short": "1"}})[0] == 422
        assert page.send("POST", "/rate", {"number": 1, "grades": {"right": 2, "short": 1}})[2]["progress"]["done"] == 1


def test_a_port_that_is_taken(page: Page, ready: Project) -> None:
    with pytest.raises(
        BadInput, match=rf"--port {page.port}: cannot be listened on: .*: leave it out to take a free one"
    ):
        Server(sit(ready), port=page.port)


def test_when_all_is_decided(ready: Project) -> None:
    session = sit(ready)
    prefer(session, lambda answers: "tie")
    with serving(session) as page:
        assert page.view()["item"] is None
        assert page.send("POST", "/undo", {})[2]["item"]["number"] == 10


def test_the_command_serves_until_it_is_interrupted(ready: Project) -> None:
    command = [
        sys.executable,
        "-m",
        "harness.cli",
        "review",
        "sums",
        str(ready.experiment),
        "--reviewer",
        "Ada",
        "--no-open",
    ]
    with subprocess.Popen(
        [*command, "--cases", "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        first, becomes, where = (started.stdout.readline() for _ in range(3))
        assert re.fullmatch(r"r[0-9a-f]{10} on sums: 0 of 4 pairs decided\n", first)
        assert becomes.startswith("to decide or to be shown, the suite needs metrics such as")
        found = re.fullmatch(r"open http://127\.0\.0\.1:(\d+)/#(\S+) and stop with Ctrl-C whenever you like\n", where)
        assert found is not None
        page = Page(port=int(found[1]), token=found[2])
        assert page.send("POST", "/compare", {"number": 1, "choice": "left"})[0] == 200
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=30)
        assert (started.returncode, err) == (0, "")
        assert "1 of 4 pairs decided" in out
