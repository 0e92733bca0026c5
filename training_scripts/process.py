"""Entry point of the data-processing job: ``python process.py [--config-file-name F] [--model-type T] [--seed N]
[--memory-mb N] [--engine polars|spark] [--master M] [--shared ADDRESS]
[--from ADDRESS] [--to ADDRESS]``.

Reads ``processing/input`` (and ``processing/previous`` where it is given) and writes ``processing/output`` below
``/opt/ml``, or below ``SAGEMAKER_BASE_DIR``.
"""

from __future__ import annotations

import argparse
import sys

from graph_ml.quick_imports import quick_imports

with quick_imports():
    from graph_ml.addresses import copy_folder
    from graph_ml.container import Container, run
    from graph_ml.processing.engines import ENGINES, engine_of
    from graph_ml.processing.job import ProcessingJob, process
    from graph_ml.schemas.files import CONFIGURATION


def main(container: Container) -> None:
    """Read the arguments and process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file-name", default=CONFIGURATION)
    parser.add_argument("--model-type", default="heterogeneous", choices=["heterogeneous", "kge"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory-mb", type=int, help="memory that the job may use, beside files that are mapped")
    parser.add_argument("--engine", default="polars", choices=list(ENGINES), help="who does the long work")
    parser.add_argument("--master", default="", help="of Spark, such as local[2]; what spark-submit says without")
    parser.add_argument("--shared", default="", help="an address that all machines of Spark reach, such as hdfs:///tmp")
    parser.add_argument("--from", dest="source", metavar="ADDRESS", help="fetch processing/input from there first")
    parser.add_argument("--to", metavar="ADDRESS", help="leave a copy of processing/output there when it is finished")
    arguments = parser.parse_args()
    if arguments.source:
        copy_folder(arguments.source, container.processing("input"))
    options = {"master": arguments.master, "shared": arguments.shared} if arguments.engine == "spark" else {}
    engine = engine_of(arguments.engine, **options)
    job = ProcessingJob(
        input=container.processing("input"),
        output=container.processing("output"),
        previous=container.processing("previous"),
        config_file_name=arguments.config_file_name,
        model_type=arguments.model_type,
        seed=arguments.seed,
        models=container.text_models,
        memory=container.memory if arguments.memory_mb is None else arguments.memory_mb << 20,
        engine=engine,
    )
    try:
        process(job, container.progress(), container.log)
    finally:
        engine.close()
    if arguments.to:
        copy_folder(job.output, arguments.to)


if __name__ == "__main__":
    sys.exit(run(main))
