"""A stand-in for data processing that obeys the container contract and takes no time."""

from __future__ import annotations

import json
import shutil

from behaviour import BASE, arguments, misbehave, progress

given = arguments()
source, output = BASE / "processing" / "input", BASE / "processing" / "output"
misbehave("process", source)
assert (source / given["config-file-name"]).exists()
output.mkdir(parents=True, exist_ok=True)
space = {
    "model": "rgcn",
    "task_type": "link_prediction",
    "eval_metric": {"metric": "mrr"},
    "1-tier-param": [
        {"param": "model", "type": "str", "options": ["rgcn", "pair-ranker"]},
        {"param": "lr", "type": "float", "range": [0.001, 0.1], "inc_strategy": "log"},
    ],
    "2-tier-param": [],
    "3-tier-param": [],
    "fixed-param": [{"param": "num-layer", "type": "int", "default": 2}],
}
(output / "model-hpo-configuration.json").write_text(json.dumps({"models": [space]}))
templates = output / "hpo-configuration-templates"
templates.mkdir(exist_ok=True)
(templates / "auto.json").write_text(json.dumps({"models": [space]}))
fixed = [{"param": "lr", "type": "float", "default": 0.01}]
(templates / "transe.json").write_text(
    json.dumps({"models": [{**space, "model": "transe", "1-tier-param": [], "fixed-param": fixed}]})
)
read = json.loads((source / given["config-file-name"]).read_text())
(output / "manifest.json").write_text(json.dumps({"arguments": given, "read": read, "warnings": ["a column tells"]}))
if (source / "behaviour.json").exists():
    shutil.copy(source / "behaviour.json", output / "behaviour.json")
previous = BASE / "processing" / "previous" / "manifest.json"
if previous.exists():
    shutil.copy(previous, output / "previous-manifest.json")
progress("done", 2, 2)
