"""What a stage hands to whatever runs it, and what it gets back."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflow.errors import WorkflowError
from workflow.storage import S3Uri
from workflow.tuning.results import Direction, Trial, Tuned
from workflow.tuning.space import Space


class JobFailed(WorkflowError):
    """A program ended badly; the text is the failure reason of the job."""

    code, status = "BadRequestException", 400


class JobCancelled(WorkflowError):
    """A program was stopped because somebody asked for it, or because the service stops."""

    code, status = "CancelledByUserException", 500

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was stopped")


@dataclass(frozen=True)
class Resources:
    """The machines, the network and the keys that a request names; None and empty where it names none.

    A runner that has one machine takes what it has. Sizes are in GB, ``max_wait_s`` is how long a spot job may take
    with its interruptions, and ``device`` is what to compute on, such as ``cuda:0``.
    """

    instance_type: str | None = None
    instance_count: int = 1
    volume_gb: int | None = None
    role: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    volume_key: str | None = None
    output_key: str | None = None
    encrypt_traffic: bool = False
    spot: bool = False
    max_wait_s: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Task:
    """One run of one program: a processing job in SageMaker's words.

    Attributes:
        name: of the resource; unique, also the name of its log and its working folder.
        script: of the training scripts, such as ``process.py``.
        inputs: folder below the container's base to the prefix whose objects it holds.
        archives: folder below the base to the ``.tar.gz`` that is unpacked into it.
        outputs: folder below the base to the prefix it is uploaded to when the program has succeeded.
        model_output: where the content of ``processing/output`` is published as a model, besides ``outputs``.
        arguments: ``--name value`` each.
        timeout_s: the program is stopped, and has failed, after this.
        resources: what it is to run on.
    """

    name: str
    script: str
    inputs: Mapping[str, S3Uri]
    outputs: Mapping[str, S3Uri]
    arguments: Mapping[str, str]
    timeout_s: int
    archives: Mapping[str, S3Uri] = field(default_factory=dict)
    model_output: S3Uri | None = None
    resources: Resources = Resources()


@dataclass(frozen=True)
class Tuning:
    """A search: trials of one program over one channel, the best of which becomes the model.

    Attributes:
        name: of the tuning job; trials are named after it.
        work: name of the working folder; unique, which the tuning job's name is not within a minute.
        space, metric, direction: what is searched, and for what; ``metric`` is as the configuration has it (``mrr``).
        channel: the processing output.
        trials_output: each trial's ``<trial name>/output/model.tar.gz``, metrics and log go below it.
        output: the best model and the report go there.
        arguments: what every trial is given beside its hyperparameters.
        timeout_s: of each trial.
        previous: trials of an earlier job to learn from.
        script: of the training scripts, run for every trial.
        code: a further channel, ``code``: the scripts of a custom model.
        resources: what each trial is to run on.
        budget_s: of the whole search, after which no trial begins; None for none.
    """

    name: str
    space: Space
    metric: str
    direction: Direction
    channel: S3Uri
    trials_output: S3Uri
    output: S3Uri
    trials: int
    parallel: int
    seed: int
    timeout_s: int
    arguments: Mapping[str, str]
    previous: tuple[Trial, ...] = ()
    work: str = ""
    script: str = "train.py"
    code: S3Uri | None = None
    resources: Resources = Resources()
    budget_s: float | None = None

    @property
    def folder_name(self) -> str:
        """The name of the working folder."""
        return self.work or self.name


@dataclass(frozen=True)
class Ended:
    """How a program that succeeded went."""

    wall_s: float
    peak_memory_bytes: int
    message: str | None = None


@dataclass(frozen=True)
class Capacity:
    """What the machine that runs jobs has, in bytes and processors; None where nobody knows.

    ``chosen`` says that each job gets the machine, the network and the keys that its request names.
    """

    memory_bytes: int | None
    disk_free_bytes: int | None
    chosen: bool = False
    processors: int | None = None


@dataclass(frozen=True)
class Control:
    """How the one who asked can still speak to a running job.

    ``cancelled`` ends the call; where ``leaving`` was set before it, nobody has asked for the job to be stopped: the
    service ends, and a job that can live without it goes on.
    """

    cancelled: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)


class Runner(Protocol):
    """Runs programs. Calls block until the program has ended; several may run at once, from different threads.

    A name that was begun and not finished (the service was killed) is taken up: finished trials of a search are not
    run again, what runs elsewhere is taken over instead of started twice. What is published appears whole, after
    success.
    """

    def run(self, task: Task, control: Control) -> Ended:
        """Raises JobFailed with a reason for the user, JobCancelled."""

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        """Raises JobFailed when no trial succeeded, JobCancelled."""

    def progress(self, name: str) -> Mapping[str, Any] | None:
        """The latest progress of a task or a search, None where there is none (yet, or any more)."""

    def log_url(self, name: str) -> str | None:
        """Where the log of a task or search can be read."""

    def capacity(self) -> Capacity:
        """What this runner can count on."""

    def discard(self, name: str) -> None:
        """Forget the working files of a name; its log stays."""
