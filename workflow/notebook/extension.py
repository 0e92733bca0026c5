"""What happens on ``%load_ext workflow.notebook``."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from typing import Any

from workflow.client.connection import DEFAULT_URL
from workflow.notebook.graph_notebook import point_graph_notebook_at
from workflow.notebook.magics import DespinaMagics


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
