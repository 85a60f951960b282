"""What the app's pages weigh and how long they take in a real browser, in one table a set; and how long the app starts.

Headless Chromium, a window of 1440 x 900, graphics drawn by the processor. Times are from a press to the last change
of what is seen: the script has run, nothing is stale, every picture in sight is drawn; "all" is the same with the
pictures further down the page, which are drawn after, or when someone scrolls near them. "first" is the first time in a
new session; "again" and "a press" are medians. Bytes are those of "again" after decompression: over the websocket,
and over HTTP (media, pictures; a browser keeps the app's own files). Long work (failures, UMAP) is told apart as
"computed", and what is measured is what follows.

"start" is from the start of the server's process to the first page drawn in a browser that is running and has nothing
in its cache, and takes turns with an empty app, which is Streamlit's own part.

    python benchmarks/pages.py                       # the start, then the built-in set
    python benchmarks/pages.py --items 100000        # a generated one, in a temporary folder
    python benchmarks/pages.py --items 1000000 --modalities 3 --d 512 --dtype float16
    python benchmarks/pages.py --set DIR [DIR ...]   # sets on disk
    python benchmarks/pages.py --start              # the start alone
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from _rows import FLAG, Row, tell
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.browsing import PATIENCE, PROGRESS, ROOT, Took, Traffic, Window, chromium, served
from gram.data.embedding_set import EmbeddingSet

AIM, AIM_START = 1.0, 4.0  # seconds
NAMES = ("text", "image", "speech", "tones")
BLOCK = 20_000
EMPTY = 'import streamlit as st\n\nst.title("Geometry")\n'
COMPUTE = 'button:has-text("Compute it")'


class Visit(NamedTuple):
    """A page: its entry in the navigation, what is to be seen on it, a typical press, and what that is."""

    title: str
    seen: str
    press: Callable[[Page, str], None]
    choices: tuple[str, ...]
    what: str


def press_mismatch(page: Page, which: str) -> None:
    page.get_by_role("button", name="Another mismatch").first.click()
    page.get_by_text(which, exact=True).last.click()


def press_enter(page: Page, item: str) -> None:
    box = page.locator("input[aria-label=Number], input[aria-label=Item]").first
    box.fill(item)
    box.press("Enter")


def press_cell(page: Page, cell: str) -> None:
    page.locator(f'[data-cell="{cell}"]').click()


def press_modality(page: Page, name: str) -> None:
    page.locator("[data-testid=stSidebar]").get_by_role("button", name=name, exact=True).click()


def press_option(label: str) -> Callable[[Page, str], None]:
    def press(page: Page, option: str) -> None:
        page.get_by_role("combobox", name=label).first.click()
        page.get_by_role("option", name=option, exact=True).first.click()

    return press


SIDEBAR = press_modality, ("speech",), "a modality on or off"
VISITS = (
    Visit("Geometry", ".scene3d-plot[data-drawn] canvas", press_mismatch, ("Random",), "another mismatch"),
    Visit("Retrieval", ".card.hit", press_enter, (), "another item"),
    Visit("Volumes", ".chart-plot[data-drawn]", press_option("Measure"), ("height", "volume"), "another measure"),
    Visit("Projection", ".chart-plot[data-drawn]", press_option("Colour by"), ("volume", "modality"), "another colour"),
    Visit("Failures", ".case-head", press_cell, ("both-missed", "only-left"), "another cell"),
    Visit("Evidence", ".chart-plot[data-drawn]", *SIDEBAR),
    Visit("Align", "h1", *SIDEBAR),
    Visit("Your data", "h1", *SIDEBAR),
)
ASKED = 8  # items that Retrieval is asked with in turn


class Measured(NamedTuple):
    """What was measured on one page."""

    title: str
    first: Took
    computed: float
    again: Took
    received: Traffic
    what: str
    pressed: Took


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--set", type=Path, nargs="+", default=[], help="sets on disk (default: the built-in one)")
    parser.add_argument("--items", type=int, nargs="+", default=[], help="sizes of generated sets")
    parser.add_argument("--modalities", type=int, default=4, help="of generated sets (default: %(default)s)")
    parser.add_argument("--d", type=int, default=128, help="of generated sets (default: %(default)s)")
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=3, help="times a median is of (default: %(default)s)")
    parser.add_argument("--start", action="store_true", help="measure the start of the app alone")
    parser.add_argument("--cache", type=Path, help="keep what is computed here, and take what is there")
    parser.add_argument("--pages", nargs="+", default=[visit.title for visit in VISITS], help="default: all")
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    tell(lambda: rows(arguments), arguments.json)


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        folder = Path(temporary)
        sets = [path.resolve() for path in arguments.set]
        if arguments.start or not (sets or arguments.items):
            yield from starts(browser, folder, arguments.turns)
        if arguments.start:
            return
        for n in arguments.items:
            sets.append(folder / f"made-{n}")
            generated(n, NAMES[: arguments.modalities], arguments.d, arguments.dtype).save(sets[-1])
        for path in sets or [None]:
            cache = arguments.cache or folder / f"cache-of-{path.name if path else 'numbers'}"
            yield from visits(browser, cache, path, arguments.turns, arguments.pages)


def generated(n: int, names: tuple[str, ...], d: int, dtype: str) -> EmbeddingSet:
    """Make items of twenty kinds; each modality has its own offset, and a noise of its own strength an item."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, d), dtype=np.float32)
    offsets = 0.3 * rng.standard_normal((len(names), d), dtype=np.float32)
    kinds = rng.integers(0, 20, n)
    vectors = {name: torch.empty(n, d, dtype=getattr(torch, dtype)) for name in names}
    for start in range(0, n, BLOCK):
        stop = min(n, start + BLOCK)
        own = centres[kinds[start:stop]] + rng.standard_normal((stop - start, d), dtype=np.float32)
        for offset, block in zip(offsets, vectors.values()):
            noise = rng.uniform(0.5, 3, (stop - start, 1)).astype(np.float32)
            made = own + offset + noise * rng.standard_normal(own.shape, dtype=np.float32)
            block[start:stop] = torch.from_numpy(made / np.linalg.norm(made, axis=1, keepdims=True))
    items = pd.DataFrame({"id": [f"item-{row:07d}" for row in range(n)], "label": [f"kind {kind}" for kind in kinds]})
    return EmbeddingSet(modalities=vectors, items=items, info={"name": f"made-{n}", "anchor": names[0]})


# the start


def starts(browser: Browser, folder: Path, turns: int) -> Iterator[Row]:
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    times: dict[Path, list[tuple[float, float, float]]] = {ROOT / "app" / "main.py": [], empty: []}
    for turn in range(turns + 1):
        for script, found in times.items():
            found.append(started(browser, script, folder / f"start-{turn}-{script.stem}", script is not empty))
    print(f"start, medians of {turns}: seconds from the start | server answers | its words | its picture | aim")
    for script, found in times.items():
        answers, read, drawn = (statistics.median(each) for each in zip(*found[1:]))
        name, aim = ("empty app", "-") if script is empty else ("Gram", f"{AIM_START:.1f}")
        print(f"{name} | {answers:.2f} | {read:.2f} | {drawn:.2f} | {aim}", flush=True)
        met = None if script is empty else drawn <= AIM_START
        yield Row(
            f"start of {'an empty' if script is empty else 'the'} app: words, picture",
            f"{read:.1f} s, {drawn:.1f} s",
            "" if script is empty else f"{AIM_START:g} s",
            met,
        )


def started(browser: Browser, script: Path, cache: Path, has_picture: bool) -> tuple[float, float, float]:
    """Return the seconds until the server answers, until the first page can be read, and until it is drawn."""
    cache.mkdir()
    window = Window(browser)
    with served(script, cache / "cache") as (address, start):
        answers = time.perf_counter() - start
        opened = time.perf_counter()
        window.page.goto(f"{address}/" if has_picture else address)
        window.page.wait_for_selector("table.values" if has_picture else "h1", timeout=PATIENCE)
        read = time.perf_counter()
        window.page.wait_for_selector(VISITS[0].seen if has_picture else "h1", timeout=PATIENCE)
        loaded = window.page.evaluate("performance.now()")
        offset = time.perf_counter() - loaded / 1000  # when the page's own clock was 0
        window.settle()
        drawn = offset + window.page.evaluate("window.lastChange") / 1000
        window.page.context.close()
        assert drawn > opened
    return answers, read - start, drawn - start


# the pages


def visits(browser: Browser, cache: Path, path: Path | None, turns: int, titles: list[str]) -> Iterator[Row]:
    name = path.name if path else "spoken numbers"
    arguments = () if path is None else ("--data-dir", str(path.parent))
    items = pd.read_parquet((path or ROOT / "assets/numbers/gram/test") / "items.parquet", columns=["id"])["id"]
    asked = tuple(items.iloc[:: len(items) // ASKED].astype(str))[:ASKED]
    with served(ROOT / "app" / "main.py", cache, *arguments) as (address, _):
        window = Window(browser)
        opening = time.perf_counter()
        window.page.goto(f"{address}/align" + ("" if path is None else f"?set={path.name}"))  # draws nothing of the set
        window.page.wait_for_selector("dl.facts")
        window.settle()
        opened = time.perf_counter() - opening
        print(f"\n{name}: {len(items):,} items, opened in {opened:.1f} s; {os.cpu_count()} cores")
        heads = "page", "first (s)", "computed (s)", "again (s)", "all (s)", "websocket (kB)", "HTTP (kB)"
        print("|", " | ".join([*heads, "a press", "(s)", "all (s)", "< 1 s"]), "|")
        print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
        for visit in VISITS:
            if visit.title in titles:
                found = measured(window, visit._replace(choices=visit.choices or asked), turns)
                print_row(found)
                yield Row(
                    f"{visit.title}, {len(items):,} items: again, {visit.what}",
                    f"{found.again.sight:.2f} s, {found.pressed.sight:.2f} s",
                    f"{AIM:g} s",
                    is_met(found),
                )
        window.page.context.close()


def is_met(found: Measured) -> bool:
    return max(found.again.sight, found.pressed.sight) < AIM


def print_row(row: Measured) -> None:
    cells = [
        row.title, f"{row.first.sight:.2f}", f"{row.computed:.1f}" if row.computed else "-", *told(row.again),
        f"{row.received.websocket / 1000:,.0f}", f"{row.received.http / 1000:,.0f}", row.what, *told(row.pressed),
        "met" if is_met(row) else "missed",
    ]  # fmt: skip
    print("|", " | ".join(cells), "|", flush=True)


def told(took: Took) -> list[str]:
    return [f"{each:.2f}" for each in took]


def measured(window: Window, visit: Visit, turns: int) -> Measured:
    elsewhere = "Your data" if visit.title == "Align" else "Align"

    def turn_to(title: str) -> Callable[[], None]:
        return window.page.get_by_role("link", name=title, exact=True).first.click

    if window.page.locator("h1").first.inner_text() != elsewhere:  # a press on the page that is there changes nothing
        window.timed(turn_to(elsewhere), title=elsewhere)
    first, _ = window.timed(turn_to(visit.title), title=visit.title, until=f"{visit.seen}, {PROGRESS}, {COMPUTE}")
    computed = compute(window, visit)
    again = []
    for _ in range(turns):
        window.timed(turn_to(elsewhere), title=elsewhere)
        again.append(window.timed(turn_to(visit.title), title=visit.title, until=visit.seen))
    pressed = []
    choices = itertools.cycle(visit.choices)
    for _ in range(turns + 2):  # what is computed once is not counted
        choice = next(choices)
        pressed.append(window.timed(lambda choice=choice: visit.press(window.page, choice))[0])
    received = sorted(again)[len(again) // 2][1]
    return Measured(
        visit.title, first, computed, _medians([each for each, _ in again]), received, visit.what, _medians(pressed[2:])
    )


def _medians(times: list[Took]) -> Took:
    return Took(*map(statistics.median, zip(*times)))


def compute(window: Window, visit: Visit) -> float:
    """Wait for what the page computes, started by a press if need be; return the seconds, 0 where all was there."""
    started = time.perf_counter()
    asked = window.page.locator(COMPUTE)
    if asked.count():
        asked.first.click()
        window.page.wait_for_selector(PROGRESS)
    if not window.page.locator(PROGRESS).count():
        return 0.0
    while window.page.locator(PROGRESS).count() or not window.page.locator(visit.seen).count():
        window.page.wait_for_timeout(500)
    window.settle()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
