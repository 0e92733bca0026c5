"""All configuration of the service and the client: the one reader of the environment."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args

from workflow.errors import PreconditionsFailed

Profile = Literal["neptune", "tinkerpop"]
BoltIds = Literal["integer", "neptune"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
TunerChoice = Literal["optuna", "sagemaker"]

SETTINGS_FILE: Final = "~/.config/despina/settings.toml"

# what a job may see of the environment of the service: where programs and libraries are, languages, devices
_FOR_JOBS = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
    *("DESPINA_TEXT_MODELS", "DESPINA_DEVICE", "DESPINA_PROCESSING_MEMORY_MB"),
)


@dataclass(frozen=True)
class EnvironmentVariable:
    """One variable of the environment; in the settings file its name is in small letters, without the prefix.

    ``says`` is a sentence for people; a ``secret`` value is never shown.
    """

    name: str
    says: str
    default: str = ""
    secret: bool = False

    @property
    def key(self) -> str:
        """Its name in the settings file."""
        return self.name.removeprefix("DESPINA_").lower()


# every variable that means something to some part of Despina, this file's own and those of commands and jobs
TABLE: Final = (
    EnvironmentVariable("DESPINA_HOME", "where everything is kept", "~/.despina"),
    EnvironmentVariable(
        "DESPINA_STORAGE",
        "`s3`: `s3://` addresses are S3 itself, found through the standard AWS variables; else a folder in the home",
        "folder",
    ),
    EnvironmentVariable(
        "DESPINA_RUNNER",
        "`sagemaker`: processing, training and transform are jobs of SageMaker; else children of the service",
        "local",
    ),
    EnvironmentVariable(
        "DESPINA_ENDPOINTS",
        "`sagemaker`: endpoints are SageMaker's, and outlive the service; else children of the service",
        "local",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_IMAGE",
        "the container image of those jobs and endpoints: `infra/containers/training`, in a registry of yours",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_SERVING_IMAGE",
        "the image of endpoints and batch transforms, where that is another: AWS's PyTorch images are two",
        "DESPINA_SAGEMAKER_IMAGE",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_REQUIREMENTS",
        "a `requirements.txt` that jobs and endpoints install before they start, for an image without our packages",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_TUNER",
        "`sagemaker`: SageMaker's tuning jobs choose hyperparameters; `optuna`: our search over single training jobs",
        "optuna",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_EARLY_STOPPING",
        "`true`: SageMaker's tuner stops trials that fall behind; it does so where one model family is searched",
        "false",
    ),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_SUBNETS", "subnets of jobs and endpoints whose request names none, separated by blanks"
    ),
    EnvironmentVariable("DESPINA_SAGEMAKER_SECURITY_GROUPS", "security groups that go with those subnets"),
    EnvironmentVariable(
        "DESPINA_SAGEMAKER_TAGS", "`key:value` pairs, separated by blanks, put on everything that is created"
    ),
    EnvironmentVariable(
        "DESPINA_BOLT_IDS",
        "what `id()` gives over Bolt: `integer`, as Neo4j's drivers want it, or `neptune`, the text of HTTP",
        "integer",
    ),
    EnvironmentVariable("DESPINA_ML_ENDPOINT", "the endpoint of queries that name none"),
    EnvironmentVariable("DESPINA_ML_IAM_ROLE", "the role of queries, and of jobs of SageMaker, that name none"),
    EnvironmentVariable("DESPINA_ALLOWED_FOLDERS", "further folders that may be loaded from, separated as in `PATH`"),
    EnvironmentVariable(
        "DESPINA_IO_FOLDER", "the folder that Gremlin's `io()` step may read and write; without it the step is refused"
    ),
    EnvironmentVariable(
        "DESPINA_CUSTOM_CODE",
        "`s3://` addresses, separated by blanks, below which the scripts of custom models may be run; default: none",
    ),
    EnvironmentVariable(
        "DESPINA_ACCESS_KEYS",
        "`id:secret` pairs, separated by blanks: requests must be signed (SigV4) with one of them",
        secret=True,
    ),
    EnvironmentVariable(
        "DESPINA_USERS", "`name:password` pairs: basic authentication, and SASL on the WebSocket", secret=True
    ),
    EnvironmentVariable(
        "DESPINA_DISPLAY",
        "properties that name a vertex on the page, in reports and in `wf.predict`, separated by blanks: `fullName`, "
        "or `Movie.title` for one label; default: guessed (name, title …)",
    ),
    EnvironmentVariable("DESPINA_ALLOWED_HOSTS", "further names under which the service is reached"),
    EnvironmentVariable("DESPINA_TLS_CERTIFICATE", "a PEM file; with its key the service speaks HTTPS"),
    EnvironmentVariable("DESPINA_TLS_KEY", "the PEM file of the certificate's key"),
    EnvironmentVariable("DESPINA_GREMLIN", "as `despina serve --gremlin`, for an address with a password", secret=True),
    EnvironmentVariable("DESPINA_GREMLIN_SIGN", "as `despina serve --gremlin-sign`", "false"),
    EnvironmentVariable("DESPINA_LOG_LEVEL", "`debug`, `info`, `warning` or `error`: what the service logs", "warning"),
    EnvironmentVariable("DESPINA_LOG_FORMAT", "`text`, or `json`: an object a line", "text"),
    EnvironmentVariable("DESPINA_ACCESS_LOG", "`true`: a line a request", "false"),
    EnvironmentVariable(
        "DESPINA_RETENTION",
        "days after which the service removes what ended jobs left and nobody needs, as `despina gc` does; "
        "default: never",
    ),
    EnvironmentVariable(
        "DESPINA_TRACES",
        "`true`: spans of queries, endpoint calls, jobs and trials go to where the standard `OTEL_*` variables say, "
        "those of their processes too (which see these variables, but no headers); needs `despina[traces]`",
        "false",
    ),
    EnvironmentVariable(
        "DESPINA_MLFLOW",
        "the tracking URI of an MLflow that gets training jobs, their trials and reports; needs `despina[mlflow]`",
        secret=True,
    ),
    EnvironmentVariable(
        "DESPINA_OPENLINEAGE",
        "the URL of who collects OpenLineage events of loads, exports and jobs; needs `despina[openlineage]`",
        secret=True,
    ),
    EnvironmentVariable("DESPINA_SEED", "a whole number: jobs of equal seed and data give equal models", "0"),
    EnvironmentVariable(
        "DESPINA_URL",
        "for `despina` and notebooks: as `--url` (`http://user:password@host:port` shows a password)",
        "http://127.0.0.1:8182",
        secret=True,
    ),
    EnvironmentVariable("DESPINA_SIGN", "for `despina`: as `--sign`"),
    EnvironmentVariable(
        "DESPINA_DEVICE",
        "`cpu`, `cuda`, `cuda:N` or `mps`: what training, transform and endpoints compute on where their request names "
        "no device; `auto`: a GPU for jobs where there is one, the processor for endpoints",
        "auto",
    ),
    EnvironmentVariable(
        "DESPINA_TEXT_MODELS",
        "the folder of text models, for processing jobs; with the device and the memory of processing the one of these "
        "variables that jobs see",
    ),
    EnvironmentVariable(
        "DESPINA_PROCESSING_MEMORY_MB",
        "memory that a processing job may use beside files that are mapped, in MB: less makes smaller batches, and "
        "never other results; without it as much as the machine has",
    ),
    EnvironmentVariable(
        "DESPINA_SETTINGS", "the settings file, TOML with a member a variable (`home`, `users` …)", SETTINGS_FILE
    ),
)
VARIABLES: Final = tuple(variable.name for variable in TABLE)
# of the tests and benchmarks, and of Kubernetes for a service with the name despina
_OF_OTHERS: Final = (
    *("DESPINA_DATA", "DESPINA_PEERS_", "DESPINA_TRAVERSALS", "DESPINA_FUZZ_"),
    *("DESPINA_SERVICE_", "DESPINA_PORT"),
)


CLOUD_POLL_S: Final = 15.0  # the longest pause between two looks at a job of SageMaker
EMULATOR_POLL_S: Final = 0.5  # the same where the emulator answers


class BadSetting(PreconditionsFailed):
    """A variable of the environment whose value cannot be meant."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


def settings_file(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read the settings file as variables; none where there is no file.

    Raises BadSetting for a file that is named and cannot be read, and for a member that is no setting.
    """
    env = os.environ if environ is None else environ
    named = env.get("DESPINA_SETTINGS")
    path = Path(named or SETTINGS_FILE).expanduser()
    try:
        members = tomllib.loads(path.read_text())
    except OSError as error:
        if named is None:
            return {}
        raise BadSetting("DESPINA_SETTINGS", f"names {path}, which cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadSetting("DESPINA_SETTINGS", f"names {path}, which is no TOML: {error}") from error
    keys = {variable.key: variable for variable in TABLE}
    found = {}
    for key, value in members.items():
        if key not in keys:
            close = get_close_matches(key, keys, 1, 0.6)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(keys)}"
            raise BadSetting("DESPINA_SETTINGS", f"names {path}, whose {key!r} is no setting; {hint}")
        parts = value if isinstance(value, list) else [value]
        separator = os.pathsep if key == "allowed_folders" else " "
        found[keys[key].name] = separator.join(
            str(part).lower() if isinstance(part, bool) else str(part) for part in parts
        )
    return found


@dataclass(frozen=True)
class SettingInForce:
    """A variable with its value and where that came from."""

    variable: EnvironmentVariable
    value: str
    source: Literal["environment", "file", "default"]

    @property
    def shown(self) -> str:
        """The value as it may be printed."""
        hidden = self.variable.secret and self.source != "default"
        return "(set, not shown)" if hidden else self.value


def every_setting(environ: Mapping[str, str] | None = None) -> list[SettingInForce]:
    """Every variable, as it is now. Raises what ``settings_file`` raises."""
    env = os.environ if environ is None else environ
    file = settings_file(env)
    found = []
    for variable in TABLE:
        if env.get(variable.name) and variable.name not in TAKEN_FROM_FILE:
            found.append(SettingInForce(variable, env[variable.name], "environment"))
        elif variable.name in file:
            found.append(SettingInForce(variable, file[variable.name], "file"))
        else:
            found.append(SettingInForce(variable, variable.default, "default"))
    return found


TAKEN_FROM_FILE: set[str] = set()


def take_settings_file() -> None:
    """Put what the settings file says into the environment of this process, under what stands there already.

    For the command: its options read variables too.
    """
    for name, value in settings_file().items():
        if not os.environ.get(name):
            os.environ[name] = value
            TAKEN_FROM_FILE.add(name)


def unknown_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that look like ours and mean nothing, each with a sentence that says so and names the likely one."""
    env = os.environ if environ is None else environ
    found = {}
    for name in sorted(env):
        if name.startswith("DESPINA_") and name not in VARIABLES and not name.startswith(_OF_OTHERS):
            ours = {known.removeprefix("DESPINA_"): known for known in VARIABLES}
            close = get_close_matches(name.removeprefix("DESPINA_"), ours, 1, 0.75)
            hint = f"did you mean {ours[close[0]]}?" if close else f"there are {', '.join(VARIABLES)}"
            found[name] = f"{name} is no setting of Despina and does nothing; {hint}"
    return found


def _job_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    env = os.environ if environ is None else environ
    found = {name: env[name] for name in _FOR_JOBS if name in env}
    if env.get("DESPINA_TRACES", "").strip().lower() == "true":
        # headers are how a collector knows its own, and a custom model's code shall not see them
        traces = [name for name in env if name.startswith("OTEL_") and "HEADERS" not in name]
        found |= {name: env[name] for name in ("DESPINA_TRACES", *traces)}
    return found


def _scripts() -> Path:
    # beside the package in a checkout, in site-packages when installed
    return Path(__file__).resolve().parents[1] / "training_scripts"


@dataclass(frozen=True)
class SageMakerSettings:
    """How jobs and endpoints of SageMaker are asked for; ``DESPINA_SAGEMAKER_*`` says what each member means."""

    image: str | None = None
    serving_image: str | None = None
    requirements: Path | None = None
    tuner: TunerChoice = "optuna"
    early_stopping: bool = False
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> SageMakerSettings:
        """Raises BadSetting."""
        prefix = "DESPINA_SAGEMAKER_"
        found = cls(
            image=env.get(f"{prefix}IMAGE") or None,
            serving_image=env.get(f"{prefix}SERVING_IMAGE") or None,
            requirements=_file(env.get(f"{prefix}REQUIREMENTS")),
            tuner=_one_of(f"{prefix}TUNER", env, get_args(TunerChoice), "optuna"),
            early_stopping=_one_of(f"{prefix}EARLY_STOPPING", env, ("true", "false"), "false") == "true",
            subnets=_words(f"{prefix}SUBNETS", env),
            security_groups=_words(f"{prefix}SECURITY_GROUPS", env),
            tags=_pairs(f"{prefix}TAGS", env),
        )
        if bool(found.subnets) != bool(found.security_groups):
            raise BadSetting(f"{prefix}SUBNETS", f"and {prefix}SECURITY_GROUPS belong together; set both, or neither")
        return found


@dataclass(frozen=True)
class Settings:
    """The configuration of a running service or client.

    ``home`` holds everything that is kept: ``s3/<bucket>/<key>`` is what ``s3://bucket/key`` means, beside the job
    store, the graphs and the logs. ``scripts`` are the training scripts that jobs run, ``job_environment`` is all that
    jobs see of the service's environment, ``reuse`` takes the result of a finished equal job instead of running one
    again, and ``seed`` makes jobs repeatable. ``allowed_folders`` are those whose files may be loaded in bulk, beside
    what lies below ``s3``. ``custom_code`` are the ``s3://`` addresses below which the scripts of custom models may be
    run; none is allowed by default. ``storage``, ``runner`` and ``endpoints`` are names in the tables of ``drivers``,
    which refuses others. ``access_keys`` (key id to secret) and ``users`` (name to password) are who may use
    the service, everybody where both are empty; ``allowed_hosts`` are further names it is reached under.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8182
    bolt_port: int | None = None  # of Bolt alone; it is spoken on ``port`` too
    bolt_ids: BoltIds = "integer"
    s3_port: int | None = None  # the folder is served there as S3, to this machine alone
    profile: Profile = "neptune"
    graphs: tuple[str, ...] = ("g",)
    in_memory: bool = False
    region: str = "us-east-1"
    account: str = "000000000000"
    storage: str = "folder"
    runner: str = "local"
    endpoints: str = "local"
    sagemaker: SageMakerSettings = field(default_factory=SageMakerSettings)
    cloud_poll_s: float = CLOUD_POLL_S
    query_timeout_ms: int = 120_000
    default_endpoint: str | None = None
    default_role_arn: str | None = None
    max_parallel_jobs: int = 2
    gremlin_url: str | None = None
    gremlin_sign: bool = False
    io_folder: Path | None = None  # where the io() step of a query may read and write; None: nowhere
    scripts: Path = field(default_factory=_scripts)
    job_environment: Mapping[str, str] = field(default_factory=_job_environment)
    reuse: bool = True
    seed: int = 0
    allowed_folders: tuple[Path, ...] = ()
    custom_code: tuple[str, ...] = ()
    access_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    display: tuple[str, ...] = ()  # properties that name vertices to people
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_level: LogLevel = "warning"
    log_format: LogFormat = "text"
    access_log: bool = False
    retention_days: int | None = None
    traces: bool = False
    mlflow_uri: str | None = field(default=None, repr=False)  # may hold a password, as the next
    openlineage_url: str | None = field(default=None, repr=False)

    @property
    def s3_root(self) -> Path:
        return self.home / "s3"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ``DESPINA_*`` and the standard AWS variables; command-line options override the result.

        Raises BadSetting: a value that would be passed over in silence might be the one that keeps strangers out.
        """
        env = {**settings_file(environ), **(os.environ if environ is None else environ)}
        emulated = env.get("AWS_ENDPOINT_URL_SAGEMAKER") or env.get("AWS_ENDPOINT_URL")
        _check_addresses(env)
        return cls(
            home=Path(env.get("DESPINA_HOME") or Path.home() / ".despina").expanduser(),
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
            io_folder=Path(env["DESPINA_IO_FOLDER"]) if env.get("DESPINA_IO_FOLDER") else None,
            storage=env.get("DESPINA_STORAGE") or "folder",
            runner=env.get("DESPINA_RUNNER") or "local",
            endpoints=env.get("DESPINA_ENDPOINTS") or "local",
            sagemaker=SageMakerSettings.from_environment(env),
            cloud_poll_s=EMULATOR_POLL_S if emulated else CLOUD_POLL_S,
            bolt_ids=_one_of("DESPINA_BOLT_IDS", env, get_args(BoltIds), "integer"),
            default_endpoint=env.get("DESPINA_ML_ENDPOINT"),
            default_role_arn=env.get("DESPINA_ML_IAM_ROLE"),
            allowed_folders=tuple(
                Path(folder).expanduser()
                for folder in env.get("DESPINA_ALLOWED_FOLDERS", "").split(os.pathsep)
                if folder
            ),
            custom_code=_addresses("DESPINA_CUSTOM_CODE", env),
            gremlin_sign=_one_of("DESPINA_GREMLIN_SIGN", env, ("true", "false"), "false") == "true",
            access_keys=_pairs("DESPINA_ACCESS_KEYS", env),
            users=_pairs("DESPINA_USERS", env),
            allowed_hosts=_words("DESPINA_ALLOWED_HOSTS", env),
            display=display_properties(env),
            tls_certificate=_file(env.get("DESPINA_TLS_CERTIFICATE")),
            tls_key=_file(env.get("DESPINA_TLS_KEY")),
            log_level=_one_of("DESPINA_LOG_LEVEL", env, get_args(LogLevel), "warning"),
            log_format=_one_of("DESPINA_LOG_FORMAT", env, get_args(LogFormat), "text"),
            access_log=_one_of("DESPINA_ACCESS_LOG", env, ("true", "false"), "false") == "true",
            retention_days=_days("DESPINA_RETENTION", env),
            traces=_one_of("DESPINA_TRACES", env, ("true", "false"), "false") == "true",
            mlflow_uri=env.get("DESPINA_MLFLOW") or None,
            openlineage_url=env.get("DESPINA_OPENLINEAGE") or None,
            seed=_seed("DESPINA_SEED", env),
        )


def display_properties(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The properties that name a vertex to people, as ``DESPINA_DISPLAY`` says; none where they are guessed."""
    return _words("DESPINA_DISPLAY", os.environ if environ is None else environ)


def _check_addresses(env: Mapping[str, str]) -> None:
    """Raises BadSetting for a variable of AWS's that names a server and lacks the scheme of its address."""
    for variable, address in env.items():
        if variable.startswith("AWS_ENDPOINT_URL") and address and not address.startswith(("http://", "https://")):
            raise BadSetting(variable, f"is {address!r}, which is no address; write http://{address}")


def s3_endpoint(environ: Mapping[str, str] | None = None) -> str | None:
    """The S3 server that the standard AWS variables name; None where they leave it at AWS."""
    env = os.environ if environ is None else environ
    return env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")


def _one_of(variable: str, env: Mapping[str, str], known: tuple[str, ...], default: str) -> Any:
    """A word of a closed set, in any case. Raises BadSetting."""
    value = (env.get(variable) or default).strip().lower()
    if value not in known:
        raise BadSetting(variable, f"is {value!r}; set it to {' or '.join(known)}")
    return value


def _days(variable: str, env: Mapping[str, str]) -> int | None:
    """A whole number of days, ``30`` or ``30d``. Raises BadSetting."""
    text = env.get(variable, "").strip().lower().removesuffix("d")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise BadSetting(variable, f"is {env[variable]!r}; write days, such as 30")
    return int(text)


def _seed(variable: str, env: Mapping[str, str]) -> int:
    """A whole number from 0 to 2³¹ − 1. Raises BadSetting."""
    text = env.get(variable, "").strip() or "0"
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < 2**31):
        raise BadSetting(variable, f"is {env[variable]!r}; write a whole number such as 7")
    return int(text)


def _pairs(variable: str, env: Mapping[str, str]) -> dict[str, str]:
    """``name:secret`` pairs, separated by blanks; a secret may hold colons and commas. Raises BadSetting."""
    found: dict[str, str] = {}
    for place, word in enumerate(env.get(variable, "").split(), 1):
        name, _, secret = word.partition(":")
        if not name or not secret or name in found:
            # without the word: it may be the secret
            why = "names its user or key a second time" if name in found else "is not of the form name:secret"
            raise BadSetting(variable, f"cannot be read: entry {place} {why}; write name:secret, separated by blanks")
        found[name] = secret
    return found


def _addresses(variable: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """``s3://`` addresses, separated by blanks. Raises BadSetting."""
    found = tuple(env.get(variable, "").split())
    for address in found:
        if not re.fullmatch(r"s3://[A-Za-z0-9][^\s,]*", address):
            raise BadSetting(variable, f"holds {address!r}; write s3://bucket/folder, separated by blanks")
    return found


def _words(variable: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Words separated by blanks or commas."""
    return tuple(env.get(variable, "").replace(",", " ").split())


def _file(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None
