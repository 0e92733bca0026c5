"""The page at ``/`` in a real browser: headless Chromium through its own driver."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from itertools import combinations
from math import dist

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.peers.peer import MISSING, cache
from workflow.client.service import start_service
from workflow.client.workflow import StageFailed, Workflow
from workflow.datasets import dataset
from workflow.neptune.literals import literal

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
AXE = "4.14.1"


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
    client.wait(client.load(client.upload(dataset("social").folder / name for name in dataset("social").files)))
    yield client
    service.stop()


@pytest.fixture(scope="module")
def trained(social: Workflow) -> Workflow:
    """The same with a model of friendships behind the endpoint ``friends``, and one job that failed."""
    chosen = dataset("social")
    export = social.wait(social.export(targets=[chosen.target], features=list(chosen.features)))
    processed = social.wait(social.dataprocessing(export, id="friends"))
    model = social.training(processed, id="friends", trials=1, parallel=1)
    social.wait(social.endpoint(social.wait(model), id="friends"))
    social.storage.write(social.bucket / "broken" / "training-data-configuration.json", b"{}")
    with pytest.raises(StageFailed):
        social.wait(social.dataprocessing(str(social.bucket / "broken"), id="broken"))
    return social


def ask(browser: WebDriver, client: Workflow, gremlin: str, found: str = "#answer table, #answer .failure") -> None:
    """Type a query, press the button, and wait for the answer."""
    browser.get("about:blank")  # else an address that differs in its question alone is no new page
    browser.get(client.connection.url)
    box = browser.find_element(By.ID, "gremlin")
    box.clear()
    box.send_keys(gremlin)
    browser.find_element(By.ID, "go").click()
    until(browser, found)


def until(browser: WebDriver, selector: str) -> WebElement:
    """The first element of a selector, as soon as there is one."""
    return WebDriverWait(browser, WAIT_S).until(lambda b: b.find_elements(By.CSS_SELECTOR, selector))[0]


def complaints(browser: WebDriver) -> list[str]:
    """What the browser's console reports as an error: broken policies, failed scripts, missing files."""
    return [str(entry["message"]) for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_page_lists_what_was_started_and_breaks_no_policy(browser: WebDriver, social: Workflow) -> None:
    browser.get(social.connection.url)
    until(browser, "#jobs li")
    assert "None yet" in until(browser, "#endpoints .hint").text
    assert "20 vertices, 25 edges" in browser.find_element(By.ID, "summary").text
    assert complaints(browser) == []
    with urllib.request.urlopen(social.connection.url) as page:
        policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_an_answer_is_a_table_and_a_drawn_graph(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.V('u19').inE('FRIEND').outV().path()")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#answer tbody tr")) == 5
    drawn = browser.execute_script(
        "const graph = document.getElementById('graph').graph;"
        "return [graph.nodes().length, graph.edges('.known').length, graph.edges('.predicted').length];"
    )
    # Henry and his five friends: five edges to him, and one (f22) between two of them, Gary and Mary
    assert drawn == [6, 6, 0]
    assert browser.find_elements(By.CSS_SELECTOR, "#graph canvas")
    browser.find_element(By.ID, "view-table").click()
    assert not browser.find_element(By.ID, "graph").is_displayed()
    assert "Henry" in browser.find_element(By.CSS_SELECTOR, "#answer tbody td").text


def test_vertices_are_called_by_the_property_that_the_page_is_told(browser: WebDriver, social: Workflow) -> None:
    browser.get(social.connection.url)
    browser.find_element(By.ID, "display").send_keys("User.interests")
    box = browser.find_element(By.ID, "gremlin")
    box.clear()
    box.send_keys("g.V('u19')", Keys.CONTROL, Keys.ENTER)
    assert until(browser, "#answer tbody td").text.startswith("v[u19] ")
    assert "Henry" not in browser.find_element(By.CSS_SELECTOR, "#answer tbody td").text
    assert complaints(browser) == []


def test_no_two_drawn_vertices_cover_each_other(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.V()")
    script = "return document.getElementById('graph').graph.nodes().map((node) => Object.values(node.position()));"
    places = browser.execute_script(script)
    assert len(places) == 20
    # the circles are at most 60 wide, however far away the graph is seen from
    assert min(dist(a, b) for a, b in combinations(places, 2)) > 30


def test_a_mistake_is_shown_in_words(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.V().nosuchstep()")
    assert "nosuchstep" in browser.find_element(By.CSS_SELECTOR, "#answer .failure").text


def test_a_query_runs_and_stops_from_the_keyboard(browser: WebDriver, social: Workflow) -> None:
    browser.get(social.connection.url)
    box = browser.find_element(By.ID, "gremlin")
    box.clear()
    box.send_keys("g.inject(1).repeat(identity()).until(is(2))", Keys.CONTROL, Keys.ENTER)
    halt = browser.find_element(By.ID, "halt")
    WebDriverWait(browser, WAIT_S).until(lambda _: halt.is_displayed())
    halt.send_keys(Keys.ENTER)
    until(browser, "#answer .failure")
    assert not halt.is_displayed()


def test_what_a_vertex_says_cannot_become_markup(browser: WebDriver, social: Workflow) -> None:
    ask(browser, social, "g.inject('<img src=x onerror=alert(1)>')")
    assert "<img" in browser.find_element(By.CSS_SELECTOR, "#answer tbody td").text
    assert browser.find_elements(By.CSS_SELECTOR, "#answer img") == []


def test_an_endpoint_offers_a_question_and_its_predictions_are_dashed(browser: WebDriver, trained: Workflow) -> None:
    browser.get(trained.connection.url)
    until(browser, "#endpoints [data-question]").click()
    until(browser, "#graph canvas")
    drawn = browser.execute_script(
        "const graph = document.getElementById('graph').graph;"
        "return graph.edges('.predicted').map((edge) => [edge.source().data('caption'), edge.style('line-style')]);"
    )
    # the first user of the file is Bill, and the question asks for five
    assert drawn == [["Bill", "dashed"]] * 5
    assert "predicted edge" in browser.find_element(By.ID, "legend").text
    assert complaints(browser) == []


def test_reports_and_logs_open_from_the_list_and_lead_to_each_other(browser: WebDriver, trained: Workflow) -> None:
    browser.get(trained.connection.url)
    trials = until(browser, "#trials-modeltraining-friends").get_attribute("href")
    log = browser.find_element(By.ID, "log-modeltraining-friends").get_attribute("href")
    browser.get(str(trials))
    assert " won with " in browser.find_element(By.TAG_NAME, "body").text
    browser.find_element(By.PARTIAL_LINK_TEXT, "report").click()
    assert until(browser, "svg").is_displayed()
    names = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "data.vertex")]
    assert "Henry u19" in names
    browser.find_element(By.PARTIAL_LINK_TEXT, "All trials").click()
    WebDriverWait(browser, WAIT_S).until(lambda b: " won with " in b.find_element(By.TAG_NAME, "body").text)
    browser.get(str(log))
    assert "trial 1 begins" in browser.find_element(By.TAG_NAME, "body").text
    assert complaints(browser) == []


def test_a_failed_job_says_why_and_stays_open_while_the_list_is_renewed(browser: WebDriver, trained: Workflow) -> None:
    browser.get(trained.connection.url)
    failed = until(browser, "#tail-dataprocessing-broken")
    assert browser.find_elements(By.CSS_SELECTOR, "#jobs .failure")[0].text
    failed.find_element(By.TAG_NAME, "summary").click()
    browser.execute_script("htmx.ajax('GET', '/ui/jobs', {target: '#jobs', swap: 'innerHTML'}); last.clear();")
    WebDriverWait(browser, WAIT_S, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda b: is_stale(failed) and b.find_element(By.ID, "tail-dataprocessing-broken").get_attribute("open")
    )


def is_stale(element: WebElement) -> bool:
    try:
        return element.tag_name == ""
    except StaleElementReferenceException:
        return True


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window_and_every_text_can_be_read(
    browser: WebDriver, trained: Workflow, width: int, scheme: str
) -> None:
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    ask(browser, trained, "g.V().limit(3).elementMap()")
    until(browser, "#jobs li")
    assert (
        browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        == 0
    )
    # at least 4.5 to 1, as WCAG asks for text
    assert browser.execute_script(CONTRASTS) == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script, from npm; a skip that says why where npm is missing."""
    folder = cache() / f"axe-core-{AXE}"
    script, npm = folder / "node_modules/axe-core/axe.min.js", shutil.which("npm")
    if not script.is_file():
        if npm is None:
            MISSING["axe-core"] = "npm is not installed"
            pytest.skip(MISSING["axe-core"])
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), f"axe-core@{AXE}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            MISSING["axe-core"] = "it could not be fetched"
            pytest.skip(MISSING["axe-core"])
    return script.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state_of_the_page_and_in_no_report(
    browser: WebDriver, trained: Workflow, axe: str, scheme: str
) -> None:
    def violations() -> list[str]:
        browser.execute_script(axe)
        found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:90]}" for one in found]

    states: dict[str, str | None] = {
        "empty": None, "table": "g.V().limit(3).elementMap()", "graph": "g.V('u19').both().path()",
        "pages": "g.V().repeat(both()).times(3)", "failure": "g.V().hasLable('x')", "nothing": "g.V('nobody')",
    }  # fmt: skip
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    told = {}
    for width in (1280, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for state, query in states.items():
            if query is None:
                browser.get(trained.connection.url)
            else:
                ask(browser, trained, query, "#answer table, #answer .failure, #answer .found")
                browser.execute_script("document.getElementById('history').open = true")
            until(browser, "#jobs li")
            told[f"{state} at {width}"] = violations()
        place = f"{trained.connection.url}/ui/report"
        reports = ("report.html", "model-report.html")
        for name in (*(f"modeltraining/friends/{one}" for one in reports), "dataprocessing/friends/report.html"):
            browser.get("about:blank")
            with urllib.request.urlopen(f"{place}/{name}") as page:
                # nothing runs in a report where it is served; axe has to
                browser.execute_script(
                    "document.open(); document.write(arguments[0]); document.close()", page.read().decode()
                )
            told[f"{name} at {width}"] = violations()
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert {state: found for state, found in told.items() if found} == {}


def test_a_question_is_kept_in_history_and_address_and_its_answer_has_pages(
    browser: WebDriver, trained: Workflow
) -> None:
    text = "g.V().repeat(both()).times(3).id()"
    ask(browser, trained, text)
    until(browser, "#further").click()
    WebDriverWait(browser, WAIT_S).until(lambda b: "results 201 to" in b.find_element(By.ID, "told").text)
    link = browser.current_url
    assert complaints(browser) == []
    browser.get("about:blank")
    browser.get(link)
    assert until(browser, "#gremlin").get_attribute("value") == text
    assert "look at it" in browser.find_element(By.ID, "told").text
    browser.execute_script("document.getElementById('history').open = true")
    assert browser.find_elements(By.CSS_SELECTOR, "#asked button")[0].text == text
    browser.find_element(By.ID, "forget").click()
    assert not browser.find_element(By.ID, "history").is_displayed()


CONTRASTS = """
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!text || !element.checkVisibility()) continue;
  const pair = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))].sort((a, b) => b - a);
  if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) found.push(element.outerHTML.slice(0, 80));
}
return found;
"""


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(browser: WebDriver, trained: Workflow) -> None:
    ask(browser, trained, "g.V('u19').in().path()")
    until(browser, "#endpoints [data-question]")
    nameless = browser.execute_script(
        "return [...document.querySelectorAll('button, a, textarea, select, input:not([type=hidden]), progress')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() && e.tagName !== 'TEXTAREA' "
        "|| e.labels?.length)).map((e) => e.outerHTML);"
    )
    assert nameless == []
    reached = set()
    browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0);")
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.add(browser.switch_to.active_element.get_attribute("id"))
    assert {"gremlin", "go", "view-graph", "ask-friends", "log-endpoints-friends", "stop-endpoints-friends"} <= reached


def test_a_service_that_ends_is_said_to_be_gone(browser: WebDriver, tmp_path_factory: pytest.TempPathFactory) -> None:
    service = start_service(tmp_path_factory.mktemp("gone"), "--in-memory")
    browser.get(service.url)
    until(browser, "#jobs pre")
    assert not browser.find_element(By.ID, "broken").is_displayed()
    service.stop()
    WebDriverWait(browser, WAIT_S).until(lambda b: "does not answer" in b.find_element(By.ID, "broken").text)
    browser.get_log("browser")  # refused connections are what this test asks for


def test_names_as_people_write_them_stay_text_and_inside_the_page(browser: WebDriver, trained: Workflow) -> None:
    name = "<b>Zoë</b> 'O''Hara' \\u202e 🦉 " + "x" * 300
    made = (
        f"g.addV({literal(name)}).property('name', {literal(name)}).as('a').addV('B').as('b')"
        f".addE({literal(name)}).from('a').to('b').iterate()"
    )
    trained.query(made)
    ask(browser, trained, f"g.V().hasLabel({literal(name)}).outE().inV().path()")
    until(browser, "#legend li")
    assert name in browser.find_element(By.ID, "legend").text
    assert browser.find_elements(By.CSS_SELECTOR, "#answer b") == []
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(script) == 0
    trained.query(f"g.V().hasLabel({literal(name)}, 'B').drop()")


def test_a_running_job_shows_how_far_it_is_and_can_be_stopped(browser: WebDriver, trained: Workflow) -> None:
    job = trained.training("friends", id="long", trials=20, parallel=1)
    browser.get(trained.connection.url)
    until(browser, "#jobs progress[value]")
    assert browser.title == "(1) Despina"
    until(browser, "#stop-modeltraining-long").click()
    browser.switch_to.alert.accept()
    with pytest.raises(StageFailed, match="Stopped"):
        trained.wait(job)
    WebDriverWait(browser, WAIT_S).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#jobs .state.idle"))
    assert browser.title == "Despina"


def test_an_endpoint_is_deleted_after_a_question(browser: WebDriver, trained: Workflow) -> None:
    browser.get(trained.connection.url)
    until(browser, "#stop-endpoints-friends").click()
    alert = browser.switch_to.alert
    assert "friends" in alert.text
    alert.accept()
    WebDriverWait(browser, WAIT_S).until(lambda b: "None yet" in b.find_element(By.ID, "endpoints").text)
