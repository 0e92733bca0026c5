"""Which engines there are: one more is a file and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...container import JobError
from .engine import Engine

#: name → the module and class in this room
ENGINES: dict[str, tuple[str, str]] = {
    "polars": (".local", "PolarsEngine"),
    "spark": (".spark", "SparkEngine"),
}


def engine_of(name: str, **options: Any) -> Engine:
    """An engine by its name.

    Raises:
        JobError: there is no such engine, or what it needs is not installed.
    """
    if name not in ENGINES:
        raise JobError(f"there is no engine {name!r} for data processing; there are {', '.join(ENGINES)}")
    module, kind = ENGINES[name]
    try:
        made = getattr(import_module(module, __package__), kind)
    except ImportError as error:
        raise JobError(f"the engine {name} is not installed ({error}); pip install 'despina[{name}]'") from error
    engine: Engine = made(**options)
    return engine
