"""Many arrays in one file that is mapped, not read: an uncompressed ``.npz`` whose arrays stand at places of 64 bytes.

Numpy reads it like any other. What nobody looks at is not in memory, and what is looked at can be dropped by the system
and read again, so a graph may be larger than memory.
"""

from __future__ import annotations

import mmap
import struct
import zipfile
from collections.abc import Mapping
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

ALIGNED: Final = 64
_LOCAL_HEADER: Final = struct.Struct("<26xHH")  # of a zip's member: how long its name and its further fields are
_LARGE_FIELD: Final = 20  # bytes that ``zipfile`` adds to the header of a member that may be large
_PADDING: Final = 0xD935  # the field that Android's zipalign uses


def write_arrays(file: IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name; none of them is copied."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            begin = file.tell() + _LOCAL_HEADER.size + len(member.filename.encode()) + _LARGE_FIELD
            padding = (-begin - 4) % ALIGNED
            member.extra = struct.pack("<HH", _PADDING, padding) + bytes(padding)
            with archive.open(member, "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array), allow_pickle=False)


def map_arrays(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Arrays by name, in the file's own memory. Writing to them changes nothing in the file."""
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    found = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")
            found[member.filename.removesuffix(".npy")] = _array(memory, member)
    return found


def _array(memory: mmap.mmap, member: zipfile.ZipInfo) -> NDArray[Any]:
    name, further = _LOCAL_HEADER.unpack_from(memory, member.header_offset)
    memory.seek(member.header_offset + _LOCAL_HEADER.size + name + further)
    version = np.lib.format.read_magic(memory)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(memory)
    if dtype.hasobject or fortran or len(shape) != 1:
        raise ValueError(f"{member.filename} is no plain array")
    array: NDArray[Any] = np.frombuffer(memory, dtype, shape[0], memory.tell())
    # files that numpy wrote stand where it came to be
    return array if array.flags.aligned else array.copy()
