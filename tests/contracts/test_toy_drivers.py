"""A driver from outside the tree: one file, a line in the table of drivers, and the contract suite accepts it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.contracts.graph_source_contract import SourceDriverContract
from tests.contracts.runner_contract import SCRIPTS, RunnerContract
from tests.contracts.test_storage import StorageContract
from tests.contracts.toys import listed_source, memory_storage, plain_runner
from workflow import drivers
from workflow.errors import BadRequest
from workflow.graphs.source import SourceDriver
from workflow.runners.base import Runner
from workflow.settings import EndpointChoice, RunnerChoice, Settings, StorageChoice
from workflow.storage import Storage


def toy_settings(home: Path) -> Settings:
    choices: dict[str, Any] = {"storage": "toy", "runner": "toy"}
    environment = {"PATH": os.environ["PATH"]}
    return replace(Settings(home=home, scripts=SCRIPTS, job_environment=environment), **choices)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # the lines that somebody who brings a driver writes
    monkeypatch.setitem(drivers.STORAGES, "toy", memory_storage.open_storage)
    monkeypatch.setitem(drivers.RUNNERS, "toy", plain_runner.open_runner)
    return toy_settings(tmp_path)


class TestToyStorage(StorageContract):
    @pytest.fixture
    def storage(self, settings: Settings) -> Storage:
        return drivers.open_storage(settings)


class TestToyRunner(RunnerContract):
    @pytest.fixture
    def storage(self, settings: Settings) -> Storage:
        return drivers.open_storage(settings)

    @pytest.fixture
    def runner(self, settings: Settings, storage: Storage) -> Runner:
        return drivers.open_runner(settings, storage)


class TestToySource(SourceDriverContract):
    @pytest.fixture
    def driver(self, monkeypatch: pytest.MonkeyPatch) -> SourceDriver:
        monkeypatch.setitem(drivers.SOURCES, "toy", listed_source.open_driver)
        return drivers.open_source("toy://somewhere")


def test_an_address_of_no_known_database_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(BadRequest, match="reads databases at ws://, wss://, not at one that begins with 'ftp'"):
        drivers.open_source("ftp://somewhere")


@pytest.mark.parametrize(
    ("choice", "table"),
    [
        (StorageChoice, drivers.STORAGES),
        (RunnerChoice, drivers.RUNNERS),
        (EndpointChoice, drivers.ENDPOINT_HOSTS),
    ],
)
def test_every_choice_of_the_settings_has_a_driver_and_every_driver_can_be_chosen(choice: Any, table: Any) -> None:
    assert set(get_args(choice)) == set(table)
