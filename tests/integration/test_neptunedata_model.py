"""Every operation of botocore's ``neptunedata`` model, against a running service: answers and errors as modelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import Shape

from tests.waiting import until
from workflow.client.service import local_service
from workflow.graphs.store.journal.journal import MEMORY_COMMITS

# in the user guide's sample of the answer, not in the model
DOCUMENTED = {("GetPropertygraphSummary", "status"), ("CancelGremlinQuery", "payload")}
# the model says text, the user guide's sample has numbers
NUMBERS = {"lastEventId", "eventId"}
IN_STREAM = {"iteratorType": "TRIM_HORIZON", "limit": 3}
LOAD = {
    "source": "s3://lab/load",
    "format": "csv",
    "s3BucketRegion": "us-east-1",
    "iamRoleArn": "arn:aws:iam::1:role/r",
}
PROCESSING = {"inputDataS3Location": "s3://lab/none", "processedDataS3Location": "s3://lab/x"}
DEEP = "g.V()" + ".where(__" * 200 + ".out()" + ")" * 200
UNSUPPORTED = "UnsupportedOperationException"


class Judge:
    """boto3's client, and what it got, compared with the model."""

    def __init__(self, url: str) -> None:
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        self.client = boto3.client("neptunedata", endpoint_url=url, region_name="us-east-1", config=config)
        self.model = self.client.meta.service_model
        self.client.meta.events.register("after-call.neptunedata", self._keep)
        self._raw = b""

    def _keep(self, http_response: Any, model: Any, **_: Any) -> None:
        if not (model.has_streaming_output and http_response.status_code < 300):
            self._raw = http_response.content

    def answer(self, name: str, **arguments: Any) -> dict[str, Any]:
        """A good answer: no member unknown, none missing, all of the model's types."""
        parsed: dict[str, Any] = getattr(self.client, xform_name(name))(**arguments)
        operation = self.model.operation_model(name)
        if operation.has_streaming_output:
            (payload,) = {"output", "results"} & parsed.keys()
            parsed[payload] = parsed[payload].read()
        else:
            assert list(complaints(operation.output_shape, json.loads(self._raw), name)) == []
        return parsed

    def refusal(self, name: str, code: str, **arguments: Any) -> dict[str, Any]:
        """An error: raised as its modelled class, one of those the operation lists, with status and every member."""
        with pytest.raises(getattr(self.client.exceptions, code)) as caught:
            getattr(self.client, xform_name(name))(**arguments)
        assert isinstance(caught.value, ClientError)
        listed = {shape.name: shape for shape in self.model.operation_model(name).error_shapes}
        assert code in listed
        response = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == listed[code].metadata["error"]["httpStatusCode"]
        body = json.loads(self._raw)
        assert all(body[member] for member in listed[code].required_members)
        assert response["requestId"] == body["requestId"]
        assert response["Error"]["Message"] == body["detailedMessage"]
        return dict(response)


def complaints(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """What in a JSON answer is not as the model has it."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            if not isinstance(value, Mapping):
                yield f"{where} is {value!r}"
                return
            inside = {
                member.serialization.get("name", name): (name, member)
                for name, member in shape.members.items()  # type: ignore[attr-defined]
                if member.serialization.get("location") is None
            }
            for key, item in value.items():
                if key in inside:
                    yield from complaints(inside[key][1], item, f"{where}.{key}")
                elif (where, key) not in DOCUMENTED:
                    yield f"{where}.{key} is not in the model"
            required = set(shape.required_members)  # type: ignore[attr-defined]
            yield from (
                f"{where}.{key} is missing" for key in inside if inside[key][0] in required and key not in value
            )
        case "list":
            for place, item in enumerate(value if isinstance(value, list) else [value]):
                yield from complaints(shape.member, item, f"{where}[{place}]")  # type: ignore[attr-defined]
        case "map":
            for key, item in value.items():
                if where.rpartition(".")[2] not in NUMBERS:
                    yield from complaints(shape.value, item, f"{where}[{key}]")  # type: ignore[attr-defined]
        case kind:
            types = {"string": str, "timestamp": str, "integer": int, "long": int, "boolean": bool}
            if kind in types and type(value) is not types[kind]:
                yield f"{where} is {value!r}, not {kind}"


@pytest.fixture(scope="module")
def judge(service: Any) -> Judge:
    service.put(
        "s3://lab/load/nodes.csv", "~id,~label,name:String(single),tag:String\na,Person;Friend,Ann,x\nb,Person,Bob,\n"
    )
    service.put("s3://lab/load/edges.csv", "~id,~from,~to,~label,since:Int\ne,a,b,knows,2001\n")
    found = Judge(service.url)
    load_id = found.answer("StartLoaderJob", **LOAD)["payload"]["loadId"]

    def status() -> str:
        return str(found.answer("GetLoaderJobStatus", loadId=load_id)["payload"]["overallStatus"]["status"])

    until(lambda: status() == "LOAD_COMPLETED", "the end of the load")
    return found


def test_loads_are_answered_as_the_model_has_them(judge: Judge) -> None:
    (load_id,) = judge.answer("ListLoaderJobs", limit=5, includeQueuedLoads=True)["payload"]["loadIds"]
    told = judge.answer("GetLoaderJobStatus", loadId=load_id, details=True, errors=True, page=1, errorsPerPage=3)
    assert told["payload"]["overallStatus"]["totalRecords"] == 3
    judge.answer(
        "StartLoaderJob", **LOAD | {"parserConfiguration": {"allowEmptyStrings": "true"}, "queueRequest": True}
    )
    judge.refusal("CancelLoaderJob", "BadRequestException", loadId=load_id)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("GetEngineStatus", {}),
        ("ListGremlinQueries", {}),
        ("ListGremlinQueries", {"includeWaiting": True}),
        ("ExecuteGremlinQuery", {"gremlinQuery": "g.V().elementMap()"}),
        ("ExecuteGremlinQuery", {"gremlinQuery": "g.V().path()", "serializer": "application/vnd.gremlin-v3.0+json"}),
        ("ExecuteGremlinExplainQuery", {"gremlinQuery": "g.V().out().count()"}),
        ("ExecuteGremlinProfileQuery", {"gremlinQuery": "g.V().out().count()", "results": True, "chop": 9}),
        ("ListOpenCypherQueries", {"includeWaiting": True}),
        ("ExecuteOpenCypherQuery", {"openCypherQuery": "MATCH (n)-[r]->(m) RETURN n, r, m, n.name AS name"}),
        ("ExecuteOpenCypherQuery", {"openCypherQuery": "RETURN $n AS n", "parameters": '{"n": [1, {"a": null}]}'}),
        ("ExecuteOpenCypherExplainQuery", {"openCypherQuery": "MATCH (n) RETURN n", "explainMode": "details"}),
        ("GetPropertygraphStatistics", {}),
        ("GetPropertygraphSummary", {"mode": "basic"}),
        ("GetPropertygraphSummary", {"mode": "detailed"}),
        ("ManagePropertygraphStatistics", {"mode": "disableAutoCompute"}),
        ("ManagePropertygraphStatistics", {"mode": "enableAutoCompute"}),
        ("DeletePropertygraphStatistics", {}),
        ("ManagePropertygraphStatistics", {"mode": "refresh"}),
        ("GetPropertygraphStream", IN_STREAM),
        ("GetPropertygraphStream", {"iteratorType": "LATEST", "encoding": "gzip"}),
        ("GetPropertygraphStream", {"iteratorType": "AFTER_SEQUENCE_NUMBER", "commitNum": 1, "opNum": 2}),
        ("ExecuteFastReset", {"action": "initiateDatabaseReset"}),
        ("ListMLDataProcessingJobs", {"maxItems": 3}),
        ("ListMLModelTrainingJobs", {}),
        ("ListMLModelTransformJobs", {}),
        ("ListMLEndpoints", {}),
    ],
)
def test_an_answer_has_what_the_model_says_and_nothing_else(judge: Judge, name: str, arguments: dict[str, Any]) -> None:
    judge.answer(name, **arguments)


REFUSALS: list[tuple[str, str, dict[str, Any]]] = [
    ("StartLoaderJob", "S3Exception", LOAD | {"source": "s3://nowhere/x"}),
    ("StartLoaderJob", "LoadUrlAccessDeniedException", LOAD | {"source": "/etc"}),
    ("StartLoaderJob", "InvalidParameterException", LOAD | {"mode": "SOMETIMES"}),
    ("StartLoaderJob", "BadRequestException", LOAD | {"source": "s3://../x"}),
    ("StartLoaderJob", "MissingParameterException", LOAD | {"source": ""}),
    ("StartLoaderJob", "BulkLoadIdNotFoundException", LOAD | {"dependencies": ["none"], "queueRequest": True}),
    ("StartLoaderJob", UNSUPPORTED, LOAD | {"format": "turtle"}),
    ("GetLoaderJobStatus", "BulkLoadIdNotFoundException", {"loadId": "none/of these"}),
    ("CancelLoaderJob", "BulkLoadIdNotFoundException", {"loadId": "none"}),
    ("ListLoaderJobs", "InvalidParameterException", {"limit": 101}),
    ("ExecuteGremlinQuery", "MalformedQueryException", {"gremlinQuery": "g.V("}),
    ("ExecuteGremlinQuery", "MalformedQueryException", {"gremlinQuery": "g.V().nowhere()"}),
    ("ExecuteGremlinQuery", "BadRequestException", {"gremlinQuery": "g.V().values('name').sum()"}),
    ("ExecuteGremlinQuery", UNSUPPORTED, {"gremlinQuery": "g.V().property(list,'k',1)"}),
    ("ExecuteGremlinQuery", "ConstraintViolationException", {"gremlinQuery": "g.addV().property(id,'a')"}),
    ("ExecuteGremlinQuery", "MissingParameterException", {"gremlinQuery": " "}),
    ("ExecuteGremlinQuery", "FailureByQueryException", {"gremlinQuery": "g.inject(1).fail('no')"}),
    ("ExecuteGremlinQuery", "QueryTooLargeException", {"gremlinQuery": DEEP}),
    (
        "ExecuteGremlinQuery",
        "TimeLimitExceededException",
        {"gremlinQuery": "g.with('evaluationTimeout',1).V().repeat(both()).times(9000).path()"},
    ),
    ("ExecuteGremlinExplainQuery", "MalformedQueryException", {"gremlinQuery": "g.V("}),
    ("ExecuteGremlinProfileQuery", "MalformedQueryException", {"gremlinQuery": "g.V("}),
    ("ExecuteGremlinProfileQuery", "InvalidParameterException", {"gremlinQuery": "g.V()", "chop": -1}),
    ("GetGremlinQueryStatus", "InvalidParameterException", {"queryId": "none/of these"}),
    ("CancelGremlinQuery", "InvalidParameterException", {"queryId": "none"}),
    ("ExecuteFastReset", "InvalidParameterException", {"action": "explode"}),
    ("ExecuteFastReset", "MissingParameterException", {"action": "performDatabaseReset"}),
    ("ExecuteFastReset", "InvalidParameterException", {"action": "performDatabaseReset", "token": "guess"}),
    ("GetPropertygraphSummary", "InvalidParameterException", {"mode": "deep"}),
    ("ManagePropertygraphStatistics", "InvalidParameterException", {"mode": "sometimes"}),
    ("ManagePropertygraphStatistics", "MissingParameterException", {}),
    ("GetPropertygraphStream", "InvalidParameterException", {}),
    ("GetPropertygraphStream", "InvalidParameterException", {"iteratorType": "SIDEWAYS"}),
    ("GetPropertygraphStream", "InvalidParameterException", {"iteratorType": "LATEST", "limit": 100_001}),
    ("GetPropertygraphStream", "StreamRecordsNotFoundException", {"commitNum": 10**6}),
    ("StartMLDataProcessingJob", "BadRequestException", PROCESSING),
    ("StartMLDataProcessingJob", "InvalidParameterException", PROCESSING | {"id": "a b"}),
    ("StartMLModelTrainingJob", "BadRequestException", {"dataProcessingJobId": "x", "trainModelS3Location": "s3://lab/x"}),
    ("StartMLModelTransformJob", "MissingParameterException", {"modelTransformOutputS3Location": "s3://lab/x"}),
    ("CreateMLEndpoint", "MissingParameterException", {"id": "x"}),
    ("ListMLEndpoints", "InvalidParameterException", {"maxItems": 1025}),
    ("GetMLEndpoint", "MLResourceNotFoundException", {"id": "none"}),
    ("GetMLDataProcessingJob", "MLResourceNotFoundException", {"id": "none"}),
    ("GetMLModelTrainingJob", "InvalidParameterException", {"id": "a b"}),
    ("GetMLModelTransformJob", "InvalidParameterException", {"id": "a b"}),
    ("CancelMLDataProcessingJob", "MLResourceNotFoundException", {"id": "none"}),
    ("CancelMLModelTrainingJob", "MLResourceNotFoundException", {"id": "none"}),
    ("CancelMLModelTransformJob", "MLResourceNotFoundException", {"id": "none", "clean": True}),
    ("DeleteMLEndpoint", "MLResourceNotFoundException", {"id": "none"}),
    ("StartIndexRebuild", "InvalidParameterException", {"scope": "SOME"}),
    ("GetIndexRebuildStatus", "InvalidParameterException", {"rebuildId": "x"}),
    ("CancelIndexRebuild", "InvalidParameterException", {"rebuildId": "x"}),
    ("ExecuteOpenCypherQuery", "MalformedQueryException", {"openCypherQuery": "MATCH (n RETURN n"}),
    ("ExecuteOpenCypherQuery", "MalformedQueryException", {"openCypherQuery": "RETURN m"}),
    ("ExecuteOpenCypherQuery", "BadRequestException", {"openCypherQuery": "RETURN 1 / 0"}),
    ("ExecuteOpenCypherQuery", "BadRequestException", {"openCypherQuery": "RETURN 1", "parameters": "{"}),
    ("ExecuteOpenCypherQuery", "InvalidParameterException", {"openCypherQuery": "RETURN 1", "parameters": "[1]"}),
    ("ExecuteOpenCypherQuery", "InvalidNumericDataException",
     {"openCypherQuery": "RETURN $n", "parameters": f'{{"n": {2**63}}}'}),
    ("ExecuteOpenCypherQuery", "MissingParameterException", {"openCypherQuery": "RETURN $n"}),
    ("ExecuteOpenCypherQuery", "MissingParameterException", {"openCypherQuery": " "}),
    ("ExecuteOpenCypherQuery", "ConstraintViolationException", {"openCypherQuery": "CREATE (n {`~id`: 'a'})"}),
    ("ExecuteOpenCypherQuery", "QueryTooLargeException", {"openCypherQuery": "RETURN " + "[" * 900}),
    ("ExecuteOpenCypherQuery", "TimeLimitExceededException", {
        "openCypherQuery": "USING QUERY:TIMEOUTMILLISECONDS 1 UNWIND range(1, 100000) AS a RETURN sum(a)"}),
    ("ExecuteOpenCypherExplainQuery", "InvalidParameterException", {"openCypherQuery": "RETURN 1", "explainMode": "x"}),
    ("ExecuteOpenCypherExplainQuery", "MalformedQueryException", {"openCypherQuery": "RETUR", "explainMode": "static"}),
    ("GetOpenCypherQueryStatus", "InvalidParameterException", {"queryId": "none"}),
    ("CancelOpenCypherQuery", "InvalidParameterException", {"queryId": "none"}),
    ("GetSparqlStatistics", UNSUPPORTED, {}),
    ("ManageSparqlStatistics", UNSUPPORTED, {"mode": "refresh"}),
    ("DeleteSparqlStatistics", UNSUPPORTED, {}),
    ("GetRDFGraphSummary", UNSUPPORTED, {}),
    ("GetSparqlStream", UNSUPPORTED, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "code", "arguments"), REFUSALS)
def test_an_error_is_raised_as_its_modelled_class(
    judge: Judge, name: str, code: str, arguments: dict[str, Any]
) -> None:
    judge.refusal(name, code, **arguments)


def test_every_operation_of_the_model_that_can_be_refused_is(judge: Judge) -> None:
    without = {
        "GetStorageInfo",
        "ListIndexRebuilds",
        "GetEngineStatus",
        "ListGremlinQueries",
        "ListOpenCypherQueries",
        "GetPropertygraphStatistics",
        "DeletePropertygraphStatistics",
    }
    lists = {"ListMLDataProcessingJobs", "ListMLModelTrainingJobs", "ListMLModelTransformJobs"}
    assert {name for name, _, _ in REFUSALS} == set(judge.model.operation_names) - without - lists


def test_every_machine_learning_answer_is_as_the_model_has_it(judge: Judge, service: Any) -> None:
    processing = {"inputDataS3Location": service.export("model"), "processedDataS3Location": "s3://lab/out"}
    assert judge.answer("StartMLDataProcessingJob", id="m-dp", **processing)["id"] == "m-dp"
    judge.refusal("StartMLDataProcessingJob", "InvalidParameterException", id="m-dp", **processing)
    training = {"id": "m-tr", "dataProcessingJobId": "m-dp", "trainModelS3Location": "s3://lab/out"}
    service.wait("dataprocessing", "m-dp", "Completed")
    judge.answer("GetMLDataProcessingJob", id="m-dp")
    judge.answer("StartMLModelTrainingJob", **training)
    judge.answer("GetMLModelTrainingJob", id="m-tr")
    endpoint = {"id": "m-ep", "mlModelTrainingJobId": "m-tr"}
    service.wait("modeltraining", "m-tr", "Completed")
    judge.answer("GetMLModelTrainingJob", id="m-tr")
    transform = {"dataProcessingJobId": "m-dp", "mlModelTrainingJobId": "m-tr"}
    judge.answer("StartMLModelTransformJob", id="m-tf", modelTransformOutputS3Location="s3://lab/out", **transform)
    judge.answer("CreateMLEndpoint", **endpoint)
    judge.answer("GetMLEndpoint", id="m-ep")
    service.wait("endpoints", "m-ep", "InService")
    service.wait("modeltransform", "m-tf", "Completed")
    judge.answer("GetMLModelTransformJob", id="m-tf")
    judge.answer("GetMLEndpoint", id="m-ep")
    judge.answer("DeleteMLEndpoint", id="m-ep", clean=True)
    # an ended job is cleaned up, and cannot be stopped
    judge.answer("CancelMLModelTransformJob", id="m-tf", clean=True)
    judge.answer("CancelMLModelTrainingJob", id="m-tr", clean=True)
    judge.answer("CancelMLDataProcessingJob", id="m-dp", clean=True)
    judge.refusal("CancelMLDataProcessingJob", "InvalidParameterException", id="m-dp")


def test_a_rebuild_runs_to_its_end_and_storage_has_real_figures(judge: Judge) -> None:
    before = judge.answer("GetStorageInfo")
    assert before["totalStorageBytesUsed"] > 0
    assert before["quads"]["PG"]["SPOG"]["count"] == 3  # two vertices and an edge
    token = "a-token"
    started = judge.answer("StartIndexRebuild", scope="QUADS", concurrency=10_000, clientToken=token)
    assert (started["scope"], started["writeBufferSize"]) == ("QUADS", "LOW")
    assert 1 <= started["concurrency"] < 10_000
    assert judge.answer("StartIndexRebuild", clientToken=token)["rebuildId"] == started["rebuildId"]
    asked = {"rebuildId": started["rebuildId"]}
    until(lambda: judge.answer("GetIndexRebuildStatus", **asked)["status"] in ("COMPLETED", "FAILED"), "the rebuild")
    told = judge.answer("GetIndexRebuildStatus", **asked)
    assert (told["status"], told["progressPercentage"]) == ("COMPLETED", 100)
    assert judge.answer("ListIndexRebuilds")["rebuildIds"] == [started["rebuildId"]]
    judge.refusal("CancelIndexRebuild", "InvalidParameterException", **asked)
    after = judge.answer("GetStorageInfo")
    assert after["streams"]["sizeInBytes"] < before["streams"]["sizeInBytes"]
    assert after["quads"]["PG"]["SPOG"]["sizeInBytes"] > 0
    assert judge.client.execute_gremlin_query(gremlinQuery="g.V().count()")


def test_a_running_query_is_listed_told_and_cancelled(judge: Judge, service: Any) -> None:
    failures: list[str] = []

    def run() -> None:
        other = Judge(service.url)
        try:
            other.client.execute_gremlin_query(gremlinQuery="g.inject(1).repeat(identity()).times(100000000)")
        except ClientError as error:
            failures.append(error.response["Error"]["Code"])

    thread = threading.Thread(target=run)
    thread.start()
    queries = until(lambda: judge.answer("ListGremlinQueries", includeWaiting=True)["queries"], "the query")
    query_id = queries[0]["queryId"]
    assert judge.answer("GetGremlinQueryStatus", queryId=query_id)["queryString"].startswith("g.inject(1)")
    judge.answer("CancelGremlinQuery", queryId=query_id)
    thread.join(60)
    assert failures == ["CancelledByUserException"]


def test_a_stream_that_was_dropped_is_expired(home: Path) -> None:
    with local_service(home, "--in-memory") as url:
        judge = Judge(url)
        for _ in range(MEMORY_COMMITS + 1):
            judge.client.execute_gremlin_query(gremlinQuery="g.addV('a')")
        judge.refusal("GetPropertygraphStream", "ExpiredStreamException", commitNum=1)
        oldest = judge.answer("GetPropertygraphStream", iteratorType="TRIM_HORIZON", limit=1)
        assert oldest["lastEventId"] == {"commitNum": 2, "opNum": 1}
        assert judge.answer("GetPropertygraphStream", iteratorType="AFTER_SEQUENCE_NUMBER", commitNum=1)["records"]
