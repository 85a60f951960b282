"""How long a person waits on the Retrieval page: from the press of Enter to the drawn answer, in a real browser.

Starts the app, opens the page in Chromium, types one number after another, and notes when the browser has painted the
frame that shows the new number's rank in both columns. Models and galleries are made ready by the first answer, which
is not counted; every number is asked once, so no answer is found in a cache.

    python benchmarks/enter_to_answer.py
    python -m gram embed --model assets/numbers/gram/model --items 100000 --out large
    python benchmarks/enter_to_answer.py --gallery large
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300_000  # milliseconds, for what is made ready once
# Notes the time at which Enter is pressed, and that of the first frame painted after both columns show the number: in
# their headings, and on the true item's cards, which are drawn in a shadow root of their own.
WATCH = """
number => {
  window.waited = null;
  addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    const pressed = performance.now();
    const cards = () => [...document.querySelectorAll("*")].filter(each => each.shadowRoot)
      .flatMap(each => [...each.shadowRoot.querySelectorAll(".two .card.true .number")]);
    const look = () => {
      const headings = [...document.querySelectorAll("h4")].filter(h => h.innerText.startsWith(`${number} ranks`));
      const shown = headings.length >= 2 ? cards() : [];
      const drawn = shown.length >= 2 && shown.every(each => each.innerText === number);
      if (drawn) requestAnimationFrame(() => { window.waited = (performance.now() - pressed) / 1000; });
      else requestAnimationFrame(look);
    };
    look();
  }, { once: true, capture: true });
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--gallery", type=Path, help="a set that stands in for both models' (default: the shipped ones)"
    )
    parser.add_argument("--numbers", type=int, default=15, help="how many are asked (default: %(default)s)")
    arguments = parser.parse_args()
    numbers = asked(arguments.gallery or ROOT / "assets" / "numbers" / "gram" / "test", arguments.numbers + 1)
    with tempfile.TemporaryDirectory() as temporary:
        assets = assets_with(arguments.gallery, Path(temporary) / "assets") if arguments.gallery else ROOT / "assets"
        with served(assets) as address, sync_playwright() as driver:
            chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/retrieval")
            page.wait_for_selector(".card.hit", timeout=PATIENCE)
            size = page.locator("h4").first.inner_text().split(" of ")[-1]
            seconds = [waited(page, number) for number in numbers][1:]
            chromium.close()
    print(f"{size} items, {len(seconds)} numbers, {os.cpu_count()} cores: seconds from Enter to the drawn answer")
    print(f"median {statistics.median(seconds):.2f}, longest {max(seconds):.2f}")
    return 0


def assets_with(gallery: Path, folder: Path) -> Path:
    """Return a folder of assets with this set in the place of both models' sets."""
    for twin in ("gram", "cosine"):
        home = folder / "numbers" / twin
        home.mkdir(parents=True)
        (home / "test").symlink_to(gallery.resolve())
        (home / "model").symlink_to(ROOT / "assets" / "numbers" / twin / "model")
    return folder


def asked(gallery: Path, count: int) -> list[str]:
    """Return the numbers of items from all over the gallery."""
    ids = pd.read_parquet(gallery / "items.parquet", columns=["id"])["id"].astype(str)
    numbers = ids[ids.str.fullmatch(r"\d{4}")].tolist()
    return numbers[:: max(1, len(numbers) // count)][:count]


def waited(page: Page, number: str) -> float:
    box = page.get_by_label("Number", exact=True)
    box.fill(number)
    page.evaluate(WATCH, number)
    box.press("Enter")
    page.wait_for_function("() => window.waited !== null", timeout=PATIENCE)
    time.sleep(0.5)  # a person reads, and the page's last messages arrive
    return page.evaluate("window.waited")


@contextmanager
def served(assets: Path) -> Iterator[str]:
    """Start the app as `make app` does, on a free port; give its address; end it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "GRAM_ASSETS": str(assets)}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2):
                    break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    sys.exit(main())
