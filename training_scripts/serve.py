"""A stand-alone server of ``/ping`` and ``/invocations`` in the container's form; standard library only.

Listens on the loopback address at ``SAGEMAKER_BIND_TO_PORT`` (default 8080, 0 takes a free port) and prints one line
with its address once the model answers; until then ``/ping`` says 503. SIGTERM stops it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml import container
    from graph_ml.predict.server import serve
    from graph_ml.tracing import Traces


def main() -> int:
    """Serve until told to stop."""
    box = container.Container.from_environment()
    parser = argparse.ArgumentParser(description="serve a model folder")
    parser.add_argument("--model-dir", type=Path, default=box.model)
    parser.add_argument("--host", default=box.environ.get("SAGEMAKER_BIND_TO_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(box.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080))
    arguments = parser.parse_args()

    def load() -> object:
        with quick_imports():
            from inference import model_fn

        return model_fn(str(arguments.model_dir))

    return serve(load, arguments.host, arguments.port, box.log, Traces.of(box.environ))


if __name__ == "__main__":
    raise SystemExit(main())
