"""The contract between a job and the container it runs in: folders, hyperparameters, failure, progress and metrics.

The only file of the training code that reads the environment. ``SAGEMAKER_BASE_DIR`` replaces ``/opt/ml``, which is how
the same scripts run as ordinary processes.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .schemas import Progress, ProgressMetric, files
from .tracing import Traces

FAILURE_LENGTH = 1024


class JobError(Exception):
    """Something the user can mend; the text is a sentence for them and becomes the failure reason of the job."""


@dataclass(frozen=True)
class Container:
    """The folders of one job. Nothing is created until it is written to."""

    base: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Container:
        """The container this process runs in."""
        env = dict(os.environ if environ is None else environ)
        return cls(Path(env.get("SAGEMAKER_BASE_DIR") or "/opt/ml"), env)

    def channel(self, name: str) -> Path:
        """An input channel of a training job."""
        return self._moved(f"SM_CHANNEL_{name.upper()}", self.base / "input" / "data" / name)

    @property
    def model(self) -> Path:
        """What becomes ``model.tar.gz``."""
        return self._moved("SM_MODEL_DIR", self.base / "model")

    @property
    def output(self) -> Path:
        """Failure and progress go here."""
        return self._moved("SM_OUTPUT_DIR", self.base / "output")

    @property
    def tensorboard(self) -> Path:
        """Event files for TensorBoard; where SageMaker looks for them."""
        return self.base / "output" / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """Kept when the job is interrupted and started again."""
        return self.base / "checkpoints"

    def processing(self, name: str) -> Path:
        """A folder of a processing job: ``input``, ``previous``, ``model`` or ``output``."""
        return self.base / "processing" / name

    @property
    def num_gpus(self) -> int | None:
        """What the container says it has, None where it says nothing."""
        text = self.environ.get("SM_NUM_GPUS", "")
        return int(text) if text.isdigit() else None

    @property
    def first(self) -> bool:
        """Whether this process prints and writes: the first, where torchrun started several for one job."""
        return self.environ.get("RANK", "0") in ("", "0")

    @property
    def device(self) -> str:
        """The device that the setting ``DESPINA_DEVICE`` names, ``auto`` where nobody says."""
        return self.environ.get("DESPINA_DEVICE", "").strip().lower() or "auto"

    @property
    def memory(self) -> int | None:
        """Bytes of memory that data processing may use (``DESPINA_PROCESSING_MEMORY_MB``), None where nobody says."""
        text = self.environ.get("DESPINA_PROCESSING_MEMORY_MB", "").strip()
        return int(text) << 20 if text.isdigit() and int(text) else None

    @property
    def text_models(self) -> Path | None:
        """Where fastText and sentence-transformers models lie (``DESPINA_TEXT_MODELS``), None where nobody says."""
        folder = self.environ.get("DESPINA_TEXT_MODELS")
        return Path(folder) if folder else None

    @property
    def job_name(self) -> str:
        """The name of the training job, empty where there is none."""
        return self.environ.get("TRAINING_JOB_NAME", "")

    def _moved(self, variable: str, default: Path) -> Path:
        value = self.environ.get(variable)
        return Path(value) if value else default

    def hyperparameters(self, arguments: Sequence[str] = ()) -> dict[str, str]:
        """Hyperparameters from ``input/config/hyperparameters.json``, then ``--name value`` arguments over them.

        Values stay text. Names lose their leading dashes and keep inner hyphens; ``sagemaker_*`` and ``_*`` are
        instructions to the container and are left out. A value that is a JSON string is unpacked, because one
        client sends it so.

        Raises:
            JobError: the file is not a JSON object, or an argument does not begin with ``--``.
        """
        values: dict[str, str] = {}
        path = self.base / "input" / "config" / "hyperparameters.json"
        if path.exists():
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise JobError(f"{path} is not JSON: {error}") from error
            if not isinstance(document, dict):
                raise JobError(f"{path} must hold a JSON object of hyperparameters")
            values.update({str(name): _text(value) for name, value in document.items()})
        values.update(_arguments(arguments))
        return {name: value for name, value in values.items() if not name.startswith(("sagemaker_", "_"))}

    def fail(self, reason: str) -> None:
        """Leave the reason where the service looks for it; the first 1024 characters of it are shown.

        A training job's is read from ``failure``, a processing job's from ``message``.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        for name in ("failure", "message"):
            (self.output / name).write_text(reason[:FAILURE_LENGTH], encoding="utf-8")

    def progress(self) -> ProgressWriter:
        """The writer of this job's ``progress.json``."""
        return ProgressWriter(self.output / files.PROGRESS, silent=not self.first)

    def metric(self, name: str, value: float) -> None:
        """Print one metric line, ``name=value``, for the expressions that search the log; the first process does."""
        if not self.first:
            return
        sys.stdout.write(f"{name}={value:.8g}\n")
        sys.stdout.flush()

    def log(self, text: str) -> None:
        """Print one line to the log; the first process does."""
        if not self.first:
            return
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class ProgressWriter:
    """Replaces ``progress.json`` atomically, at most every ``interval_s`` within one phase."""

    def __init__(self, path: Path, interval_s: float = 0.5, silent: bool = False) -> None:
        self.path, self.interval_s, self.silent = path, interval_s, silent
        self._phase, self._began, self._written = "", 0.0, 0.0
        self._metric: ProgressMetric | None = None

    def __call__(self, phase: str, step: int = 0, total: int = 0, metric: tuple[str, float] | None = None) -> None:
        """Say where the job stands: step of total within a phase; the metric stays until it is replaced."""
        if self.silent:
            return
        now = time.monotonic()
        fresh = phase != self._phase
        if fresh:
            self._phase, self._began = phase, now
        if metric is not None:
            self._metric = ProgressMetric(name=metric[0], value=metric[1])
        if not fresh and metric is None and step < total and now - self._written < self.interval_s:
            return
        self._written = now
        eta_s = (now - self._began) / step * (total - step) if 0 < step <= total else None
        Progress(
            phase=phase, step=step, total=total, metric=self._metric, eta_s=eta_s, updated_ms=int(time.time() * 1000)
        ).save(self.path)


def run(main: Callable[[Container], None], environ: Mapping[str, str] | None = None) -> int:
    """Run a job to its exit code: 0, or 1 with the reason in ``output/failure`` and the log.

    A JobError is shown as its sentence alone; anything else with its type, and with the traceback in the log.
    """
    container = Container.from_environment(environ)
    traces = Traces.of(container.environ)
    try:
        with traces.span(f"{Path(sys.argv[0]).stem} process", container.environ.get("TRACEPARENT")):
            main(container)
    except JobError as error:
        reason = str(error)
    except MemoryError as error:
        reason = f"out of memory ({error}): choose a larger instance, or export fewer properties"
    except OSError as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001 - the edge of the job: whatever happened must reach the user
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
    else:
        return 0
    finally:
        traces.close()
    sys.stderr.write(reason + "\n")
    container.fail(reason)
    return 1


def _arguments(arguments: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name = rest.pop(0)
        if not name.startswith("--") or len(name) == 2:
            raise JobError(f"argument {name!r} does not begin with --; hyperparameters are given as --name value")
        name, equals, value = name[2:].partition("=")
        if equals:
            values[name] = value
        elif rest and not rest[0].startswith("--"):
            values[name] = rest.pop(0)
        else:
            values[name] = "true"  # a bare flag
    return values


def _text(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if value.startswith('"'):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return inner if isinstance(inner, str) else value
    return value
