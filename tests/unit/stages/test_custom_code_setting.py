"""Whose scripts may be run, as the environment says it."""

from __future__ import annotations

import pytest

from workflow.settings import VARIABLES, BadSetting, Settings


def test_nobodys_scripts_are_run_unless_the_operator_names_their_folders() -> None:
    assert "DESPINA_CUSTOM_CODE" in VARIABLES
    assert Settings.from_environment({}).custom_code == ()
    given = {"DESPINA_CUSTOM_CODE": " s3://lab/models  s3://other "}
    assert Settings.from_environment(given).custom_code == ("s3://lab/models", "s3://other")


@pytest.mark.parametrize("text", ["/home/ada/models", "s3://lab,/etc", "s3://", "*"])
def test_a_place_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="DESPINA_CUSTOM_CODE holds"):
        Settings.from_environment({"DESPINA_CUSTOM_CODE": f"s3://lab {text}"})
