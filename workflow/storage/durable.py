"""Making files last: what was written is on the disk, and so are the folders that name it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """The same for a folder and everything below it; links are left alone."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                sync(path)
        sync(Path(place))


def sync_folders(folders: Iterable[Path], root: Path) -> None:
    """The same for the lists of names of these folders and of all above them up to ``root``, each once."""
    chains = ((folder, *folder.parents) for folder in folders)
    for folder in {each for chain in chains for each in chain if each.is_relative_to(root)}:
        sync(folder)
