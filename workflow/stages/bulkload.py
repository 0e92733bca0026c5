"""The bulk load stage: in what order the files of a load are read. No input or output.

Source: the Neptune user guide, "Neptune Loader Command".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal


def in_order(files: Iterable[tuple[str, Literal["vertices", "edges"] | None]], edge_only: bool) -> list[str]:
    """Files in the order to load them: vertices first, unless the request says that it brings edges only."""
    listed = list(files)
    if edge_only:
        return [name for name, _ in listed]
    return [name for name, kind in listed if kind != "edges"] + [name for name, kind in listed if kind == "edges"]
