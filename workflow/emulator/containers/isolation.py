"""How a job's folder is shown to its processes as ``/opt/ml``.

``namespace``: a private mount namespace with the folder bound at ``/opt/ml``; any code that writes the path out works,
several jobs at once, and nothing outside the job sees it. ``prefix``: paths are replaced in entry points and
arguments, and ``SAGEMAKER_BASE_DIR`` is set; works everywhere, but not for code that writes the path out.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Isolation = Literal["namespace", "prefix"]
BASE = "/opt/ml"

# Where /opt/ml does not exist, a small file system of memory takes the place of /opt in the namespace, with
# everything that is in /opt bound into it: the machine outside keeps its /opt as it is.
_ENTER = """
set -e
base=$1; shift
if [ ! -d /opt/ml ]; then
    mkdir -p "$base/../opt"
    mount --rbind /opt "$base/../opt"
    mount -t tmpfs tmpfs /opt
    for entry in "$base"/../opt/*; do
        [ -d "$entry" ] || continue
        mkdir "/opt/$(basename "$entry")"
        mount --rbind "$entry" "/opt/$(basename "$entry")"
    done
    mkdir /opt/ml
fi
mount --rbind "$base" /opt/ml
exec "$@"
"""


@dataclass(frozen=True)
class IsolatedCommand:
    """A command line and its environment, as they are given to the system."""

    command: list[str]
    environment: dict[str, str]


def best_isolation() -> Isolation:
    """``namespace`` where this machine lets us make one."""
    return "namespace" if _entering() is not None else "prefix"


def shown(
    isolation: Isolation, base: Path, command: Sequence[str], environment: Mapping[str, str], directory: str
) -> IsolatedCommand:
    """A command that finds ``base`` at ``/opt/ml``, or is told where it is.

    Args:
        directory: the working directory as the container has it, below ``/opt/ml``.
    """
    enter = _entering() if isolation == "namespace" else None
    if enter is not None:
        inside = ["sh", "-c", 'mkdir -p "$0" && cd "$0" && exec "$@"', directory, *command]
        return IsolatedCommand([*enter, "sh", "-c", _ENTER, "sh", str(base), *inside], {**environment, "HOME": "/tmp"})  # noqa: S108
    told = {
        **{name: located(value, base) for name, value in environment.items()},
        "SAGEMAKER_BASE_DIR": str(base),
    }
    inside = ["sh", "-c", 'mkdir -p "$0" && cd "$0" && exec "$@"', located(directory, base)]
    return IsolatedCommand([*inside, *(located(part, base) for part in command)], told)


def located(text: str, base: Path) -> str:
    """A path below ``/opt/ml`` as the path below ``base``; other texts as they are."""
    return str(base) + text[len(BASE) :] if text == BASE or text.startswith(f"{BASE}/") else text


@cache
def _entering() -> tuple[str, ...] | None:
    if shutil.which("unshare") is None:
        return None
    for enter in (("unshare", "-m"), ("unshare", "-U", "-r", "-m")):
        try:
            probe = subprocess.run(  # noqa: S603 - a fixed command
                [*enter, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if probe.returncode == 0:
            return enter
    return None
