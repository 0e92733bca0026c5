"""The words about the data plane name everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session

from workflow import errors, server
from workflow.graphs.store.journal.journal import MEMORY_COMMITS
from workflow.graphs.store.journal.stream import MOST_BYTES
from workflow.graphs.store.persistence import (
    LARGE_SEGMENTS_BYTES,
    LEAST_LIMIT_BYTES,
    LOG_AT_STOP_BYTES,
    LOG_LIMIT_BYTES,
    MOST_SEGMENTS,
    PER_SNAPSHOT,
    SEGMENTS_AT_STOP_BYTES,
)
from workflow.queries import memory_watch
from workflow.queries.run import MOST_HELD
from workflow.server.access import connections
from workflow.server.gremlin import http as gremlin_http
from workflow.server.gremlin import http4 as gremlin_http4
from workflow.server.gremlin import protocol as gremlin_protocol
from workflow.server.neptune import bodies
from workflow.settings import Settings
from workflow.values import limits

TEXT = (Path(server.__file__).parent / "README.md").read_text()
MODEL = botocore.session.get_session().get_service_model("neptunedata")


def test_every_error_that_can_be_answered_is_described() -> None:
    classes = [errors.WorkflowError]
    for kind in classes:
        classes += kind.__subclasses__()
    assert sorted({kind.code for kind in classes if f"`{kind.code}`" not in TEXT}) == []


def test_codes_and_statuses_are_the_models() -> None:
    statuses = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in MODEL.error_shapes}
    ours = {
        kind.code: kind.status for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")
    }
    assert {code: statuses.get(code) for code in ours} == ours


def test_the_figures_in_the_words_are_those_of_the_code() -> None:
    assert (MEMORY_COMMITS, MOST_SEGMENTS, MOST_BYTES) == (1000, 16, 10_000_000)
    assert (LEAST_LIMIT_BYTES, PER_SNAPSHOT, LOG_LIMIT_BYTES) == (8 << 20, 32, 32 << 20)
    assert (LARGE_SEGMENTS_BYTES, LOG_AT_STOP_BYTES, SEGMENTS_AT_STOP_BYTES) == (64 << 20, 4 << 20, 8 << 20)
    told = " ".join(TEXT.split())
    assert "until it has 8 MB, or a thirty-second of the snapshot up to 32 MB, 16 bulk loads, or 64 MB of them" in told
    assert "from 4 MB on, or 8 MB of bulk loads" in told
    assert "keeps 1,000 commits" in told
    assert "or 10 MB" in told


def test_the_limits_in_the_words_are_those_of_the_code() -> None:
    figures = [
        *(
            connections.MOST,
            connections.MOST_OF_AN_ADDRESS,
            connections.HEAD_S,
            connections.BODY_S,
            connections.READER_S,
        ),
        *(bodies.MOST_BYTES >> 20, gremlin_http.MAX_BODY >> 20, gremlin_protocol.STRANGERS_FRAME >> 10),
        *(gremlin_http.MOST_ANSWER >> 20, limits.MOST_CHARACTERS, limits.MOST_MEMBERS, limits.MOST_BITS, MOST_HELD),
        *(limits.MOST_PATTERN, limits.MOST_REPEATS, limits.MATCH_TIMEOUT_S),
        *(memory_watch.LEAST_SHARE * 100, memory_watch.LEAST_FREE >> 20),
        Settings(home=Path()).query_timeout_ms / 1000,
        *(gremlin_protocol.SESSION_LIFETIME_S["neptune"] / 60, gremlin_protocol.SESSION_LIFETIME_S["tinkerpop"] / 3600),
        gremlin_http4.IDLE_S,
    ]
    words = TEXT[TEXT.index("## Limits") : TEXT.index("## Profiles")].replace(",", "")
    told = re.findall(r"(?<![\w-])\d+", words)
    assert told == [f"{figure:g}" if figure < 1e5 else str(figure) for figure in figures]
