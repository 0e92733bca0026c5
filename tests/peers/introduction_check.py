"""Run by a Python that has graph-notebook: AWS's introduction to Neptune ML with pretrained models, as it is published.

Arguments: the s3:// prefix to work in. The helper of the notebook sets up and deletes the endpoints; every query of the
notebook is sent as its cell has it. Only SageMaker's old SDK, which the helper imports and does not use here, is stood
in for. Prints one JSON object: the answer of each query by the name of its endpoint.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import types
from pathlib import Path

import graph_notebook

BUCKET = sys.argv[1]
NAMES = {
    "node_classification_endpoint": "node_classification_endpoint_name",
    "node_regression_endpoint": "node_regression_endpoint_name",
    "link_prediction_endpoint": "prediction_endpoint_name",
    "edge_classification_endpoint": "edge_classification_endpoint_name",
    "edge_regression_endpoint": "edge_regression_endpoint_name",
}

sys.modules |= {"sagemaker": types.ModuleType("sagemaker"), "sagemaker.s3": types.ModuleType("sagemaker.s3")}
sys.modules["sagemaker.s3"].S3Downloader = None  # type: ignore[attr-defined]

folder = Path(graph_notebook.__file__).parent / "notebooks/03-Neptune-ML"
shutil.copy(folder / "neptune-ml-pretrained-model-config.json", "neptune-ml-pretrained-model-config.json")
spec = importlib.util.spec_from_file_location("neptune_ml_utils", folder / "neptune_ml_utils.py")
assert spec is not None
assert spec.loader is not None
helper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helper)
helper.UPDATE_DELAY_SECONDS = 1

helper.check_ml_enabled()
endpoints = helper.setup_pretrained_endpoints(BUCKET, True, True, True, True, True)
names = {variable: endpoints[member]["EndpointName"] for variable, member in NAMES.items()}

host, port, _ = helper.load_configuration()
notebook = json.loads((folder / "01-Gremlin/01-Getting-Started-with-Neptune-ML-Gremlin.ipynb").read_text())
answers: dict[str, list[object]] = {variable: [] for variable in NAMES}
for cell in notebook["cells"]:
    text = "".join(cell["source"])
    asked = re.search(r"\$\{(\w+)\}", text)
    if cell["cell_type"] != "code" or not text.startswith("%%gremlin") or asked is None:
        continue
    query = text.partition("\n")[2].replace(asked[0], names[asked[1]])
    answer = helper.signed_request(
        "POST",
        service="neptune-db",
        url=f"https://{host}:{port}/gremlin",
        headers={"content-type": "application/json"},
        data=json.dumps({"gremlin": query}),
    )
    told = answer.json()
    answers[asked[1]].append(told["result"]["data"] if answer.ok else {"refused": told, "query": query})
helper.delete_pretrained_endpoints(endpoints)
sys.stdout.write("ANSWERS" + json.dumps(answers))
