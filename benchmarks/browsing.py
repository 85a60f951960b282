"""The app in a real browser, for benchmarks: a server, Chromium, and a watch that says when a page was drawn."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 120_000  # milliseconds, for what is made ready once
QUIET = 0.9  # seconds without a change after which a page is taken for drawn
GRAPHICS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader")

# Every frame looks at what a person would see change: the state of the script, the title, the words of the whole page
# and of the sidebar, cards in their shadow roots, pictures and how often they were drawn. `lastChange` is the first
# frame with what is seen now, but for pictures out of sight; `lastOfAll` is that with them.
WATCH = """
() => {
  if (window.watching) return;
  window.watching = true;
  const find = (selector) => [...document.querySelectorAll(selector)];
  const shadow = () => find("[data-testid=stBidiComponentIsolated], .stBidiComponent div")
    .filter((each) => each.shadowRoot).map((each) => each.shadowRoot.textContent.length).join();
  const box = (each) => each.getBoundingClientRect();
  const inSight = (each) => box(each).top < innerHeight && box(each).bottom > 0;
  const app = () => document.querySelector("[data-testid=stApp]");
  const isMissing = ({ dataset }) => !dataset.drawn || dataset.late !== undefined;
  const text = (each) => each?.textContent.length ?? 0;
  let states = 0; // a run of the script may be over within a frame, or before the page has said that it began
  new MutationObserver(() => (states += 1))
    .observe(document, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
  window.undrawn = () => find(".chart-plot, .scene3d-plot").filter(isMissing).length + unready();
  const unready = () => find("[data-stale=true], [data-testid=stSkeleton]").length
    + (app()?.dataset.testScriptState === "notRunning" && document.querySelector("h1") ? 0 : 1);
  const look = () => {
    const plots = find(".chart-plot, .scene3d-plot");
    const far = new Set(plots.filter((each) => !inSight(each)));
    const words = text(document.querySelector("[data-testid=stMain]"));
    const written = [...far].reduce((sum, each) => sum + text(each), 0);
    const title = document.querySelector("h1")?.textContent;
    const beside = document.querySelector("[data-testid=stSidebar]")?.textContent;
    const said = [states, app()?.dataset.testScriptState, title, unready(), shadow(), beside];
    const drawn = (each) => [each.dataset.drawn, isMissing(each)];
    const near = plots.filter((each) => !far.has(each));
    return [[...said, words - written, near.map(drawn)].join("|"), [...said, words, plots.map(drawn)].join("|")];
  };
  window.seen = []; window.lastChange = window.lastOfAll = performance.now();
  const frame = () => {
    const now = look();
    if (now[0] !== window.seen[0]) window.lastChange = performance.now();
    if (now[1] !== window.seen[1]) window.lastOfAll = performance.now();
    window.seen = now;
    requestAnimationFrame(frame);
  };
  frame();
}
"""
PROGRESS = "[data-testid=stProgress]"
SETTLED = f"""
quiet => window.watching && !window.undrawn() && window.lastChange > (window.pressedAt ?? 0)
  && (performance.now() - window.lastOfAll > quiet || document.querySelector("{PROGRESS}"))
"""
PRESSES = """
() => {
  window.pressedAt = Infinity;
  if (window.pressesHeard) return;
  window.pressesHeard = true;
  for (const kind of ["pointerdown", "keydown"])
    addEventListener(kind, () => (window.pressedAt = performance.now()), { capture: true });
}
"""


class Traffic(NamedTuple):
    """Bytes that a browser received: over the websocket, and over HTTP; both as they are after decompression."""

    websocket: int
    http: int


class Took(NamedTuple):
    """Seconds from a press to the last change of what is in sight, and to that of pictures further down the page."""

    sight: float
    all: float


class Window:
    """A page of the browser that counts what it receives, and says how long a step took until all was drawn."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        self.page.set_default_timeout(PATIENCE)
        self._bytes = [0, 0]
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        wire = self.page.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.on("Network.dataReceived", lambda event: self._add(1, event["dataLength"]))
        self.page.add_init_script(f"addEventListener('DOMContentLoaded', {WATCH})")

    def _frame(self, payload: str | bytes) -> None:
        self._add(0, len(payload))

    def _add(self, kind: int, count: int) -> None:
        self._bytes[kind] += count

    def settle(self) -> None:
        """Wait until the page has been drawn, and has not changed for a while or shows work under way."""
        self.page.wait_for_function(SETTLED, arg=1000 * QUIET, timeout=PATIENCE)

    def timed(self, step: Callable[[], object], *, title: str = "", until: str = "") -> tuple[Took, Traffic]:
        """Return the time from the last press of a step to the last change of what is seen, and what was received.

        Args:
            step: presses something.
            title: the heading that the page has then.
            until: a selector of what is then to be seen.
        """
        self._bytes = [0, 0]
        self.page.evaluate(PRESSES)
        step()
        if title:
            self.page.wait_for_function("title => document.querySelector('h1')?.textContent === title", arg=title)
        if until:
            self.page.wait_for_selector(until)
        self.settle()
        ends = self.page.evaluate("[lastChange, lastOfAll].map((each) => (each - window.pressedAt) / 1000)")
        return Took(*map(float, ends)), Traffic(*self._bytes)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with sync_playwright() as driver:
        found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        browser = driver.chromium.launch(executable_path=found, args=list(GRAPHICS))
        yield browser
        browser.close()


@contextmanager
def served(script: Path, cache: Path, *arguments: str) -> Iterator[tuple[str, float]]:
    """Start an app as `make app` does, on a free port; give its address and when it was started; end it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    environment = {**os.environ, "GRAM_CACHE": str(cache), "GRAM_DEVICE": "cpu"}
    started = time.perf_counter()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "server.log").open("a") as log:
        server = subprocess.Popen(
            [*command, *(("--", *arguments) if arguments else ())], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://localhost:{port}/_stcore/health", server)
        yield f"http://localhost:{port}", started
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.02)
