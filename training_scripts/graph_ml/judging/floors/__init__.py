"""Plain baselines that are printed beside every model: whoever loses to one of them has learned little.

A floor sees the same training items as the model, is set to its best on the items to choose by, and depends on nothing
else: on one split it has the same figures in every report.
"""

from __future__ import annotations

from .calibration import calibrated as calibrated
from .items import Fitted as Fitted
from .items import LabelledItems as LabelledItems
from .items import Predictions as Predictions
from .table import LABEL_FLOORS as LABEL_FLOORS
from .table import label_floors as label_floors
