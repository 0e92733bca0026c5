"""A driver from outside the tree: one file, a line in the table of drivers, and the contract suite accepts it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts.endpoint_host_contract import EndpointHostContract
from tests.contracts.graph_source_contract import SourceDriverContract
from tests.contracts.runner_contract import SCRIPTS, RunnerContract
from tests.contracts.test_storage import StorageContract
from tests.contracts.toys import listed_source, memory_storage, plain_runner, threaded_host
from workflow import drivers
from workflow.endpoints.host import EndpointHost
from workflow.errors import BadRequest
from workflow.graphs.source import SourceDriver
from workflow.runners.base import Runner
from workflow.settings import BadSetting, Settings
from workflow.storage import Storage


def toy_settings(home: Path) -> Settings:
    environment = {"PATH": os.environ["PATH"]}
    return Settings(
        home=home, storage="toy", runner="toy", endpoints="toy", scripts=SCRIPTS, job_environment=environment
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # the lines that somebody who brings a driver writes
    monkeypatch.setitem(drivers.STORAGES, "toy", memory_storage.open_storage)
    monkeypatch.setitem(drivers.RUNNERS, "toy", plain_runner.open_runner)
    monkeypatch.setitem(drivers.ENDPOINT_HOSTS, "toy", threaded_host.open_host)
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


class TestToyEndpointHost(EndpointHostContract):
    @pytest.fixture
    def storage(self, settings: Settings) -> Storage:
        return drivers.open_storage(settings)

    @pytest.fixture
    def reopened(self, settings: Settings, storage: Storage) -> Iterator[Callable[[], EndpointHost]]:
        hosts: list[EndpointHost] = []

        def open_host() -> EndpointHost:
            hosts.append(drivers.open_endpoint_host(settings, storage))
            return hosts[-1]

        yield open_host
        for host in hosts:
            host.close()

    @pytest.fixture
    def host(self, reopened: Callable[[], EndpointHost]) -> EndpointHost:
        return reopened()


class TestToySource(SourceDriverContract):
    @pytest.fixture
    def driver(self, monkeypatch: pytest.MonkeyPatch) -> SourceDriver:
        monkeypatch.setitem(drivers.SOURCES, "toy", listed_source.open_driver)
        return drivers.open_source("toy://somewhere")


def test_an_address_of_no_known_database_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        BadRequest, match=r"reads databases at ws://, wss://, bolt://.*, not at one that begins with 'ftp'"
    ):
        drivers.open_source("ftp://somewhere")


@pytest.mark.parametrize(
    ("variable", "known"),
    [
        ("DESPINA_STORAGE", "folder or to s3"),
        ("DESPINA_RUNNER", "local or to sagemaker"),
        ("DESPINA_ENDPOINTS", "local or to sagemaker"),
    ],
)
def test_a_driver_that_is_not_in_its_table_is_refused_with_those_that_are(variable: str, known: str) -> None:
    settings = Settings.from_environment({variable: "S3", "DESPINA_SETTINGS": os.devnull})
    with pytest.raises(BadSetting, match=f"{variable} is 'S3'; set it to {known}"):
        drivers.check_choices(settings)


def test_the_words_that_the_settings_begin_with_have_drivers() -> None:
    drivers.check_choices(Settings.from_environment({"DESPINA_SETTINGS": os.devnull}))
