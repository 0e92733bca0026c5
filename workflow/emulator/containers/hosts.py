"""The hosts of one job: a folder and a process each, started together, stopped together, their output kept.

``algo-1`` to ``algo-n`` run as processes behind the guard of ``runners.process``, so that none outlives the emulator.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.emulator.containers.isolation import Isolation, shown
from workflow.runners.failures import REASON_LENGTH, last_lines
from workflow.runners.process import Ending, run_guarded

MOST_HOSTS = 8
INTERFACE = "lo"


@dataclass(frozen=True)
class Host:
    """One host of a job: its name, and the folder that is its ``/opt/ml``."""

    name: str
    folder: Path

    @property
    def base(self) -> Path:
        """The job's ``/opt/ml``."""
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        """What its processes print."""
        return self.folder / "log"


def hosts_of(folder: Path, count: int) -> list[Host]:
    """The hosts of a job below its folder."""
    return [Host(f"algo-{number}", folder / f"algo-{number}") for number in range(1, count + 1)]


def resource_config(host: Host, hosts: Sequence[Host], instance_type: str) -> dict[str, Any]:
    """``resourceconfig.json`` of a host."""
    names = sorted(other.name for other in hosts)
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": names}
    return {
        "current_host": host.name,
        "hosts": names,
        "network_interface_name": INTERFACE,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "instance_groups": [group],
    }


def meeting_point(hosts: Sequence[Host]) -> Callable[[Host], dict[str, str]]:
    """torchrun's variables for the hosts of a job, as one process each; nothing for a single host.

    On SageMaker the first host's name leads to it; here all are processes of one machine, on a port of the job's own.
    """
    if len(hosts) == 1:
        return lambda _: {}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    names = [host.name for host in hosts]

    def variables(host: Host) -> dict[str, str]:
        rank, count = str(names.index(host.name)), str(len(hosts))
        return {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": count,
            "RANK": rank,
            "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1",
            "GROUP_RANK": rank,
            "SM_MASTER_ADDR": names[0],
            "SM_MASTER_PORT": "7777",
            "SM_HOST_COUNT": count,
            "SM_CURRENT_HOST_RANK": rank,
        }

    return variables


def write_json(path: Path, document: Any) -> None:
    """Write a file of the container's configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2))


@dataclass(frozen=True)
class Command:
    """What each host of a job runs.

    Attributes:
        directory: the working directory, as the container has it.
        grace_s: between SIGTERM and SIGKILL.
    """

    line: Sequence[str]
    environment: Callable[[Host], Mapping[str, str]]
    directory: str
    timeout_s: float
    grace_s: float


def run_all(hosts: Sequence[Host], command: Command, isolation: Isolation, stop: threading.Event) -> list[Ending]:
    """Run a command on every host until it has ended on all; where one fails, the others are stopped.

    ``stop`` asks to end early.
    """
    failed = threading.Event()

    def run(host: Host) -> Ending:
        started = shown(isolation, host.base, command.line, command.environment(host), command.directory)
        ending = run_guarded(
            started.command,
            started.environment,
            host.folder,
            host.log,
            timeout_s=command.timeout_s,
            cancelled=AnyOf(stop, failed),
            grace_s=command.grace_s,
        )
        if not ending.succeeded:
            failed.set()
        return ending

    with ThreadPoolExecutor(len(hosts), thread_name_prefix="host") as pool:
        return list(pool.map(run, hosts))


def failure_reason(hosts: Sequence[Host], endings: Sequence[Ending]) -> str:
    """``AlgorithmError: <text>, exit code: <n>``, of the first host that failed by itself."""
    for host, ending in zip(hosts, endings, strict=True):
        if ending.outcome == "exited" and not ending.succeeded:
            path = host.base / "output" / "failure"
            text = path.read_text(errors="replace")[:REASON_LENGTH].strip() if path.is_file() else last_lines(host.log)
            code = ending.exit_code if ending.exit_code is not None else 128 + (ending.signal or 0)
            signal = f" (ended by signal {ending.signal})" if ending.signal else ""
            return f"AlgorithmError: {text or 'the container printed nothing'}{signal}, exit code: {code}"
    return "AlgorithmError: a host ended without a reason"


class AnyOf(threading.Event):
    """Set when one of several events is; a ``wait`` hears the last at once, and the others when its time is over."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._events)

    def wait(self, timeout: float | None = None) -> bool:
        return self._events[-1].wait(timeout) or self.is_set()
