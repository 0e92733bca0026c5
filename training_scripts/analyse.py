"""Work on projected graphs: each line of the input is a request, each line of the output says how one ended.

The process lives as long as its input is open, so that one start serves many requests.
"""

from __future__ import annotations

import sys
import traceback

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml.analysis import analyse
    from graph_ml.container import JobError
    from graph_ml.schemas.catalog.requests import AnalysisDone, AnalysisRequest


def main() -> int:
    """Answer requests until there are no more; 0."""
    for line in sys.stdin:
        try:
            analyse(AnalysisRequest.model_validate_json(line))
            done = AnalysisDone()
        except JobError as error:
            done = AnalysisDone(failure=str(error))
        except MemoryError:
            done = AnalysisDone(failure="The work needs more memory than there is; use a smaller graph")
        except Exception as error:  # noqa: BLE001 - the edge of a request
            traceback.print_exc()
            done = AnalysisDone(failure=f"{type(error).__name__}: {error}", defect=True)
        sys.stdout.write(done.model_dump_json() + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
