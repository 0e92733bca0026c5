"""What ``despina doctor`` looks at on this machine: each check gives a result, and what to do where it failed."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workflow.errors import WorkflowError
from workflow.settings import BadSetting, Settings, s3_endpoint, unknown_variables

FREE_DISK_GB = 2.0
DAYS_BEFORE_THE_END = 14


@dataclass(frozen=True)
class Check:
    """One thing that was tried: whether it works, and if not, what to do.

    ``advice`` says that things work as they are, and what would be better.
    """

    what: str
    ok: bool
    detail: str
    advice: bool = False

    @property
    def word(self) -> str:
        """Its heading in the table."""
        return "MISSING" if not self.ok else "advice" if self.advice else "ok"


def machine(settings: Settings) -> Iterator[Check]:
    """What local jobs need."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python 3.11 or newer", sys.version_info >= (3, 11), version)
    for package, why in (
        ("torch", "training"),
        ("polars", "data processing"),
        ("optuna", "tuning"),
        ("boto3", "clients"),
    ):
        present = importlib.util.find_spec(package) is not None
        yield Check(f"{package} for {why}", present, "installed" if present else f"pip install {package}")
    graph_library = "DGL" if importlib.util.find_spec("dgl") else "the torch twin (DGL has no wheel for this Python)"
    yield Check("message passing", True, graph_library)
    scripts = settings.scripts / "train.py"
    yield Check("training scripts", scripts.is_file(), str(scripts.parent) if scripts.is_file() else f"no {scripts}")
    yield _home(settings.home)
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    yield Check(f"{FREE_DISK_GB:.0f} GB of free disk", free_gb >= FREE_DISK_GB, f"{free_gb:.1f} GB at {folder}")
    yield _port(settings)


def variables() -> Iterator[Check]:
    """Variables that look like settings and are none: a misspelt one protects nobody."""
    for name, sentence in unknown_variables().items():
        yield Check(f"{name} means something", False, sentence)


def exposure(settings: Settings) -> Iterator[Check]:
    """Who could reach a service of these settings, and how it would be protected."""
    from workflow.server.access.auth import check_listening, is_loopback

    try:
        check_listening(settings)
    except WorkflowError as error:
        yield Check("listening is protected", False, error.message)
    else:
        yield Check("listening is protected", True, f"{settings.host}, {_protection(settings)}")
    yield from _tls(settings, beyond_this_machine=not is_loopback(settings.host))
    folders = [("loaded from", folder) for folder in settings.allowed_folders]
    if settings.io_folder is not None:
        folders.append(("used by io()", settings.io_folder))
    for use, folder in folders:
        yield Check(f"{folder} can be {use}", folder.is_dir(), "found" if folder.is_dir() else "no such folder")
    if settings.custom_code:
        places = ", ".join(settings.custom_code)
        told = f"whoever can write below {places} runs code with the rights of the service"
        yield Check("custom models", True, told, advice=True)


def storage(settings: Settings, bucket: str | None) -> Iterator[Check]:
    """Whether ``s3://`` addresses can be used: the bucket that is named, else whether S3 answers at all."""
    endpoint = s3_endpoint()
    if settings.storage == "folder" and endpoint:
        meaning = f"s3:// addresses are folders below {settings.s3_root}; set DESPINA_STORAGE=s3 to use {endpoint}"
        yield Check("S3 endpoint", True, meaning, advice=True)
    if bucket is not None:
        yield _bucket(settings, bucket)
    elif settings.storage == "s3":
        yield _s3(settings)


def _protection(settings: Settings) -> str:
    kinds = [name for name, keys in (("SigV4", settings.access_keys), ("passwords", settings.users)) if keys]
    return " and ".join(kinds) or "reached from this machine alone"


def _tls(settings: Settings, *, beyond_this_machine: bool) -> Iterator[Check]:
    from workflow.server.access.tls import check_tls, end_of

    try:
        context = check_tls(settings)
    except BadSetting as error:
        yield Check("TLS", False, error.message)
        return
    if context is None or settings.tls_certificate is None:
        if beyond_this_machine and settings.users:
            what = (
                "passwords and data travel readable; set DESPINA_TLS_CERTIFICATE and DESPINA_TLS_KEY, or put a proxy "
            )
            yield Check("TLS", True, what + "that speaks TLS in front", advice=True)
        return
    try:
        end = end_of(context, settings.tls_certificate)
    except ssl.SSLCertVerificationError as error:
        yield Check("TLS", False, f"{settings.tls_certificate}: {error.verify_message}; clients will refuse it")
        return
    days = 0 if end is None else (end - datetime.now(UTC)).days
    until = "certificate and key belong together" + (f", valid until {end:%Y-%m-%d}" if end else "")
    yield Check("TLS", True, until, advice=end is not None and days < DAYS_BEFORE_THE_END)


def _home(home: Path) -> Check:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Check("home can be written", False, f"{home}: {error.strerror}; name another with --home")
    if home.stat().st_mode & 0o077:
        open_to = f"{home} can be read by other users of this machine; chmod 700 it where that matters"
        return Check("home can be written", True, open_to, advice=True)
    return Check("home can be written", True, str(home))


def _port(settings: Settings) -> Check:
    what = f"port {settings.port} is free"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except socket.gaierror:
            return Check(what, False, f"{settings.host} is no address of this machine; see --host")
        except PermissionError:
            return Check(what, False, "ports below 1024 are for root; choose another with --port")
        except OSError as error:
            taken = f"{error.strerror} (perhaps a service of yours); `despina serve --port 0` takes a free one"
            return Check(what, True, taken, advice=True)
    return Check(what, True, settings.host)


def _bucket(settings: Settings, bucket: str) -> Check:
    from workflow.drivers import open_storage
    from workflow.storage import S3Uri

    what = f"{bucket} can be written, read and cleaned"
    try:
        kept = open_storage(settings)
        probe = S3Uri.parse(bucket) / ".despina-doctor"
        kept.write(probe, b"despina")
        found = kept.read(probe)
        kept.delete(probe)
    except WorkflowError as error:
        return Check(what, False, error.message)
    return Check(what, found == b"despina", "tried with one small object")


def _s3(settings: Settings) -> Check:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    quick = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    try:
        client = boto3.client("s3", region_name=settings.region, config=quick)
        names = [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "AccessDenied":
            rest = "answers and does not list its buckets; try yours with --bucket s3://NAME"
            return Check("S3 answers", True, rest, advice=True)
        return Check("S3 answers", False, f"{error}; check the AWS credentials")
    except (BotoCoreError, ValueError) as error:
        return Check("S3 answers", False, f"{error}; check AWS_ENDPOINT_URL_S3 and the AWS credentials")
    return Check("S3 answers", True, f"buckets: {', '.join(names) or 'none yet'}")
