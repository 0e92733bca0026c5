"""Checkpoints: what an interrupted training needs to go on and end in the same bytes.

A checkpoint is one safetensors file, replaced whole, in the folder that the container keeps when a job is started
again. It belongs to one graph and one set of hyperparameters; any other is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..devices import host_table
from ..group import ALONE, Group

FACTS = "facts"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and what else is to be known, as JSON has it."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors below a name, without it."""
        start = name + "/"
        return {key[len(start) :]: value for key, value in self.tensors.items() if key.startswith(start)}


class Checkpoints:
    """The checkpoint of one training.

    Args:
        path: of the file.
        belongs_to: graph and hyperparameters, as JSON has them.
        every_s: seconds between two checkpoints.
        group: processes that each keep a file of their own, of the same moment.
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any], every_s: float, group: Group = ALONE) -> None:
        self.path, self.every_s, self.group = path, every_s, group
        if group.size > 1:
            self.path = path.with_stem(f"{path.stem}-{group.rank + 1}-of-{group.size}")
            belongs_to = {**belongs_to, "processes": group.size}
        self.owner = owner_of(belongs_to)
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return self.group.agreed(time.monotonic() - self._written >= self.every_s)

    def write(self, groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
        """Keep groups of tensors and facts instead of the last checkpoint; a killed process leaves one of the two."""
        arrays = {
            f"{group}/{name}": t.detach().cpu().numpy()
            for group, members in groups.items()
            for name, t in members.items()
        }
        unfinished = written(self.path, arrays, {**facts, "owner": self.owner})
        if self.group.size > 1:
            # the last file is kept until everybody has the next, so there is always a moment that all have
            self.group.agreed(True)
            if self.path.exists():
                self.path.replace(self._before)
        unfinished.replace(self.path)
        self._written = time.monotonic()

    @property
    def _before(self) -> Path:
        return self.path.with_suffix(".before")

    def read(self) -> Checkpoint | None:
        """The last checkpoint of this graph and these hyperparameters, None where there is none that can be read.

        Of several processes it is the last that all of them have.
        """
        if self.group.size == 1:
            return self._read(self.path)
        kept = [self._read(path) for path in (self.path, self._before)]
        moments = [-1 if one is None else int(one.facts["epoch"]) << 32 | int(one.facts["done"]) for one in kept]
        common = set.intersection(*(set(found) for found in self.group.everyones(moments))) - {-1}
        return kept[moments.index(max(common))] if common else None

    def _read(self, path: Path) -> Checkpoint | None:
        return read(path, self.owner)


class Pieces:
    """Finished parts of a training that has no epochs, each a file: an interrupted one need not make them again.

    What is kept is written when enough time has passed, all of it at once and in order, so that parts of a short
    training cost nothing and a killed one loses at most that time and the part that it was at.

    Args:
        folder: of the files, whose names begin with ``name``.
        name: of the training.
        belongs_to: graph and hyperparameters, as JSON has them.
        every_s: seconds between two writings.
    """

    def __init__(self, folder: Path, name: str, belongs_to: Mapping[str, Any], every_s: float) -> None:
        self.folder, self.name, self.every_s, self.owner = folder, name, every_s, owner_of(belongs_to)
        self._waiting: dict[str, tuple[Mapping[str, Array], Mapping[str, Any]]] = {}
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last writing."""
        return time.monotonic() - self._written >= self.every_s

    def keep(self, name: str, arrays: Mapping[str, Array], facts: Mapping[str, Any] | None = None) -> None:
        """Have a part, or how far it has come, written the next time; in place of what has its name."""
        self._waiting.pop(name, None)
        self._waiting[name] = (arrays, facts or {})
        if self.due:
            for one, (found, said) in self._waiting.items():
                path = self._path(one)
                written(path, found, {**said, "owner": self.owner}).replace(path)
            self._waiting.clear()
            self._written = time.monotonic()

    def read(self, name: str) -> Checkpoint | None:
        """A part that an earlier process wrote, None where there is none of this graph and these hyperparameters."""
        return read(self._path(name), self.owner)

    def forget(self, name: str) -> None:
        """Remove what has a name; it is needed no more."""
        self._waiting.pop(name, None)
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.name}-{name}.safetensors"


def owner_of(belongs_to: Mapping[str, Any]) -> str:
    """What tells the checkpoints of one graph and one set of hyperparameters from all others."""
    return hashlib.sha256(json.dumps(belongs_to, sort_keys=True, default=str).encode()).hexdigest()


def written(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> Path:
    """A finished file of named arrays and facts beside where it is to be; it only has to be moved there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(header(arrays, {FACTS: json.dumps(facts)}))
        for array in arrays.values():  # one after the other: all at once would take their memory a second time
            file.write(np.ascontiguousarray(array).data)
        file.flush()
        os.fsync(file.fileno())
    return unfinished


def header(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """What a safetensors file has before its data, of arrays of any shape and dtype that lie behind it in this order.

    Source: github.com/huggingface/safetensors, the format as its README gives it.
    """
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    begin = 0
    for name, array in arrays.items():
        kind = "BOOL" if array.dtype == bool else f"{array.dtype.kind.upper()}{8 * array.dtype.itemsize}"
        place = [begin, begin + array.nbytes]
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": place}
        begin = place[1]
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)  # the data begin where eight bytes do
    return len(text).to_bytes(8, "little") + text


def read(path: Path, owner: str) -> Checkpoint | None:
    """What a file holds, None where it cannot be read or belongs to somebody else."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get(FACTS, "{}"))
            if facts.get("owner") != owner:
                return None
            return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except (OSError, SafetensorError, ValueError):
        return None


@torch.no_grad()
def take(live: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    """Copy kept values into tensors that are in use, by name; shapes must agree."""
    for name, tensor in live.items():
        tensor.copy_(kept[name])


def copies(live: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors as they are now."""
    return {name: _copy(tensor.detach()) for name, tensor in live.items()}


def _copy(tensor: Tensor) -> Tensor:
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        return tensor.clone()
    return host_table(*tensor.shape).copy_(tensor)
