"""The staged workflow as one object: load, export, process, train, deploy, ask."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from training_scripts.graph_ml.schemas import files
from workflow.client.checks.exports import problems_of_body, problems_of_export
from workflow.client.checks.graph import problems_of_graph
from workflow.client.checks.problems import nearest, refuse
from workflow.client.checks.queries import may_change
from workflow.client.connection import DEFAULT_URL, Connection, ServiceError
from workflow.client.frames import answer_frame, write_neptune_csv
from workflow.client.hyperparameters import set_hyperparameters
from workflow.client.job import GOOD, Job, Stage
from workflow.client.predictions.artefacts import ModelArtefacts
from workflow.client.predictions.frames import predictions_frame
from workflow.client.predictions.questions import PredictionQuestion, asked_of, ids_of, names_of, records
from workflow.client.progress import shown
from workflow.client.reports import MODEL_REPORT, REPORT, Report
from workflow.client.service_storage import not_seen, service_storage
from workflow.client.tables import Keys, check_against_graph, check_ids, edge_tables, node_tables
from workflow.errors import InvalidParameter, MLResourceNotFound, StorageError, WorkflowError
from workflow.neptune import Kind, operation_of
from workflow.neptune.operations import Verb
from workflow.predictions.reasons import PREDICTING, reasons, words_in_vain
from workflow.predictions.reports import ids_in_report, named_report
from workflow.storage.base import Storage
from workflow.storage.uri import S3Uri

if TYPE_CHECKING:
    import pandas as pd

    from workflow.client.graph_science import GraphScience

Watcher = Callable[[Stage, Mapping[str, Any]], None]
STAGES: tuple[Stage, ...] = get_args(Stage)
FIRST_LOOK_S = 0.02  # between the first looks at a stage

# stages whose jobs are those of an operation's kind
KINDS: dict[Stage, Kind] = {
    "dataprocessing": "dataprocessing",
    "modeltraining": "modeltraining",
    "modeltransform": "modeltransform",
    "endpoint": "endpoints",
}


def _operations(verb: Verb) -> dict[Stage, str]:
    """What boto3 calls the operation, by stage."""
    return {stage: operation_of(kind, verb).python_name for stage, kind in KINDS.items()}


STATUS_OPERATION, LIST_OPERATION, STOP_OPERATION = _operations("get"), _operations("list"), _operations("stop")


class StageFailed(WorkflowError):
    """A stage ended in a state other than the one waited for; the reason is the service's own."""

    code, status = "PreconditionsFailedException", 400

    def __init__(self, stage: str, id: str, state: str, reason: str | None) -> None:
        super().__init__(f"{stage} {id} ended as {state}: {reason or 'no reason was given'}")
        self.stage, self.id, self.state, self.reason = stage, id, state, reason


class StageTimeout(WorkflowError):
    """Waiting was given up; the stage itself goes on."""

    code, status = "ClientTimeoutException", 408

    def __init__(self, stage: str, id: str, timeout_s: float) -> None:
        super().__init__(
            f"{stage} {id} did not end within {timeout_s:.0f} s; it goes on. Wait longer, or ask for its status later."
        )
        self.stage, self.id = stage, id


class Workflow:
    """The stages of Neptune ML against one service, this one's or a Neptune cluster's.

    Every method that starts a stage returns at once with a ``Job``; ``wait`` follows one to its end. A stage that is
    given a job which still runs waits for it, and an export for the loads that were started here. Locations default to
    prefixes under ``bucket``.

    Args:
        url: of the service or cluster, or a ``Connection``.
        bucket: an s3:// prefix for everything the stages write.
        storage: how this process reads those addresses; by default as the service says, else the environment.
    """

    def __init__(
        self, url: str | Connection = DEFAULT_URL, *, bucket: str = "s3://despina", storage: Storage | None = None
    ) -> None:
        self.connection = url if isinstance(url, Connection) else Connection(url)
        self.bucket = S3Uri.parse(bucket)
        self._storage = storage
        self._uploads: set[str] = set()
        self._loads: list[Job] = []

    @property
    def storage(self) -> Storage:
        """How this process reads and writes the service's s3:// addresses."""
        if self._storage is None:
            self._storage = service_storage(self.connection)
        return self._storage

    # -- stages

    def upload(self, files: Iterable[Path], name: str | None = None) -> str:
        """Copy local files below the bucket; returns the prefix, for ``load``. ``name`` tells uploads apart."""
        prefix = self.bucket / "load" / (name or uuid.uuid4().hex)
        for file in files:
            self.storage.write(prefix / file.name, file.read_bytes())
        self._uploads.add(str(prefix))
        return str(prefix)

    def load(
        self,
        source: str | Mapping[str, Any] | None = None,
        *,
        nodes: Any = None,
        edges: Any = None,
        key: Keys = None,
        ids: Literal["prefix"] | None = None,
        replace: bool = False,
        format: str = "csv",
        iam_role_arn: str = "arn:aws:iam::000000000000:role/NeptuneLoadFromS3",
        fail_on_error: bool = True,
    ) -> Job:
        """Load a graph: an s3:// prefix of Neptune CSV, or frames (pandas, or any other that Narwhals knows).

        A dictionary of tables has a table a label: ``{"customer": frame, "product": frame}``, with the column of ids in
        ``key`` (one name, or one a label), and ``edges={"bought": (frame, "customer_id", "product_id")}``. Equal ids of
        two tables are refused, or told apart with ``ids="prefix"``, which makes ``customer:1`` of 1.

        ``nodes`` and ``edges`` are one frame each, or lists of them, with the columns ``~id`` and ``~label``, edges
        ``~from`` and ``~to`` as well; further columns are properties, typed by their dtype unless the name carries a
        type (``age:Int``), lists and arrays several values. Edges without ``~id`` get ids that no other load gives.

        An id that the graph has under another label is refused. A vertex may have several values of a property, so what
        a corrected row says stands beside what the graph has, which is warned of, and with ``replace`` in its place
        (lists are joined in either case); edges have one value, and another is refused without ``replace``.
        """
        of_frames = False
        if ids not in (None, "prefix"):
            raise InvalidParameter(f'ids is {ids!r}; write ids="prefix", or leave it out.')
        if isinstance(source, Mapping):
            tables, source = source, None
            nodes = node_tables(tables, key, ids)
            edges = edge_tables(edges, list(tables), ids) if isinstance(edges, Mapping) else edges
        if not isinstance(source, str | None):
            raise InvalidParameter(
                "Frames have names: write wf.load(nodes=FRAME, edges=FRAME), or wf.load({LABEL: FRAME})."
            )
        if isinstance(edges, Mapping):
            raise InvalidParameter(
                "Edges as a dictionary go with a dictionary of tables: write wf.load({LABEL: FRAME}, edges={LABEL: "
                "(FRAME, COLUMN, COLUMN)})."
            )
        if source is not None and "://" not in source and not source.startswith("/"):
            raise InvalidParameter(
                f"{source!r} is no address that the service can read; write s3://bucket/folder, or hand the files "
                "over: wf.load(wf.upload(Path(FOLDER).iterdir()))."
            )
        if (source is None) == (nodes is None and edges is None):
            raise InvalidParameter(
                "Name either a source or frames of nodes and edges to load, not both and not neither."
            )
        if source is None:
            source, of_frames = self._upload_frames(_several(nodes), _several(edges), replace), True
        try:
            answer = self.connection.call(
                "start_loader_job",
                source=source,
                format=format,
                s3BucketRegion=self.connection.region,
                iamRoleArn=iam_role_arn,
                failOnError=fail_on_error,
                updateSingleCardinalityProperties=replace or None,
                # a text without letters is a value of a frame, and nothing in a file
                parserConfiguration={"allowEmptyStrings": "TRUE"} if of_frames else None,
            )
        except ServiceError as error:
            if error.code == StorageError.code and source in self._uploads:
                raise not_seen(self.connection, self.storage, source) from error
            raise
        self._loads.append(self.status("load", answer["payload"]["loadId"]))
        return self._loads[-1]

    def _upload_frames(self, nodes: Sequence[Any], edges: Sequence[Any], replace: bool) -> str:
        """Write frames where the service reads them. Raises InvalidParameter before anything is written."""
        check_ids(nodes)
        there = 0
        if labels := self.graph_summary().get("nodeLabels"):
            there = check_against_graph(nodes, labels, self.connection.query)
        if there and not replace:
            warnings.warn(
                f"{there} of the vertices are in the graph already: what is loaded stands beside the values they have. "
                "Load them with replace=True to have it in their place.",
                stacklevel=3,
            )
        token = uuid.uuid4().hex
        kinds: tuple[tuple[str, Sequence[Any]], ...] = (("nodes", nodes), ("edges", edges))
        files = {
            f"{kind}-{number}.csv": write_neptune_csv(
                frame, kind=kind, first=f"e-{token[:12]}-{number}.", replace=replace
            )
            for kind, frames in kinds
            for number, frame in enumerate(frames)
        }
        prefix = self.bucket / "load" / token
        for name, data in files.items():
            self.storage.write(prefix / name, data)
        self._uploads.add(str(prefix))
        return str(prefix)

    def export(
        self, body: Mapping[str, Any] | None = None, *, params: Mapping[str, Any] | None = None, **neptune_ml: Any
    ) -> Job:
        """Export the graph for training: a whole request body, or the members of ``additionalParams.neptune_ml``.

        ``params`` choose what is exported, such as ``{"gremlinNodeFilter": "has('age', gt(30))"}``. Members, labels and
        properties are looked at first: InvalidParameter names all that are wrong.

        >>> wf.export(targets=[{"edge": ["User", "FRIEND", "User"], "type": "link_prediction"}])  # doctest: +SKIP
        """
        if body is not None and (params is not None or neptune_ml):
            raise InvalidParameter("Name a whole body or its members, not both.")
        refuse(problems_of_export(neptune_ml, params) if body is None else problems_of_body(body))
        while self._loads:
            self.ended(self._loads.pop())
        asked = neptune_ml if body is None else (body.get("additionalParams") or {}).get("neptune_ml") or {}
        if isinstance(asked, Mapping):
            above = () if body is None else ("additionalParams", "neptune_ml")
            found = problems_of_graph(asked, self.graph_summary(), self.connection.query)
            refuse(one.below(*above) for one in found)
        request = export_request(self.bucket, self.connection.url, params, neptune_ml) if body is None else dict(body)
        answer = self.connection.http("POST", self.connection.export_url, request)
        return self.status("export", answer["jobId"])

    def dataprocessing(self, source: Job | str, *, id: str | None = None, **more: Any) -> Job:
        """Turn an export (its job or its s3:// address) into a training graph.

        ``more`` are further members of Neptune's request, here and below.
        """
        ended = self._ended(source, "export")
        location = ended if isinstance(ended, str) else _location(ended)
        answer = self.connection.call(
            "start_ml_data_processing_job",
            **{"processedDataS3Location": str(self.bucket / "preloading"), "inputDataS3Location": location, "id": id}
            | more,
        )
        return self.status("dataprocessing", answer["id"])

    def training(
        self,
        processed: Job | str,
        *,
        id: str | None = None,
        trials: int = 4,
        parallel: int = 2,
        hyperparameters: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Job:
        """Train with hyperparameter tuning and keep the best of ``trials``.

        ``hyperparameters`` says what is tried: ``{"num-hidden": "64..256", "lr": [0.01, 0.003], "num-layer": 2}`` for a
        range, a choice and one value. It is written into the ``model-hpo-configuration.json`` of the data processing,
        where later trainings find it too. Raises InvalidParameter for what the model does not have.
        """
        processed = self._ended(processed, "dataprocessing")
        if hyperparameters:
            described = self.status("dataprocessing", _id(processed))
            set_hyperparameters(self.storage, described, hyperparameters, more.get("modelName"))
        answer = self.connection.call(
            "start_ml_model_training_job",
            **{
                "dataProcessingJobId": _id(processed),
                "trainModelS3Location": str(self.bucket / "training"),
                "id": id,
                "maxHPONumberOfTrainingJobs": trials,
                "maxHPOParallelTrainingJobs": parallel,
            }
            | more,
        )
        return self.status("modeltraining", answer["id"])

    def _ended(self, job: Job | str, *stages: Stage) -> Job | str:
        """As ``ended``, for what must be a job of certain stages."""
        if isinstance(job, Job) and job.stage not in stages:
            raise InvalidParameter(f"{job.id} is a job of {job.stage}; give one of {' or '.join(stages)}.")
        return self.ended(job)

    def transform(self, processed: Job | str, trained: Job | str, *, id: str | None = None, **more: Any) -> Job:
        """Recompute a trained model's artefacts on a newer processed graph, without training again."""
        processed, trained = self._ended(processed, "dataprocessing"), self._ended(trained, "modeltraining")
        answer = self.connection.call(
            "start_ml_model_transform_job",
            **{
                "dataProcessingJobId": _id(processed),
                "mlModelTrainingJobId": _id(trained),
                "modelTransformOutputS3Location": str(self.bucket / "transform"),
                "id": id,
            }
            | more,
        )
        return self.status("modeltransform", answer["id"])

    def endpoint(self, model: Job | str, *, id: str | None = None, update: bool = False, **more: Any) -> Job:
        """Deploy the best model of a training job, or the output of a transform job."""
        model = self._ended(model, "modeltraining", "modeltransform")
        transformed = isinstance(model, Job) and model.stage == "modeltransform"
        key = "mlModelTransformJobId" if transformed else "mlModelTrainingJobId"
        answer = self.connection.call(
            "create_ml_endpoint", **{key: _id(model), "id": id, "update": update or None} | more
        )
        return self.status("endpoint", answer["id"])

    # -- following

    def status(self, stage: Stage, id: str) -> Job:
        """The state of a stage as the service tells it now."""
        if stage not in STAGES:
            raise InvalidParameter(f"{stage!r} is no stage{nearest(stage, STAGES)}")
        try:
            return self._seen(stage, id)
        except ServiceError as error:
            if stage not in STATUS_OPERATION or error.status != MLResourceNotFound.status:
                raise
            there = self.ids_of_stage(stage, 100)
            known = nearest(id, there) if there else "; there is none yet"
            if stage == "endpoint" and not there:
                known = "; there is none: deploy a model with wf.endpoint(training)"
            raise ServiceError(f"There is no {stage} {id!r}{known}", error.code, error.status) from error

    def _seen(self, stage: Stage, id: str) -> Job:
        """As ``status``, with the service's own words where there is no such job."""
        if stage == "export":
            answer = self.connection.http("GET", f"{self.connection.export_url}/{id}")
            return Job(stage, id, str(answer["status"]), answer)
        if stage == "load":
            answer = self.connection.call("get_loader_job_status", loadId=id, details=True, errors=True)["payload"]
            return Job(stage, id, str(answer["overallStatus"]["status"]), answer)
        answer = self.connection.call(STATUS_OPERATION[stage], id=id)
        return Job(stage, id, str(answer["status"]), answer)

    def find(self, id: str) -> list[Job]:
        """Every job and endpoint with an id, which is unique only within a stage. Raises MLResourceNotFound."""
        found = []
        for stage in STATUS_OPERATION:
            try:
                found.append(self._seen(stage, id))
            except WorkflowError as error:
                if error.status != MLResourceNotFound.status:
                    raise
        if not found:
            raise MLResourceNotFound(f"No job or endpoint has the id {id!r}; `despina status` lists those there are.")
        return found

    def stop(self, stage: Stage, id: str, *, clean: bool = False) -> str:
        """Stop a job or delete an endpoint, with ``clean`` its artefacts too; returns what the service says."""
        answer = self.connection.call(STOP_OPERATION[stage], id=id, clean=clean or None)
        return str(answer.get("status", "stopped"))

    def wait(
        self,
        job: Job | str,
        *,
        timeout_s: float = 24 * 3600,
        interval_s: float = 0.5,
        watch: Watcher | Literal["shown"] | None = "shown",
    ) -> Job:
        """Follow a stage, or the only one with an id, to its end.

        StageFailed carries the reason; StageTimeout leaves the stage running.

        Looks are close in the beginning, and ``interval_s`` apart where the stage takes long. ``watch`` is called at
        each; by default a notebook or a terminal shows how far the stage is.
        """
        if isinstance(job, str):
            job, *others = self.find(job)
            if others:
                stages = ", ".join(one.stage for one in (job, *others))
                raise InvalidParameter(
                    f"{job.id!r} is the id of several: wait for wf.status(STAGE, ID) with one of {stages}."
                )
        if watch == "shown":
            with shown() as look:
                return self.wait(job, timeout_s=timeout_s, interval_s=interval_s, watch=look)
        began = time.monotonic()
        while True:
            job = self.status(job.stage, job.id)
            if watch is not None:
                watch(job.stage, {**job.detail, "status": job.status})
            if job.done:
                if job.status not in GOOD:
                    raise StageFailed(job.stage, job.id, job.status, job.failure_reason or _load_errors(job))
                return job
            waited = time.monotonic() - began
            if waited > timeout_s:
                raise StageTimeout(job.stage, job.id, timeout_s)
            time.sleep(min(interval_s, max(FIRST_LOOK_S, waited / 8)))

    @overload
    def ended(self, job: Job) -> Job: ...
    @overload
    def ended(self, job: Job | str) -> Job | str: ...
    def ended(self, job: Job | str) -> Job | str:
        """A job after it has ended, waited for where it still runs; an id as it is. Raises what ``wait`` raises."""
        if not isinstance(job, Job) or job.done:
            return job
        now = self.status(job.stage, job.id)
        return self.wait(now, watch=None if now.done else "shown")

    def graph_summary(self) -> dict[str, Any]:
        """Labels and properties of the graph, and how many there are; nothing where the service has none that is fresh.

        A gateway tells of no graph, and a Neptune cluster's statistics may be a day old.
        """
        with contextlib.suppress(WorkflowError):
            if self._is_despina:
                answer = self.connection.call("get_propertygraph_summary", mode="detailed")
                return dict((answer.get("payload") or {}).get("graphSummary") or {})
        return {}

    # -- removing

    def reset(self) -> None:
        """Remove every vertex and edge of the service's graphs; jobs, models and endpoints stay."""
        token = self.connection.call("execute_fast_reset", action="initiateDatabaseReset")["payload"]["token"]
        self.connection.call("execute_fast_reset", action="performDatabaseReset", token=token)

    def delete(self, id: str, *stages: Stage) -> list[Job]:
        """Delete the endpoints and the files of the jobs with an id, or of those of these stages only.

        Returns what was deleted, endpoints first. Raises MLResourceNotFound.
        """
        found = [job for job in reversed(self.find(id)) if not stages or job.stage in stages]
        if not found:
            raise MLResourceNotFound(
                f"No {' or '.join(stages)} has the id {id!r}; `despina status` lists what there is."
            )
        for job in found:
            self.stop(job.stage, job.id, clean=job.stage != "endpoint")
        return found

    # -- answers

    def query(self, text: str, bindings: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Gremlin text, answered as a DataFrame: maps become columns, anything else one column ``value``.

        Words of Neptune ML that have no effect are warned of, and why a query that predicts found nothing.
        """
        for sentence in words_in_vain(text):
            warnings.warn(sentence, stacklevel=2)
        results = self.connection.query(text, bindings)
        if not results and not bindings and PREDICTING.search(text):
            for sentence in self.why_empty(text):
                warnings.warn(f"The query found nothing: {sentence}", stacklevel=2)
        return answer_frame(results)

    def why_empty(self, text: str) -> list[str]:
        """Why a query with a prediction in it has no results: such as a vertex that is not there, or came too late.

        It is asked once more for that; of one that writes nothing is said.
        """
        return [] if may_change(text) else reasons(self.connection.query, text)

    def cypher(self, text: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """openCypher, answered as a DataFrame with its columns; elements are maps with ``~id``, as Neptune has it."""
        return answer_frame(self.connection.cypher(text, parameters))

    def predict(
        self,
        endpoint: Job | str,
        items: Any = None,
        *,
        key: str | None = None,
        ids: Literal["prefix"] | None = None,
        limit: int | None = None,
        threshold: float | None = None,
        inductive: bool | None = None,
        **more: Any,
    ) -> pd.DataFrame:
        """What a model says of vertices or edges, for each of the five tasks one frame, in the order asked.

        Columns: ``id``, ``name`` (of a vertex that has one; of an edge ``from`` and ``to``), ``prediction``, for links
        also its name, ``low`` and ``high`` of numbers (nine of ten new ones lie between, where the model was judged on
        enough), ``score`` where there is one, and ``reason`` where some input has no answer.

        Args:
            endpoint: its job or id.
            items: ids, or a frame with a column of them; None asks about everything that the model is for.
            key: the frame's column, ``~id`` or ``id`` by default. ``ids="prefix"`` as in ``load``.
            limit: partners of links (10), or classes (1).
            threshold: leave out what scores less.
            inductive: send the live neighbourhood; by default for what the model has not seen.
            more: ``relation`` and ``way`` (``"in"`` asks where links come from) of links, ``property`` where a model
                has several, ``display`` for the property that names vertices (as ``DESPINA_DISPLAY``); of a Neptune
                cluster also ``task``, ``label`` and ``partner``, since it does not describe its models.
        """
        deployed = self.status("endpoint", _id(self._ended(endpoint, "endpoint")))
        model = (deployed.detail.get("details") or {}).get("model") or {}
        asked = asked_of(deployed.id, model, limit=limit, threshold=threshold, inductive=inductive, **more)
        label = asked.label if not asked.of_links else model["targets"][0]["edge_type"][0 if asked.way == "out" else 2]
        if ids not in (None, "prefix"):
            raise InvalidParameter(f'ids is {ids!r}; write ids="prefix", or leave it out.')
        wanted = ids_of(items, key=key, prefix=label if ids == "prefix" else None)
        return predictions_frame(list(records(self.connection.query, asked, wanted)))

    @property
    def graph_science(self) -> GraphScience:
        """Graph algorithms and prediction pipelines of this service; a Neptune cluster has none."""
        from workflow.client.graph_science import GraphScience  # most clients do without

        return GraphScience(self.connection)

    def predict_links(
        self, endpoint: Job | str, sources: Sequence[str] | str, edge_label: str, target_label: str, limit: int = 10
    ) -> pd.DataFrame:
        """The vertices most likely linked from each source, best first: ``source``, ``target`` and ``score``."""
        text = PredictionQuestion(_id(endpoint), "link_prediction", edge_label, partner=target_label, limit=limit)
        asked = replace(text, scored=self._is_despina)  # a Neptune cluster gives links no scores
        rows = records(self.connection.query, asked, ids_of(sources))
        columns = {"id": "source", "prediction": "target", "score": "score"}
        found = [{new: row[old] for old, new in columns.items() if old in row} for row in rows if "prediction" in row]
        return predictions_frame(found, tuple(columns.values()) if asked.scored else ("source", "target"))

    @cached_property
    def _is_despina(self) -> bool:
        return str(self.connection.call("get_engine_status").get("dbEngineVersion", "")).startswith("despina")

    def artefacts(self, model: Job | str) -> ModelArtefacts:
        """Vectors and answers that a model keeps for every vertex: ``.embeddings()`` and ``.predictions()`` are frames.

        ``model`` is a training or transform job, or the id of a training job.
        """
        job = self.status("modeltraining", model) if isinstance(model, str) else model
        self._ended(job, "modeltraining", "modeltransform")
        return ModelArtefacts(self.storage, S3Uri.parse(_location(job)))

    def artefact(self, job: Job, name: str) -> S3Uri:
        """Where one artefact of a stage lies, such as ``report.html``."""
        return S3Uri.parse(_location(job)) / name

    def report(self, job: Job) -> Report:
        """What a finished stage tells people; a notebook shows it in place.

        Raises InvalidParameter where there is none, or where this process does not see the service's storage.
        """
        place = S3Uri.parse(_location(job))
        try:
            pages = [self.storage.read(place / REPORT)]
        except StorageError as error:
            raise InvalidParameter(
                f"There is no {REPORT} to be read at {place}. If the service keeps its files in another folder than "
                f"this process, give both the same DESPINA_HOME, or open the report on the page of the service, "
                f"{self.connection.url}."
            ) from error
        with contextlib.suppress(StorageError):
            pages.append(self.storage.read(place / MODEL_REPORT))
        return Report(tuple(self._with_names(page.decode()) for page in pages))

    def _with_names(self, page: str) -> str:
        """A report with the names that its vertices have in the graph, where it can be asked."""
        ids = ids_in_report(page)
        if not ids:
            return page
        with contextlib.suppress(WorkflowError):
            return named_report(page, names_of(self.connection.query, ids))
        return page

    def metrics(self, trained: Job) -> dict[str, Any]:
        """How good the best model is: ``splits`` (``valid``, ``test``) and the simple ``floors`` on the same ones.

        A Neptune cluster writes no floors; its two metric files are read instead.
        """
        try:
            return dict(json.loads(self.storage.read(self.artefact(trained, files.METRICS))))
        except StorageError:
            splits: dict[str, Any] = {}
        for split, name in (("valid", "eval_metrics_info.json"), ("test", "test_metrics_info.json")):
            with contextlib.suppress(StorageError):
                splits[split] = json.loads(self.storage.read(self.artefact(trained, name)))
        return {"splits": splits, "floors": {}}

    def jobs(self, *stages: Stage) -> pd.DataFrame:
        """Every load, export, job and endpoint of the service, or those of some stages, newest first within each.

        Columns: ``stage``, ``id``, ``status``, ``started`` and ``ended`` (UTC), ``took_s``, ``size_bytes`` (what it
        wrote) and ``note``: of a running job how far it is, of a failed one why, of a trained one its metric.
        """
        import pandas as pd

        columns = ("stage", "id", "status", "started", "ended", "took_s", "size_bytes", "note")
        rows = [[getattr(job, name) for name in columns] for stage in stages or STAGES for job in self.of_stage(stage)]
        frame = pd.DataFrame(rows, columns=list(columns))
        moments = {name: pd.to_datetime(frame[name], utc=True) for name in ("started", "ended")}
        return frame.assign(**moments, size_bytes=frame["size_bytes"].astype("Int64"))

    def of_stage(self, stage: Stage) -> list[Job]:
        """The jobs of a stage, newest first, at most 100."""
        return [self.status(stage, id) for id in self.ids_of_stage(stage, 100)]

    def ids_of_stage(self, stage: Stage, most: int = 1000) -> list[str]:
        """The ids of a stage's jobs, newest first; of exports those of this service, for AWS's own lists none."""
        if stage == "load":
            found = self.connection.call("list_loader_jobs", limit=min(most, 100))["payload"].get("loadIds", [])
        elif stage == "export":
            found = self.connection.http("GET", self.connection.export_url).get("ids", []) if self._is_despina else []
        else:
            found = self.connection.call(LIST_OPERATION[stage], maxItems=most).get("ids", [])
        return [str(id) for id in found[:most]]


def export_request(
    bucket: S3Uri, endpoint: str, params: Mapping[str, Any] | None, neptune_ml: Mapping[str, Any]
) -> dict[str, Any]:
    """What the export service is asked for.

    Args:
        params: choose what is exported.
        neptune_ml: members of ``additionalParams.neptune_ml``.
    """
    return {
        "command": "export-pg",
        "outputS3Path": str(bucket / "export"),
        "params": {"endpoint": endpoint, "profile": "neptune_ml", **(params or {})},
        "additionalParams": {"neptune_ml": {"version": "v2.0", **neptune_ml}},
    }


def _several(frames: Any) -> list[Any]:
    return list(frames) if isinstance(frames, list | tuple) else [] if frames is None else [frames]


def _id(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


def _location(job: Job) -> str:
    if job.output is None:
        raise InvalidParameter(f"{job.stage} {job.id} is {job.status} and has no output yet; wait for it first.")
    return job.output


def _load_errors(job: Job) -> str | None:
    errors = (job.detail.get("errors") or {}).get("errorLogs") or []
    return (
        "; ".join(f"{e.get('fileName')}, record {e.get('recordNum')}: {e.get('errorMessage')}" for e in errors[:3])
        or None
    )
