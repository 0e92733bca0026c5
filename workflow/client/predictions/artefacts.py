"""What a trained or transformed model keeps for every vertex: vectors and answers, as frames and as files."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from training_scripts.graph_ml.schemas import ModelDescription, files
from workflow.errors import InvalidParameter, StorageError
from workflow.storage.base import Storage
from workflow.storage.uri import S3Uri

if TYPE_CHECKING:
    import pandas as pd

EMBEDDINGS, PREDICTIONS = "embeddings/entity.npy", "predictions/result.npz"
IDS = "mapping.json"
ADVICE: Final = {
    "embeddings": "a pair ranker has no vectors of vertices; train rgcn or graphsage",
    "predictions": "only models of vertex properties keep one for every vertex",
}


class ModelArtefacts:
    """The artefacts of one model, in a folder of the service's storage.

    Args:
        storage: how this process reads it.
        place: the folder.
    """

    def __init__(self, storage: Storage, place: S3Uri) -> None:
        self.storage, self.place = storage, place
        self.description = ModelDescription.model_validate_json(storage.read(place / files.MODEL))

    def ids(self) -> dict[str, list[str]]:
        """Ids by label, in the order of the rows of ``embeddings``."""
        return {label: ids_in(self.storage, file) for label, file in self.id_files().items()}

    def id_files(self) -> dict[str, S3Uri]:
        """Where the ids of each label lie."""
        return {label: self.place / f"ids/{place}.arrow" for place, label in enumerate(self.description.node_types)}

    def array(self, name: Literal["embeddings", "predictions"]) -> Any:
        """An array as the model keeps it, float32 (n, d). Raises InvalidParameter where it keeps none."""
        try:
            data = self.storage.read(self.place / f"arrays/{name}.npy")
        except StorageError as error:
            raise InvalidParameter(f"The model at {self.place} has no {name}: {ADVICE[name]}.") from error
        return np.load(io.BytesIO(data), allow_pickle=False)

    def embeddings(self) -> pd.DataFrame:
        """The vector of every vertex: ``id``, ``label`` and ``embedding``, a list of numbers."""
        import pandas as pd

        rows = self.array("embeddings")
        ids = [(id, label) for label, names in self.ids().items() for id in names]
        frame = pd.DataFrame(ids, columns=["id", "label"]).assign(embedding=rows[: len(ids)].astype(float).tolist())
        return _living(frame)

    def predictions(self) -> pd.DataFrame:
        """What the model says of every vertex of its label: ``id``, ``label`` and ``prediction``.

        Of classes there is the ``score`` too, and a column ``p(class)`` for each; of numbers ``low`` and ``high`` where
        the model says how far they may be off.
        """
        import pandas as pd

        target = self.description.targets[0]
        told = self.array("predictions")
        label = target.node_type or ""
        ids = self.ids()[label]
        frame = pd.DataFrame({"id": ids, "label": label})
        if not target.classes:
            numbers = told[:, 0].astype(float)
            frame = frame.assign(prediction=numbers)
            if target.interval is not None:
                off = target.interval.half_width
                frame = frame.assign(low=numbers - off, high=numbers + off)
            return _living(frame)
        best = told.argmax(axis=1)
        columns = {f"p({name})": told[:, place].astype(float) for place, name in enumerate(target.classes)}
        scores = told[np.arange(len(told)), best].astype(float)
        names = [target.classes[place] for place in best]
        return _living(frame.assign(prediction=names, score=scores, **columns))

    def publish(self) -> S3Uri:
        """Write what ``export`` writes beside the model, where Neptune ML's published helper looks; gives the place."""
        with tempfile.TemporaryDirectory() as folder:
            self.export(Path(folder))
            self.storage.upload(Path(folder), self.place)
        return self.place

    def export(self, folder: Path) -> list[Path]:
        """Write what there is into a folder: Parquet, and the files that Neptune ML's published helper reads.

        ``embeddings.parquet`` and ``predictions.parquet`` are the frames; ``embeddings/entity.npy``,
        ``predictions/result.npz`` (``infer_scores``) and ``mapping.json`` (``node2id``: row by id, by label) the rest.
        Raises InvalidParameter where the model keeps neither.
        """
        written, missing = [], []
        parts: tuple[tuple[Literal["embeddings", "predictions"], str], ...] = (
            ("embeddings", EMBEDDINGS),
            ("predictions", PREDICTIONS),
        )
        for name, path in parts:
            try:
                frame = self.embeddings() if name == "embeddings" else self.predictions()
            except InvalidParameter as error:
                missing.append(error)
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(folder / f"{name}.parquet", index=False)
            rows = self.array(name)
            if name == "embeddings":
                np.save(folder / path, rows, allow_pickle=False)
            else:
                np.savez(folder / path, infer_scores=rows)
            written += [folder / f"{name}.parquet", folder / path]
        if not written:
            raise missing[0]
        mapping = {label: {id: row for row, id in enumerate(names)} for label, names in self.ids().items()}
        (folder / IDS).write_text(json.dumps({"node2id": mapping}), encoding="utf-8")
        return [*written, folder / IDS]


def ids_in(storage: Storage, file: S3Uri) -> list[str]:
    """The ids of one label in the order of its rows."""
    import pyarrow as pa

    with pa.ipc.open_file(pa.py_buffer(storage.read(file))) as reader:
        return [str(id or "") for id in reader.read_all().column("id").to_pylist()]


def _living(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the rows of vertices that have left the graph, which have no id any more."""
    return frame[frame["id"].notna() & (frame["id"] != "")].reset_index(drop=True)
