"""One workflow file, on this machine and on an emulated cloud: the same artefacts, the same model, the same answers."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_run import FILE, run
from workflow.client.service import start_service

# what says when, where and for how long something ran; and what SageMaker's driver needs beside
OF_ITS_TIME = re.compile(
    r"(model\.json|manifest\.json|report\.html|trial\.json|train\.log|tuning_summary\.json|model\.tar\.gz"
    r"|tensorboard-output/EVENTS|train_instance_recommendation\.json|export/TIME/config\.json)$"
)
NAMES = (
    (re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d{7}"), "TIME"),
    (re.compile(r"\d{8}_\d{6}"), "TIME"),
    (re.compile(r"events\.out\.tfevents\.[\w.-]+"), "EVENTS"),
    (re.compile(r"\d{6}-\d{4}-(\d{3})-[0-9a-f]{8}"), r"TIME-\1"),
)


def artefacts(folder: Path) -> dict[str, Path]:
    """Every file of a bucket by its name without the times in it."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("despina-code/"):
            for pattern, text in NAMES:
                name = pattern.sub(text, name)
            found[name] = path
    return found


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


_OF_ITS_RUN = ("id", "training_job", "created_ms", "graph_snapshot_ms")


def described(model: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(model)
    return {name: value for name, value in document.items() if name not in _OF_ITS_RUN}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path, Path]:
    home = tmp_path_factory.mktemp("targets")
    file = home / "workflow.yaml"
    file.write_text(FILE.replace("TRIALS", "2"))
    service = start_service(home / "local")
    try:
        local = run(file, home / "local", "--url", service.url)
    finally:
        service.stop()
    emulated = run(file, home / "cloud", "--target", "emulated")
    emulated["again"] = run(file, home / "cloud", "--target", "emulated")
    return local, emulated, home / "local" / "s3" / "lab", home / "cloud" / "emulator" / "buckets" / "lab"


def test_both_targets_leave_the_same_artefacts_with_the_same_bytes(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    assert sorted(local) == sorted(emulated)
    timeless = [name for name in local if not OF_ITS_TIME.search(name)]
    assert len(timeless) > 20  # weights, embeddings, ids, features, labels, splits, metrics
    differing = [name for name in timeless if local[name].read_bytes() != emulated[name].read_bytes()]
    assert differing == []


def test_both_targets_process_the_same_graph(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    assert [name for name in local if name.endswith("graph.bin")]  # compared byte for byte with the others
    (name,) = (name for name in local if name.endswith("preloading-output/manifest.json"))
    here, there = json.loads(local[name].read_text()), json.loads(emulated[name].read_text())
    for manifest in (here, there):
        assert manifest["info"].pop("graph_snapshot_ms") > 0  # when the graph was read
    assert here == there


def test_both_targets_make_the_same_model(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    (name,) = (name for name in local if name.endswith("autotrainer-output/model.tar.gz"))
    here, there = members(local[name]), members(emulated[name])
    assert sorted(here) == sorted(there)
    assert described(here.pop("model.json")) == described(there.pop("model.json"))
    reports = [here.pop("report.html"), there.pop("report.html")]
    assert all(reports)
    assert here == there


def test_both_targets_answer_alike(both: Any) -> None:
    local, emulated = both[:2]
    assert len(local["answers"]["henry"]) == 3
    assert local["answers"] == emulated["answers"]
    assert [(stage["stage"], stage["status"]) for stage in local["stages"]] == [
        (stage["stage"], stage["status"]) for stage in emulated["stages"]
    ]


def test_a_second_run_finds_what_the_first_has_left_in_the_emulated_cloud(both: Any) -> None:
    first, again = both[1], both[1]["again"]
    assert [stage["id"] for stage in again["stages"]] == [stage["id"] for stage in first["stages"]]
    # the endpoint may still be on its way back to service when it is asked for
    assert [stage["reused"] for stage in again["stages"] if stage["stage"] != "endpoint"] == [True] * 4
    assert again["answers"] == first["answers"]
