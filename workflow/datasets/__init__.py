"""The two graphs that travel with Despina, in Neptune's CSV format, and the question each is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.errors import InvalidParameter


@dataclass(frozen=True)
class Dataset:
    """A bundled graph: its files, the link-prediction target it is trained for and the vertex the demo asks about."""

    name: str
    title: str
    files: tuple[str, ...]
    target: dict[str, Any]
    features: tuple[dict[str, Any], ...]
    asked_id: str
    display_property: str | None

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.name

    @property
    def vertex_label(self) -> str:
        return str(self.target["edge"][0])

    @property
    def edge_label(self) -> str:
        return str(self.target["edge"][1])


DATASETS: dict[str, Dataset] = {
    "social": Dataset(
        name="social",
        title="the 20-person social network of the Neptune ML article",
        files=("nodes.csv", "edges.csv"),
        # 25 friendships leave nothing to spare for a test split
        target={"edge": ["User", "FRIEND", "User"], "type": "link_prediction", "split_rate": [0.8, 0.2, 0.0]},
        features=({"node": "User", "property": "interests", "type": "category", "separator": ";"},),
        asked_id="u19",
        display_property="name",
    ),
    "lastfm": Dataset(
        name="lastfm",
        title="LastFM Asia: 7,624 listeners and 27,806 mutual follows",
        files=("nodes.csv.gz", "edges.csv.gz"),
        target={"edge": ["User", "FOLLOWS", "User"], "type": "link_prediction", "split_rate": [0.8, 0.1, 0.1]},
        features=({"node": "User", "property": "country", "type": "category"},),
        asked_id="u0",
        display_property=None,
    ),
}


def dataset(name: str) -> Dataset:
    """A bundled graph by name; InvalidParameter names those there are."""
    if name not in DATASETS:
        raise InvalidParameter(f"There is no bundled graph {name!r}; take one of: {', '.join(DATASETS)}.")
    return DATASETS[name]
