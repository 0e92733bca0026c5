"""Tells graph-notebook, where it is installed, which service its magics are to ask."""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import Any
from urllib.parse import urlsplit

LOAD_ROLE = "arn:aws:iam::000000000000:role/NeptuneLoadFromS3"  # %load sends nothing without a role; none is looked at


def point_graph_notebook_at(shell: Any, url: str) -> None:
    """Tell graph-notebook that the host is a Neptune host, then where it is.

    In this order: a host it does not take for Neptune's loses half of its configuration.
    """
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    configuration = {
        "host": host,
        "port": parts.port or 8182,
        "neptune_service": "neptune-db",
        "auth_mode": "DEFAULT",
        "load_from_s3_arn": LOAD_ROLE,
        "ssl": parts.scheme == "https",
        "ssl_verify": parts.scheme == "https",
        "aws_region": "us-east-1",
        "gremlin": {"connection_protocol": "websockets", "message_serializer": "graphsonv3"},
    }
    with contextlib.redirect_stdout(io.StringIO()):
        # the first call regenerates a client from a configuration not read yet and fails at it; the list is changed
        with contextlib.suppress(AttributeError):
            shell.run_cell_magic("neptune_config_allowlist", "", host)
        shell.run_cell_magic("graph_notebook_config", "--silent", json.dumps(configuration))
    own = os.environ.get("SSL_CERT_FILE") or os.environ.get("AWS_CA_BUNDLE")
    if parts.scheme == "https" and own:
        # its requests look at no variable, and its configuration knows only whether to look at certificates at all
        shell.magics_manager.registry["Graph"].client.ssl_verify = own
