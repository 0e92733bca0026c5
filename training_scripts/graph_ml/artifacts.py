"""The model folder: what training leaves and serving reads. JSON, ``.npy``, Arrow and safetensors; no pickle.

model.json            what the model is; written last, so a folder with one is complete
weights.safetensors   everything that was trained
arrays/…              graphs, features and embeddings, one ``.npy`` an array, read memory-mapped
ids/<k>.arrow         the ids of node type k, in index order, read memory-mapped
ids/<k>.order.npy     the indices of all that have an id, ascending by id: an id is found in place
metrics.json          figures of every split and floor
report.html           the same for people
code/                 what serves the model
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy import sparse

from .schemas import Metrics, ModelDescription, files
from .text_files import Texts, order_of, read_texts, write_texts

DESCRIPTION = files.MODEL
WEIGHTS = "weights.safetensors"
METRICS = files.METRICS
REPORT = files.REPORT
STAGING = ".new"
CODE = ("graph_ml", "inference.py", "serve.py")


class ModelWriter:
    """Writes a model folder in a staging folder inside it and moves everything at the end, ``model.json`` last.

    What an interrupted run has left is removed when a new one begins.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.staging = folder, folder / STAGING
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        self.weights: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, values: npt.NDArray[Any]) -> None:
        """Keep an array of any shape (n, …) and dtype as ``arrays/<name>.npy``."""
        path = self.staging / "arrays" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.ascontiguousarray(values), allow_pickle=False)

    def matrix(self, name: str, values: Any) -> None:
        """Keep a CSR matrix as its three arrays."""
        for part in ("indptr", "indices", "data"):
            self.array(f"{name}/{part}", getattr(values, part))
        self.array(f"{name}/shape", np.array(values.shape, dtype=np.int64))

    def has(self, name: str) -> bool:
        """Whether a matrix of this name is kept already."""
        return (self.staging / "arrays" / name).is_dir()

    def tensors(self, prefix: str, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add trained weights under a prefix."""
        self.weights.update({f"{prefix}.{name}": np.ascontiguousarray(value) for name, value in tensors.items()})

    def ids(self, node_ids: Mapping[str, Sequence[str]]) -> None:
        """Keep the ids of every node type, in the order of the types."""
        for position, ids in enumerate(node_ids.values()):
            self.texts(str(position), ids)
            np.save(self.staging / "ids" / f"{position}.order.npy", order_of(ids), allow_pickle=False)

    def texts(self, name: str, values: Sequence[str]) -> None:
        """Keep a list of texts as ``ids/<name>.arrow``."""
        (self.staging / "ids").mkdir(exist_ok=True)
        write_texts(self.staging / "ids" / f"{name}.arrow", "id", values)

    def file(self, name: str, text: str) -> None:
        """Keep a text file."""
        (self.staging / name).write_text(text, encoding="utf-8")

    def code(self, scripts: Path) -> None:
        """Keep a copy of what serves the model: ``inference.py``, ``serve.py`` and ``graph_ml``."""
        target = self.staging / "code"
        target.mkdir()
        for name in CODE:
            source = scripts / name
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copyfile(source, target / name)

    def finish(self, description: ModelDescription, metrics: Metrics) -> None:
        """Write weights and figures, move everything into place, and declare the folder complete."""
        save_file(self.weights, self.staging / WEIGHTS)
        (self.staging / WEIGHTS).chmod(0o644)  # the library keeps it to its writer; an endpoint may be another user
        metrics.save(self.staging / METRICS)
        (self.folder / DESCRIPTION).unlink(missing_ok=True)
        for path in sorted(self.staging.iterdir()):
            place = self.folder / path.name
            if place.is_dir():
                shutil.rmtree(place)
            path.replace(place)
        self.staging.rmdir()
        description.save(self.folder / DESCRIPTION)


class ModelFolder:
    """Reads a model folder.

    Raises:
        FileNotFoundError: the folder has no ``model.json``: no model, or training did not finish.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / DESCRIPTION).exists():
            raise FileNotFoundError(f"{folder} holds no {DESCRIPTION}; it is no model, or its training did not finish")
        self.folder = folder
        self.description = ModelDescription.load(folder / DESCRIPTION)
        self._weights: dict[str, npt.NDArray[Any]] | None = None

    @property
    def metrics(self) -> Metrics:
        """The figures of the model."""
        return Metrics.load(self.folder / METRICS)

    def array(self, name: str) -> npt.NDArray[Any]:
        """An array as it was kept, any shape (n, …) and dtype; mapped, and so read-only, where it is not empty."""
        return _mapped(self.folder / "arrays" / f"{name}.npy")

    def has(self, name: str) -> bool:
        """Whether an array or matrix of this name was kept."""
        place = self.folder / "arrays" / name
        return place.is_dir() or place.with_name(place.name + ".npy").exists()

    def matrix(self, name: str) -> Any:
        """A CSR matrix over the mapped arrays; in memory where its columns are not in order."""
        data, indices, indptr = (self.array(f"{name}/{part}") for part in ("data", "indices", "indptr"))
        matrix = sparse.csr_matrix((data, indices, indptr), shape=tuple(self.array(f"{name}/shape").tolist()))
        return matrix if matrix.has_sorted_indices else matrix.copy()

    def tensors(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Trained weights under a prefix, without it."""
        if self._weights is None:
            self._weights = load_file(self.folder / WEIGHTS)
        start = prefix + "."
        return {name[len(start) :]: value for name, value in self._weights.items() if name.startswith(start)}

    def ids(self) -> dict[str, Texts]:
        """Ids by node type, in index order, memory-mapped."""
        return {name: self.texts(str(position)) for position, name in enumerate(self.description.node_types)}

    def texts(self, name: str) -> Texts:
        """A list of texts, with their order where it was kept; empty where none was kept."""
        path, order = (self.folder / "ids" / f"{name}{ending}" for ending in (".arrow", ".order.npy"))
        if not path.exists():
            return Texts()
        texts = read_texts(path, "id")
        texts.order = _mapped(order) if order.exists() else None
        return texts


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:
        return np.asarray(np.load(path, allow_pickle=False))  # an empty file cannot be mapped
