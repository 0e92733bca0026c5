"""How this machine runs a program of the training scripts: its command line, its environment, its input."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workflow import tracing
from workflow.runners.bundle import unpack
from workflow.storage import S3Uri, Storage

BASE = "ml"  # a job's /opt/ml, below its working folder


@dataclass(frozen=True)
class Children:
    """What tasks and trials share.

    Attributes:
        scripts: the folder of ``process.py``, ``train.py`` …
        work: a folder a job while it runs.
        logs: a file a job, kept.
        environment: what children see beside the container's own variables.
        python: the interpreter that runs the scripts.
    """

    scripts: Path
    work: Path
    logs: Path
    storage: Storage
    environment: Mapping[str, str]
    region: str = "us-east-1"
    python: str = sys.executable

    def log_path(self, name: str) -> Path:
        """The log of a job or trial."""
        return (self.logs / f"{name}.log").absolute()

    def command(self, script: str, arguments: Mapping[str, str], processes: int = 1) -> list[str]:
        """The command line of a training script: ``--name value`` for each argument, in order.

        Several processes are started by torchrun, and share what they train.
        """
        flags = (part for name, value in arguments.items() for part in (f"--{name}", value))
        several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        return [self.python, *(several if processes > 1 else []), str(self.scripts / script), *flags]

    def all_variables(self, container: Mapping[str, str], share: int) -> dict[str, str]:
        """All that a child sees; ``share`` children run at once and divide the processors."""
        threads = str(max(1, (os.cpu_count() or 1) // max(1, share)))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        # threads that spin while they wait take seven times as long on a machine that does other things as well
        limits |= {"POLARS_MAX_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
        above = {name.upper(): value for name, value in tracing.traceparent().items()}
        return {**self.environment, **limits, **above, **container}

    def bring(self, uri: S3Uri, place: Path) -> None:
        """Show the objects of a prefix in a folder: linked where storage is a folder of this machine, else copied."""
        source = self.storage.local_path(uri)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source is not None and source.is_dir():
            place.symlink_to(source.absolute(), target_is_directory=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            self.storage.download(uri, place)

    def bring_archive(self, uri: S3Uri, place: Path) -> None:
        """Unpack the archive at an address into a folder."""
        local = self.storage.local_path(uri)
        if local is not None:
            self.storage.open(uri).close()  # says so, naming the address, when there is none
            unpack(local, place)
            return
        download = place.with_name(place.name + ".download")
        self.storage.download(uri, download)
        unpack(download / uri.name, place)
        shutil.rmtree(download, ignore_errors=True)
