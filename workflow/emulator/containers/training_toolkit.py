"""What a framework image does when it is started with ``train``: script mode, as the training toolkit has it.

A program of its own that needs the standard library alone: it runs in the job's process, on the image's interpreter.
Hyperparameters that begin with ``sagemaker_`` are instructions, the others become arguments of the user's program.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parsed(text: str) -> Any:
    """A hyperparameter: JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """``--name value`` sorted by name; one letter takes one hyphen, a mapping becomes ``a=1,b=2``."""
    line: list[str] = []
    for name, value in sorted(hyperparameters.items()):
        if isinstance(value, dict):
            text = ",".join(f"{key}={item}" for key, item in sorted(value.items()))
        else:
            text = value if isinstance(value, str) else str(value)
        line += [f"-{name}" if len(name) == 1 else f"--{name}", text]
    return line


def variables(base: Path, hyperparameters: Mapping[str, Any], channels: Mapping[str, Any], here: Mapping[str, Any],
              given: list[str], program: str, submitted: str) -> dict[str, str]:  # fmt: skip
    """The ``SM_*`` variables: texts as they are, everything else as compact JSON with sorted keys."""
    groups = {group["instance_group_name"]: group for group in here.get("instance_groups", [])}
    mine = here.get("current_group_name", "homogeneousCluster")
    values: dict[str, Any] = {
        "MODEL_DIR": f"{base}/model",
        "OUTPUT_DIR": f"{base}/output",
        "OUTPUT_DATA_DIR": f"{base}/output/data",
        "OUTPUT_INTERMEDIATE_DIR": f"{base}/output/intermediate",
        "INPUT_DIR": f"{base}/input",
        "INPUT_CONFIG_DIR": f"{base}/input/config",
        "CHANNELS": sorted(channels),
        "HPS": hyperparameters,
        "USER_ARGS": given,
        "CURRENT_HOST": here["current_host"],
        "HOSTS": here["hosts"],
        "CURRENT_INSTANCE_TYPE": here.get("current_instance_type", "local"),
        "CURRENT_INSTANCE_GROUP": mine,
        "CURRENT_INSTANCE_GROUP_HOSTS": groups.get(mine, {}).get("hosts", here["hosts"]),
        "INSTANCE_GROUPS": sorted(groups),
        "INSTANCE_GROUPS_DICT": groups,
        "DISTRIBUTION_INSTANCE_GROUPS": [],
        "IS_HETERO": len(groups) > 1,
        "NETWORK_INTERFACE_NAME": here.get("network_interface_name", "lo"),
        "RESOURCE_CONFIG": here,
        "INPUT_DATA_CONFIG": channels,
        "NUM_CPUS": os.cpu_count() or 1,
        "NUM_GPUS": 0,
        "NUM_NEURONS": 0,
        "LOG_LEVEL": 20,
        "MODULE_NAME": Path(program).stem,
        "MODULE_DIR": submitted,
        "USER_ENTRY_POINT": program,
        "FRAMEWORK_PARAMS": {},
        "FRAMEWORK_MODULE": "",
        **{f"CHANNEL_{name.upper()}": f"{base}/input/data/{name}" for name in channels},
        **{f"HP_{name.upper()}": value for name, value in hyperparameters.items()},
    }
    told = {f"SM_{name}": _text(value) for name, value in values.items()}
    told["SM_TRAINING_ENV"] = _text({name.lower(): value for name, value in values.items()})
    return told


def main() -> int:
    """Run the program that the hyperparameters name."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    config = base / "input" / "config"
    given = {name: parsed(value) for name, value in _read(config / "hyperparameters.json").items()}
    program = given.get("sagemaker_program") or os.environ.get("SAGEMAKER_PROGRAM")
    if not program:
        return _fail(base, "the job names no program: set the hyperparameter sagemaker_program, or ContainerEntrypoint")
    code = base / "code"
    if not (code / program).exists():
        return _fail(base, f"{program} is not in sagemaker_submit_directory: {sorted(os.listdir(code))[:20]}")
    own = {
        name: value
        for name, value in given.items()
        if not name.startswith("sagemaker_") and name != "_tuning_objective_metric"
    }
    line = arguments(own)
    channels, here = _read(config / "inputdataconfig.json"), _read(config / "resourceconfig.json")
    submitted = str(given.get("sagemaker_submit_directory") or code)
    told = variables(base, own, channels, here, line, program, submitted)
    command = [sys.executable, str(program)] if program.endswith(".py") else ["/bin/sh", "-c", f'./{program} "$@"', "_"]
    search = os.pathsep.join([str(code), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, **told, "PYTHONPATH": search}
    os.chdir(code)
    code_of_exit = subprocess.run([*command, *line], env=environment, check=False).returncode  # noqa: S603
    if code_of_exit == 0:
        (base / "output" / "success").touch()
    return code_of_exit if code_of_exit >= 0 else 128 - code_of_exit


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _fail(base: Path, why: str) -> int:
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "failure").write_text(why)
    sys.stderr.write(why + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
