"""A whole workflow described in one file, run so that nothing equal is done twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workflow.client.bolt.tables import database_tables, path_tables
from workflow.client.bolt.write_back import EndpointAnswers, write_back
from workflow.client.frames import answer_records
from workflow.client.job import GOOD, Job, Stage
from workflow.client.workflow import Watcher, Workflow
from workflow.client.workflow_file.description import WorkflowFile
from workflow.datasets import DATASETS
from workflow.drivers import BOLT
from workflow.errors import InvalidParameter, WorkflowError
from workflow.storage.uri import S3Uri

SHORT: dict[Stage, str] = {"dataprocessing": "dp", "modeltraining": "train", "endpoint": "ep"}
GONE = {400, 404}


@dataclass(frozen=True)
class StageResult:
    """What became of one stage.

    ``reused`` means an equal one had finished before, ``warnings`` are sentences, ``resource`` is what SageMaker knows
    its job, search or endpoint by.
    """

    stage: Stage
    id: str
    status: str
    reused: bool
    output: str | None
    warnings: list[str] = field(default_factory=list)
    resource: str | None = None


@dataclass(frozen=True)
class RunResult:
    """Every stage of a run, the metrics of the model and the answers to the queries, whole: records or values.

    ``written`` is how many predictions and embeddings the database has got, by their names there.
    """

    name: str
    stages: list[StageResult]
    metrics: dict[str, Any]
    answers: dict[str, list[Any]] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)


class WorkflowRun:
    """One execution of a workflow file.

    Jobs get ids made of the name and a hash of everything that went into them, so an equal stage is found again by
    asking the service for that id, whether it finished, still runs or was interrupted. Loads and exports get their ids
    from the service; ``memory`` keeps those, and how many seconds a job of each stage took.
    """

    def __init__(self, described: WorkflowFile, workflow: Workflow, memory: Path, watch: Watcher | None = None) -> None:
        self.described, self.workflow, self.watch = described, workflow, watch
        self._memory_path = memory
        self._memory: dict[str, dict[str, str]] = json.loads(memory.read_text()) if memory.exists() else {}
        self._results: list[StageResult] = []

    def execute(self) -> RunResult:
        """Run every stage that has no finished equal, in order. StageFailed ends it; a later run goes on from there."""
        described = self.described
        loaded = self._load() if described.load is not None else ""
        described.check_graph(self.workflow.graph_summary(), self.workflow.connection.query)
        request = described.export
        exported = self._remembered(
            "export", _key(request, loaded, self._graph_version()), lambda: self.workflow.export(**request)
        )
        key = _key(described.dataprocessing, exported.output)
        processed = self._job(
            "dataprocessing", key, lambda id: self.workflow.dataprocessing(exported, id=id, **described.dataprocessing)
        )
        training = described.training.model_dump()
        key = _key(training, key)
        trained = self._job("modeltraining", key, lambda id: self.workflow.training(processed, id=id, **training))
        endpoint = self._endpoint(_key(described.endpoint.model_dump(), key), trained)
        answers = {
            name: answer_records(self.workflow.connection.query(text.replace("{endpoint}", endpoint.id)))
            for name, text in described.queries.items()
        }
        written = self._write_back(trained, endpoint)
        return RunResult(described.name, self._results, self.workflow.metrics(trained), answers, written)

    def _write_back(self, trained: Job, endpoint: Job) -> dict[str, int]:
        """EndpointAnswers and embeddings into the database that the graph came from; equal ones are written again."""
        section = self.described.write
        if section is None:
            return {}
        artefacts, connection = self.workflow.artefacts(trained), self.workflow.connection
        said = EndpointAnswers(connection.cypher, endpoint.id, artefacts.description, section.limit)
        return write_back(str(self.described.load), section, said, artefacts.embeddings)

    # -- stages

    def _load(self) -> str:
        source = str(self.described.load)
        if source.startswith("s3://"):
            objects = self.workflow.storage.list(S3Uri.parse(source))
            listing = [(str(o.uri), o.size, str(o.modified)) for o in objects]
            key = _key(listing)
        elif urlsplit(source).scheme in BOLT:
            paths = self.described.paths
            nodes, edges = path_tables(source, paths) if paths else database_tables(source)
            key = _key([frame.to_csv() for frame in (*nodes, *edges)])
            self._remembered("load", key, lambda: self.workflow.load(nodes=nodes, edges=edges))
            return key
        else:
            folder = DATASETS[source].folder if source in DATASETS else Path(source).expanduser()
            files = sorted(f for f in folder.glob("*") if ".csv" in f.suffixes)
            if not files:
                raise InvalidParameter(f"load: there are no CSV files in {folder}.")
            key = _key([(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files])
            source = self.workflow.upload(files, key[:16])
        self._remembered("load", key, lambda: self.workflow.load(source))
        return key

    def _graph_version(self) -> str:
        """What tells one state of the graph from another: the last commit of its stream, or its counts."""
        try:
            last = self.workflow.connection.call("get_propertygraph_stream", iteratorType="TRIM_HORIZON", limit=1)
            latest = self.workflow.connection.call("get_propertygraph_stream", iteratorType="LATEST", limit=1)
            return json.dumps([last.get("lastTrxTimestamp"), latest.get("lastEventId")], sort_keys=True)
        except WorkflowError:
            summary = self.workflow.connection.call("get_propertygraph_summary", mode="basic")
            return json.dumps(summary.get("payload", {}).get("graphSummary"), sort_keys=True, default=str)

    def _remembered(self, stage: Stage, key: str, start: Callable[[], Job]) -> Job:
        """A stage whose id the service chose: found again through this run's memory."""
        known = self._memory.get(stage, {})
        if known.get("key") == key:
            job = self._existing(stage, known["id"])
            if job is not None:
                return self._follow(job, reused=job.status in GOOD)
        job = start()
        self._remember(stage, {"key": key, "id": job.id})
        return self._follow(job, reused=False)

    def _job(self, stage: Stage, key: str, start: Callable[[str], Job]) -> Job:
        """A stage whose id is derived from its inputs; a failed equal one is tried again under the next number."""
        for attempt in range(1, 100):
            id = f"{self.described.name}-{SHORT[stage]}-{key[:8]}" + (f"-{attempt}" if attempt > 1 else "")
            job = self._existing(stage, id)
            if job is None:
                return self._follow(start(id), reused=False)
            if job.status in GOOD or not job.done:
                return self._follow(job, reused=job.status in GOOD)
        raise InvalidParameter(f"{stage} of {self.described.name!r} failed 99 times with equal inputs; change them.")

    def _endpoint(self, key: str, trained: Job) -> Job:
        id = self.described.endpoint.id or f"{self.described.name}-ep"
        more = self.described.endpoint.model_dump(exclude={"id"})
        job = self._existing("endpoint", id)
        if job is not None and job.status not in ("Failed", "Deleting"):
            if self._memory.get("endpoint", {}).get("key") == key:
                return self._follow(job, reused=job.status in GOOD)
            started = self.workflow.endpoint(trained, id=id, update=True, **more)
        else:
            if job is not None:
                self.workflow.connection.call("delete_ml_endpoint", id=id)
            started = self.workflow.endpoint(trained, id=id, **more)
        self._remember("endpoint", {"key": key, "id": id})
        return self._follow(started, reused=False)

    def _remember(self, name: str, what: dict[str, str]) -> None:
        self._memory[name] = what
        self._memory_path.parent.mkdir(parents=True, exist_ok=True)
        self._memory_path.write_text(json.dumps(self._memory, indent=2))

    def _existing(self, stage: Stage, id: str) -> Job | None:
        """The job of that id, if there is one that has not failed for good."""
        try:
            job = self.workflow.status(stage, id)
        except WorkflowError as error:
            if error.status in GONE:
                return None
            raise
        if stage in ("load", "export") and job.done and job.status not in GOOD:
            return None
        return job

    def _follow(self, job: Job, *, reused: bool) -> Job:
        job = self.workflow.wait(job, watch=self.watch)
        self._results.append(StageResult(job.stage, job.id, job.status, reused, job.output, job.warnings, job.resource))
        if job.seconds is not None:
            self._remember("seconds", {**self._memory.get("seconds", {}), job.stage: str(job.seconds)})
        return job


def _key(*parts: Any) -> str:
    """A hash of everything that decides what a stage makes."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
