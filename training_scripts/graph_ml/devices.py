"""The device a model is computed on: one setting for training, transform and endpoints.

``auto`` is the first CUDA device where torch finds one, else Apple's ``mps``, else the processor. Graphs, features and
what is drawn stay on the host; weights, and the batch that a step looks at, go to the device.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .scratch import room

SPELLING = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
CPU = torch.device("cpu")
#: of a device's free memory, the share that learned vectors and their moments may take
TABLE_SHARE = 0.5


class NoSuchDevice(ValueError):
    """A device that is no device, or that this machine does not have."""


def device_of(wanted: str, environ: Mapping[str, str] | None = None) -> torch.device:
    """The device of a setting.

    Args:
        wanted: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        environ: its ``DESPINA_DEVICE`` says what ``auto`` is, and its ``LOCAL_RANK``, where torchrun started several
            processes on the machine, which of its GPUs this process takes.

    Raises:
        NoSuchDevice: the text says what was asked for and what there is.
    """
    found = environ or {}
    chosen = wanted.strip().lower() or "auto"
    if chosen == "auto":
        chosen = found.get("DESPINA_DEVICE", "").strip().lower() or "auto"
    if SPELLING.fullmatch(chosen) is None:
        raise NoSuchDevice(f"device {chosen!r} is unknown; it is auto, cpu, cuda, cuda:0, cuda:1 … or mps")
    there = present()
    if chosen == "auto":
        chosen = there[-1] if there[-1] == "mps" else "cuda" if len(there) > 1 else "cpu"
    if chosen == "cuda" and len(there) > 1 and there[-1] != "mps":
        chosen = f"cuda:{int(found.get('LOCAL_RANK') or 0) % (len(there) - 1)}"
    if chosen not in there:
        raise NoSuchDevice(
            f"device {chosen!r} was asked for, and torch finds {', '.join(there)} here: set device to one of them or "
            "to auto, or choose an instance with a GPU and a torch that was built for it"
        )
    # with its number, as tensors say theirs
    return torch.device("mps:0" if chosen == "mps" else chosen)


def present() -> tuple[str, ...]:
    """The devices that torch finds, the processor first."""
    if torch.cuda.is_available():
        return ("cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())))
    return ("cpu", "mps") if torch.backends.mps.is_available() else ("cpu",)


def host_table(*shape: int) -> Tensor:
    """A tensor on the host, float32 (*shape,), not filled yet; in a file without a name where it is long."""
    return torch.from_numpy(room(shape, np.float32))


def tensor_on(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """An array of any shape (n, …) and any dtype on a device; on the processor both share their memory."""
    return torch.from_numpy(array).to(device)


def home_of_table(numbers: int, device: torch.device) -> torch.device:
    """Where a table of learned float32 numbers lives: on the device where it fits, and else on the host.

    Counted three times, for the optimiser keeps up to two moments of each number.
    """
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    return device if 3 * 4 * numbers <= TABLE_SHARE * free else CPU


def random_state(device: torch.device) -> dict[str, Tensor]:
    """What torch's generators of the processor and of a GPU draw next, by name, uint8."""
    state = {"rng": torch.get_rng_state()}
    if device.type == "cuda":
        state["device_rng"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Go on drawing where ``random_state`` was."""
    torch.set_rng_state(state["rng"])
    if device.type == "cuda" and "device_rng" in state:
        torch.cuda.set_rng_state(state["device_rng"], device)


def multiplies_halves(device: torch.device) -> bool:
    """Whether a device multiplies matrices in bfloat16 faster than in float32, having instructions for it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


@contextmanager
def mixed_precision(wanted: bool, device: torch.device) -> Iterator[None]:
    """Products of matrices in bfloat16 where it is wanted; weights, sums over neighbours and losses keep float32."""
    if not wanted:
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        yield
