"""The processes that train one model together: each takes its share of every batch, and all keep equal weights.

torchrun, or SageMaker's toolkit, starts them and says in ``RANK``, ``WORLD_SIZE`` and ``MASTER_ADDR`` who they are. All
read the same graph, whose arrays are mapped from the same files, and draw the same batches and negatives; a process
computes the loss of its share, and gradients are added up. So a batch weighs the same however many share it.

Source: synchronous data parallelism, Li et al. 2020, PyTorch Distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from .pairs.graph import Ints

#: how long a process waits for the others, who may be reading a graph or coming back from a crash
PATIENCE = timedelta(minutes=30)


@dataclass(eq=False)
class Group:
    """One process among those that train a model; alone, where nobody started more.

    Args:
        rank: its number, from 0; the first one prints, judges and writes.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls, environ: Mapping[str, str], device: torch.device) -> Group:
        """Meet the others that the environment tells of: over gloo for the processor, over nccl for GPUs."""
        size, rank = int(environ.get("WORLD_SIZE") or 1), int(environ.get("RANK") or 0)
        if size == 1:
            return cls()
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
        hosts_store = rank == 0 and environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = dist.TCPStore(  # type: ignore[attr-defined]
            environ["MASTER_ADDR"], int(environ["MASTER_PORT"]), size, hosts_store, PATIENCE, multi_tenant=True
        )
        # torchrun may keep the store when it starts processes again; their addresses must not be those of the dead
        attempt = environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        fresh = dist.PrefixStore(f"attempt-{attempt}", store)  # type: ignore[attr-defined]
        dist.init_process_group(backend, timeout=PATIENCE, store=fresh, rank=rank, world_size=size)
        return cls(rank, size)

    @property
    def first(self) -> bool:
        """Whether this process prints, judges and writes."""
        return self.rank == 0

    def leave(self) -> None:
        """Go on alone, keeping the number; nothing is waited for any more."""
        if self.size > 1:
            dist.destroy_process_group()
            self.size = 1

    def share(self, number: int) -> slice:
        """Which of so many items are this process's; shares differ by one at most."""
        return slice(self.rank * number // self.size, (self.rank + 1) * number // self.size)

    def agreed(self, value: bool) -> bool:
        """What the first process says, so that all do the same although their clocks differ."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.uint8)
        dist.broadcast(told, 0)
        return bool(told)

    def everyones(self, numbers: Sequence[int]) -> list[list[int]]:
        """As many whole numbers of every process, by rank."""
        if self.size == 1:
            return [list(numbers)]
        gathered = [torch.zeros(len(numbers), dtype=torch.int64) for _ in range(self.size)]
        dist.all_gather(gathered, torch.tensor(list(numbers), dtype=torch.int64))
        return [found.tolist() for found in gathered]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place; float32 of any shape (n, …), the same bits everywhere."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def add_gradients(self, parameters: Iterable[Tensor], loss: Tensor) -> float:
        """Add up the gradients of all processes, and their losses, each a float32 scalar; one message carries all.

        A parameter that no process has a gradient of keeps none.
        """
        if self.size == 1:
            return float(loss.detach())
        every = list(parameters)
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in every]
        known = loss.new_tensor([float(p.grad is not None) for p in every])
        total = self.add(torch.cat([*parts, known, loss.detach().view(1)]))
        counts = total[len(total) - 1 - len(every) : len(total) - 1].tolist()
        gradients = torch.split(total[: len(total) - 1 - len(every)], [p.numel() for p in every])
        for parameter, gradient, count in zip(every, gradients, counts, strict=True):
            parameter.grad = gradient.view_as(parameter).clone() if count else None
        return float(total[-1])

    def add_rows(self, rows: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of rows of a table, those of all processes.

        Args:
            rows: distinct numbers, int64 (r,); another choice in each process.
            gradient: float32 (r, d).

        Returns:
            Distinct numbers, ascending, and the sums of their gradients, the same everywhere.
        """
        if self.size == 1:
            return rows, gradient
        counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
        most = max(int(count) for count in counts)
        padded_rows, padded = rows.new_zeros(most), gradient.new_zeros(most, gradient.shape[1])
        padded_rows[: len(rows)], padded[: len(rows)] = rows, gradient
        all_rows = [torch.empty_like(padded_rows) for _ in range(self.size)]
        every = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(all_rows, padded_rows)
        dist.all_gather(every, padded)
        joined = torch.cat([part[: int(count)] for part, count in zip(all_rows, counts, strict=True)])
        sums = torch.cat([part[: int(count)] for part, count in zip(every, counts, strict=True)])
        distinct, place = torch.unique(joined, return_inverse=True)
        return distinct, sums.new_zeros(len(distinct), sums.shape[1]).index_add(0, place, sums)

    def drawing(self, rng: np.random.Generator, seeds: Ints) -> np.random.Generator:
        """A generator for the neighbours that a process draws of its own seeds, int64 (s,); alone it is that of all.

        The one of all is not moved, for its next draws must be those of every process.
        """
        if self.size == 1:
            return rng
        return np.random.default_rng([int(deepcopy(rng).integers(2**62)), self.rank, int(seeds.sum())])


#: what trains alone
ALONE = Group()


@dataclass
class RowShards:
    """A table of learned rows of which every process keeps a range, with what its optimiser remembers.

    Args:
        own: the rows of this process, float32 (rows, w).
        first: number of the first of them.
        total: rows of the whole table.
        group: the processes.
    """

    own: Tensor
    first: int
    total: int
    group: Group

    @classmethod
    def of(cls, table: Tensor, group: Group) -> RowShards:
        """The share of this process in a table, float32 (n, w)."""
        span = group.share(len(table))
        own = table if group.size == 1 else table[span].clone()
        return cls(own, span.start, len(table), group)

    def mine(self, rows: Ints) -> tuple[Ints, Ints]:
        """Of some rows, int64 (r,), the positions of those kept here, and their numbers among ``own``."""
        if self.group.size == 1:
            return np.arange(len(rows)), rows
        places = np.flatnonzero((rows >= self.first) & (rows < self.first + len(self.own)))
        return places, rows[places] - self.first

    def rows(self, rows: Ints, device: torch.device) -> Tensor:
        """Some rows on a device, int64 (r,) → float32 (r, w); every process asks for the same."""
        places, numbers = self.mine(rows)
        kept = self.own[torch.from_numpy(numbers).to(self.own.device)].to(device)
        if self.group.size == 1:
            return kept
        found = kept.new_zeros(len(rows), self.own.shape[1])
        found[torch.from_numpy(places).to(device)] = kept
        return self.group.add(found)

    def whole(self) -> Tensor:
        """The table, float32 (n, w), on the host."""
        if self.group.size == 1:
            return self.own.cpu()
        found = torch.zeros(self.total, self.own.shape[1])
        found[self.first : self.first + len(self.own)] = self.own.cpu()
        return self.group.add(found)


def weighted_share(group: Group, items: Sized) -> tuple[slice, float]:
    """This process's part of a batch, and what part it is; where there are too few, one item that counts nothing."""
    span = group.share(len(items))
    if span.stop > span.start:
        return span, (span.stop - span.start) / len(items)
    return slice(0, 1), 0.0
