"""One process for each GPU and machine of a training job, where nobody has started them yet: torchrun's command line.

On SageMaker a job of several instances runs the script once on each, and ``SM_HOSTS`` says which there are; with the
toolkit's ``torch_distributed`` option torchrun runs already, and its variables say so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..container import Container

#: the port SageMaker keeps open between the hosts of a job
PORT = 7777
#: how often the processes of a job begin again, from their last checkpoint, after one of them was lost
RESTARTS = 3


def torchrun(container: Container, script: Path, arguments: Sequence[str]) -> list[str] | None:
    """The command that runs a script in as many processes as the job has GPUs and machines; None where one is right.

    Raises:
        JobError: the hyperparameters cannot be read.
    """
    environ = container.environ
    if environ.get("WORLD_SIZE") or environ.get("RANK"):
        return None
    hosts = sorted(json.loads(environ.get("SM_HOSTS") or "[]"))
    asked = container.hyperparameters(arguments).get("device", container.device)
    each = max(1, container.num_gpus or 0) if asked in ("auto", "cuda") else 1
    if len(hosts) < 2 and each < 2:
        return None
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(each)]
    command += ["--max-restarts", str(RESTARTS)]
    command += meeting(hosts, environ) if len(hosts) > 1 else ["--standalone"]
    return [*command, str(script), *arguments]


def meeting(hosts: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Where the hosts meet, the first of them, and which this one is."""
    here = hosts.index(environ["SM_CURRENT_HOST"])
    there = ["--master-addr", hosts[0], "--master-port", str(PORT)]
    return ["--nnodes", str(len(hosts)), "--node-rank", str(here), *there]
