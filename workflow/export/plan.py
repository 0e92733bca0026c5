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
from workflow.export.parameters import (
    check_command,
    check_names,
    choice_of,
    flag_of,
    integer_of,
    object_of,
    text_of,
)
from workflow.export.selection import Selection, parse_selection
from workflow.export.specification import TrainingJob, parse_jobs
from workflow.export.unread import unread_of_body, unread_of_jobs, unread_of_params

TokensOnly = Literal["off", "nodes", "edges", "both"]

JOB_SIZES = {"small": 8, "medium": 32, "large": 64, "xlarge": 96}  # most concurrency
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


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

    def column(self, property: str) -> str:
        """What a property's column is called, without its type."""
        return property.replace(":", r"\:") if self.escape_header else property


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A checked request. ``jobs`` is empty for a plain export without training configuration.

    ``endpoint`` is the host the body named, or None: whoever runs the export decides which graph that is.
    ``graph`` names one of several embedded graphs, a parameter of ours. ``export_id`` is None under the ``neptune_ml``
    profile, which names the folder by the time; ``tag`` stands before either. ``last_event`` asks for
    ``lastEventId.json``. ``concurrency`` None is what the source does unasked. ``ignored`` are sentences about what the
    request says without effect.
    """

    output: str
    jobs: tuple[TrainingJob, ...] = ()
    selection: Selection = field(default_factory=Selection)
    form: CsvForm = field(default_factory=CsvForm)
    endpoint: str | None = None
    graph: str | None = None
    export_id: str | None = None
    tag: str | None = None
    last_event: bool = False
    concurrency: int | None = None
    subdirectory: bool = True
    overwrite: bool = False
    completion_file: str | None = None
    completion_payload: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def for_training(self) -> bool:
        return bool(self.jobs)


def parse_request(body: Mapping[str, Any]) -> ExportRequest:
    """Check the body of ``POST /neptune-export``, whose filter file, if it names one, was read in before.

    Raises MissingParameter, InvalidParameter or UnsupportedOperation, naming the field and what is possible.
    """
    params, additional = object_of(body, "params"), object_of(body, "additionalParams")
    command = check_command(body.get("command"))
    check_names(params)
    if body.get("queriesFileS3Path"):
        raise UnsupportedOperation("'queriesFileS3Path' is not supported; choose by 'params.gremlinNodeFilter'")
    output = body.get("outputS3Path") or ""
    if not isinstance(output, str) or not output:
        raise MissingParameter("'outputS3Path' is missing; name where the export goes, such as s3://bucket/folder")
    if not output.startswith("s3://"):
        raise InvalidParameter(f"'outputS3Path' must start with s3://, found {output!r}")
    wants_ml = "neptune_ml" in additional or params.get("profile") == "neptune_ml"
    if params.get("profile") not in (None, "", "neptune_ml"):
        raise InvalidParameter(f"profile {params['profile']!r} is not known; 'neptune_ml' is, or leave it out")
    if (file := filter_file(body)) is not None:
        raise InvalidParameter(f"the filter file {file} was not read")  # the caller's part, see with_filter
    if command == "export-pg-from-config" and not (params.get("filter") or params.get("config")):
        raise MissingParameter(
            "'export-pg-from-config' needs 'params.filterConfigFile', 'params.filter' or 'configFileS3Path'"
        )
    neptune_ml = additional.get("neptune_ml") or {}
    most, concurrency = _most_concurrency(body), integer_of(params, "concurrency")
    return ExportRequest(
        output=output,
        jobs=parse_jobs(neptune_ml) if wants_ml else (),
        ignored=(
            *unread_of_body(body),
            *unread_of_params(params, wants_ml),
            *(unread_of_jobs(neptune_ml) if wants_ml else ()),
            *(
                [f"params: 'concurrency' {concurrency} counts as {most}, the most that its 'jobSize' allows"]
                if concurrency is not None and concurrency > most
                else []
            ),
        ),
        selection=parse_selection(params),
        form=_form(params, wants_ml),
        endpoint=_endpoint(params),
        graph=str(params.get("graph") or "") or None,
        export_id=None if wants_ml else _folder_name(params, "exportId"),
        tag=_folder_name(params, "tag"),
        last_event=flag_of(params, "includeLastEventId"),
        concurrency=None if concurrency is None else min(concurrency, most),
        subdirectory=flag_of(body, "createExportSubdirectory", default=True),
        overwrite=flag_of(body, "overwriteExisting"),
        completion_file=_completion_file(body),
        completion_payload=object_of(body, "completionFilePayload"),
    )


def filter_file(body: Mapping[str, Any]) -> str | None:
    """The address of the JSON file that a request wants to be filtered by, or None. Raises InvalidParameter."""
    params = object_of(body, "params")
    named = {
        "configFileS3Path": body.get("configFileS3Path"),
        **{name: params.get(name) for name in ("filterConfigFile", "configFile", "filter", "config")},
    }
    given = {name: value for name, value in named.items() if value}
    if len(given) > 1:
        raise InvalidParameter(f"{' and '.join(map(repr, given))} exclude each other; give one of them")
    for name, value in given.items():
        if name in ("filter", "config"):
            return None
        if not isinstance(value, str) or not value.startswith("s3://"):
            raise InvalidParameter(f"{name!r} must be an s3:// address of a JSON file, found {value!r}")
        return value
    return None


def with_filter(body: Mapping[str, Any], content: object) -> dict[str, Any]:
    """The request with the content of its filter file in place of the address."""
    params = {k: v for k, v in object_of(body, "params").items() if k not in ("filterConfigFile", "configFile")}
    rest = {name: value for name, value in body.items() if name != "configFileS3Path"}
    return {**rest, "params": {**params, "filter": content}}


def _most_concurrency(body: Mapping[str, Any]) -> int:
    """How many pages a request of its size may read side by side."""
    size = str(body.get("jobSize") or body.get("jobsize") or "small").lower()
    if size not in JOB_SIZES:
        raise InvalidParameter(f"'jobSize' must be one of {', '.join(JOB_SIZES)}, found {size!r:.40}")
    return JOB_SIZES[size]


def _completion_file(body: Mapping[str, Any]) -> str | None:
    address = text_of(body, "completionFileS3Path")
    if address and not re.fullmatch(r"s3://[^/]+/.*[^/]", address):
        raise InvalidParameter(f"'completionFileS3Path' must be the address of a file below s3://, found {address!r}")
    return address or None


def _folder_name(params: Mapping[str, Any], name: str) -> str | None:
    value = text_of(params, name)
    if value and not _FOLDER_NAME.fullmatch(value):
        raise InvalidParameter(f"'{name}' must be letters, digits, '-' and '_', found {value!r}")
    return value or None


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


def _form(params: Mapping[str, Any], wants_ml: bool) -> CsvForm:
    form = params.get("format") or "csv"
    if form not in ("csv", "csvNoHeaders"):
        if form in ("json", "neptuneStreamsJson", "neptuneStreamsSimpleJson", "turtle", "nquads", "ntriples"):
            raise UnsupportedOperation(f"format {form!r} is not supported; 'csv' and 'csvNoHeaders' are")
        raise InvalidParameter(f"format {form!r} is not known; 'csv' and 'csvNoHeaders' are")
    strategy = choice_of(params, "edgeLabelStrategy", ("edgeLabelsOnly", "edgeAndVertexLabels"))
    tokens: Any = choice_of(params, "tokensOnly", ("off", "nodes", "edges", "both"))
    escape_header = flag_of(params, "escapeCsvHeaders")
    escape_newline = flag_of(params, "escapeNewline")
    if wants_ml:
        if form != "csv":
            raise InvalidParameter(f"format {form!r} cannot be trained on; the neptune_ml profile needs 'csv'")
        return CsvForm(escape_header=escape_header, escape_newline=escape_newline, tokens_only=tokens)
    separator = params.get("multiValueSeparator", ";")
    if not isinstance(separator, str) or separator in ("", ",", '"', "\n", "\r", "\\"):
        raise InvalidParameter(
            "'multiValueSeparator' must be a text other than a comma, a quote, a backslash or nothing, found "
            f"{separator!r:.40}"
        )
    return CsvForm(
        type_definitions=not flag_of(params, "excludeTypeDefinitions"),
        edge_ends=strategy == "edgeAndVertexLabels",
        consolidated=flag_of(params, "mergeFiles"),
        header=form == "csv",
        escape_header=escape_header,
        escape_newline=escape_newline,
        separator=separator,
        tokens_only=tokens,
    )
