"""Graph files in a folder: what the io() step of a query may read and write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

from workflow.errors import AccessDenied, InvalidArgument
from workflow.graphs.files.graphml import read_graphml, write_graphml
from workflow.graphs.files.graphson import read_graphson, write_graphson
from workflow.graphs.store.store import EmbeddedGraph


class FolderFiles:
    """GraphSON and GraphML files below one folder, links that lead out of it included in what is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def path(self, name: str) -> Path:
        """The file of a name. Raises AccessDenied where it lies outside of the folder."""
        found = (self.folder / name).resolve()
        if "\0" in name or not found.is_relative_to(self.folder) or found == self.folder:
            raise AccessDenied(f"the file {name!r} does not lie in the folder for graph files; name one below it")
        return found

    def read(self, graph: EmbeddedGraph, name: str, kind: Literal["graphson", "graphml"]) -> None:
        """Add the graph of a file, in one commit."""
        path = self.path(name)
        if path.exists() and not path.is_file():  # reading a pipe or a device may never end
            raise InvalidArgument(f"{name} can not be read: it is a folder, a pipe, a socket or a device and no file")
        try:
            with path.open("rb") as stream:
                (read_graphson if kind == "graphson" else read_graphml)(graph, stream)
        except OSError as error:
            raise InvalidArgument(f"{name} can not be read: {error.strerror}") from error

    def write(self, graph: EmbeddedGraph, name: str, kind: Literal["graphson", "graphml"]) -> None:
        """Write the graph under a temporary name and rename it."""
        target = self.path(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=target.parent, prefix=target.name)
            try:
                with os.fdopen(handle, "wb") as stream:
                    (write_graphson if kind == "graphson" else write_graphml)(graph, stream)
                os.replace(partial, target)
            except BaseException:
                Path(partial).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise InvalidArgument(f"{name} can not be written: {error.strerror}") from error
