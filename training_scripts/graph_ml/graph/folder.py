"""Arrays and texts in a folder: ``.npy`` and Arrow files, read memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..schemas import ArrayEntry, FeatureEntry
from ..text_files import Texts, read_texts, text_batches, write_texts

Array = NDArray[Any]
K = TypeVar("K")
V = TypeVar("V")


class FolderWriter:
    """Writes arrays and texts below one folder, and hashes what it writes in the order of writing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digest = hashlib.sha256()

    def array(self, name: str, values: Array, hashed: bool = True) -> ArrayEntry:
        """Write an array of any shape (n, …) and dtype, in C order and without pickle.

        One that lies in an ``.npy`` file as a whole is not copied: the file gets this name too. One that follows from
        others need not be ``hashed``.
        """
        path = self._place(name)
        plain = np.ascontiguousarray(values)
        if not _linked(values, path):
            np.save(path, plain, allow_pickle=False)
        if hashed:
            self.digest.update(f"{name} {plain.dtype.str} {plain.shape}".encode())
            self.digest.update(plain.reshape(-1).view(np.uint8).data if plain.size else b"")
        return ArrayEntry(file=name, dtype=plain.dtype.str, shape=list(plain.shape))

    def texts(self, name: str, column: str, values: Sequence[str | None]) -> str:
        """Write an Arrow file of one column, and give back its name."""
        path = self._place(name)
        write_texts(path, column, values)
        self.digest.update(name.encode())
        for batch in text_batches(values):
            texts = batch.to_pylist()
            if batch.null_count:
                marked = b"".join(b"\x00\x00" if text is None else text.encode() + b"\x00\x01" for text in texts)
            else:
                marked = "\x00\x01".join([*texts, ""]).encode()
            self.digest.update(marked)
        return name

    def _place(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class FolderReader:
    """Opens what a manifest names; a name that leads out of the folder is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def array(self, entry: ArrayEntry) -> Array:
        """Open an array, of the shape (n, …) and dtype that its entry says.

        Raises:
            ValueError: it has not the shape or type that the entry says, or lies outside the folder.
        """
        path = self._inside(entry.file)
        # an empty file cannot be mapped
        empty = 0 in entry.shape
        values: Array = np.load(path, mmap_mode=None if empty else "r", allow_pickle=False)
        if list(values.shape) != entry.shape or values.dtype.str != entry.dtype:
            raise ValueError(
                f"{entry.file} is {values.dtype.str} {list(values.shape)}; "
                f"the manifest says {entry.dtype} {entry.shape}: the folder was changed or half copied"
            )
        return values

    def features(self, entries: list[FeatureEntry]) -> dict[str, NDArray[np.float32]]:
        """Open all features of a type, by name: float32, shape (n, d)."""
        return {entry.name: self.array(entry.array) for entry in entries}

    def later(self, name: str, column: str) -> Callable[[], Texts]:
        """What opens the texts of a file when it is called."""
        path = self._inside(name)
        return lambda: read_texts(path, column)

    def _inside(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise ValueError(f"the manifest names {name!r}, which lies outside its folder")
        return path


class Lazy(Mapping[K, V]):
    """A mapping whose values are read at their first use and kept."""

    def __init__(self, sources: Mapping[K, Callable[[], V]]) -> None:
        self._sources = sources
        self._values: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._values:
            self._values[key] = self._sources[key]()
        return self._values[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def _linked(values: Array, path: Path) -> bool:
    """Give the file of a mapped array this name as well; False where it is no such array, or lies on another disk."""
    filename = getattr(values, "filename", None)
    if filename is None or not values.flags.c_contiguous or Path(filename).suffix != ".npy":
        return False
    whole = np.load(filename, mmap_mode="r", allow_pickle=False)
    if whole.shape != values.shape or whole.dtype != values.dtype or whole.offset != getattr(values, "offset", 0):
        return False
    try:
        path.unlink(missing_ok=True)
        path.hardlink_to(filename)
    except OSError:
        return False
    return True
