"""The constrained contender: fielded where the suite has a schema, held to it, and asked anew when it changes."""

from __future__ import annotations

import json

import pytest

from harness.errors import BadInput
from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from tests.conftest import Project

SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


def cells(project: Project) -> dict[str, Cell]:
    return {cell.contender.name: cell for cell in expand(load_experiment(project.folder / "experiment.toml")).cells}


def declare_schema(project: Project, text: str) -> None:
    declared = (project.folder / "suites/sums/suite.toml").read_text()
    if "schema =" not in declared:
        project.write("suites/sums/suite.toml", f'schema = "schema.json"\n{declared}')
    project.write("suites/sums/schema.json", text)


def test_it_needs_a_schema(project: Project) -> None:
    project.write("baselines/constrained.toml", 'technique = "constrain"\n')
    assert "constrained" not in cells(project)


def test_its_trials_carry_the_schema_and_a_changed_one_is_asked_anew(project: Project) -> None:
    project.write("baselines/constrained.toml", 'technique = "constrain"\n')
    declare_schema(project, json.dumps(SCHEMA))
    before = cells(project)
    assert {trial.schema for trial in before["constrained"].trials()} == {json.dumps(SCHEMA)}
    assert {trial.schema for trial in before["zero_shot"].trials()} == {None}
    held, free = next(before["constrained"].trials()), next(before["zero_shot"].trials())
    assert held.messages == free.messages
    assert held.id != free.id
    ids = {name: cell.id for name, cell in before.items()}
    declare_schema(project, json.dumps({**SCHEMA, "additionalProperties": False}))
    after = cells(project)
    assert after["constrained"].id != ids["constrained"]
    assert after["zero_shot"].id == ids["zero_shot"]


def test_a_broken_schema_is_named(project: Project) -> None:
    project.write("baselines/constrained.toml", 'technique = "constrain"\n')
    declare_schema(project, '{"type": "strin"}')
    with pytest.raises(BadInput, match=r"schema\.json: not a JSON Schema"):
        next(cells(project)["constrained"].trials())
