"""Which programs stand for a container image: the emulator runs processes, not containers.

Without a table every image is the interpreter of the emulator with the training and the inference toolkit's contract
(``training_toolkit.py``, ``inference_toolkit.py``).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workflow.emulator.errors import invalid

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Image:
    """What an image starts.

    Attributes:
        train, serve: the ENTRYPOINT, to which ``train`` or ``serve`` is added.
        process: the ENTRYPOINT of a processing job that names none; empty where it must name one.
        environment: as the image's own ENV.
    """

    train: tuple[str, ...] = (sys.executable, str(_HERE / "training_toolkit.py"))
    serve: tuple[str, ...] = (sys.executable, str(_HERE / "inference_toolkit.py"))
    process: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Images:
    """A table of patterns over image names; the first that matches counts.

    Attributes:
        environ: what every process sees of the emulator's own variables.
        threads: of each process; two jobs at once share the machine by default.
    """

    environ: Mapping[str, str]
    table: tuple[tuple[re.Pattern[str], Image], ...] = ()
    threads: int = max(1, (os.cpu_count() or 1) // 2)

    @classmethod
    def read(cls, path: Path, environ: Mapping[str, str]) -> Images:
        """``[{"match": "<regular expression>", "train": ["python3", …], "environment": {…}}, …]``."""
        if not path.exists():
            return cls(environ)
        rows = json.loads(path.read_text())
        return cls(
            environ,
            tuple(
                (
                    re.compile(row["match"]),
                    Image(
                        **{name: tuple(row[name]) for name in ("train", "serve", "process") if name in row},
                        environment=row.get("environment", {}),
                    ),
                )
                for row in rows
            ),
        )

    def of(self, name: str) -> Image:
        """The image of that name."""
        return next((image for pattern, image in self.table if pattern.search(name)), Image())

    def environment(self, image: Image, more: Mapping[str, str]) -> dict[str, str]:
        """All that a process sees: a few variables of the emulator's own, the image's, and the request's."""
        # an entry point `python3` means the interpreter of the image
        path = os.pathsep.join([str(Path(sys.executable).parent), self.environ.get("PATH", os.defpath)])
        limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
        threads = dict.fromkeys(limits, str(self.threads))
        return {
            **self.environ,
            "PATH": path,
            **threads,
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
            **image.environment,
            **more,
        }


def processing_command(image: Image, entrypoint: list[str], arguments: list[str]) -> list[str]:
    """Entry point and arguments as Docker combines them: an entry point replaces the image's whole command."""
    command = [*(entrypoint or image.process), *arguments]
    if not command:
        raise invalid("AppSpecification names no ContainerEntrypoint, and the image has no command of its own")
    return command
