"""An emulator in this process, and the drivers that speak to it."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator, EmulatorSettings, running
from workflow.emulator.cloud import OWN_KEY, Pace
from workflow.runners.sagemaker.account import Account, Clients

REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/ml"


@contextmanager
def emulator(home: Path, *, fresh: bool = True, **settings: Any) -> Iterator[Emulator]:
    """A running emulator; what moto holds in this process is forgotten first unless ``fresh`` is False."""
    defaults: dict[str, Any] = {
        "environ": {"PATH": os.environ["PATH"]},
        "threads": 1,
        "pace": Pace(grace_s=2.0, health_s=20.0),
    }
    described = EmulatorSettings(home, partial(open_s3_at, region=REGION, key=OWN_KEY), **{**defaults, **settings})
    with running(described) as emulated:
        if fresh:
            request(emulated.url, "POST", "/moto-api/reset")
        yield emulated


def forget() -> None:
    """Let moto forget what it holds in this process, as a process that ends does."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


def request(url: str, method: str, path: str, body: bytes | None = None) -> bytes:
    asked = urllib.request.Request(f"{url}{path}", body, method=method)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        content: bytes = answer.read()
        return content


def clients(url: str, **account: Any) -> Clients:
    """The clients of an account that is emulated."""
    defaults: dict[str, Any] = {"image": "despina-training", "role": ROLE, "poll_s": 0.2, "patience_s": 20.0}
    return Clients(Account(REGION, **{**defaults, **account}), url)
