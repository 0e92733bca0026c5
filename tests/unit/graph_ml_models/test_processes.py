"""Training in several processes: the gradients of one process, and when torchrun is to start them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.toys import in_processes
from tests.contracts.toys.in_processes import CASES
from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.training.launch import torchrun


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("processes")
    worker = Path(in_processes.__file__)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen([sys.executable, str(worker), str(folder)], env={**os.environ, **meeting, "RANK": rank})
        for rank in ("0", "1")
    ]
    assert [process.wait() for process in both] == [0, 0]
    result: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return result


@pytest.mark.parametrize("case", CASES)
def test_two_processes_have_the_gradients_of_one(found: dict[str, Any], case: str) -> None:
    assert found[case]["parameters"] > 1
    assert found[case]["largest"] > 1e-4
    assert found[case]["difference"] <= 1e-6 * max(1.0, found[case]["largest"])


def test_each_process_keeps_its_rows_and_asks_the_others_for_theirs(found: dict[str, Any]) -> None:
    # rows 0 and 1 of five are kept by the first, 2 to 4 by the second
    assert found["kept"] == [[2], [3]]
    assert found["rows"] == [[8, 9], [0, 1], [6, 7]]
    assert found["whole"] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_vectors_of_ranges_shared_by_two_have_the_bits_of_one(found: dict[str, Any]) -> None:
    assert found["embedded alike"] is True


def test_all_do_what_the_first_says_and_add_up_what_each_has(found: dict[str, Any]) -> None:
    assert found["agreed"] is True
    # the first has ones for rows 0 and 2, the second twos for rows 1 and 2
    assert found["summed"] == {"0": 1, "1": 2, "2": 3}
    assert found["worst in any process"] < 1e-5


@pytest.mark.parametrize(
    ("environ", "arguments", "says"),
    [
        ({}, [], None),
        ({"SM_HOSTS": '["algo-1"]', "SM_NUM_GPUS": "1"}, [], None),
        # torchrun runs already
        ({"SM_HOSTS": '["algo-1", "algo-2"]', "WORLD_SIZE": "2", "RANK": "0"}, [], None),
        ({"SM_NUM_GPUS": "4"}, [], "--nproc-per-node 4 --max-restarts 3 --standalone train.py"),
        ({"SM_NUM_GPUS": "4"}, ["--device", "cuda:2"], None),
        (
            {"SM_HOSTS": '["algo-2", "algo-1"]', "SM_CURRENT_HOST": "algo-2", "SM_NUM_GPUS": "0"},
            ["--model", "gat"],
            "--nproc-per-node 1 --max-restarts 3 --nnodes 2 --node-rank 1 --master-addr algo-1 --master-port 7777 "
            "train.py --model gat",
        ),
    ],
)
def test_a_job_of_several_machines_or_gpus_is_started_by_torchrun(
    environ: dict[str, str], arguments: list[str], says: str | None, tmp_path: Path
) -> None:
    command = torchrun(Container(tmp_path, environ), Path("train.py"), arguments)
    if says is None:
        assert command is None
    else:
        assert command is not None
        assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
        assert " ".join(command[3:]) == says
