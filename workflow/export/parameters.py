"""The ``params`` of an export request: which there are, what has no effect here, and reading single ones."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from workflow.errors import InvalidParameter, UnsupportedOperation


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN = _words(
    """
    endpoint endpoints clusterId profile concurrency graph exportId tag includeLastEventId
    scope nodeLabels edgeLabels filter config filterConfigFile configFile
    gremlinFilter gremlinNodeFilter gremlinEdgeFilter limit skip
    format excludeTypeDefinitions edgeLabelStrategy escapeCsvHeaders escapeNewline multiValueSeparator
    tokensOnly mergeFiles
    """
)
# What only changes how Neptune or AWS is reached, or how its exporter pages through a cluster: nothing to do here.
WITHOUT_EFFECT = _words(
    """
    port batchSize useIamAuth useSsl disableSsl cloneCluster cloneClusterInstanceType cloneClusterReplicaCount
    cloneClusterMaxConcurrency cloneClusterEnableAuditLogs cloneClusterCorrelationId serializer
    maxContentLength rangeSize range approxNodeCount approxEdgeCount filterEdgesEarly logLevel
    includeTypeDefinitions janus strictCardinality
    """
)
_SHAPE = "the files of an export lie in nodes/ and edges/, one for each label set with 'mergeFiles'; leave it out"
_QUERIES = "export the graph with 'export-pg' and choose what of it by 'gremlinNodeFilter' and 'gremlinEdgeFilter'"
_RDF = "this service keeps a property graph; load RDF as nodes and edges and run 'export-pg'"
_UNSUPPORTED = {
    "sample": "types are found from all values; leave it out, or take part of the graph by 'limit'",
    "sampleSize": "types are found from all values; leave it out, or take part of the graph by 'limit'",
    "tokenPrefix": "the columns are called '~id' and '~label'; leave it out",
    "perLabelDirectories": _SHAPE,
    "partitionDirectories": _SHAPE,
    **dict.fromkeys(
        ("queries", "queriesFile", "timeoutMillis", "twoPassAnalysis", "structuredOutput", "splitQueries"), _QUERIES
    ),
    **dict.fromkeys(("rdfExportScope", "sparql", "namedGraph"), _RDF),
}
_CLONE = "an export reads one moment of the embedded graph, without a clone; leave it out"
COMMANDS = ("export-pg", "export-pg-from-config")
OTHER_COMMANDS = {
    "export-pg-from-queries": _QUERIES,
    "export-rdf": _RDF,
    "create-pg-config": "'export-pg' writes config.json beside the data; edit it and give it as 'filterConfigFile'",
    "add-clone": _CLONE,
    "remove-clone": _CLONE,
}


def check_command(command: object) -> str:
    """The command of a request, ``export-pg`` where it names none. Raises for what is not there, saying what is."""
    if command in (None, ""):
        return COMMANDS[0]
    if isinstance(command, str) and command in COMMANDS:
        return command
    if isinstance(command, str) and command in OTHER_COMMANDS:
        raise UnsupportedOperation(f"command {command!r} is not supported: {OTHER_COMMANDS[command]}")
    raise InvalidParameter(f"command {command!r} is not known; {' and '.join(map(repr, COMMANDS))} are")


def check_names(params: Mapping[str, Any]) -> None:
    """Raises for parameters that are not supported, or not known, naming them and what to do instead."""
    asked = sorted(name for name in params.keys() & _UNSUPPORTED.keys() if params[name] not in (None, "", False, []))
    if asked:
        raise UnsupportedOperation(
            "; ".join(f"'params.{name}' is not supported: {_UNSUPPORTED[name]}" for name in asked)
        )
    unknown = sorted(params.keys() - KNOWN - WITHOUT_EFFECT - _UNSUPPORTED.keys())
    if unknown:
        close = {name: get_close_matches(name, KNOWN, 1) for name in unknown}
        raise InvalidParameter(
            "; ".join(
                f"unknown params {name!r}, did you mean {close[name][0]!r}?"
                if close[name]
                else f"unknown params {name!r}"
                for name in unknown
            )
            + ("" if all(close.values()) else f"; known ones: {', '.join(sorted(KNOWN))}")
        )


def flag_of(body: Mapping[str, Any], name: str, *, default: bool = False) -> bool:
    """A flag as clients write it: a boolean, or its name in any case; absent or empty is the default.

    Raises InvalidParameter.
    """
    value = body.get(name)
    if value is None or value == "":
        return default
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise InvalidParameter(f"'{name}' must be true or false, found {value!r:.40}")
    return word == "true"


def object_of(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object; empty where it is absent. Raises InvalidParameter."""
    value = body.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise InvalidParameter(f"'{name}' must be an object, found {type(value).__name__}")
    return value


def text_of(params: Mapping[str, Any], name: str) -> str:
    """A text, empty where it is absent. Raises InvalidParameter."""
    value = params.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidParameter(f"'{name}' must be a text, found {value!r}")
    return value.strip()


def integer_of(params: Mapping[str, Any], name: str, *, least: int = 1) -> int | None:
    """A whole number, also as text; None where it is absent. Raises InvalidParameter."""
    value = params.get(name)
    if value is None or value == "":
        return None
    try:
        number = int(str(value)[:40])  # more digits are refused, however many
    except ValueError:
        number = least - 1
    if not least <= number < 1 << 63 or isinstance(value, bool):
        kind = "a positive integer" if least else "an integer from 0"
        raise InvalidParameter(f"'{name}' must be {kind}, found {value!r:.40}")
    return number


def choice_of(params: Mapping[str, Any], name: str, valid: tuple[str, ...]) -> str:
    """One of a set of words, the first where it is absent. Raises InvalidParameter."""
    value = params.get(name) or valid[0]
    if value not in valid:
        choices = ", ".join(f"'{one}'" for one in valid)
        raise InvalidParameter(f"Invalid '{name}' value for params: '{value}'. Valid values are: {choices}.")
    return str(value)
