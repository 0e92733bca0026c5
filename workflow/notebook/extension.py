"""What happens on ``%load_ext workflow.notebook``."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
from typing import Any
from urllib.parse import urlsplit

from workflow.client.connection import DEFAULT_URL
from workflow.notebook.magics import DespinaMagics

LOAD_ROLE = "arn:aws:iam::000000000000:role/NeptuneLoadFromS3"  # %load sends nothing without a role; none is looked at


def load_ipython_extension(shell: Any) -> None:
    """Register ``%despina``; where graph-notebook is installed, load its magics and point them at the service.

    The address is ``DESPINA_URL``, by default the port ``despina serve`` takes; ``%despina connect URL`` changes it.
    """
    url = os.environ.get("DESPINA_URL", DEFAULT_URL)
    shell.register_magics(DespinaMagics(shell, url))
    if importlib.util.find_spec("graph_notebook") is not None:
        with contextlib.redirect_stdout(io.StringIO()):  # it says that it has no configuration yet
            shell.extension_manager.load_extension("graph_notebook.magics")
        point_graph_notebook_at(shell, url)


def unload_ipython_extension(shell: Any) -> None:
    """Nothing is kept open; IPython forgets the magics with the session."""


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
