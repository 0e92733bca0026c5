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

import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from ..group import ALONE, Group

FACTS = "facts"


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
        text = json.dumps(belongs_to, sort_keys=True, default=str)
        self.owner = hashlib.sha256(text.encode()).hexdigest()
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return self.group.agreed(time.monotonic() - self._written >= self.every_s)

    def write(self, groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
        """Keep groups of tensors and facts instead of the last checkpoint; a killed process leaves one of the two."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{group}/{name}": t.detach().cpu().numpy()
            for group, members in groups.items()
            for name, t in members.items()
        }
        text = json.dumps({**facts, "owner": self.owner})
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(save(arrays, {FACTS: text}))
            file.flush()
            os.fsync(file.fileno())
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
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {}).get(FACTS, "{}"))
                if facts.get("owner") != self.owner:
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
    return {name: tensor.detach().clone() for name, tensor in live.items()}
