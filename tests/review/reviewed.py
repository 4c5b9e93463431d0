"""A project with stored answers to be reviewed, and a session or a server on it.

project = make(project)                        # 36 dev and 72 test cases, two prompts, one candidate with 3 seeds
say(project, lambda cell, trial: "…")         # what each contender answers
session = sit(project, "Ada")
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.review import Session, Wanted, open_session
from harness.review import session as module
from harness.review.server import Server
from harness.scoring import metrics_of
from harness.store import open_store
from harness.trial import Generation, Score, Trial
from tests.conftest import Project
from tests.made_project import make

Said = Callable[[Cell, Trial], str]
Worth = Callable[[Cell, Trial], float]
RUBRIC = "- `right` (3): Gives the sum.\n  2: Exactly.\n  1: Nearly.\n  0: Not at all.\n- `short`: Says no more.\n  1: Nothing.\n  0: Chatter.\n"
JUDGE = '[judge]\nmodel = "scripted:constant=judge"\n'
SUITE = 'metric = "exact_match"\nrubric = "rubric.md"\ntrain = "train.jsonl"\n'


def plain(cell: Cell, trial: Trial) -> str:
    """The tuned contender is brief, the others talk."""
    return (
        f"{trial.case_id} is so."
        if cell.seed is not None
        else f"Well, {trial.case_id} might be, {cell.contender.name}?"
    )


def say(
    project: Project, said: Said = plain, *, suite: str = SUITE, more: str = "", score: Worth | None = None
) -> Project:
    """A project with that ``suite.toml`` and ``more`` in its experiment, in which everything is answered."""
    make(project)
    project.write("suites/sums/suite.toml", suite)
    project.write("suites/sums/rubric.md", RUBRIC)
    project.write("experiment.toml", project.experiment.read_text(encoding="utf-8") + more)
    project.write(".harness/reviewers.key", "the same pseudonyms each time")
    answer(project, said, score=score)
    return project


def answer(project: Project, said: Said = plain, *, score: Worth | None = None) -> None:
    """Fill the store as the project stands; every metric but people's scores the tuned contender 1 and the others 0."""
    matrix = expand(load_experiment(project.experiment))
    metrics = [metric for metric in metrics_of(matrix)["sums"].values() if not metric.people]
    with open_store(matrix.experiment.home, write=True) as store:
        store.declare(matrix.experiment.name, [cell.row for cell in matrix.cells])
        for cell in matrix.cells:
            trials = list(cell.trials())
            store.add_trials(cell.id, trials)
            store.add_generations([Generation(t.id, said(cell, t), seconds=0.01) for t in trials])
            marks = {t.id: score(cell, t) if score else float(cell.seed is not None) for t in trials}
            store.add_scores([Score(trial, m.name, m.hash, mark) for m in metrics for trial, mark in marks.items()])


def sit(project: Project, name: str = "Ada", **wanted: Any) -> Session:
    with evidence(load_experiment(project.experiment)) as found:
        return open_session(found, "sums", Wanted(**{"cases": 10, **wanted}), name)


@contextmanager
def held(session: Session) -> Iterator[None]:
    """The store held open meanwhile: opening it takes 0.1 s a decision otherwise."""
    with (
        open_store(session.home, write=True) as store,
        patch.object(module, "open_store", lambda *_, **__: nullcontext(store)),
    ):
        yield


def prefer(session: Session, choose: Callable[[list[str]], str]) -> None:
    """Decide everything that is open by what is seen."""
    with held(session):
        while (item := session.view()["item"]) is not None:
            session.compare(item["number"], choose(item["answers"]))


def grade(session: Session, by: Callable[[str], dict[str, int]]) -> None:
    """Rate everything that is open by what is seen."""
    with held(session):
        while (item := session.view()["item"]) is not None:
            session.rate(item["number"], by(item["answers"][0]))


def brief(answers: list[str]) -> str:
    """Whoever likes it short."""
    left, right = map(len, answers)
    return "tie" if left == right else "left" if left < right else "right"


@dataclass
class Page:
    """What a browser, or something else, sends to a server."""

    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/#{self.token}"

    def send(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, dict[str, str], Any]:
        """Status, headers and content. Headers are the page's own, unless given; None leaves one out."""
        here = f"127.0.0.1:{self.port}"
        ours: dict[str, str | None] = {"Host": here, "Authorization": f"Bearer {self.token}"}
        if method == "POST":
            ours |= {"Origin": f"http://{here}", "Content-Type": "application/json"}
        ours |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        talk = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            talk.request(method, path, content, {name: value for name, value in ours.items() if value is not None})
            reply = talk.getresponse()
            text = reply.read().decode()
            kind = reply.headers.get_content_type()
            return reply.status, dict(reply.headers), json.loads(text) if kind == "application/json" else text
        finally:
            talk.close()

    def view(self) -> Any:
        return self.send("GET", "/view")[2]


@contextmanager
def serving(session: Session) -> Iterator[Page]:
    """A real server on a free port."""
    server = Server(session)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Page(server.port, server.token)
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()
