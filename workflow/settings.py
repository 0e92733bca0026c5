"""All configuration of the service and the client: the one reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Profile = Literal["neptune", "tinkerpop"]


@dataclass(frozen=True)
class Settings:
    """What a running service or client was told.

    ``home`` holds everything that is kept: ``s3/<bucket>/<key>`` is what ``s3://bucket/key`` means, beside the job
    store, the graphs and the logs.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8182
    profile: Profile = "neptune"
    graphs: tuple[str, ...] = ("g",)
    in_memory: bool = False
    region: str = "us-east-1"
    account: str = "000000000000"
    storage: Literal["folder", "s3"] = "folder"
    query_timeout_ms: int = 120_000
    default_endpoint: str | None = None
    default_role_arn: str | None = None
    max_parallel_jobs: int = 2
    gremlin_url: str | None = None

    @property
    def s3_root(self) -> Path:
        return self.home / "s3"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ``DESPINA_*`` and the standard AWS variables; command-line options override the result."""
        env = os.environ if environ is None else environ
        return cls(
            home=Path(env.get("DESPINA_HOME") or Path.home() / ".despina").expanduser(),
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
            storage="s3" if env.get("DESPINA_STORAGE") == "s3" else "folder",
            default_endpoint=env.get("DESPINA_ML_ENDPOINT"),
            default_role_arn=env.get("DESPINA_ML_IAM_ROLE"),
        )
