"""The app in a real browser: one server and one Chromium for all tests, a fresh page for each."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.helpers.patience import PATIENCE

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_WARNING = re.compile(r"deprecat|widget with key|ScriptRunContext", re.IGNORECASE)  # of Streamlit, in the server's log
RUN_ENDED = "[data-testid=stApp][data-test-script-state=notRunning]"
# Streamlit's front end looks for its endpoints below the page's own path first; those answers are no errors of ours.
EXPECTED = ("/_stcore/",)

MILLISECONDS = 1000 * PATIENCE

expect.set_options(timeout=MILLISECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("GRAM_REQUIRE_BROWSER") == "1":
            pytest.fail("GRAM_REQUIRE_BROWSER is 1, and there is no chromium on the path: install it")
        pytest.skip("no chromium on the path: install it to run the browser tests")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the app that most tests share."""
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[str]:
    """Start the app as `make app` does, on a free port, with some variables of the environment; yield its address."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    environment = {**os.environ, "GRAM_DEVICE": "cpu", "GRAM_CACHE": str(folder / "cache"), **variables}
    log = folder / "log"
    with log.open("w") as said:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", server, log)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)
    warnings = [line for line in log.read_text().splitlines() if _WARNING.search(line)]
    assert not warnings, "\n".join(warnings)


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text()}")


def settle(page: Page) -> None:
    """Wait until the page's script has run and nothing it drew is stale."""
    page.wait_for_selector(RUN_ENDED, timeout=MILLISECONDS)
    page.wait_for_function(
        "() => !document.querySelector('[data-stale=true]') && !document.querySelector('[data-testid=stSkeleton]')",
        timeout=MILLISECONDS,
    )


@pytest.fixture(scope="session")
def windows(browser: Browser) -> Callable[..., BrowserContext]:
    """Return a function that gives the context of a kind of window; pages that share one compile no script anew."""

    @cache
    def window(width: int, height: int, scheme: str) -> BrowserContext:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
        )
        context.set_default_timeout(MILLISECONDS)
        return context

    return window


@pytest.fixture
def open_page(windows: Callable[..., BrowserContext], address: str) -> Iterator:
    """Return a function that opens a path of the app; at the end, any error in the browser's console fails the test."""
    pages, errors = [], []

    def note(kind: str, text: str, where: str) -> None:
        if not any(part in text or part in where for part in EXPECTED):
            errors.append(f"{kind}: {text} ({where})")

    def opened(
        path: str = "/", *, width: int = 1440, height: int = 900, scheme: str = "light", before: str = ""
    ) -> Page:
        page = windows(width, height, scheme).new_page()
        pages.append(page)
        page.on("console", lambda said: said.type == "error" and note("console", said.text, said.location["url"]))
        page.on("pageerror", lambda error: note("exception", str(error), page.url))
        if before:
            page.add_init_script(before)
        page.goto(address + path)
        settle(page)
        return page

    yield opened
    for page in pages:  # what a page keeps in the browser is not for the next one
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
        page.context.clear_permissions()
        page.close()
    assert not errors, "\n".join(errors)
