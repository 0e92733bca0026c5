"""Where a workflow runs: on this machine, on an emulated cloud, or on AWS; the same file does for all three."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow.client.service import local_service
from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.emulator.app import EmulatorSettings
    from workflow.runners.sagemaker.account import Account, Clients
    from workflow.storage import Storage

Target = Literal["local", "emulated", "aws"]

EMULATED_IMAGE = "despina-training"  # the emulator runs every image on its own interpreter
EMULATED_ROLE = "arn:aws:iam::000000000000:role/despina"
CLOUD = {"DESPINA_STORAGE": "s3", "DESPINA_RUNNER": "sagemaker", "DESPINA_ENDPOINTS": "sagemaker"}


@dataclass(frozen=True)
class OpenTarget:
    """A service to run on: its address, what ``s3://`` means to it, and its SageMaker, where it has one."""

    url: str
    storage: Storage
    clients: Clients | None = None


def open_target(target: Target, home: Path, bucket: str, stack: ExitStack) -> OpenTarget:
    """A service for a target, for as long as the stack lasts.

    Each target has a home of its own below ``home``, so that no job of one stands for an equal job of another.
    """
    from workflow.drivers import open_clients, open_s3_at, open_storage

    settings = replace(Settings.from_environment(), home=home if target == "local" else home / target)
    if target == "local":
        return OpenTarget(stack.enter_context(local_service(home)), open_storage(settings))
    if target == "aws":
        cloud = replace(settings, storage="s3")
        url = stack.enter_context(local_service(settings.home, environ=CLOUD))
        return OpenTarget(url, open_storage(cloud), open_clients(cloud))
    from workflow.emulator.app import make_bucket, running

    described = emulator_settings(settings, home / "emulator")
    emulator = stack.enter_context(running(described))
    s3 = described.endpoints.get("AWS_ENDPOINT_URL_S3", emulator.url)
    if s3 == emulator.url:
        make_bucket(s3, settings.region, bucket)
    service = local_service(settings.home, environ=emulated_variables(emulator.url, described.endpoints))
    key = "emulated" if s3 == emulator.url else None
    storage = open_s3_at(s3, settings.region, key)
    return OpenTarget(stack.enter_context(service), storage, open_clients(settings, emulator.url))


def planned_account(target: Target, settings: Settings) -> Account:
    """The account that a target's jobs would run in, for a plan; the emulator's takes any image and role."""
    from workflow.drivers import account_of

    if target == "emulated":
        image = replace(settings.sagemaker, image=EMULATED_IMAGE)
        settings = replace(settings, sagemaker=image, default_role_arn=EMULATED_ROLE)
    return account_of(settings)


def emulator_settings(settings: Settings, home: Path, port: int = 0) -> EmulatorSettings:
    """The settings of an emulator on this machine; services that AWS endpoint variables name stay elsewhere."""
    from functools import partial

    from workflow.drivers import open_s3_at
    from workflow.emulator.app import EmulatorSettings
    from workflow.emulator.cloud import OWN_KEY

    named = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS")
    # an S3 server of the user's own knows the user's keys and no other
    key = None if os.environ.get("AWS_ENDPOINT_URL_S3") and os.environ.get("AWS_ACCESS_KEY_ID") else OWN_KEY
    return EmulatorSettings(
        home,
        partial(open_s3_at, region=settings.region, key=key),
        port=port,
        region=settings.region,
        account=settings.account,
        environ=settings.job_environment,
        endpoints={name: os.environ[name] for name in named if os.environ.get(name)},
    )


def emulated_variables(url: str, endpoints: Mapping[str, str]) -> dict[str, str]:
    """The variables with which a service finds an emulator."""
    return {
        **CLOUD,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID") or "emulated",
        "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY") or "emulated",
        "DESPINA_SAGEMAKER_IMAGE": EMULATED_IMAGE,
        "DESPINA_ML_IAM_ROLE": EMULATED_ROLE,
        **endpoints,
    }
