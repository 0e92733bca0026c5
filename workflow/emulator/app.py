"""Builds and serves the emulator: the composition root of ``despina emulator``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow.emulator.calls import Calls, caller_of
from workflow.emulator.cloud import OWN_KEY, Cloud, Pace, Threads
from workflow.emulator.containers.images import Images
from workflow.emulator.containers.isolation import Isolation, best_isolation
from workflow.emulator.control import ControlPlane
from workflow.emulator.faults import Faults
from workflow.emulator.front import Front
from workflow.emulator.hosting.runtime import Runtime
from workflow.emulator.kept_objects import restore, save
from workflow.emulator.logs import CloudWatchLogs
from workflow.emulator.moto_server import Environ, StartResponse, WsgiApp, moto_app, serve_in_thread
from workflow.emulator.records import Records
from workflow.errors import PreconditionsFailed
from workflow.storage import S3Uri, Storage

BUCKETS = "buckets"


@dataclass(frozen=True)
class EmulatorSettings:
    """The settings of an emulator.

    Attributes:
        home: keeps records, working folders, and the objects of S3 from one start to the next.
        port: 0 takes a free one.
        environ: what jobs see of the emulator's own variables.
        endpoints: AWS endpoint variables of services that somebody else serves, ``AWS_ENDPOINT_URL_S3`` for one.
        isolation: None takes the best that this machine has.
        threads: of each process; None shares the machine between two.
        open_storage: how S3 is reached, given its endpoint.
    """

    home: Path
    open_storage: Callable[[str], Storage]
    port: int = 0
    region: str = "us-east-1"
    account: str = "000000000000"
    environ: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    isolation: Isolation | None = None
    threads: int | None = None
    pace: Pace = field(default_factory=Pace)


@dataclass
class Emulator:
    """A running emulator."""

    url: str
    control: ControlPlane
    calls: Calls
    _server: Any
    _threads: Threads
    _keep: Callable[[], None]

    def close(self) -> None:
        """End every job and endpoint, keep what S3 holds, and stop to answer."""
        self._threads.close()
        self.control.hosting.close()
        self._keep()
        self._server.shutdown()


def start(settings: EmulatorSettings) -> Emulator:
    """Serve in threads of this process; returns once it answers. Raises EmulatorMissing, PreconditionsFailed."""
    moto = moto_app()
    settings.home.mkdir(parents=True, exist_ok=True)
    release = _claim(settings.home)
    try:
        return _start(settings, moto, release)
    except BaseException:
        release()
        raise


class Door:
    """The WSGI application from the first moment on: whoever asks before the emulator stands waits until it does.

    It must listen before anything of it can be told its address, and its own requests bring back what S3 held. Those of
    others would be answered by moto's own SageMaker, which knows none of the jobs, or told what was true in an earlier
    run.
    """

    def __init__(self, own: WsgiApp, patience_s: float = 60.0) -> None:
        self._own, self._patience_s = own, patience_s
        self._front: WsgiApp | None = None
        self._opened = threading.Event()

    def open(self, front: WsgiApp) -> None:
        """Let everybody in."""
        self._front = front
        self._opened.set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; 503 where the emulator does not come to stand."""
        if self._front is None and caller_of(environ)[0] == OWN_KEY:
            return self._own(environ, start_response)
        self._opened.wait(self._patience_s)
        if self._front is None:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        return self._front(environ, start_response)


def _start(settings: EmulatorSettings, moto: WsgiApp, release: Callable[[], None]) -> Emulator:
    door = Door(moto)
    server = serve_in_thread(door, settings.port, "aws")
    try:
        return _stand(settings, moto, door, server, release)
    except BaseException:
        server.shutdown()
        raise


def _stand(settings: EmulatorSettings, moto: WsgiApp, door: Door, server: Any, release: Callable[[], None]) -> Emulator:
    url = f"http://127.0.0.1:{server.server_port}"
    s3 = settings.endpoints.get("AWS_ENDPOINT_URL_S3", url)
    storage = settings.open_storage(s3)
    owned = s3 == url
    if owned:
        restore(_s3(url, settings.region), settings.home / BUCKETS, settings.region)
    addresses = {"AWS_ENDPOINT_URL": url, **settings.endpoints}
    images = Images.read(settings.home / "images.json", settings.environ)
    if settings.threads is not None:
        images = Images(images.environ, images.table, settings.threads)
    faults, threads = Faults(), Threads()
    cloud = Cloud(
        records=Records(settings.home / "records", f"arn:aws:sagemaker:{settings.region}:{settings.account}"),
        storage=storage,
        images=images,
        faults=faults,
        folder=settings.home / "work",
        region=settings.region,
        isolation=settings.isolation or best_isolation(),
        addresses=addresses,
        logs=CloudWatchLogs(
            _client("logs", settings.endpoints.get("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", url), settings.region)
        ),
        pace=settings.pace,
    )
    control = ControlPlane(cloud, threads)
    front = Front(control, Runtime(cloud, control.hosting), faults, moto, settings.region)
    control.recover()
    door.open(front)

    def keep() -> None:
        if owned:
            save(_s3(url, settings.region), settings.home / BUCKETS)
        release()

    return Emulator(url, control, front.calls, server, threads, keep)


def run(settings: EmulatorSettings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. Raises what ``start`` raises."""
    ended = threading.Event()
    previous = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        emulator = start(settings)
        try:
            on_ready(emulator.url)
            while not ended.wait(1.0):
                pass
        finally:
            emulator.close()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def make_bucket(url: str, region: str, place: str) -> None:
    """Make the bucket of an ``s3://`` address where it is missing."""
    name = S3Uri.parse(place).bucket
    if name not in _bucket_names(url, region):
        place_of = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        _s3(url, region).create_bucket(Bucket=name, **place_of)


def _bucket_names(url: str, region: str) -> list[str]:
    return [str(bucket["Name"]) for bucket in _s3(url, region).list_buckets().get("Buckets", [])]


def _s3(url: str, region: str) -> Any:
    return _client("s3", url, region)


def _client(service: Any, url: str, region: str) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=OWN_KEY,
        aws_secret_access_key=OWN_KEY,
    )


def _claim(home: Path) -> Callable[[], None]:
    """Make the home ours alone; returns how to give it up."""
    handle = os.open(home / "emulator.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise PreconditionsFailed(
            f"cannot use {home}: another emulator does; stop it or choose another home"
        ) from error
    given = threading.Event()

    def release() -> None:
        if not given.is_set():
            given.set()
            os.close(handle)

    return release


@contextlib.contextmanager
def running(settings: EmulatorSettings) -> Iterator[Emulator]:
    """An emulator for the length of a block."""
    emulator = start(settings)
    try:
        yield emulator
    finally:
        emulator.close()
