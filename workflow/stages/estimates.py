"""How much memory and disk a job will want, so that what cannot work is refused before it starts.

The figures are deliberately low: refusing a job that would have worked is worse than starting one that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from workflow.errors import PreconditionsFailed

INTERPRETER_BYTES = 700_000_000  # Python with a frame library, torch and DGL, before any data; measured: 760 MB
TRAINER_BYTES = 750_000_000  # the same with a model; measured: 790 MB
# Neptune asks for ten times the export on one instance; measured here, streaming frames need about three
PROCESSING_FACTOR = 3.0
TRAINING_FACTOR = 2.0
DISK_FACTOR = 2.0
# of the bytes of plain CSV; measured while loading a million edges or vertices: 5.5 to 9 of memory, 1 to 1.3 of disk
LOAD_FACTOR = 3.0
LOAD_DISK_FACTOR = 0.7
COMPRESSION = 3.0  # of CSV by gzip and bzip2, at least; files of ids reach five and more


@dataclass(frozen=True)
class Needs:
    """What a job will want at least, in bytes."""

    memory_bytes: int
    disk_bytes: int

    def to_json(self) -> dict[str, int]:
        """Plain data."""
        return {"memory_bytes": self.memory_bytes, "disk_bytes": self.disk_bytes}


class TooLarge(PreconditionsFailed):
    """A job wants more than the machine has."""

    def __init__(self, what: str, needed: int, available: int, advice: str) -> None:
        super().__init__(
            f"The job needs about {_amount(needed)} of {what}, but this machine has {_amount(available)}. " + advice
        )
        self.needed, self.available = needed, available


def processing_needs(export_bytes: int) -> Needs:
    """Estimate what data processing over an export of this size on disk will want."""
    return Needs(int(INTERPRETER_BYTES + PROCESSING_FACTOR * export_bytes), int(DISK_FACTOR * export_bytes))


def training_needs(processed_bytes: int, recommendation: bytes = b"{}") -> Needs:
    """Estimate what one trial over processed data will want.

    Args:
        processed_bytes: its size on disk.
        recommendation: ``train_instance_recommendation.json`` of the processing output, whose own estimate counts.
    """
    needs = Needs(int(TRAINER_BYTES + TRAINING_FACTOR * processed_bytes), int(DISK_FACTOR * processed_bytes))
    try:
        estimated = json.loads(recommendation)["estimated"]
        return Needs(int(estimated["training_memory"]), max(needs.disk_bytes, int(estimated["training_disk"])))
    except (ValueError, TypeError, KeyError):  # a file of Neptune's own, or none
        return needs


def load_needs(files: Iterable[tuple[str, int]]) -> Needs:
    """Estimate what a bulk load of these files, (name, bytes) each, will want."""
    plain = sum(size * (COMPRESSION if name.endswith((".gz", ".bz2")) else 1.0) for name, size in files)
    return Needs(int(LOAD_FACTOR * plain), int(LOAD_DISK_FACTOR * plain))


FEWER = "Export fewer labels or properties, or run the service on a larger machine."


def check(needs: Needs, memory_bytes: int | None, disk_free_bytes: int | None, advice: str = FEWER) -> None:
    """Raise TooLarge where the machine cannot hold the job; limits of None are unknown and never exceeded."""
    if memory_bytes is not None and needs.memory_bytes > memory_bytes:
        raise TooLarge("memory", needs.memory_bytes, memory_bytes, advice)
    if disk_free_bytes is not None and needs.disk_bytes > disk_free_bytes:
        raise TooLarge("disk space", needs.disk_bytes, disk_free_bytes, "Free some space in its home folder.")


def trials_at_once(asked: int, needs: Needs, memory_bytes: int | None, processors: int | None = None) -> int:
    """How many trials fit into memory together and have a processor each, at least one."""
    by_memory = asked if memory_bytes is None else memory_bytes // max(1, needs.memory_bytes)
    return max(1, min(asked, by_memory, processors or asked))


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
