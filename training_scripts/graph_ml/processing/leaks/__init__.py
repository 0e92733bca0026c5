"""What could give the answer away, or is of no use, looked for before anything is trained.

One check a file; ``table.CHECKS`` lists them. A check reads the processed graph and the columns that features were made
of, and says what it found in sentences. It changes nothing.
"""

from __future__ import annotations

from .finding import Columns as Columns
from .finding import Finding as Finding
from .finding import Material as Material
from .table import CHECKS as CHECKS
from .table import find_leaks as find_leaks
