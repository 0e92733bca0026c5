"""Requests made from botocore's model of the data plane, a good part of them wrong on purpose."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import botocore.session
from botocore.model import OperationModel, Shape

MODEL = botocore.session.get_session().get_service_model("neptunedata")
OPERATIONS = [MODEL.operation_model(name) for name in MODEL.operation_names]
ERRORS = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in MODEL.error_shapes}

CYPHER_QUERIES = (
    "MATCH (n) RETURN n LIMIT 3",
    "MATCH (n)-[r]->(m) RETURN r, count(*) AS c",
    "RETURN $n + 1 AS n",
    "RETURN 1 / 0",
    "MATCH (n",
    "RETURN m",
    " ",
    "UNWIND range(1, 5) AS n RETURN n, [n, null], {a: n}",
)
QUERIES = (
    "g.V().count()",
    "g.V('v').out('knows').values('name').fold()",
    "g.addV('a').property(single, 'k', 1).id()",
    "g.mergeV([(T.id): 'v']).option(onMatch, [k: single(2)])",
    "g.V().group().by(label)",
    "g.V().properties().path()",
    "g.V().hasLabel('a').outE().inV().elementMap()",
    "g.inject(1, 2.5, 'x', [a: 1]).order()",
    "g.addV('a').next();\ng.V().limit(1)",
    # and what cannot work
    "g.V(",
    "g.V().nowhere()",
    "h.V()",
    "x",
    " ",
    "\x00",
    "g.V().values('name').sum().max('x')",
    "g.inject('a').sum()",
    "g.inject(1).math('_ / 0')",
    "g.addE('x')",
    "g.addV('a').property(list, 'k', 1)",
    "g.addV('a').property('k', 1, 'meta', 2)",
    "g.addV('a').property(id, 'v').addV('b').property(id, 'v')",
    "g.V().map{it.get()}",
    "g.V().out().with('Neptune#ml.prediction')",
    "g.with('Neptune#ml.endpoint', 'job-1').V('v').out('knows').with('Neptune#ml.prediction').hasLabel('a')",
    "g.io('/etc/passwd').read()",
    "g.tx().rollback()",
    "g.call('nothing')",
    "g.V().repeat(out()).times('x')",
    "g.inject('\\ud800')",
    "g.V()." + "identity()." * 3000 + "count()",
    "g.V().where(" + "__.not(" * 200 + "out()" + ")" * 200 + ")",
)
TEXTS = ("", "text", "rgcn", "heterogeneous", "arn:aws:iam::1:role/r", "ü\u2028\n", "\ud800", "a" * 5000)
SOURCES = (
    "s3://lab/load",
    "s3://lab/load",
    "s3://lab/export",
    "s3://nowhere/x",
    "/etc",
    "s3://",
    "s3://lab/" + "x" * 300,
)
# what a request needs although its shape does not say so: one of these sets of members
TOGETHER = {
    "StartMLModelTransformJob": (("dataProcessingJobId", "mlModelTrainingJobId"), ("trainingJobName",)),
    "ManagePropertygraphStatistics": (("mode",),),
    "CreateMLEndpoint": (("mlModelTrainingJobId",), ("mlModelTransformJobId",)),
}
KIND_OF = {"DataProcessing": "dataprocessing", "dataProcessing": "dataprocessing"}
KIND_OF |= {"ModelTraining": "modeltraining", "ModelTransform": "modeltransform"}
FORMATS = ("application/json", "application/vnd.gremlin-v3.0+json", "application/vnd.graphbinary-v1.0", "text/html")


@dataclass(frozen=True)
class Made:
    """One request, ready to be sent."""

    operation: OperationModel
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str] = field(default_factory=dict)


class Maker:
    """Makes requests from shapes; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._kept: dict[str, list[str]] = {}

    def keep(self, kind: str, id: str) -> None:
        """An id that the service accepted: later requests name it."""
        self._kept.setdefault(kind, []).append(id)

    def request(self) -> Made:
        """A request of any operation; the sixteen of machine learning come as often as all others."""
        machine_learning = self.random.random() < 0.5
        operation = self.random.choice([one for one in OPERATIONS if ("ML" in one.name) == machine_learning])
        query: dict[str, Any] = {}
        body: dict[str, Any] = {}
        headers: dict[str, str] = {}
        path = operation.http["requestUri"]
        members = operation.input_shape.members if operation.input_shape is not None else {}
        sensible = self.random.random() < 0.6
        together = self.random.choice(TOGETHER.get(operation.name, ((),))) if sensible else ()
        for name, member in members.items():
            place, wire = member.serialization.get("location"), member.serialization.get("name", name)
            required = name in operation.input_shape.required_members or name in together
            if place == "uri":
                path = path.replace(
                    "{" + wire + "}", quote(self._known_id(path.split("/")[-2]), safe="", errors="replace")
                )
            elif self.random.random() < (0.97 if required else 0.03 if sensible else 0.2):
                value = self.value(name, member)
                if place == "header":
                    headers[wire] = self.random.choice(FORMATS) if name == "serializer" else "gzip"
                else:
                    (query if place == "querystring" else body)[wire] = value
        if self.random.random() < 0.1:
            body[self.random.choice(["wait_interval", "modelName", "x", ""])] = self._junk()
        if query:
            path += "?" + urlencode({key: self._plain(value) for key, value in query.items()}, errors="replace")
        sent = self._body(body) if operation.http["method"] == "POST" else None
        if sent is not None and self.random.random() < 0.5:
            headers["content-type"] = self.random.choice(["application/json", "application/x-www-form-urlencoded"])
        return Made(operation, operation.http["method"], path, sent, headers)

    def value(self, name: str, shape: Shape) -> Any:
        """A value for a member: mostly one that could be meant."""
        if self.random.random() < 0.04:
            return self._junk()
        if name == "gremlinQuery":
            return self.random.choice(QUERIES)
        if name == "openCypherQuery":
            return self.random.choice(CYPHER_QUERIES)
        if name == "parameters":
            return self.random.choice(['{"n": 1}', "{}", "[]", "{", '{"n": 99999999999999999999}'])
        if name == "explainMode":
            return self.random.choice(["static", "dynamic", "details", "aloud"])
        if name == "source":
            return self.random.choice(SOURCES)
        if name == "format":
            return self.random.choice(["csv", "csv", "csv", "opencypher", "parquet"])
        if name == "id":
            return self._id(f"job-{self.random.randrange(1000)}")
        if name.endswith("JobId"):
            return self._known_id(KIND_OF[next(kind for kind in KIND_OF if kind in name)])
        if name.endswith("S3Location"):
            wrong = ["s3://lab/out", "s3://lab", "lab", "s3://lab/../x", ""]
            return "s3://lab/export" if self.random.random() < 0.8 else self.random.choice(wrong)
        if name.endswith("InstanceType") or name == "instanceType":
            return self.random.choice(["ml.m5.large", "ml.g5.2xlarge", "", "t2.micro"])
        match shape.type_name:
            case "integer" | "long":
                return self.random.choice([0, 1, 2, 10, 86400, "7", "", -1, 10**12, 2.0, 2.5])
            case "boolean":
                return self.random.choice([True, False, "TRUE", "False", "", "perhaps"])
            case "list":
                return [self.value("item", shape.member) for _ in range(self.random.randrange(3))]  # type: ignore[attr-defined]
            case "structure":
                return {key: self.value(key, inner) for key, inner in shape.members.items()}  # type: ignore[attr-defined]
            case "map":
                return {"allowEmptyStrings": self.random.choice([True, "true", "x"]), "namedGraphUri": "u"}
            case _:
                known = tuple(getattr(shape, "enum", ()))
                return self.random.choice(known if known and self.random.random() < 0.8 else TEXTS)

    def _known_id(self, kind: str) -> str:
        return self._id(self.random.choice(self._kept.get(kind, ["job-0"])[-4:]))

    def _id(self, good: str) -> str:
        if self.random.random() < 0.9:
            return good
        return self.random.choice(["", "a" * 49, "with space", "a/b", "ü", "None"])

    def _junk(self) -> Any:
        text = "".join(self.random.choices(string.printable, k=self.random.randrange(40)))
        return self.random.choice(
            [None, [], {}, [[]], {"a": {"b": []}}, text, 1e308, -0.0, True, 2**70, "\x00", "\ud800", ["", None]]
        )

    def _body(self, body: Mapping[str, Any]) -> bytes:
        chance = self.random.random()
        whole = json.dumps(body).encode()
        if chance < 0.05:
            return self.random.choice(
                [
                    b"",
                    b"null",
                    b"[]",
                    b'"x"',
                    b"\xff",
                    b"{",
                    whole[:-1],
                    whole + b"}",
                    b"NaN",
                    b"1e999",
                    b"x=" + b"\xff",
                ]
            )
        if chance < 0.15:
            return urlencode({key: self._plain(value) for key, value in body.items()}, errors="replace").encode()
        if chance < 0.5:
            return json.dumps(body, ensure_ascii=False).encode(errors="replace")
        return whole

    @staticmethod
    def _plain(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)
