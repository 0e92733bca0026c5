"""The page at ``/`` in a real browser: headless Chromium through its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.peers.peer import MISSING
from workflow.client.service import start_service
from workflow.client.workflow import Workflow
from workflow.datasets import dataset

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1100",
)
WAIT_S = 15


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        MISSING["Chromium"] = "chromium and chromedriver (Debian: chromium, chromium-driver) are not on the path"
        pytest.skip(MISSING["Chromium"])
    options = Options()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def social(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    """A service with the social network in it."""
    service = start_service(tmp_path_factory.mktemp("home"))
    client = service.workflow("s3://lab")
    for name in dataset("social").files:
        client.storage.write(client.bucket / name, (dataset("social").folder / name).read_bytes())
    client.wait(client.load(str(client.bucket)))
    yield client
    service.stop()


def ask(browser: WebDriver, client: Workflow, gremlin: str) -> None:
    """Type a query, press the button, and wait for the answer."""
    browser.get(client.connection.url)
    box = browser.find_element(By.ID, "gremlin")
    box.clear()
    box.send_keys(gremlin)
    browser.find_element(By.ID, "go").click()
    answered = "#answer table, #answer .failure"
    WebDriverWait(browser, WAIT_S).until(lambda b: b.find_elements(By.CSS_SELECTOR, answered))


def test_an_answer_is_a_table_and_a_drawn_graph(browser: WebDriver, social: Workflow, tmp_path: Path) -> None:
    ask(browser, social, "g.V('u19').inE('FRIEND').outV().path()")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#answer tbody tr")) == 5
    drawn = browser.execute_script(
        "const graph = document.getElementById('graph').graph;"
        "return [graph.nodes().length, graph.edges('.known').length, graph.edges('.predicted').length];"
    )
    # Henry and his five friends: five edges to him, and one (f22) between two of them, Gary and Mary
    assert drawn == [6, 6, 0]
    assert browser.find_elements(By.CSS_SELECTOR, "#graph canvas")


def test_vertices_the_graph_does_not_link_are_drawn_as_a_prediction(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.V('u19').V('u01').path()")
    script = "return document.getElementById('graph').graph.edges('.predicted').length;"
    assert browser.execute_script(script) == 1


def test_a_mistake_is_shown_in_words(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.V().nosuchstep()")
    assert "nosuchstep" in browser.find_element(By.CSS_SELECTOR, "#answer .failure").text


def test_what_a_vertex_says_cannot_become_markup(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.inject('<img src=x onerror=alert(1)>')")
    assert "<img" in browser.find_element(By.CSS_SELECTOR, "#answer tbody td").text
    assert browser.find_elements(By.CSS_SELECTOR, "#answer img") == []


def test_the_page_says_that_there_is_nothing_yet_and_breaks_no_policy(browser: WebDriver, social: Workflow) -> None:
    browser.get(social.connection.url)
    WebDriverWait(browser, WAIT_S).until(lambda b: "None yet" in b.find_element(By.ID, "jobs").text)
    assert "None yet" in browser.find_element(By.ID, "endpoints").text
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
