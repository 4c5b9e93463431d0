"""What is given to several machines and what comes back, with a launcher that loses, breaks and fails as it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Check, Generate, Train, Work, remote
from harness.engine.order import Order, Outcome
from harness.engine.remote import Remote, spool_of
from harness.engine.spool import Spool
from harness.errors import BadInput, HarnessError
from harness.experiment import Model
from harness.recipe import Recipe
from harness.resources import Machines, Resources, Role
from harness.training.job import RECORD, Job, publish
from harness.trial import Generation, Step, Training, Trial
from tests.models.fake_api import make_trials

TINY = Model(id="embedded:tiny")
Act = Callable[[Order], Iterator[list[Generation]]]


def answers(order: Order, size: int = 10) -> Iterator[list[Generation]]:
    """All of an order's trials, in batches."""
    trials = list(order.asked.trials) if order.asked else []
    for start in range(0, len(trials), size):
        yield [Generation(trial.id, text=trial.id.upper()) for trial in trials[start : start + size]]


class Lost(Exception):
    """The machine is gone."""


@dataclass
class Cluster:
    """Carries orders out when it is asked whether they are over; ``act`` says what a worker leaves, and how it goes."""

    act: Act = answers
    room: int = 2
    orders: list[Order] = field(default_factory=list)
    under_way: dict[int, Order] = field(default_factory=dict)
    most: int = 0
    cancelled: list[Any] = field(default_factory=list)
    adopted: list[Any] = field(default_factory=list)

    def refuse(self, roles: Collection[Role]) -> None: ...

    def places(self, role: Role) -> int:
        return self.room

    def submit(self, order: Order) -> Any:
        self.orders.append(order)
        self.under_way[len(self.orders)] = order
        self.most = max(self.most, sum(one.job is not None for one in self.under_way.values()))
        return len(self.orders)

    def ended(self, handles: Sequence[Any], wait: float) -> list[tuple[Any, Outcome]]:
        found = [
            (handle, self._carried_out(self.under_way.pop(handle))) for handle in handles if handle in self.under_way
        ]
        return found + [(handle, Outcome()) for handle in handles if handle in self.adopted]

    def _carried_out(self, order: Order) -> Outcome:
        if order.job is not None:
            made = order.job.work / "made"
            made.mkdir(parents=True)
            publish(made, order.job, order.job.record(seconds=1.0))
        try:
            for number, batch in enumerate(self.act(order)):
                order.spool.put(order.task, len(self.orders) * 1000 + number, batch)
        except Lost as error:
            return Outcome(lost=str(error))
        except HarnessError as error:
            return Outcome(error=error)
        return Outcome()

    def cancel(self, handles: Sequence[Any]) -> None:
        self.cancelled += handles

    def left(self) -> list[Any]:
        return self.adopted

    def close(self) -> None: ...


@dataclass
class Kept:
    """The store's part."""

    rows: list[Generation] = field(default_factory=list)
    trainings: list[str] = field(default_factory=list)

    def batch(self, generations: list[Generation]) -> None:
        self.rows += generations

    def trained(self, training: Training) -> None:
        self.trainings.append(training.adapter)

    def step(self, key: str, step: Step) -> None: ...

    @property
    def ids(self) -> list[str]:
        return sorted(row.trial_id for row in self.rows)


def trials(name: str, count: int) -> list[Trial]:
    return [Trial(**{**{f: getattr(t, f) for f in t.__slots__}, "id": f"{name}-{t.id}"}) for t in make_trials(count)]


def generate(name: str, count: int, *needs: str, kept: Kept | None = None, model: Model = TINY) -> Generate:
    asked = trials(name, count)

    def expand() -> list[Trial]:
        there = {row.trial_id for row in kept.rows} if kept else set()
        return [trial for trial in asked if trial.id not in there]

    return Generate(name, model, Path("/nowhere"), expand, needs=frozenset(needs), size=count)


def train(name: str, home: Path, *needs: str) -> Train:
    job = Job(name, TINY, Recipe(method="sft"), "sft", "sums", 1, (), home / "adapters" / name)
    return Train(name, job, frozenset(needs))


def do(home: Path, cluster: Cluster, works: Sequence[Work], kept: Kept, **settings: Any) -> list[str]:
    said: list[str] = []
    machines = Machines(**settings)
    with Remote(cluster, spool_of(machines, home), machines, home, said.append) as engine:
        engine.run(works, kept)
    return said


def test_small_cells_share_a_task_and_large_ones_are_spread(tmp_path: Path) -> None:
    kept, cluster = Kept(), Cluster()
    works = [generate("large", 1200), *(generate(f"small{i}", 20) for i in range(10))]
    do(tmp_path, cluster, works, kept)
    assert len(kept.rows) == len(set(kept.ids)) == 1400
    sizes = [len(order.asked.trials) for order in cluster.orders if order.asked]
    assert sizes[:3] == [350, 350, 350], "two rounds for each of two places"
    assert sum(sizes) == 1400
    assert len(sizes) == 5, "ten small cells went into two tasks"
    assert not list((tmp_path / "spool").iterdir())


def test_models_are_not_mixed_in_a_task(tmp_path: Path) -> None:
    kept, cluster = Kept(), Cluster()
    do(tmp_path, cluster, [generate("a", 5), generate("b", 5, model=Model(id="other"))], kept)
    assert [order.asked.model.id for order in cluster.orders if order.asked] == ["embedded:tiny", "other"]


def test_needs_are_waited_for_and_room_is_kept(tmp_path: Path) -> None:
    kept, cluster = Kept(), Cluster(room=1)
    works = [
        generate("tuned", 3, "dpo"),
        train("dpo", tmp_path, "sft"),
        train("sft", tmp_path),
        *(train(f"other{i}", tmp_path) for i in range(6)),
    ]
    do(tmp_path, cluster, works, kept, train=Resources(cpus=3))
    order = [o.job.adapter if o.job else "answers" for o in cluster.orders]
    assert order.index("sft") < order.index("dpo") < order.index("answers")
    assert cluster.most <= remote.ROUNDS
    assert set(kept.trainings) == {"sft", "dpo", *(f"other{i}" for i in range(6))}
    assert {o.job.threads for o in cluster.orders if o.job} == {3}


def test_a_lost_task_is_given_out_again_for_what_it_has_not_left(tmp_path: Path) -> None:
    def dies_once(order: Order) -> Iterator[list[Generation]]:
        for number, batch in enumerate(answers(order)):
            if len(cluster.orders) == 1 and number == 2:
                raise Lost("the node died")
            yield batch

    kept, cluster = Kept(), Cluster(dies_once)
    said = do(tmp_path, cluster, [generate("zero_shot", 50)], kept)
    assert len(kept.rows) == len(set(kept.ids)) == 50
    assert [len(o.asked.trials) for o in cluster.orders if o.asked] == [50, 30]
    assert said == ["generating zero_shot: the node died: given out again"]


def test_a_task_that_is_lost_again_and_again_ends_the_run(tmp_path: Path) -> None:
    def dies(order: Order) -> Iterator[list[Generation]]:
        yield next(answers(order))
        raise Lost("killed by SIGKILL")

    kept, cluster = Kept(), Cluster(dies)
    with pytest.raises(
        HarnessError, match=r"generating zero_shot: lost 3 times, last: killed by SIGKILL; out of memory"
    ):
        do(tmp_path, cluster, [generate("zero_shot", 50)], kept, retries=2)
    assert len(kept.rows) == 30, "what was finished is kept"


def test_a_worker_s_complaint_ends_the_run_and_the_others(tmp_path: Path) -> None:
    def refuses(order: Order) -> Iterator[list[Generation]]:
        if order.checked:
            raise BadInput("the prompt has 900 tokens")
        yield from answers(order)

    kept, cluster = Kept(), Cluster(refuses)
    check = Check("model m", TINY, tmp_path, tuple(make_trials(3)))
    with pytest.raises(BadInput, match="900 tokens"):
        do(tmp_path, cluster, [check, generate("zero_shot", 5, check.key), generate("other", 5)], kept)
    assert not any(order.asked and order.asked.trials[0].id.startswith("zero") for order in cluster.orders)


def test_answers_that_cannot_be_read_are_put_aside_and_asked_anew(tmp_path: Path) -> None:
    def cut_short(order: Order) -> Iterator[list[Generation]]:
        yield from answers(order)
        if len(cluster.orders) == 1:
            path = next((tmp_path / "spool" / order.task).glob("*.parquet"))
            path.write_bytes(path.read_bytes()[:-20])

    kept, cluster = Kept(), Cluster(cut_short)
    said = do(tmp_path, cluster, [generate("zero_shot", 25)], kept)
    assert len(kept.rows) == len(set(kept.ids)) == 25
    assert said[0].endswith("cannot be read and is put aside: what it held is asked anew")
    assert said[1] == "generating zero_shot: 10 answers did not reach " + str(tmp_path) + ": given out again"


def test_the_next_run_takes_in_what_a_killed_one_has_left(tmp_path: Path) -> None:
    kept = Kept()
    spool = Spool(str(tmp_path))
    for number, batch in enumerate(answers(Order("t", "generate", spool, asked=_asked("zero_shot", 30)))):
        spool.put("of-a-killed-run", number, batch)
    with Remote(Cluster(), spool, Machines(), tmp_path) as engine:
        assert engine.left(kept.batch) == 30
        assert engine.left(kept.batch) == 0
    cluster = Cluster()
    do(tmp_path, cluster, [generate("zero_shot", 45, kept=kept)], kept)
    assert [len(o.asked.trials) for o in cluster.orders if o.asked] == [15]


def test_small_batches_are_stored_together(tmp_path: Path) -> None:
    """The store looks through all that it holds each time."""
    spool, stored = Spool(str(tmp_path)), list[int]()
    for number, batch in enumerate(answers(Order("t", "generate", spool, asked=_asked("zero_shot", 60)), size=3)):
        spool.put("task", number, batch)
    with Remote(Cluster(), spool, Machines(), tmp_path) as engine:
        assert engine.left(lambda rows: stored.append(len(rows))) == 60
    assert stored == [60]


def test_who_waits_for_a_machine_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shrinking(Cluster):
        def refuse(self, roles: Collection[Role]) -> None:
            raise BadInput("[engine.ray] generate: no node has 1 GPU")

    monkeypatch.setattr(remote, "COMPLAIN", 0.0)
    said = do(tmp_path, Shrinking(), [generate("zero_shot", 5)], Kept())
    assert said[0] == "waiting: [engine.ray] generate: no node has 1 GPU"


def _asked(name: str, count: int) -> Any:
    from harness.engine.perform import Asked

    return Asked(TINY, Path(), trials(name, count))


def test_jobs_of_an_earlier_run_are_waited_for_before_anything_is_given_out(tmp_path: Path) -> None:
    """What they leave is not asked again."""
    kept, cluster = Kept(), Cluster(adopted=["job 7"])
    spool = Spool(str(tmp_path))
    spool.put("by job 7", 1, [Generation(t.id, text="x") for t in trials("zero_shot", 20)])
    said = do(tmp_path, cluster, [generate("zero_shot", 20, kept=kept), generate("other", 5)], kept)
    assert said == ["1 job of an earlier run still at work: waiting for them"]
    assert [len(o.asked.trials) for o in cluster.orders if o.asked] == [5]


def test_adapters_are_carried_where_no_folder_is_shared(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "node"
    spool = Spool(f"memory://carried-{tmp_path.name}", carries=True)
    made = elsewhere / "adapters" / "5f0c"
    made.mkdir(parents=True)
    (made / "adapter_config.json").write_text("{}")
    (made / RECORD).write_text("{}")
    assert not spool.pull("5f0c", home)
    spool.push(made)
    assert list(spool.adapters()) == ["5f0c"]
    assert spool.pull("5f0c", home)
    assert sorted(path.name for path in (home / "adapters/5f0c").iterdir()) == ["adapter_config.json", RECORD]


@pytest.mark.parametrize("kind", ["folder", "file", "memory"])
def test_a_spool_gives_back_what_was_put(tmp_path: Path, kind: str) -> None:
    root = {"folder": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://spool-{tmp_path.name}"}[kind]
    spool = Spool(root)
    full = Generation("t", "ja\nnein", 3, 4, 0.5, "stop", None, 0.25, "m-2026", -1.5, 2)
    spool.put("task", 2, [Generation("odd", text="half a pair \ud800"), Generation("no", error="time-out")])
    spool.put("task", 1, [full])
    spool.tell("task", Step(3, 10, 0.5))
    listed = spool.listed()["task"]
    found = [spool.rows(name) for name in listed if name.endswith(".parquet")]
    assert found == [[full], [Generation("odd", text="half a pair ?"), Generation("no", error="time-out")]]
    assert [spool.step(name) for name in listed if name.endswith("step.json")] == [Step(3, 10, 0.5)]
    spool.clear("task")
    assert spool.listed() == {}


@pytest.mark.parametrize(
    ("root", "said"),
    [("s4://bucket/x", "write a folder, s3://… or gcs://…"), ("gcs://bucket/x", "pip install gcsfs")],
)
def test_a_spool_that_cannot_be_opened_is_said(root: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        Spool(root).listed()
    assert said in str(caught.value)


def test_a_cell_without_a_gpu_sees_none(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    assert Order("t", "generate", spool).environment["CUDA_VISIBLE_DEVICES"] == ""
    with_one = Order("t", "generate", spool, threads=4, gpus=True).environment
    assert "CUDA_VISIBLE_DEVICES" not in with_one
    assert with_one["OMP_NUM_THREADS"] == "4"
