"""Every operation of Neptune's data API, one row each: the server's routes, the client's calls and the page of
operations are read from this table.

Names, methods, paths and members are those of botocore's ``neptunedata`` model (2023-08-01); a test compares them both
ways. One more operation is one row here and one module with its handler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, get_args

from pydantic import AliasChoices, ValidationError

from workflow.errors import BadRequest, InvalidParameter, MissingParameter
from workflow.neptune import engine, requests, responses
from workflow.neptune.fields import LONGEST_TEXT, Lenient

Kind = Literal["dataprocessing", "modeltraining", "modeltransform", "endpoints"]
Verb = Literal["start", "get", "list", "stop"]
Method = Literal["GET", "POST", "DELETE"]

LIKE: Final = 0.8  # how alike a member must be to another one to be it, misspelt

KINDS: tuple[Kind, ...] = ("dataprocessing", "modeltraining", "modeltransform", "endpoints")


@dataclass(frozen=True)
class Refusal:
    """The handler of an operation that this service does not offer, and what it says instead."""

    why: str


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: in botocore's model.
        method, path: the model's.
        request: how its members are read.
        response: a model or a typed dictionary of its answer.
        handler: ``module:method``, where the module has ``handlers(services)`` that gives what has the method; a module
            without a dot lies in ``workflow.server.neptune``. A method ``(request, call)`` runs in a worker thread; a
            coroutine ``(http_request)`` reads the request itself.
        says: a few words for the page of operations.
        aliases: further addresses under which clients ask for it: ``path``, ``METHOD path``, or ``path?member`` where
            it is meant when the query names the member.
        kind, verb: of the operations of machine learning, what they do to which jobs.
    """

    name: str
    method: Method
    path: str
    request: type[Lenient]
    response: type[Any]
    handler: str | Refusal
    says: str = ""
    aliases: tuple[str, ...] = ()
    kind: Kind | None = None
    verb: Verb | None = None

    @property
    def python_name(self) -> str:
        """What boto3 calls it: ``get_ml_endpoint``."""
        words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", self.name)
        return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


GREMLIN: Final = "workflow.server.gremlin.http"
NO_SPARQL: Final = Refusal("SPARQL is not offered by this service; query the graph with Gremlin")
CYPHER: Final = "workflow.server.cypher.http"


def _machine_learning(
    kind: Kind, start: tuple[str, type[Lenient]], get: tuple[str, type[Any]], listing: str, stop: str
) -> list[Operation]:
    base, one, jobs = f"/ml/{kind}", f"/ml/{kind}/{{id}}", "machine_learning:perform"
    status = {
        "dataprocessing": "status, `processingJob` with `outputLocation`",
        "modeltraining": "status, `processingJob`, `hpoJob`, `mlModels` (the best trial)",
        "modeltransform": "status, `baseProcessingJob`, `models`",
        "endpoints": "status, `endpoint`, `endpointConfig`",
    }[kind]
    begun = "id, ARN, time" + ("; `update` for a new model" if kind == "endpoints" else "")
    listed, stopped = requests.ListResources, requests.StopResource
    return [
        Operation(start[0], "POST", base, start[1], responses.Started, jobs, begun, (), kind, "start"),
        Operation(get[0], "GET", one, requests.GetResource, get[1], jobs, status, (), kind, "get"),
        Operation(listing, "GET", base, listed, responses.Listed, jobs, "ids, newest first", (), kind, "list"),
        Operation(stop, "DELETE", one, stopped, responses.Stopped, jobs, "`clean` removes artefacts", (), kind, "stop"),
    ]


def _cypher(
    name: str,
    method: Method,
    rest: str,
    types: tuple[type[Lenient], type[Any]],
    handler: str,
    says: str = "",
    aliases: tuple[str, ...] = (),
) -> Operation:
    """An operation of openCypher: the model writes its path in small letters, the user guide and notebooks do not."""
    ends = (rest,) if rest else ("", "/")
    ways = [
        f"{way} /{word}{end}" for way in (method, *aliases) for word in ("opencypher", "openCypher") for end in ends
    ]
    paths = tuple(one.removeprefix(f"{method} ") for one in ways[1:])
    return Operation(name, method, f"/opencypher{rest}", *types, f"{CYPHER}:{handler}", says, paths)


def _statistics(name: str, method: Method, request: type[Lenient], response: type[Any], what: str) -> list[Operation]:
    """The operation for property graphs and its sister for RDF."""
    handler, path = f"engine:{what}", "/statistics"
    graph = Operation(
        name, method, f"/propertygraph{path}", request, response, handler, aliases=(f"/pg{path}",),
        says="computed when asked for after a change, unless switched off or deleted",
    )  # fmt: skip
    sister = name.replace("Propertygraph", "Sparql")
    return [graph, Operation(sister, method, f"/sparql{path}", request, response, NO_SPARQL)]


def table(rows: Iterable[Operation]) -> dict[str, Operation]:
    """Rows by name. Raises ValueError for a name that stands there twice."""
    found: dict[str, Operation] = {}
    for row in rows:
        if found.setdefault(row.name, row) is not row:
            raise ValueError(f"the operation {row.name} stands in the table twice")
    return found


OPERATIONS: Final[dict[str, Operation]] = table([
    *_machine_learning(
        "dataprocessing",
        ("StartMLDataProcessingJob", requests.StartDataProcessing),
        ("GetMLDataProcessingJob", responses.DataProcessingStatus),
        "ListMLDataProcessingJobs", "CancelMLDataProcessingJob",
    ),
    *_machine_learning(
        "modeltraining",
        ("StartMLModelTrainingJob", requests.StartModelTraining),
        ("GetMLModelTrainingJob", responses.ModelTrainingStatus),
        "ListMLModelTrainingJobs", "CancelMLModelTrainingJob",
    ),
    *_machine_learning(
        "modeltransform",
        ("StartMLModelTransformJob", requests.StartModelTransform),
        ("GetMLModelTransformJob", responses.ModelTransformStatus),
        "ListMLModelTransformJobs", "CancelMLModelTransformJob",
    ),
    *_machine_learning(
        "endpoints",
        ("CreateMLEndpoint", requests.CreateEndpoint), ("GetMLEndpoint", responses.EndpointStatus),
        "ListMLEndpoints", "DeleteMLEndpoint",
    ),
    Operation(
        "GetEngineStatus", "GET", "/status", engine.Nothing, engine.EngineStatus, "engine:status",
        "`settings` says the profile and where `s3://` addresses lie",
    ),
    Operation(
        "ExecuteFastReset", "POST", "/system", engine.FastReset, engine.ResetAnswer, "engine:reset",
        "`initiateDatabaseReset` gives a token, `performDatabaseReset` takes it, within an hour",
    ),
    Operation(
        "StartLoaderJob", "POST", "/loader", engine.StartLoad, engine.LoadStarted, "loads:start",
        "CSV, also `.gz` and `.bz2`, in the forms of Gremlin and openCypher; `graph` names another graph than `g`; "
        "in the tinkerpop profile ids of digits"
        ' become numbers, unless `"parserConfiguration": {"numberIds": "FALSE"}`',
    ),
    Operation(
        "GetLoaderJobStatus", "GET", "/loader/{loadId}", engine.GetLoad, engine.LoadAnswer, "loads:status",
        aliases=("/loader?loadId",),
    ),
    Operation("ListLoaderJobs", "GET", "/loader", engine.ListLoads, engine.LoadList, "loads:list"),
    Operation(
        "CancelLoaderJob", "DELETE", "/loader/{loadId}", engine.CancelLoad, engine.Done, "loads:cancel",
        aliases=("/loader",),
    ),
    Operation(
        "ExecuteGremlinQuery", "POST", "/gremlin", engine.GremlinQuery, engine.GremlinAnswer, f"{GREMLIN}:query",
        "what comes by GET only reads; `queryId` in the body names the query",
        ("GET /gremlin", "POST /gremlin/", "GET /gremlin/"),
    ),
    Operation(
        "ExecuteGremlinExplainQuery", "POST", "/gremlin/explain", engine.GremlinQuery, engine.PlainText,
        f"{GREMLIN}:explain", aliases=("GET /gremlin/explain",),
    ),
    Operation(
        "ExecuteGremlinProfileQuery", "POST", "/gremlin/profile", engine.GremlinProfile, engine.PlainText,
        f"{GREMLIN}:profile", aliases=("GET /gremlin/profile",),
    ),
    Operation(
        "ListGremlinQueries", "GET", "/gremlin/status", engine.ListQueries, engine.QueryList, f"{GREMLIN}:status",
        "those waiting for a thread with `includeWaiting`; WebSocket queries are known by their request id",
        ("POST /gremlin/status",),
    ),
    Operation(
        "GetGremlinQueryStatus", "GET", "/gremlin/status/{queryId}", engine.OneQuery, engine.QueryStatus,
        f"{GREMLIN}:status", aliases=("POST /gremlin/status/{queryId}",),
    ),
    Operation(
        "CancelGremlinQuery", "DELETE", "/gremlin/status/{queryId}", engine.OneQuery, engine.QueryCancelled,
        f"{GREMLIN}:status", aliases=("/gremlin/status",),
    ),
    _cypher(
        "ExecuteOpenCypherQuery", "POST", "", (engine.CypherQuery, engine.OpenCypherAnswer), "query",
        "also a form, and a bare query as `application/opencypher`; what comes by GET only reads; `explain` as below; "
        "`graph` names another graph than `g`",
        ("GET",),
    ),
    _cypher(
        "ExecuteOpenCypherExplainQuery", "POST", "/explain", (engine.CypherExplain, engine.OpenCypherPlan), "explain",
        "`static`: the steps; `dynamic` and `details` run the query and tell rows and time of each step",
    ),
    _cypher(
        "ListOpenCypherQueries", "GET", "/status", (engine.ListQueries, engine.QueryList), "status",
        "those waiting for a thread with `includeWaiting`; the queries of Bolt among them",
        ("POST",),
    ),
    _cypher(
        "GetOpenCypherQueryStatus", "GET", "/status/{queryId}", (engine.OneQuery, engine.QueryStatus), "status",
        aliases=("POST",),
    ),
    _cypher(
        "CancelOpenCypherQuery", "DELETE", "/status/{queryId}", (engine.CancelCypherQuery, engine.QueryCancelled),
        "status", "`silent`: the query itself is answered nothing instead of the error",
    ),
    *_statistics("GetPropertygraphStatistics", "GET", engine.Nothing, engine.StatisticsAnswer, "describe"),
    *_statistics("ManagePropertygraphStatistics", "POST", engine.ManageStatistics, engine.StatisticsManaged, "manage"),
    *_statistics("DeletePropertygraphStatistics", "DELETE", engine.Nothing, engine.StatisticsDeleted, "delete"),
    Operation(
        "GetPropertygraphSummary", "GET", "/propertygraph/statistics/summary", engine.GetSummary, engine.SummaryAnswer,
        "engine:summary", aliases=("/pg/statistics/summary",),
    ),
    Operation(
        "GetRDFGraphSummary", "GET", "/rdf/statistics/summary", engine.GetSummary, engine.RdfSummaryAnswer, NO_SPARQL,
        aliases=("/sparql/statistics/summary",),
    ),
    Operation(
        "GetPropertygraphStream", "GET", "/propertygraph/stream", engine.GetStream, engine.StreamPage, "engine:stream",
        "the change log; never compressed, since boto3 cannot read that", ("/pg/stream", "/gremlin/stream"),
    ),
    Operation("GetSparqlStream", "GET", "/sparql/stream", engine.GetStream, engine.SparqlPage, NO_SPARQL),
    Operation("GetStorageInfo", "GET", "/storage/info", engine.Nothing, engine.StorageInfo, "storage:info",
        "bytes on disk of the snapshots and the change log, and what is in them"),
    Operation(
        "ListIndexRebuilds", "GET", "/storage/indexes/rebuilds", engine.Nothing, engine.RebuildList, "storage:list"
    ),
    Operation(
        "StartIndexRebuild", "POST", "/storage/indexes/rebuilds", engine.StartRebuild, engine.RebuildStarted,
        "storage:start",
        "a new snapshot of every graph in place of the old one and its log"
    ),
    Operation(
        "GetIndexRebuildStatus", "GET", "/storage/indexes/rebuilds/{rebuildId}", engine.OneRebuild,
        engine.RebuildStatus, "storage:status",
    ),
    Operation(
        "CancelIndexRebuild", "POST", "/storage/indexes/rebuilds/{rebuildId}/cancel", engine.OneRebuild,
        engine.RebuildCancelled, "storage:cancel",
    ),
])  # fmt: skip


def operation_of(kind: Kind, verb: Verb) -> Operation:
    """The operation of machine learning that does this to jobs of that kind."""
    return next(row for row in OPERATIONS.values() if (row.kind, row.verb) == (kind, verb))


# paths of languages that are not spoken, beside those of operations
REFUSED_PATHS: Final[dict[str, Refusal]] = {
    **dict.fromkeys(
        ("/sparql", "/sparql/status", "/sparql/status/{id}", "/sparql/explain", "/sparql/gsp", "/sparql/gsp/"),
        NO_SPARQL,
    ),
    **dict.fromkeys(("/rdf/statistics", "/rdf/stream"), NO_SPARQL),
}


def decode(operation: Operation, members: object) -> Lenient:
    """Read a request.

    Args:
        operation: the row that says what is expected.
        members: the JSON body with path and query arguments merged in, as it came.

    A member that nobody knows is passed over, as Neptune does, unless it is another one misspelt; the status of a job
    names it among the warnings.

    Raises MissingParameter, InvalidParameter or BadRequest with a sentence for every member that is wrong.
    """
    if not isinstance(members, Mapping):
        raise BadRequest(f"The body of {operation.name} must be a JSON object, not {_json_name(members)}.")
    misspelt = [
        f"{name} is unknown to {operation.name}; did you mean {meant}?"
        for name, meant in misspelt_members(operation.request, members)
    ]
    try:
        request = operation.request.model_validate(dict(members))
    except ValidationError as error:
        raise _refusal(operation, error, misspelt) from error
    if misspelt:
        raise InvalidParameter(" ".join(misspelt))
    return request


def misspelt_members(request: type[Lenient], members: Mapping[Any, object]) -> Iterator[tuple[str, str]]:
    """(member, what was likely meant) of those that a request does not know and that look like one it lacks."""
    known = members_of(request)
    lacking = [name for name in known if name not in members]
    for name, value in members.items():
        inner = known.get(str(name))
        if inner is not None and isinstance(value, Mapping):
            yield from ((f"{name}.{below}", meant) for below, meant in misspelt_members(inner, value))
        elif str(name) not in (*known, *request.model_fields) and (
            close := get_close_matches(str(name), lacking, 1, LIKE)
        ):
            yield str(name), close[0]


@cache
def members_of(request: type[Lenient]) -> dict[str, type[Lenient] | None]:
    """The members of a request by the names that they come under, with what is below those that are objects."""
    found: dict[str, type[Lenient] | None] = {}
    for name, field in request.model_fields.items():
        several = field.validation_alias or name
        names = several.choices if isinstance(several, AliasChoices) else [several]
        parts = (field.annotation, *get_args(field.annotation))
        inner = next((part for part in parts if isinstance(part, type) and issubclass(part, Lenient)), None)
        found |= dict.fromkeys((one for one in names if isinstance(one, str)), inner)
    return found


def _refusal(
    operation: Operation, error: ValidationError, misspelt: Sequence[str]
) -> MissingParameter | InvalidParameter:
    problems = error.errors(include_url=False, include_context=False)
    missing = [_place(problem["loc"]) for problem in problems if problem["type"] == "missing"]
    wrong = [
        f"{_place(problem['loc'])} {_complaint(problem['type'], problem['msg'], problem['input'])}."
        for problem in problems
        if problem["type"] != "missing"
    ]
    if missing:
        lacks = f"{operation.name} needs {' and '.join(missing)}; give a value that is not empty."
        return MissingParameter(" ".join([lacks, *misspelt, *wrong]))
    return InvalidParameter(" ".join([*misspelt, *wrong]))


def _complaint(kind: str, message: str, value: Any) -> str:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    if kind == "value_error":
        return f"{message.removeprefix('Value error, ')}: {shown}"
    if kind in ("string_too_long", "too_long"):
        return f"is longer than {LONGEST_TEXT} characters: {shown}"
    wanted = {
        "string_type": "must be a text",
        "int_type": "must be a whole number",
        "bool_type": "must be true or false",
    }
    told = message.replace("Input should be", "must be").replace("greater than or equal to", "at least")
    return f"{wanted.get(kind, told.replace('less than or equal to', 'at most'))}, not {shown}"


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _json_name(value: object) -> str:
    names = {
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    return names.get(type(value), "this")
