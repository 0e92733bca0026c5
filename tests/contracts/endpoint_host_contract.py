"""What every endpoint host promises, asked of each of them, with the server of ``tests/fake_scripts``."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workflow.endpoints.host import Deployment, EndpointHost
from workflow.errors import EndpointStartFailed
from workflow.runners.base import Resources
from workflow.runners.bundle import pack
from workflow.storage import ObjectNotFound, S3Uri, Storage

SCRIPTS = Path(__file__).parents[1] / "fake_scripts"
LAB = S3Uri("lab-bucket")


def ask(deployment: Deployment) -> Any:
    """What the endpoint answers: the description of its model."""
    request = urllib.request.Request(
        f"{deployment.url}/invocations", b"{}", {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["model"]


class EndpointHostContract:
    """A driver supplies ``host``, ``storage``, and ``reopened``: a host of the service after a restart."""

    @pytest.fixture
    def storage(self) -> Storage:
        raise NotImplementedError

    @pytest.fixture
    def host(self, storage: Storage) -> EndpointHost:
        raise NotImplementedError

    @pytest.fixture
    def reopened(self) -> Callable[[], EndpointHost]:
        raise NotImplementedError

    def archive(self, storage: Storage, folder: Path, name: str, **model: Any) -> S3Uri:
        source = folder / f"model-{name}"
        (source / "code").mkdir(parents=True)
        for script in ("serve.py", "inference.py"):
            (source / "code" / script).write_text((SCRIPTS / script).read_text())
        (source / "model.json").write_text(json.dumps({"id": name, **model}))
        pack(source, folder / name / "model.tar.gz")
        storage.upload(folder / name, LAB / name)
        return LAB / name / "model.tar.gz"

    def test_a_deployed_model_answers_and_is_described(
        self, host: EndpointHost, storage: Storage, tmp_path: Path
    ) -> None:
        serving = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "a"), Resources())
        assert ask(serving) == {"id": "a"}
        assert serving.description == {"id": "a"}
        assert (serving.name, serving.archive) == ("ep-endpoint", LAB / "a/model.tar.gz")
        assert host.is_healthy(serving)

    def test_a_name_under_which_nothing_serves_is_not_found(self, host: EndpointHost) -> None:
        assert host.look_up("nobody-endpoint") is None

    def test_a_withdrawn_deployment_is_gone_and_may_be_withdrawn_again(
        self, host: EndpointHost, storage: Storage, tmp_path: Path
    ) -> None:
        serving = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "a"), Resources())
        host.withdraw(serving)
        assert not host.is_healthy(serving)
        host.withdraw(serving)

    def test_a_later_deployment_of_a_name_outlives_the_one_before_it(
        self, host: EndpointHost, storage: Storage, tmp_path: Path
    ) -> None:
        first = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "a"), Resources())
        second = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "b"), Resources())
        assert first.handle != second.handle
        host.withdraw(first)
        assert ask(second) == {"id": "b"}
        assert host.is_healthy(second)

    def test_a_model_that_cannot_be_loaded_is_told_with_the_log_and_leaves_what_serves(
        self, host: EndpointHost, storage: Storage, tmp_path: Path
    ) -> None:
        first = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "a"), Resources())
        with pytest.raises(EndpointStartFailed, match="this model cannot be loaded"):
            host.deploy("ep-endpoint", self.archive(storage, tmp_path, "b", broken=True), Resources())
        assert ask(first) == {"id": "a"}
        assert host.is_healthy(first)

    def test_a_missing_archive_is_named(self, host: EndpointHost, storage: Storage) -> None:
        storage.write(LAB / "something", b"so that the bucket is there")
        with pytest.raises(ObjectNotFound, match="s3://lab-bucket/nothing"):
            host.deploy("ep-endpoint", LAB / "nothing" / "model.tar.gz", Resources())

    def test_a_removed_name_serves_nothing_and_may_be_removed_again(
        self, host: EndpointHost, storage: Storage, tmp_path: Path
    ) -> None:
        serving = host.deploy("ep-endpoint", self.archive(storage, tmp_path, "a"), Resources())
        other = host.deploy("other-endpoint", serving.archive, Resources())
        host.remove("ep-endpoint")
        assert not host.is_healthy(serving)
        assert host.is_healthy(other)
        host.remove("ep-endpoint")

    def test_after_a_restart_the_same_archive_serves_again(
        self, host: EndpointHost, storage: Storage, tmp_path: Path, reopened: Callable[[], EndpointHost]
    ) -> None:
        archive = self.archive(storage, tmp_path, "a")
        host.deploy("ep-endpoint", archive, Resources())
        host.close()
        again = reopened()
        serving = again.deploy("ep-endpoint", archive, Resources())
        assert ask(serving) == {"id": "a"}
        assert again.is_healthy(serving)
