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
    """

    def __init__(self, path: Path, belongs_to: Mapping[str, Any], every_s: float) -> None:
        text = json.dumps(belongs_to, sort_keys=True, default=str)
        self.path, self.every_s = path, every_s
        self.owner = hashlib.sha256(text.encode()).hexdigest()
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return time.monotonic() - self._written >= self.every_s

    def write(self, groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
        """Keep groups of tensors and facts instead of the last checkpoint; a killed process leaves one of the two."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{group}/{name}": t.cpu().numpy() for group, members in groups.items() for name, t in members.items()
        }
        text = json.dumps({**facts, "owner": self.owner})
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.write(save(arrays, {FACTS: text}))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)
        self._written = time.monotonic()

    def read(self) -> Checkpoint | None:
        """The last checkpoint of this graph and these hyperparameters, None where there is none that can be read."""
        try:
            with safe_open(self.path, framework="pt") as file:
                facts = json.loads((file.metadata() or {}).get(FACTS, "{}"))
                if facts.get("owner") != self.owner:
                    return None
                return Checkpoint({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
        except (OSError, SafetensorError, ValueError):
            return None

    def clear(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


@torch.no_grad()
def take(live: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    """Copy kept values into tensors that are in use, by name; shapes must agree."""
    for name, tensor in live.items():
        tensor.copy_(kept[name])


def copies(live: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors as they are now."""
    return {name: tensor.detach().clone() for name, tensor in live.items()}
