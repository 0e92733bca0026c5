"""Who does the work that is as long as the data: Polars in this process, or Spark on many machines."""

from .engine import Engine as Engine
from .engine import Source as Source
from .table import ENGINES as ENGINES
from .table import engine_of as engine_of
