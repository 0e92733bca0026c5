"""Requests and answers of the engine's own operations: status, loader, Gremlin, statistics, stream, storage.

Requests are read like those of machine learning. Answers are typed dictionaries: a page of the change log has
megabytes, and is sent as it was made. Members that the model sends in headers (``accept``, ``Accept-Encoding``) are
HTTP's business and not listed. Source of the members: botocore's ``neptunedata`` model; a test compares them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import BeforeValidator, Field, model_validator

from workflow.errors import BadRequest, InvalidParameter, UnsupportedOperation
from workflow.neptune.fields import Count, Flag, Lenient, LongText, Text, TextList, one_of

MOST_DEPENDENCIES = 64
MOST_SHOWN = 80  # characters of a wrong word, quoted in an error


# -- requests


class Nothing(Lenient):
    """A request without members."""


class FastReset(Lenient):
    """``POST /system``."""

    action: Text
    token: Text | None = None


def _format(value: object) -> object:
    word = str(value).strip().lower()
    if word in ("ntriples", "nquads", "rdfxml", "turtle"):
        raise UnsupportedOperation(f"format {word!r} is not read by this service; convert the data to csv")
    if word not in ("csv", "opencypher"):
        raise InvalidParameter(f"format {word[:MOST_SHOWN]!r} is unknown; this service reads csv and opencypher")
    return word


class ParserConfiguration(Lenient):
    """How cells are read."""

    keep_empty_strings: Flag = Field(False, alias="allowEmptyStrings")
    number_ids: Flag | None = Field(None, alias="numberIds")  # ours: whether ids of digits are numbers


class StartLoad(Lenient):
    """``POST /loader``; user guide: load-api-reference-load.

    ``parallelism`` is checked and kept: it says how many threads a load may take at most, and one is what it takes.
    """

    source: Text
    format: Annotated[Text, BeforeValidator(_format)]
    graph: Text = "g"  # ours: which graph of the service
    region: Text | None = None
    role: Text | None = Field(None, alias="iamRoleArn")
    mode: Annotated[Literal["NEW", "RESUME", "AUTO"], one_of("mode", "NEW", "RESUME", "AUTO")] = "AUTO"
    fail_on_error: Flag = Field(True, alias="failOnError")
    parallelism: Annotated[Text, one_of("parallelism", "LOW", "MEDIUM", "HIGH", "OVERSUBSCRIBE")] = "HIGH"
    parser: ParserConfiguration = Field(default_factory=ParserConfiguration, alias="parserConfiguration")
    update_single: Flag = Field(False, alias="updateSingleCardinalityProperties")
    queue: Flag = Field(False, alias="queueRequest")
    dependencies: TextList = []
    own_edge_ids: Flag = Field(True, alias="userProvidedEdgeIds")
    edge_only: Flag = Field(False, alias="edgeOnlyLoad")

    @model_validator(mode="before")
    @classmethod
    def _not_offline(cls, data: Any) -> Any:
        """Refuse the offline loader of Neptune 1.5 (user guide: bulk-load-offline), however it is asked for."""
        said = {str(name): str(value).strip().lower() for name, value in dict(data).items()}
        asked = [
            name
            for name, value in said.items()
            if value == "offline" or ("offline" in name.lower() and value not in ("false", "none", ""))
        ]
        if asked:
            raise UnsupportedOperation(
                f"{asked[0]} asks for Neptune's offline loader, which is not offered; leave it out: a load into this "
                "service is put in place as a whole while others read and write"
            )
        return data

    @model_validator(mode="after")
    def _consistent(self) -> StartLoad:
        if not (self.source.lower().startswith("s3://") or self.source.startswith("/")):
            raise InvalidParameter(f"source {self.source[:200]!r} must begin with s3:// or /")
        if len(self.dependencies) > MOST_DEPENDENCIES:
            raise InvalidParameter(f"at most {MOST_DEPENDENCIES} dependencies")
        if self.format == "opencypher" and not self.own_edge_ids:
            raise InvalidParameter("userProvidedEdgeIds must be true: relationships are loaded with an :ID of theirs")
        if self.dependencies and not self.queue:
            raise BadRequest("dependencies need queueRequest set to TRUE")
        return self


class GetLoad(Lenient):
    """``GET /loader/{loadId}``."""

    load_id: Text = Field(alias="loadId")
    details: Flag = False
    errors: Flag = False
    page: Annotated[Count, Field(ge=1)] = 1
    errors_per_page: Annotated[Count, Field(ge=1, le=1000)] = Field(10, alias="errorsPerPage")


class ListLoads(Lenient):
    """``GET /loader``."""

    limit: Annotated[Count, Field(ge=1, le=100)] = 100
    include_queued: Flag = Field(True, alias="includeQueuedLoads")


class CancelLoad(Lenient):
    """``DELETE /loader/{loadId}``."""

    load_id: Text = Field(alias="loadId")


class GremlinQuery(Lenient):
    """``POST /gremlin`` and ``/gremlin/explain``."""

    query: LongText = Field(alias="gremlin")


class GremlinProfile(GremlinQuery):
    """``POST /gremlin/profile``."""

    results: Flag = Field(True, alias="profile.results")
    chop: Count = Field(250, alias="profile.chop")
    serializer: Text | None = Field(None, alias="profile.serializer")
    index_ops: Flag = Field(False, alias="profile.indexOps")


class ListQueries(Lenient):
    """``GET /gremlin/status``."""

    include_waiting: Flag = Field(False, alias="includeWaiting")


class OneQuery(Lenient):
    """``GET`` and ``DELETE /gremlin/status/{queryId}``."""

    query_id: Text = Field(alias="queryId")


class CancelCypherQuery(OneQuery):
    """``DELETE /opencypher/status/{queryId}``."""

    silent: Flag = False


class CypherQuery(Lenient):
    """``POST /opencypher``."""

    query: LongText = Field(alias="query")
    parameters: LongText | None = None


class CypherExplain(CypherQuery):
    """``POST /opencypher/explain``."""

    explain: Text


class ManageStatistics(Lenient):
    """``POST /propertygraph/statistics``."""

    mode: Annotated[Text, one_of("mode", "disableAutoCompute", "enableAutoCompute", "refresh")] | None = None


class GetSummary(Lenient):
    """``GET /propertygraph/statistics/summary``."""

    mode: Annotated[Literal["basic", "detailed"], one_of("mode", "basic", "detailed")] = "basic"


class GetStream(Lenient):
    """``GET /propertygraph/stream``; ``commitNum`` and ``opNum`` are ignored where the iterator needs none."""

    limit: Annotated[Count, Field(ge=1, le=100_000)] = 10
    iterator: Annotated[
        Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST"],
        one_of("iteratorType", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST"),
    ] = Field("AT_SEQUENCE_NUMBER", alias="iteratorType")
    commit: Count | None = Field(None, alias="commitNum")
    operation: Count = Field(1, alias="opNum")


class StartRebuild(Lenient):
    """``POST /storage/indexes/rebuilds``."""

    scope: Annotated[Literal["ALL", "QUADS", "DICTIONARIES"], one_of("scope", "ALL", "QUADS", "DICTIONARIES")] = "ALL"
    concurrency: Annotated[Count, Field(ge=1)] = 1
    write_buffer: Annotated[Literal["LOW", "MEDIUM", "HIGH"], one_of("writeBufferSize", "LOW", "MEDIUM", "HIGH")] = (
        Field("LOW", alias="writeBufferSize")
    )
    client_token: Text | None = Field(None, alias="clientToken")


class OneRebuild(Lenient):
    """``GET /storage/indexes/rebuilds/{rebuildId}`` and ``POST …/cancel``."""

    rebuild_id: Text = Field(alias="rebuildId")


# -- answers


class Version(TypedDict):
    version: str


class EngineStatus(TypedDict, total=False):
    """Health, version and settings; a language that is not spoken is left out."""

    status: str
    startTime: str
    dbEngineVersion: str
    role: str
    dfeQueryEngine: str
    gremlin: Version
    sparql: Version
    opencypher: Version
    labMode: dict[str, str]
    rollingBackTrxCount: int
    rollingBackTrxEarliestStartTime: str
    features: dict[str, Any]
    settings: dict[str, str]


class ResetToken(TypedDict, total=False):
    token: str


class ResetAnswer(TypedDict):
    status: str
    payload: NotRequired[ResetToken]


class LoadStarted(TypedDict):
    """``payload`` has the ``loadId``."""

    status: str
    payload: dict[str, str]


class LoadAnswer(TypedDict):
    """``payload`` has ``feedCount``, ``overallStatus`` and, where asked for, files and errors."""

    status: str
    payload: dict[str, Any]


class LoadIds(TypedDict, total=False):
    loadIds: list[str]


class LoadList(TypedDict):
    status: str
    payload: LoadIds


class Done(TypedDict, total=False):
    status: str


class GremlinStatus(TypedDict, total=False):
    message: str
    code: int
    attributes: dict[str, Any]


class GremlinAnswer(TypedDict, total=False):
    requestId: str
    status: GremlinStatus
    result: dict[str, Any]
    meta: dict[str, Any]


class PlainText(TypedDict, total=False):
    """An answer that is text and no JSON."""

    output: bytes


class QueryCosts(TypedDict, total=False):
    """Milliseconds."""

    waited: int
    elapsed: int
    cancelled: bool
    subqueries: dict[str, Any]


class QueryStatus(TypedDict, total=False):
    queryId: str
    queryString: str
    queryEvalStats: QueryCosts


class QueryList(TypedDict, total=False):
    acceptedQueryCount: int
    runningQueryCount: int
    queries: list[QueryStatus]


class QueryCancelled(TypedDict, total=False):
    status: str
    payload: bool


class OpenCypherAnswer(TypedDict):
    results: dict[str, Any]


class OpenCypherPlan(TypedDict):
    results: bytes


class Signatures(TypedDict, total=False):
    signatureCount: int
    instanceCount: int
    predicateCount: int


class Statistics(TypedDict, total=False):
    autoCompute: bool
    active: bool
    statisticsId: str
    date: str
    note: str
    signatureInfo: Signatures


class StatisticsAnswer(TypedDict):
    status: str
    payload: Statistics


class StatisticsId(TypedDict, total=False):
    statisticsId: str


class StatisticsManaged(TypedDict):
    status: str
    payload: NotRequired[StatisticsId]


class DeletedStatistics(TypedDict, total=False):
    active: bool
    statisticsId: str


class StatisticsDeleted(TypedDict, total=False):
    status: str
    payload: DeletedStatistics


class NodeStructure(TypedDict, total=False):
    count: int
    nodeProperties: list[str]
    distinctOutgoingEdgeLabels: list[str]


class EdgeStructure(TypedDict, total=False):
    count: int
    edgeProperties: list[str]


class GraphSummary(TypedDict, total=False):
    """What is in the graph; ``…Structures`` in detailed mode only."""

    numNodes: int
    numEdges: int
    numNodeLabels: int
    numEdgeLabels: int
    nodeLabels: list[str]
    edgeLabels: list[str]
    numNodeProperties: int
    numEdgeProperties: int
    nodeProperties: list[dict[str, int]]
    edgeProperties: list[dict[str, int]]
    totalNodePropertyValues: int
    totalEdgePropertyValues: int
    nodeStructures: list[NodeStructure]
    edgeStructures: list[EdgeStructure]


class Summary(TypedDict, total=False):
    version: str
    lastStatisticsComputationTime: str
    graphSummary: GraphSummary


class SummaryAnswer(TypedDict, total=False):
    payload: Summary


class SubjectStructure(TypedDict, total=False):
    count: int
    predicates: list[str]


class RdfGraphSummary(TypedDict, total=False):
    numDistinctSubjects: int
    numDistinctPredicates: int
    numQuads: int
    numClasses: int
    classes: list[str]
    predicates: list[dict[str, int]]
    subjectStructures: list[SubjectStructure]


class RdfSummary(TypedDict, total=False):
    version: str
    lastStatisticsComputationTime: str
    graphSummary: RdfGraphSummary


class RdfSummaryAnswer(TypedDict, total=False):
    payload: RdfSummary


# a vertex's label or property, or an edge's; an edge's label names both ends
PropertyChange = TypedDict(
    "PropertyChange",
    {
        "id": str,
        "type": str,
        "key": str,
        "value": dict[str, Any],
        "from": NotRequired[str],
        "to": NotRequired[str],
    },
)


class StreamRecord(TypedDict):
    commitTimestamp: int
    eventId: dict[str, str]
    data: PropertyChange
    op: str
    isLastOp: NotRequired[bool]


class StreamPage(TypedDict):
    """A page of the change log, oldest first."""

    lastEventId: dict[str, str]
    lastTrxTimestamp: int
    format: str
    records: list[StreamRecord]
    totalRecords: int


class StatementChange(TypedDict):
    stmt: str


class SparqlRecord(TypedDict):
    commitTimestamp: int
    eventId: dict[str, str]
    data: StatementChange
    op: str
    isLastOp: NotRequired[bool]


class SparqlPage(TypedDict):
    lastEventId: dict[str, str]
    lastTrxTimestamp: int
    format: str
    records: list[SparqlRecord]
    totalRecords: int


class RebuildStarted(TypedDict):
    status: str
    rebuildId: str
    scope: str
    concurrency: int
    writeBufferSize: str


class RebuildStatus(TypedDict):
    status: str
    scope: str
    concurrency: int
    writeBufferSize: str
    startTime: str
    progressPercentage: int
    estimatedEndTime: NotRequired[str]
    endTime: NotRequired[str]
    failureReason: NotRequired[str]


class RebuildCancelled(TypedDict):
    status: str
    concurrency: int
    writeBufferSize: str


class RebuildList(TypedDict):
    rebuildIds: list[str]


class Sized(TypedDict):
    sizeInBytes: int
    count: int


class UndoLogs(TypedDict):
    sizeInBytes: int
    listSize: int


class Indexes(TypedDict, total=False):
    SPOG: Sized
    POGS: Sized
    GPSO: Sized
    OSGP: Sized
    PZSOG: Sized


class Quads(TypedDict, total=False):
    RDF: Indexes
    PG: Indexes


class Dictionaries(TypedDict, total=False):
    total: Sized
    blobs: Sized


class StorageInfo(TypedDict, total=False):
    """Bytes on disk and counts."""

    totalStorageBytesUsed: int
    quads: Quads
    dictionaries: Dictionaries
    undoLogs: UndoLogs
    streams: Sized
    dfeStatistics: Sized
    schema: Sized
    internals: Sized
