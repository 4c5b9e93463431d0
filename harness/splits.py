"""Files of rows dealt into a suite's folder: ``harness data split IN… OUTDIR``.

    done = split([Path("signals/sft.jsonl"), Path("signals/preferences.jsonl")], Path("suites/reply"), Plan())

    demonstrations, cases   train.jsonl, and cases.jsonl with the splits dev and test (or dev.jsonl and test.jsonl as rows)
    preferences             preferences.jsonl, preferences.dev.jsonl, preferences.test.jsonl
    ratings (KTO)           ratings.jsonl, ratings.dev.jsonl, ratings.test.jsonl
    golden examples         golden.jsonl: only those that fall to train

All files are dealt as one: what is asked in a test case is in no file to train on. Locked test cases are never dealt again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data.split import SPLITS, Shares, Split, clusters, deal
from harness.data.words import plain
from harness.errors import BadInput, suggest
from harness.experiment import Experiment, load_experiment
from harness.files import Placed, look, target, write_all
from harness.files.draft import folder
from harness.fingerprint import fingerprint
from harness.formats import Format, Record, load_format
from harness.formats.recognise import Found, at, recognise
from harness.plural import plural
from harness.question import content, locked
from harness.suite import Case
from harness.visible import visible

STEMS = {"demonstration": "train", "preference": "preferences", "rating": "ratings"}
GOLDEN = "golden"
ALL = "all"
SHOWN = 21
"""Strata in the table for a terminal, the whole among them."""
CLIP = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How to deal. ``cluster`` are columns whose rows stay together (``cluster`` itself where the rows have it), ``stratify``
    is a column, or ``answer``; ``rows`` keeps dev and test as rows instead of making cases of them.
    """

    shares: Shares = field(default_factory=lambda: Shares(0.8, 0.1, 0.1))
    cluster: tuple[str, ...] = ()
    stratify: str | None = None
    seed: int = 1
    rows: bool = False


@dataclass(frozen=True, slots=True)
class _In:
    """A file to be dealt, and the name of what is trained on or shown from it."""

    found: Found
    stem: str


@dataclass(frozen=True, slots=True)
class Dealt:
    """What was read and where it went: rows of each file, and of each stratum, by split."""

    read: tuple[str, ...]
    written: Mapping[str, int]
    clusters: int
    counts: Mapping[str, Mapping[Split, int]]
    seed: int

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield from self.read
        whole = self.counts[ALL]
        yield f"{plural(sum(whole.values()), 'row')} in {plural(self.clusters, 'cluster')}, seed {self.seed}"
        largest = sorted(self.counts, key=lambda name: -sum(self.counts[name].values()))[:SHOWN]
        shown = [(visible(name)[:CLIP], counts) for name, counts in self.counts.items() if name in largest]
        width = max(len(name) for name, _ in shown)
        yield f"  {'':{width}}  {'train':>7}  {'dev':>7}  {'test':>7}"
        for name, counts in shown:
            yield f"  {name:{width}}  " + "  ".join(f"{counts[part]:>7,}" for part in SPLITS)
        if len(shown) < len(self.counts):
            yield f"  these are the largest of {len(self.counts) - 1:,} strata: --json has all"
        yield from (f"wrote {path}: {plural(count, 'row')}" for path, count in self.written.items())

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "rows": sum(self.counts[ALL].values()),
            "clusters": self.clusters,
            "seed": self.seed,
            "counts": {name: dict(counts) for name, counts in self.counts.items()},
            "written": dict(self.written),
        }


def split(
    paths: Sequence[Path],
    out: Path,
    plan: Plan,
    *,
    format_: str | None = None,
    golden: Path | None = None,
    homes: Sequence[Path] = (),
    replace: bool = False,
) -> Dealt:
    """Deal the rows of some files.

    Args:
        paths: files of rows, in any format.
        out: the suite's folder; it is made where there is none.
        plan: how.
        format_: the format of the files, where it cannot be told.
        golden: examples for prompts: those that ask what a case asks are left out.
        homes: stores whose locked test cases must stay where they are.
        replace: whether files in ``out`` may be written over.

    Raises:
        BadInput: for broken rows, a column that is not there, a split that would be empty, rows that cannot be cases, a locked
            suite or locked test cases.
    """
    read = [_In(found, STEMS[found.format.kind]) for found in (recognise(look(path), format_) for path in paths)]
    if golden is not None:
        read.append(_In(_golden(golden, format_), GOLDEN))
    locks = _locks(homes)
    if out.resolve().name in locks:
        raise BadInput(
            f"{out}: suite {out.resolve().name!r} is locked: another split would be another exam; make a new suite of new rows"
        )
    table = _Table(read, plan, locks)
    outputs = list(_outputs(read, table, out, plan))
    with folder(out):
        write_all([(target(path), rows) for path, rows in outputs], replace=replace)
    written = {str(path): rows.count for path, rows in outputs}
    said = tuple(f"{one.found.source.path}: {one.found.said}" for one in read)
    return Dealt(said, written, len(set(table.cluster)), table.counts(), plan.seed)


def _golden(path: Path, format_: str | None) -> Found:
    found = recognise(look(path), format_)
    if found.format.kind != "demonstration":
        raise BadInput(f"{path}: {found.format.name}: golden examples are questions with their answers")
    return found


def _locks(homes: Sequence[Path]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for home in homes:
        for suite, cases in locked(home).items():
            found[suite] = found.get(suite, frozenset()) | cases
    return found


def stores(out: Path, experiment: Path) -> list[Path]:
    """Where locks may be: the experiment's store, and those in the folders that ``out`` lies in."""
    homes = [load_experiment(experiment).home] if experiment.is_file() else []
    homes += [folder / Experiment.model_fields["store"].default for folder in out.resolve().parents]
    return list({home.resolve(): home for home in homes if home.is_dir()}.values())


class _Table:
    """Cluster, stratum and split of every row, in the order of the files."""

    def __init__(self, read: Sequence[_In], plan: Plan, locks: Mapping[str, frozenset[str]]) -> None:
        keys: list[tuple[Hashable, ...]] = []
        self.strata: list[str] = []
        self._names: list[Any] = []
        stems: list[str] = []
        for stem, (where, row, record) in ((one.stem, told) for one in read for told in one.found.each()):
            _refuse_locked(where, record, locks)
            mine = [_value(key, where, row, record) for key in plan.cluster] or [record.more.get("cluster")]
            self._names.append(mine[0])
            tied = [(key, told) for key, told in zip(plan.cluster or ("cluster",), map(str, mine), strict=True)]
            stems.append(stem)
            keys.append((_asked(record), *(tied if mine != [None] else ())))
            self.strata.append(str(_value(plan.stratify, where, row, record)) if plan.stratify else ALL)
        self.cluster = clusters(keys)
        each = [f"{stem} {stratum}" for stem, stratum in zip(stems, self.strata, strict=True)]
        self.split = deal(self.cluster, each, plan.shares, seed=plan.seed)
        self._refuse_empty(plan.shares)

    def name(self, number: int) -> str:
        """What a row's cluster is called in the cases: the value of the first column, or its first row's number."""
        first = self.cluster[number]
        return str(self._names[first]) if self._names[first] is not None else f"c{first + 1}"

    def counts(self) -> dict[str, dict[Split, int]]:
        """Rows by stratum and split, the whole last."""
        counted = Counter(zip(self.strata, self.split, strict=True))
        names = [*sorted(set(self.strata) - {ALL}), ALL]
        whole = Counter(self.split)
        return {name: {part: whole[part] if name == ALL else counted[name, part] for part in SPLITS} for name in names}

    def _refuse_empty(self, shares: Shares) -> None:
        for part, share in zip(SPLITS, shares, strict=True):
            if share and part not in self.split:
                raise BadInput(
                    f"{plural(len(set(self.cluster)), 'cluster')}: nothing is left for {part}: add rows, cluster by less, "
                    "or give it a larger share"
                )


class _Rows:
    """Rows on their way into a file, counted."""

    def __init__(self, placed: Iterator[Placed]) -> None:
        self._placed, self.count = placed, 0

    def __iter__(self) -> Iterator[Placed]:
        for one in self._placed:
            self.count += 1
            yield one


def _asked(record: Record) -> str:
    """A digest of what is asked, by which rows that ask the same are known; system prompts do not count."""
    said = [message.get("content", "") for message in record.asked if message["role"] not in ("system", "developer")]
    return fingerprint([plain(text) if isinstance(text, str) else text for text in said])


def _value(key: str, where: str, row: Mapping[str, Any], record: Record) -> Any:
    """What a row has in a column; ``answer`` is the text of its answer."""
    columns = {**record.more, **row, "answer": record.answer[-1].get("content") if record.answer else None}
    found = columns.get(key)
    if not isinstance(found, str | int | float):
        there = [name for name, value in columns.items() if isinstance(value, str | int | float)]
        raise BadInput(f"{where}: no text or number in a column {key!r}: {suggest(key, there)}")
    return found


def _refuse_locked(where: str, record: Record, locks: Mapping[str, frozenset[str]]) -> None:
    if not locks or len(record.asked) != 1 or len(record.answer) != 1:
        return
    said, reference = record.asked[0].get("content"), record.answer[0].get("content")
    if not (isinstance(said, str) and isinstance(reference, str)):
        return
    asked = content(Case("", said, reference, choices=tuple(record.more.get("choices", ()))))
    for suite, cases in locks.items():
        if asked in cases:
            raise BadInput(f"{where}: is a locked test case of suite {suite!r}: take it out, it stays where it is")


def _outputs(read: Sequence[_In], table: _Table, out: Path, plan: Plan) -> Iterator[tuple[Path, _Rows]]:
    """Every file to be written, and its rows."""
    held = [part for part, share in zip(SPLITS, plan.shares, strict=True) if share and part != "train"]
    for stem in dict.fromkeys(one.stem for one in read):
        form = _trained([one.found for one in read if one.stem == stem])
        if plan.shares.train:
            yield out / f"{stem}.jsonl", _Rows(_rows(read, stem, table, ["train"], form))
        if stem == "train" and held and not plan.rows:
            yield out / "cases.jsonl", _Rows(_rows(read, stem, table, held, load_format("cases")))
        elif stem != GOLDEN:
            for part in held:
                name = f"{part}.jsonl" if stem == "train" else f"{stem}.{part}.jsonl"
                yield out / name, _Rows(_rows(read, stem, table, [part], form))


def _trained(read: Sequence[Found]) -> Format:
    """The format of what is trained on: that of the files where they agree, the portable one otherwise."""
    names = {found.format.name for found in read}
    if len(names) == 1 and names != {"cases"}:
        return read[0].format
    return load_format({"demonstration": "messages", "preference": "preference", "rating": "kto"}[read[0].format.kind])


def _rows(read: Sequence[_In], stem: str, table: _Table, parts: Sequence[Split], form: Format) -> Iterator[Placed]:
    number = -1
    for one in read:
        named = one.found.source.path.name.partition(".")[0]
        for line, (where, row, record) in enumerate(one.found.each(), 1):
            number += 1
            if one.stem != stem or table.split[number] not in parts:
                continue
            if form.name == one.found.format.name != "cases":
                yield where, row
                continue
            with at(where):
                told = _told(record, form, table, number, f"{named}-{line}")
            yield where, told


def _told(record: Record, form: Format, table: _Table, number: int, name: str) -> dict[str, Any]:
    """A row in another format; a case gets its id, split and cluster."""
    more = dict(record.more)
    if form.name == "cases":
        more = {"id": name, **more, "split": table.split[number], "cluster": table.name(number)}
    else:
        more.pop("split", None)
    return form.write(Record(record.asked, record.answer, record.rejected, record.label, more))
