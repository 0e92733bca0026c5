"""AWS's own training toolkit runs our bundle as our runner and the emulator do: arguments, environment, result."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from tests.peers.peer import python_with
from workflow.runners.base import Control
from workflow.runners.bundle import unpack
from workflow.runners.sagemaker.runner import SageMakerRunner

pytestmark = pytest.mark.peers
PACKAGE = "sagemaker-training==5.1.4"
SCRIPTS = Path(__file__).parents[1] / "fake_scripts"
# what each toolkit measures or makes of its own place
OF_ITS_PLACE = {"SM_NUM_CPUS", "SM_NUM_GPUS", "SM_NUM_NEURONS", "SM_TRAINING_ENV", "SM_STUDIO_LOCAL_MODE"}
TOLD = """
(model / "told.json").write_text(json.dumps({"arguments": sys.argv[1:], "variables": dict(os.environ)}))
"""


def toolkit() -> Path:
    """The `train` command of AWS's toolkit, in an environment of its own."""
    return python_with(PACKAGE.replace("==", "-"), PACKAGE, timeout_s=900).with_name("train")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An emulator in which the image `toolkit` is AWS's toolkit, and every other one the emulator's own."""
    home = tmp_path_factory.mktemp("toolkit")
    wrapper = home / "train"
    # the toolkit waits for the names of other hosts unless it is told that it runs on one machine
    wrapper.write_text(f"#!/bin/sh\nSM_STUDIO_LOCAL_MODE=true exec {toolkit()}\n")
    wrapper.chmod(0o755)
    (home / "cloud").mkdir()
    (home / "cloud" / "images.json").write_text(json.dumps([{"match": "^toolkit$", "train": [str(wrapper)]}]))
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        yield cloud
        cloud.clients.close()


@pytest.fixture(scope="module")
def results(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """What the same trial was told and made under each image, by image."""
    scripts = cloud.home / "scripts"
    scripts.mkdir()
    for source in SCRIPTS.glob("*.py"):
        text = source.read_text()
        if source.name == "train.py":
            text = text.replace("import os\n", "import os\nimport sys\n", 1) + TOLD
        (scripts / source.name).write_text(text)
    found = {}
    for image in ("toolkit", "despina-training"):
        clients = emulated.clients(cloud.emulator.url, image=image)
        runner = SageMakerRunner(
            clients, scripts, cloud.home / image / "work", cloud.home / image / "logs", cloud.storage
        )
        runner.run(processing(put(cloud.storage, "export"), name=f"{image}-preloading"), Control())
        search = replace(tuning(trials=1, name=f"{image[:7]}-search"), trials_output=LAB / image)
        tuned = runner.tune(search, Control())
        archive = LAB / image / tuned.best.name / "output/model.tar.gz"
        cloud.storage.download(archive, cloud.home / image / "down")
        unpack(cloud.home / image / "down" / "model.tar.gz", cloud.home / image / "model")
        told = json.loads((cloud.home / image / "model" / "told.json").read_text())
        metrics = json.loads((cloud.home / image / "model" / "metrics.json").read_text())
        found[image] = {**told, "metrics": metrics, "value": tuned.best.value, "name": tuned.best.name}
        clients.close()
    return found


def test_the_script_gets_the_same_arguments(results: dict[str, dict[str, Any]]) -> None:
    assert results["toolkit"]["arguments"] == results["despina-training"]["arguments"]
    assert "--lr" in results["toolkit"]["arguments"]


def test_the_script_sees_the_same_variables(results: dict[str, dict[str, Any]]) -> None:
    theirs, ours = (results[image]["variables"] for image in ("toolkit", "despina-training"))
    names = {name for name in theirs if name.startswith("SM_")} - OF_ITS_PLACE
    assert len(names) > 20
    assert {name for name in names if name not in ours} == set()
    differing = {name: (theirs[name], ours[name]) for name in names if theirs[name] != ours[name]}
    assert differing == {}


def test_the_result_is_the_same(results: dict[str, dict[str, Any]]) -> None:
    assert results["toolkit"]["metrics"] == results["despina-training"]["metrics"]
    assert results["toolkit"]["value"] == results["despina-training"]["value"]


def test_the_bundle_is_the_same_archive_every_time(cloud: Cloud, results: dict[str, dict[str, Any]]) -> None:
    archives = [info.uri for info in cloud.storage.list(LAB / "despina-code") if info.uri.name == "sourcedir.tar.gz"]
    (archive,) = archives  # two runners, one address: it is made of the content
    cloud.storage.download(archive, cloud.home / "bundle")
    with tarfile.open(cloud.home / "bundle" / "sourcedir.tar.gz") as tar:
        assert "train.py" in tar.getnames()
        assert {member.mtime for member in tar} == {0}
