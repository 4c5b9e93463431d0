"""A project with answers by ``plain``, made once and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Project, set_up
from tests.review.reviewed import say


@pytest.fixture(scope="session")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return say(set_up(tmp_path_factory.mktemp("answered")))


@pytest.fixture
def ready(answered: Project, tmp_path: Path) -> Project:
    """As ``say(project)`` leaves it."""
    shutil.copytree(answered.folder, tmp_path / "ready")
    return Project(tmp_path / "ready")
