"""What pytest is told in a project: options, header, filters, and reports that keep "lost" and "could not measure" apart."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Generator
from pathlib import Path

import pytest

from harness.gate.node import CouldNotMeasure, GateItem, SuiteFile, bench_of, draws
from harness.place import SUITE, nearest, paths
from harness.plural import plural

ERRORED = "could_not_measure"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tuneworthy", "gates of suites (tuneworthy)")
    group.addoption(
        "--contender",
        action="append",
        default=[],
        dest="tuneworthy_contender",
        metavar="NAME",
        help="Check only the gates of this contender; may be given several times.",
    )
    group.addoption(
        "--replay",
        action="store_true",
        dest="tuneworthy_replay",
        help="Judge stored rows and never measure; what is missing is an error.",
    )
    group.addoption(
        "--limit",
        type=_count,
        dest="tuneworthy_limit",
        metavar="N",
        help="Use only the first N cases of each split: a try that passes nothing.",
    )
    group.addoption(
        "--experiment",
        dest="tuneworthy_experiment",
        metavar="PATH",
        help="The experiment; the closest experiment.toml above a suite otherwise.",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"given {text!r}: it must be a whole number above 0")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gate: a claim declared in a suite.toml, checked for one contender.")
    given = config.getoption("tuneworthy_experiment")
    if given and not (config.invocation_params.dir / given).is_file():
        raise pytest.UsageError(f"--experiment {given}: no such file")
    shared = config.getoption("numprocesses", None) or config.getoption("tx", None)
    if shared and any(_reaches_suite(config.invocation_params.dir / path) for path in paths(config.args)):
        raise pytest.UsageError(
            "suites cannot be checked with pytest-xdist (-n): the store has one writer, and gates are batched anyway: "
            "leave -n out"
        )


def _reaches_suite(path: Path) -> bool:
    if nearest(path, SUITE):
        return True
    for _, folders, files in os.walk(path):
        if SUITE in files:
            return True
        folders[:] = [folder for folder in folders if not folder.startswith((".", "__", "node_modules"))]
    return False


def pytest_report_header(config: pytest.Config) -> list[str]:
    limit = config.getoption("tuneworthy_limit")
    lines = (
        [f"tuneworthy: LIMITED RUN, the first {plural(limit, 'case')} of each split: it passes nothing"]
        if limit
        else []
    )
    if config.getoption("tuneworthy_replay"):
        lines.append("tuneworthy: replay, stored rows only")
    return lines


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    if file_path.name != SUITE or bench_of(parent.config, file_path) is None:
        return None
    return SuiteFile.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that draws on rows runs once for each base model of the experiment."""
    if "base_model" not in metafunc.fixturenames:
        return
    from harness.errors import BadInput

    try:
        bench = bench_of(metafunc.config, metafunc.definition.path)
        models = bench.models if bench is not None else []
    except BadInput:
        return  # said where suites are collected, and again by the fixtures
    if len(models) > 1:
        metafunc.parametrize("base_model", models, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("tuneworthy_contender")
    if not wanted:
        return
    from harness.errors import suggest

    gates = [item for item in items if isinstance(item, GateItem)]
    there = {item.contender for item in gates}
    for name in wanted:
        if gates and name not in there:
            raise pytest.UsageError(f"--contender {name}: no gate is about it: {suggest(name, there)}")
    config.hook.pytest_deselected(items=[item for item in gates if item.contender not in wanted])
    items[:] = [item for item in items if not isinstance(item, GateItem) or item.contender in wanted]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(CouldNotMeasure):
        report.keywords = {**report.keywords, ERRORED: 1}
    limit = item.config.getoption("tuneworthy_limit")
    if limit and report.when == "call" and report.passed and (isinstance(item, GateItem) or draws(item)):
        report.outcome = "skipped"
        report.longrepr = (
            str(item.path),
            0,
            f"Skipped: limited run of {plural(limit, 'case')} a split: passes nothing",
        )
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """A test in which something could not be measured is an error, whenever that came to light."""
    if report.when == "call" and report.failed and ERRORED in report.keywords:
        return "error", "E", "ERROR"
    return None
