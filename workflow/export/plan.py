"""What an export was asked to do: a request body, checked at once and whole.

Source: the parameters of Neptune-Export as the user guide lists them; with ``additionalParams.neptune_ml`` (or the
profile ``neptune_ml``) the form of the files is what that profile forces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.errors import InvalidParameter, MissingParameter, UnsupportedOperation
from workflow.export.labels import split_labels
from workflow.export.specification import TrainingJob, parse_jobs

Scope = Literal["all", "nodes", "edges"]
TokensOnly = Literal["off", "nodes", "edges", "both"]

JOB_SIZES = {"small": 8, "medium": 32, "large": 64, "xlarge": 96}  # most concurrency
DEFAULT_CONCURRENCY = 4
_COMMANDS = ("export-pg",)
_OTHER_COMMANDS = ("export-pg-from-config", "export-pg-from-queries", "export-rdf", "create-pg-config",
                   "add-clone", "remove-clone")  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What only changes how Neptune or AWS is reached, or how its exporter pages through a cluster: nothing to do here.
_WITHOUT_EFFECT = _words(
    """
    useIamAuth useSsl disableSsl cloneCluster cloneClusterInstanceType cloneClusterReplicaCount
    cloneClusterMaxConcurrency cloneClusterEnableAuditLogs cloneClusterCorrelationId serializer
    maxContentLength rangeSize range approxNodeCount approxEdgeCount filterEdgesEarly logLevel exportId
    includeTypeDefinitions
    """
)
_UNSUPPORTED = _words(
    """
    filterConfigFile gremlinFilter gremlinNodeFilter gremlinEdgeFilter limit skip sample sampleSize
    queries queriesFile timeoutMillis twoPassAnalysis structuredOutput splitQueries includeLastEventId
    perLabelDirectories partitionDirectories strictCardinality rdfExportScope sparql namedGraph config
    configFile tokenPrefix tag janus
    """
)

_KNOWN = _words(
    """
    endpoint endpoints clusterId port profile concurrency batchSize scope nodeLabels edgeLabels filter
    format excludeTypeDefinitions edgeLabelStrategy escapeCsvHeaders escapeNewline multiValueSeparator
    tokensOnly mergeFiles graph exportId
    """
)


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How data files are written; the defaults are what the ``neptune_ml`` profile forces."""

    type_definitions: bool = False
    edge_ends: bool = True  # edgeLabelStrategy edgeAndVertexLabels
    consolidated: bool = True  # mergeFiles
    header: bool = True
    escape_header: bool = False
    escape_newline: bool = False
    separator: str = ";"
    tokens_only: TokensOnly = "off"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the graph is exported; None means everything of that kind.

    ``node_properties`` and ``edge_properties`` restrict the properties of a label that ``filter`` names.
    """

    scope: Scope = "all"
    node_labels: frozenset[str] | None = None
    edge_labels: frozenset[str] | None = None
    node_properties: Mapping[tuple[str, ...], frozenset[str]] = field(default_factory=dict)
    edge_properties: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def takes_node(self, labels: tuple[str, ...]) -> bool:
        if self.scope == "edges":
            return False
        return self.node_labels is None or not self.node_labels.isdisjoint(labels)

    def takes_edge(self, label: str) -> bool:
        if self.scope == "nodes":
            return False
        return self.edge_labels is None or label in self.edge_labels


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A checked request. ``jobs`` is empty for a plain export without training configuration.

    ``endpoint`` is the host the body named, or None: whoever runs the export decides which graph that is.
    ``graph`` names one of several embedded graphs, a parameter of ours. ``export_id`` is None under the ``neptune_ml``
    profile, which names the folder by the time.
    """

    output: str
    jobs: tuple[TrainingJob, ...] = ()
    selection: Selection = field(default_factory=Selection)
    form: CsvForm = field(default_factory=CsvForm)
    endpoint: str | None = None
    port: int | None = None
    graph: str | None = None
    export_id: str | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    batch_size: int = 64
    subdirectory: bool = True
    overwrite: bool = False
    completion_file: str | None = None
    completion_payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def for_training(self) -> bool:
        return bool(self.jobs)


def parse_request(body: Mapping[str, Any]) -> ExportRequest:
    """Check the body of ``POST /neptune-export``.

    Raises MissingParameter, InvalidParameter or UnsupportedOperation, naming the field and what is possible.
    """
    params = _object(body, "params")
    additional = _object(body, "additionalParams")
    _refuse_unknown_command(body.get("command"))
    _refuse_unsupported(params)
    for name in ("configFileS3Path", "queriesFileS3Path"):
        if body.get(name):
            raise UnsupportedOperation(f"{name!r} is not supported; name labels and properties with 'params.filter'")
    output = body.get("outputS3Path") or ""
    if not isinstance(output, str) or not output:
        raise MissingParameter("'outputS3Path' is missing; name where the export goes, such as s3://bucket/folder")
    if not output.startswith("s3://"):
        raise InvalidParameter(f"'outputS3Path' must start with s3://, found {output!r}")
    wants_ml = "neptune_ml" in additional or params.get("profile") == "neptune_ml"
    if params.get("profile") not in (None, "", "neptune_ml"):
        raise InvalidParameter(f"profile {params['profile']!r} is not known; 'neptune_ml' is, or leave it out")
    size = str(body.get("jobSize") or body.get("jobsize") or "small").lower()
    endpoint = _endpoint(params)
    concurrency = _integer(params, "concurrency", DEFAULT_CONCURRENCY)
    return ExportRequest(
        output=output,
        jobs=parse_jobs(additional.get("neptune_ml") or {}) if wants_ml else (),
        selection=_selection(params),
        form=_form(params, wants_ml),
        endpoint=endpoint,
        port=_integer(params, "port", 8182) if "port" in params else None,
        graph=str(params.get("graph") or "") or None,
        export_id=None if wants_ml else _export_id(params),
        concurrency=min(concurrency, JOB_SIZES.get(size, JOB_SIZES["small"])),
        batch_size=_integer(params, "batchSize", 64),
        subdirectory=truth(body.get("createExportSubdirectory"), default=True),
        overwrite=truth(body.get("overwriteExisting"), default=False),
        completion_file=str(body.get("completionFileS3Path") or "") or None,
        completion_payload=_object(body, "completionFilePayload"),
    )


def truth(value: object, *, default: bool) -> bool:
    """A flag as clients write it: a boolean, or its name in any case; absent or empty is the default."""
    if value is None or value == "":
        return default
    if isinstance(value, str):
        return value.strip().lower() == "true"
    return bool(value)


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise InvalidParameter(f"'{name}' must be an object, found {type(value).__name__}")
    return value


def _refuse_unknown_command(command: object) -> None:
    if command in (None, "", *_COMMANDS):
        return
    if command in _OTHER_COMMANDS:
        raise UnsupportedOperation(f"command {command!r} is not supported; 'export-pg' is")
    raise InvalidParameter(f"command {command!r} is not known; 'export-pg' is")


def _refuse_unsupported(params: Mapping[str, Any]) -> None:
    asked = sorted(name for name in params.keys() & _UNSUPPORTED if params[name] not in (None, "", False))
    if asked:
        raise UnsupportedOperation(
            f"params {', '.join(repr(name) for name in asked)} not supported; restrict an export with "
            "'scope', 'nodeLabels', 'edgeLabels', 'filter' or 'tokensOnly'"
        )
    unknown = sorted(params.keys() - _KNOWN - _WITHOUT_EFFECT - _UNSUPPORTED)
    if unknown:
        raise InvalidParameter(
            f"unknown params {', '.join(repr(name) for name in unknown)}; known ones: {', '.join(sorted(_KNOWN))}"
        )


def _export_id(params: Mapping[str, Any]) -> str | None:
    value = params.get("exportId")
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value):
        raise InvalidParameter(f"'exportId' must be letters, digits, '-' and '_', found {value!r}")
    return value


def _endpoint(params: Mapping[str, Any]) -> str | None:
    named = [name for name in ("endpoint", "endpoints", "clusterId") if params.get(name)]
    if len(named) > 1:
        raise InvalidParameter(f"{' and '.join(repr(name) for name in named)} exclude each other; give one of them")
    value = params[named[0]] if named else None
    if isinstance(value, list):
        value = value[0] if value else None
    if value is not None and not isinstance(value, str):
        raise InvalidParameter(f"'{named[0]}' must be a host name, found {value!r}")
    return value or None


def _integer(params: Mapping[str, Any], name: str, default: int) -> int:
    value = params.get(name)
    if value is None or value == "":
        return default
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise InvalidParameter(f"'{name}' must be a positive integer, found {value!r}")
    return number


def _choice(params: Mapping[str, Any], name: str, valid: tuple[str, ...]) -> str:
    value = params.get(name) or valid[0]
    if value not in valid:
        choices = ", ".join(f"'{one}'" for one in valid)
        raise InvalidParameter(f"Invalid '{name}' value for params: '{value}'. Valid values are: {choices}.")
    return str(value)


def _form(params: Mapping[str, Any], wants_ml: bool) -> CsvForm:
    form = params.get("format") or "csv"
    if form not in ("csv", "csvNoHeaders"):
        if form in ("json", "neptuneStreamsJson", "neptuneStreamsSimpleJson", "turtle", "nquads", "ntriples"):
            raise UnsupportedOperation(f"format {form!r} is not supported; 'csv' and 'csvNoHeaders' are")
        raise InvalidParameter(f"format {form!r} is not known; 'csv' and 'csvNoHeaders' are")
    strategy = _choice(params, "edgeLabelStrategy", ("edgeLabelsOnly", "edgeAndVertexLabels"))
    tokens: Any = _choice(params, "tokensOnly", ("off", "nodes", "edges", "both"))
    escape_header = truth(params.get("escapeCsvHeaders"), default=False)
    escape_newline = truth(params.get("escapeNewline"), default=False)
    if wants_ml:
        if form != "csv":
            raise InvalidParameter(f"format {form!r} cannot be trained on; the neptune_ml profile needs 'csv'")
        return CsvForm(escape_header=escape_header, escape_newline=escape_newline, tokens_only=tokens)
    separator = params.get("multiValueSeparator") or ";"
    if not isinstance(separator, str) or separator in (",", '"', "\n", "\r"):
        raise InvalidParameter(f"'multiValueSeparator' must be a text other than a comma or quote, found {separator!r}")
    return CsvForm(
        type_definitions=not truth(params.get("excludeTypeDefinitions"), default=False),
        edge_ends=strategy == "edgeAndVertexLabels",
        consolidated=truth(params.get("mergeFiles"), default=False),
        header=form == "csv",
        escape_header=escape_header,
        escape_newline=escape_newline,
        separator=separator,
        tokens_only=tokens,
    )


def _selection(params: Mapping[str, Any]) -> Selection:
    scope: Any = _choice(params, "scope", ("all", "nodes", "edges"))
    node_labels = _names(params, "nodeLabels")
    edge_labels = _names(params, "edgeLabels")
    node_properties: dict[tuple[str, ...], frozenset[str]] = {}
    edge_properties: dict[str, frozenset[str]] = {}
    filters = params.get("filter") or {}
    if not isinstance(filters, Mapping):
        raise InvalidParameter("'filter' must be an object with 'nodes' and 'edges'")
    for entry in _filter_entries(filters, "nodes"):
        label = entry.get("label")
        labels = tuple(sorted(label)) if isinstance(label, list) else split_labels(str(label))
        node_labels = (node_labels or frozenset()) | set(labels)
        if isinstance(entry.get("properties"), list):
            node_properties[labels] = frozenset(map(str, entry["properties"]))
    for entry in _filter_entries(filters, "edges"):
        label = entry.get("label")
        name = str(label.get("~label")) if isinstance(label, Mapping) else str(label)
        edge_labels = (edge_labels or frozenset()) | {name}
        if isinstance(entry.get("properties"), list):
            edge_properties[name] = frozenset(map(str, entry["properties"]))
    return Selection(scope, node_labels, edge_labels, node_properties, edge_properties)


def _names(params: Mapping[str, Any], name: str) -> frozenset[str] | None:
    value = params.get(name)
    if value is None or value == "" or value == []:
        return None
    values = re.split(r"\s*,\s*", value) if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
        raise InvalidParameter(f"'{name}' must be an array of labels, found {value!r}")
    return frozenset(values)


def _filter_entries(filters: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = filters.get(kind) or []
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) and one.get("label") for one in entries):
        raise InvalidParameter(f"'filter.{kind}' must be an array of objects with a 'label'")
    return entries
