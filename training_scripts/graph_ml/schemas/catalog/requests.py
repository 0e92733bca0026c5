"""What the service asks of a process that works on projected graphs, and what that answers."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from ..base import Artefact
from .pipelines import PipelineDefinition

ANSWER_FILE: Final = "answer.json"


class NamesInDatabase(Artefact):
    """What the database calls the nodes of a projection, and the relationships that a model predicts.

    Attributes:
        ids: file of texts, shape (n,), empty for nodes that are gone.
        places: file of each node's place among ``types``, int64, shape (n,).
        types: of nodes, as training data name them.
        relationship: the type of the links that are predicted.
        training: id of the record under which the model is deployed.
    """

    ids: str
    places: str
    types: list[str]
    relationship: str = ""
    training: str = ""


class AnalysisRequest(Artefact):
    """One piece of work. Folders are absolute.

    Attributes:
        work: run an algorithm, train a pipeline, predict with a model, or make of it one that endpoints serve.
        graph: folder of the projected graph.
        output: folder for the answer; of a training, and of what endpoints serve, the folder of the model.
        progress: file that says how far the work is.
        algorithm: its name, where one is run.
        options: of the algorithm or of the procedure, complete.
        pipeline: what is to be trained.
        model: folder of the model that predicts.
        names: of the nodes, for what endpoints serve.
    """

    work: Literal["algorithm", "train", "predict", "serve"]
    graph: str
    output: str
    progress: str
    algorithm: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    pipeline: PipelineDefinition | None = None
    model: str = ""
    names: NamesInDatabase | None = None


class AnalysisAnswer(Artefact):
    """The answer, in the output folder.

    Attributes:
        columns: file of each column's array, a row a node or pair.
        lists: columns of unequal lists.
        summary: what is said of the whole.
        compute_millis: how long the work itself took.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    lists: dict[str, list[list[Any]]] = Field(default_factory=dict)
    summary: dict[str, Any] = Field(default_factory=dict)
    compute_millis: int = 0


class AnalysisDone(Artefact):
    """One line of the process: the work is done, or why it is not.

    Attributes:
        failure: a sentence for the user, None after success.
        defect: whether the failure is a fault of this software, not of the request.
    """

    failure: str | None = None
    defect: bool = False
