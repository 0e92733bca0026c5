"""Records of predictions as a frame with the same columns whatever was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("id", "name", "from", "to", "prediction", "prediction_name", "low", "high", "score", "reason")
ALWAYS = ("id", "prediction")


def predictions_frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Records as a frame: the named columns, by default those of ``COLUMNS`` that some record has."""
    import pandas as pd

    chosen = columns or [
        name for name in COLUMNS if name in ALWAYS or any(record.get(name) is not None for record in records)
    ]
    return pd.DataFrame([[record.get(name) for name in chosen] for record in records], columns=list(chosen))
