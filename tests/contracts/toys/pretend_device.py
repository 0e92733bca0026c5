"""A device that is none: tensors that say they lie elsewhere, and whose numbers torch computes on the processor.

It refuses what a GPU refuses: two tensors on two devices in one operation, and ``numpy()`` of a tensor that lies
elsewhere. So code that forgets the device fails here, without any GPU, and what it computes can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

#: a name that torch knows and for which nothing is built in
PRETEND = torch.device("lazy", 0)
#: numbers on the host may say which rows of a tensor elsewhere are meant, and be copied to it
MIXED = ("aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::copy_")


class Elsewhere(torch.Tensor):
    """A tensor of the device; ``near`` holds its numbers."""

    near: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> Elsewhere:
        made: Any = torch.Tensor._make_wrapper_subclass(
            cls, near.size(), strides=near.stride(), storage_offset=0, dtype=near.dtype, device=PRETEND
        )
        made.near = near
        result: Elsewhere = made
        return result

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(operation, args, kwargs or {})


class PretendDevice(TorchDispatchMode):
    """While it is entered, ``PRETEND`` is a device; ``placed`` counts the tensors that were made there."""

    placed = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = computed(operation, args, kwargs or {})
        self.placed += isinstance(made, Elsewhere)
        return made


def computed(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation of torch gives on this device.

    Raises:
        RuntimeError: its tensors lie on two devices; those of a single number may.
    """
    name = operation.overloadpacket._qualified_op_name
    far, near = [], []

    def inner(value: Any) -> Any:
        if isinstance(value, Elsewhere):
            far.append(value)
            return value.near
        if isinstance(value, torch.Tensor) and value.dim():
            near.append(value)
        return value

    inside, named = tree_map(inner, list(args)), tree_map(inner, dict(kwargs))
    wanted = named.get("device")
    if far and near and name not in MIXED:
        raise RuntimeError(f"{name} got tensors on {PRETEND} and on the processor")
    if wanted is not None:
        named["device"] = "cpu"
    result = operation(*inside, **named)
    if wanted is not None:
        there = torch.device(wanted).type == PRETEND.type
    else:
        there = bool(far)
    if name.endswith("_") and far:
        return args[0]
    return tree_map(lambda value: Elsewhere(value) if there and isinstance(value, torch.Tensor) else value, result)
