"""Five tasks on MovieLens with the export parameters of the service's introduction notebooks, through the product.

    python benchmarks/movielens_tasks.py [node_class …]

loads ``$DESPINA_DATA/movielens-latest-small`` into a service of its own and takes each task from export to endpoint by
two trials, the default of those notebooks. Prints seconds, CPU seconds and what the winner reaches beside the floors.
MovieLens has no attributes of users any more; age and occupation are drawn, so nothing can be learned of them.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import data_folder

from workflow.client import Workflow, start_service

RATED = ["user", "rated", "movie"]
TITLE = {"node": "movie", "property": "title", "type": "word2vec"}
AGE = {"node": "user", "property": "age", "type": "bucket_numerical", "range": [1, 100], "num_buckets": 10}
TASKS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "node_class": ({"node": "movie", "property": "genre", "type": "classification"}, [TITLE, AGE]),
    "node_regression": ({"node": "user", "property": "age", "type": "regression"}, [TITLE]),
    "edge_class": ({"edge": RATED, "property": "score", "type": "classification"}, [TITLE, AGE]),
    "edge_regression": ({"edge": RATED, "property": "score", "type": "regression"}, [TITLE, AGE]),
    "link_prediction": ({"edge": RATED, "type": "link_prediction"}, [TITLE, AGE]),
}


def frames(folder: Path) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """(vertices, edges) with Neptune's column names: films, users and genres; ratings, and the genres of films."""
    films, ratings = (pd.read_csv(folder / f"{name}.csv.gz") for name in ("movies", "ratings"))
    rng = random.Random(0)
    users = sorted(set(ratings["userId"]))
    genres = films.assign(genre=films["genres"].str.split("|")).explode("genre")
    names = sorted(set(genres["genre"]))
    film_ids, occupations = "m" + films["movieId"].astype(str), ["student", "engineer", "artist", "doctor", "other"]
    vertices = [
        pd.DataFrame(
            {
                "~id": film_ids,
                "~label": "movie",
                "title:String": films["title"],
                "genre:String[]": films["genres"].str.replace("|", ";"),
            }
        ),
        pd.DataFrame(
            {
                "~id": [f"u{user}" for user in users],
                "~label": "user",
                "age:Int": [rng.randint(14, 70) for _ in users],
                "occupation:String": [rng.choice(occupations) for _ in users],
            }
        ),
        pd.DataFrame({"~id": [f"g{name}" for name in names], "~label": "genre", "name:String": names}),
    ]
    edges = [
        pd.DataFrame(
            {
                "~id": [f"r{i}" for i in range(len(ratings))],
                "~from": "u" + ratings["userId"].astype(str),
                "~to": "m" + ratings["movieId"].astype(str),
                "~label": "rated",
                "score:Double": ratings["rating"],
                "scale:String": "Likert",
                "timestamp:Int": ratings["timestamp"],
            }
        ),
        pd.DataFrame(
            {
                "~id": [f"i{i}" for i in range(len(genres))],
                "~from": "m" + genres["movieId"].astype(str),
                "~to": "g" + genres["genre"],
                "~label": "included_in",
            }
        ),
    ]
    return vertices, edges


def cpu() -> float:
    """CPU seconds of everything below this process that has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(vertices: list[pd.DataFrame], edges: list[pd.DataFrame], task: str) -> None:
    """Take one task from a loaded graph to an endpoint, and print what it took and what it reaches."""
    target, features = TASKS[task]
    before = cpu()
    service = start_service(Path(tempfile.mkdtemp(prefix="movielens-")))
    try:
        wf = Workflow(service.url)
        wf.wait(wf.load(nodes=vertices, edges=edges))
        began = time.monotonic()
        exported = wf.wait(wf.export(targets=[target], features=features))
        processed = wf.wait(wf.dataprocessing(exported))
        trained = wf.wait(wf.training(processed, trials=2, parallel=2))
        wf.wait(wf.endpoint(trained))
        seconds, metrics = time.monotonic() - began, wf.metrics(trained)
    finally:
        service.stop()
    print(f"{task}: {seconds:.0f} s, {cpu() - before:.0f} CPU s")
    for split in ("valid", "test"):
        figures = metrics.get("splits", {}).get(split, {})
        print(f"  {split}: {figures}; floors {metrics.get('floors', {}).get(split, {})}")
    for text in dict.fromkeys((*exported.warnings, *processed.warnings, *trained.warnings)):
        print(f"  warning: {text}")


def main() -> None:
    """Run the tasks that are named, or all."""
    vertices, edges = frames(data_folder() / "movielens-latest-small")
    for task in sys.argv[1:] or TASKS:
        run(vertices, edges, task)


if __name__ == "__main__":
    main()
