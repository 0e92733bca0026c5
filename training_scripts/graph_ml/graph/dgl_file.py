"""``graph.bin``: the processed graph as DGL reads it, for custom models. Run as a program of its own.

DGL brings torch, some 600 MB of it; in a process of its own that weight is not part of the data-processing job.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import numpy as np

from ..quick_imports import quick_imports
from .conversions.dgl import to_dgl
from .data import GraphData

NAME = "graph.bin"
_MAGIC, _TOLD, _RESERVED = 0xDD2E4FF046B4A13F, 32, 4096


def available() -> bool:
    """Whether DGL is installed; it is not looked at more closely here."""
    return find_spec("dgl") is not None


def write(folder: Path) -> None:
    """Write ``graph.bin`` beside the manifest: the graph as ``conversions.dgl.to_dgl`` gives it."""
    import dgl

    dgl.save_graphs(str(folder / NAME), [to_dgl(GraphData.read(folder))])
    clear_reserved(folder / NAME)


def clear_reserved(path: Path) -> None:
    """Fill what DGL reserves at the head of its file, and leaves as its memory was, with zeros.

    Equal graphs then have equal bytes, and no address of the process that wrote them is told. A file of another form
    is left as it is.

    Source: DGL's heterograph_serialize.cc: magic number, version, kind and count of graphs (8 bytes each), then room up
    to 4,096 bytes.
    """
    with path.open("r+b") as file:
        magic, version, kind, _ = np.frombuffer(file.read(_TOLD), dtype="<u8")
        if (magic, version, kind) == (_MAGIC, 2, 2):
            file.seek(_TOLD)
            file.write(bytes(_RESERVED - _TOLD))


class GraphFileWriter:
    """The other process: it starts at once, because DGL takes seconds to import, and waits for the folder.

    A context manager, so that a job that fails does not leave it behind. Where DGL is not installed, or the file is not
    ``wanted``, it does nothing.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._wanted = wanted
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self._wanted and available():
            package = (__package__ or "").split(".")
            self._child = subprocess.Popen(  # noqa: S603 - this module, nothing else
                [sys.executable, "-m", f"{__package__}.dgl_file"],
                cwd=Path(__file__).resolve().parents[len(package)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        return self

    def start(self, folder: Path) -> None:
        """Let it write the graph of this folder, beside whatever else the caller does."""
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died; finish() says of what
                self._child.stdin.write(f"{folder.resolve()}\n")
                self._child.stdin.flush()

    def finish(self, folder: Path) -> str | None:
        """Wait for it; what it complained of if it failed, and then there is no file."""
        if self._child is None:
            return None
        _, complaint = self._child.communicate()
        if self._child.returncode == 0:
            return None
        (folder / NAME).unlink(missing_ok=True)
        lines = complaint.strip().splitlines()
        return lines[-1] if lines else f"exit code {self._child.returncode}"

    def __exit__(self, *exception: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()


def main() -> None:
    """Import first, then wait for a folder on standard input; none means that the job failed."""
    if available():
        with quick_imports():
            import dgl  # noqa: F401 - the point is to have it loaded
    folder = sys.stdin.readline().strip()
    if folder:
        write(Path(folder))


if __name__ == "__main__":
    main()
