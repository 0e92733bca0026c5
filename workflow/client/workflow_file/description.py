"""The file that ``despina run`` reads: every word is looked at before any work, and all that is wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from training_scripts.graph_ml.schemas import TaskType
from workflow.client.checks.exports import problems_of_export
from workflow.client.checks.graph import problems_of_graph
from workflow.client.checks.hyperparameters import problems_of_hyperparameters, task_of
from workflow.client.checks.members import problems_of_members
from workflow.client.checks.problems import Place, Problem, nearest, shown
from workflow.client.checks.queries import problems_of_query
from workflow.datasets import DATASETS
from workflow.drivers import BOLT
from workflow.errors import InvalidParameter

Places = dict[Place, tuple[int, int]]

# members of the file's sections beside those of Neptune's request, and those that a run chooses itself
_OWN = {"dataprocessing": set[str](), "training": {"trials", "parallel", "hyperparameters"}, "endpoint": {"id"}}
_REQUESTS = {
    "dataprocessing": "StartMLDataProcessingJob",
    "training": "StartMLModelTrainingJob",
    "endpoint": "CreateMLEndpoint",
}
_CHOSEN = {
    *("id", "inputDataS3Location", "dataProcessingJobId", "mlModelTrainingJobId", "mlModelTransformJobId", "update"),
    *("maxHPONumberOfTrainingJobs", "maxHPOParallelTrainingJobs"),
}


class TrainingSection(BaseModel):
    """How much to try; further members go into Neptune's request as they are."""

    model_config = ConfigDict(extra="allow", defer_build=True)
    trials: int = Field(4, ge=1)
    parallel: int = Field(2, ge=1)


class EndpointSection(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)
    id: str | None = None


class WriteSection(BaseModel):
    """What goes back into the database that the graph came from.

    ``as`` is the type of predicted relationships, or the property that predicted classes and numbers become; of links
    there are up to ``limit`` a vertex. ``embeddings`` is the property for the vectors of vertices.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)
    name: str | None = Field(None, alias="as", min_length=1)
    limit: int = Field(10, ge=1, le=1000)
    embeddings: str | None = Field(None, min_length=1)


class WorkflowFile(BaseModel):
    """What ``despina run`` reads.

    ``load`` is a bundled graph, a local folder, an s3:// prefix or a bolt:// address, which ``source`` is another word
    for; left out, the graph is taken as it stands. ``paths`` are openCypher queries to that address, by the label of
    what they make: of two nodes an edge, of values alone a vertex, one a row; nothing else is loaded then.
    ``export`` is what Neptune calls ``additionalParams.neptune_ml``; its ``params`` choose what is exported.
    ``write`` names what goes back into a bolt:// source: ``as``, ``limit``, ``embeddings``.
    ``queries`` are Gremlin text in which ``{endpoint}`` stands for the endpoint's id.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)
    name: str = Field(pattern=r"^[a-zA-Z0-9](-?[a-zA-Z0-9])*$", max_length=24)
    bucket: str = "s3://despina"
    load: str | None = Field(None, validation_alias=AliasChoices("load", "source"))
    paths: dict[str, str] = {}
    export: dict[str, Any]
    dataprocessing: dict[str, Any] = {}
    training: TrainingSection = Field(default_factory=lambda: TrainingSection(trials=4, parallel=2))
    endpoint: EndpointSection = Field(default_factory=EndpointSection)
    queries: dict[str, str] = {}
    write: WriteSection | None = None
    _path: Path | None = PrivateAttr(None)
    _places: Places = PrivateAttr(default_factory=dict)

    @property
    def task(self) -> TaskType:
        """What the first target of the export is to be learnt as; links where there is none."""
        jobs = self.export.get("jobs") or [self.export]
        targets = jobs[0].get("targets") or [{}]
        return task_of(targets[0] if isinstance(targets, list) else targets) or "link_prediction"

    @classmethod
    def read(cls, path: Path) -> WorkflowFile:
        """Read and check a file. Raises InvalidParameter with a line for each thing that is wrong, and where."""
        import yaml  # the other commands read none

        try:
            text = path.read_text()
        except FileNotFoundError as error:
            raise InvalidParameter(f"There is no file {path}.") from error
        try:
            tree = yaml.compose(text, yaml.SafeLoader)
            described = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
            raise InvalidParameter(f"{path}{where} is not YAML: {getattr(error, 'problem', error)}") from error
        places: Places = {}
        problems = [Problem(at, sentence) for at, sentence in _walk(tree, (), places)]
        file: WorkflowFile | None = None
        try:
            file = cls.model_validate(described)
        except ValidationError as error:
            complaints = error.errors(include_url=False, include_context=False)
            # where load is there, source is no member; the checks below say why
            complaints = [complaint for complaint in complaints if complaint["loc"] != ("source",)]
            problems += [Problem(tuple(complaint["loc"]), _in_words(complaint, cls)) for complaint in complaints]
        if isinstance(described, dict):
            problems += problems_of_file(described)
        if problems or file is None:
            raise InvalidParameter("\n".join(_lines(path, problems, places)))
        file._path, file._places = path, places
        return file

    def check_graph(self, summary: Mapping[str, Any], run: Callable[[str], list[Any]] | None = None) -> None:
        """Compare labels and properties of targets and features with what is in the graph.

        Raises InvalidParameter naming every one that is not there, and where, with the nearest that is.
        """
        problems = [one.below("export") for one in problems_of_graph(self.export, summary, run)]
        if problems:
            raise InvalidParameter("\n".join(_lines(self._path, problems, self._places)))


def problems_of_file(described: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong beyond the shape of the file: every member of every section, at every level."""
    for section, operation in _REQUESTS.items():
        given = described.get(section)
        if isinstance(given, Mapping):
            own = _OWN[section]
            for problem in problems_of_members(operation, given, own, _CHOSEN - own):
                yield problem.below(section)
    export = described.get("export")
    if isinstance(export, Mapping):
        request = {name: value for name, value in export.items() if name != "params"}
        for problem in problems_of_export(request, export.get("params")):
            yield problem.below("export")
        if "targets" not in request and "jobs" not in request:
            example = "targets: [{node: LABEL, property: KEY, type: classification}]"
            yield Problem(("export",), f"says nothing to predict; write {example}, or let `despina init` write it")
        yield from _of_training(described, request)
    endpoint = described.get("endpoint")
    id = endpoint.get("id") if isinstance(endpoint, Mapping) else None
    if id is not None:
        for problem in problems_of_members("CreateMLEndpoint", {"id": id}):
            yield problem.below("endpoint")
    queries = described.get("queries")
    for name, text in queries.items() if isinstance(queries, Mapping) else ():
        if isinstance(text, str):
            for sentence in problems_of_query(text.replace("{endpoint}", "endpoint")):
                yield Problem(("queries", str(name)), sentence)
    if "load" in described and "source" in described:
        yield Problem(("source",), "is another word for load; give one of them")
    bucket = described.get("bucket")
    if isinstance(bucket, str) and not bucket.startswith("s3://"):
        yield Problem(("bucket",), f"is {bucket!r}; write s3://NAME")
    write = described.get("write")
    if isinstance(write, Mapping) and "limit" in write and not write.get("as"):
        yield Problem(("write", "limit"), "is of predicted links; name what they become with as")
    yield from _of_jobs(described)
    source = described.get("load", described.get("source"))
    over_bolt = urlsplit(str(source)).scheme in BOLT
    if described.get("paths") and not over_bolt:
        yield Problem(("paths",), "are queries to a database over Bolt; name its address with source: bolt://HOST:PORT")
    if described.get("write") and not over_bolt:
        yield Problem(("write",), "goes to a database over Bolt; name its address with source: bolt://HOST:PORT")
    if (
        isinstance(source, str)
        and "://" not in source
        and source not in DATASETS
        and not Path(source).expanduser().is_dir()
    ):
        member = "load" if "load" in described else "source"
        yield Problem(
            (member,),
            f"is {source!r}, which is neither a folder nor a graph that comes along{nearest(source, DATASETS)}",
        )


def _of_jobs(described: Mapping[str, Any]) -> Iterator[Problem]:
    """A run trains on one of the configurations that an export writes."""
    export, processing = described.get("export"), described.get("dataprocessing")
    jobs = export.get("jobs") if isinstance(export, Mapping) else None
    named = processing.get("configFileName") if isinstance(processing, Mapping) else None
    if isinstance(jobs, list) and len(jobs) > 1 and named is None:
        yield Problem(
            ("export", "jobs"),
            f"are {len(jobs)}, and a run trains on one; say which with dataprocessing: {{configFileName: NAME.json}}",
        )


def _of_training(described: Mapping[str, Any], export: Mapping[str, Any]) -> Iterator[Problem]:
    """The hyperparameters of the training, for the task of the export's first job."""
    training, processing = described.get("training"), described.get("dataprocessing")
    wishes = training.get("hyperparameters") if isinstance(training, Mapping) else None
    if wishes is not None and not isinstance(wishes, Mapping):
        yield Problem(("training", "hyperparameters"), f"is {shown(wishes)}, and must be a mapping of names to values")
        return
    jobs = export.get("jobs")
    job = (jobs[0] if isinstance(jobs, list) and jobs else jobs) if jobs is not None else export
    targets = job.get("targets") if isinstance(job, Mapping) else None
    first = targets[0] if isinstance(targets, list) and targets else targets
    if not isinstance(training, Mapping):
        return
    task = task_of(first) if isinstance(first, Mapping) else None
    tasks = get_args(TaskType) if task is None else (task,)
    model_type = processing.get("modelType") if isinstance(processing, Mapping) else None
    for one in problems_of_hyperparameters(wishes or {}, tasks, model_type, training.get("modelName")):
        yield one.below("training")


def _walk(node: Any, at: Place, places: Places) -> Iterator[tuple[Place, str]]:
    """Note where every member of a node of YAML stands; gives those that a mapping names twice."""
    kind = getattr(node, "id", None)
    if kind == "mapping":
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield (*at, name), "is named a second time; only one of them could count"
                places[*at, name] = key.start_mark.line + 1, key.start_mark.column + 1
            seen.add(name)
            places.setdefault((*at, name), (key.start_mark.line + 1, key.start_mark.column + 1))
            yield from _walk(value, (*at, name), places)
    elif kind == "sequence":
        for number, value in enumerate(node.value):
            places[*at, number] = value.start_mark.line + 1, value.start_mark.column + 1
            yield from _walk(value, (*at, number), places)


def _in_words(problem: Any, model: type[BaseModel]) -> str:
    """What pydantic complains of, as people say it."""
    kind, given = problem["type"], repr(problem["input"])[:60]
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            known = {*model.model_fields, "source"}
            return "is no member of the file" + nearest(str(problem["loc"][-1]), known)
        case "string_pattern_mismatch" | "string_too_long":
            return f"is {given}; write at most 24 letters, digits and single hyphens"
        case "model_type" | "dict_type" if problem["input"] is None and not problem["loc"]:
            return "is empty; `despina init` writes one"
        case "model_type" | "dict_type":
            return f"is {given}, and must be a mapping of names to values"
    wanted = {"int_type": "a whole number", "int_parsing": "a whole number", "string_type": "a text"}
    wanted |= {"int_from_float": "a whole number", "greater_than_equal": "1 or more"}
    return f"is {given}, and must be {wanted[kind]}" if kind in wanted else str(problem["msg"])


def _lines(path: Path | None, problems: Iterable[Problem], places: Places) -> Iterator[str]:
    """A line a problem, in the order of the file, each with the nearest place that is in it."""
    told = []
    for problem in dict.fromkeys(problems):
        at = problem.place
        while at and at not in places:
            at = at[:-1]
        where = places.get(at) or (0, 0)
        named = "" if path is None else str(path) + (f", line {where[0]}, column {where[1]}" if at else "") + ": "
        told.append((where, f"{named}{problem.told('the file')}"))
    yield from (line for _, line in sorted(told, key=lambda one: one[0]))
