"""Settings come from the environment, a file or nowhere, and each says from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow.settings import TABLE, BadSetting, Settings, every_setting


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('home = "/srv/despina"\nusers = ["ann:1", "bob:2"]\naccess_log = true\nretention = 30\n')
    return path


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(file: Path) -> None:
    environ = {"DESPINA_SETTINGS": str(file), "DESPINA_USERS": "eve:3"}
    read = Settings.from_environment(environ)
    assert (read.home, read.users, read.access_log) == (Path("/srv/despina"), {"eve": "3"}, True)
    assert (read.retention_days, read.log_level, read.log_format) == (30, "warning", "text")
    sources = {one.variable.name: one.source for one in every_setting(environ)}
    assert (sources["DESPINA_USERS"], sources["DESPINA_HOME"], sources["DESPINA_STORAGE"]) == (
        "environment",
        "file",
        "default",
    )
    assert set(sources) == {one.name for one in TABLE}


def test_no_secret_is_shown(file: Path) -> None:
    environ = {"DESPINA_SETTINGS": str(file), "DESPINA_ACCESS_KEYS": "id:verysecret"}
    shown = " ".join(one.shown for one in every_setting(environ))
    assert "verysecret" not in shown
    assert "ann" not in shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hom = '/x'", "'hom' is no setting; did you mean 'home'"),
        ("zzz = 1", "'zzz' is no setting; there are home, storage"),
        ("home =", "is no TOML"),
    ],
)
def test_a_file_that_means_something_else_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(BadSetting, match=complaint):
        Settings.from_environment({"DESPINA_SETTINGS": str(tmp_path / "s.toml")})


def test_a_file_that_is_named_and_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read: No such file"):
        Settings.from_environment({"DESPINA_SETTINGS": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DESPINA_LOG_LEVEL", "loud", "debug or info or warning or error"),
        ("DESPINA_LOG_FORMAT", "xml", "text or json"),
        ("DESPINA_ACCESS_LOG", "perhaps", "true or false"),
        ("DESPINA_RETENTION", "a month", "write days, such as 30"),
        ("DESPINA_SEED", "-1", "write a whole number such as 7"),
        ("DESPINA_SEED", "99999999999", "write a whole number such as 7"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        Settings.from_environment({name: value})
