"""What the app does to Streamlit, and that it starts without where Streamlit is another."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import streamlit

from app import theme
from app.startup import streamlit_patches
from app.startup.streamlit_patches import Styles
from tests.app.conftest import ROOT, open_app

RULES = "".join((Path(theme.__file__).parent / name).read_text() for name in ("theme.css", "still.css")).encode()
PAGE = b'<!doctype html><head></head><body><p></body></p><div id="root"></div></body></html>'


@pytest.fixture(autouse=True)
def asked_anew():
    streamlit_patches.has_styles.cache_clear()
    yield
    streamlit_patches.has_styles.cache_clear()


def asked(path, *, body=b"", kind=b"text/html; charset=utf-8", status=200, accept=b"text/html,*/*", method="GET"):
    """Ask the middleware around an app that answers so, in two parts; return status, headers, body, the app's scope."""
    seen, sent = [], []

    async def inner(scope, receive, send):
        seen.append(scope)
        length = str(len(body)).encode()
        headers = [(b"content-type", kind), (b"content-length", length), (b"etag", b"x")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    async def receive():
        await asyncio.Event().wait()  # nothing more comes, and nobody goes

    async def send(message):
        sent.append(message)

    headers = [(b"accept", accept), (b"accept-encoding", b"gzip, br")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(Styles(inner)(scope, receive, send))
    said = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], said, b"".join(message.get("body", b"") for message in sent[1:]), seen


def test_a_page_ends_with_the_rules_of_style():
    status, headers, body, (scope,) = asked("/geometry", body=PAGE)
    assert (status, headers["etag"], headers["content-length"]) == (200, "x", str(len(body)))
    assert body == PAGE.replace(b"</body></html>", b"<style>" + RULES + b"</style></body></html>")
    assert b"accept-encoding" not in dict(scope["headers"])  # a compressed page could not be added to


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/geometry", {"body": b'{"a": 1} </body>', "kind": b"application/json"}),
        ("/geometry", {"body": PAGE, "status": 404}),
        ("/geometry", {"body": PAGE, "method": "HEAD"}),
        ("/static/x.js", {"body": PAGE, "accept": b"*/*"}),
        ("/geometry", {"body": b"no body"}),
    ],
)
def test_what_is_no_page_is_passed_on_as_it_is(path, answer):
    status, headers, body, _ = asked(path, **answer)
    assert (status, body) == (answer.get("status", 200), answer["body"])
    assert headers["content-length"] == str(len(answer["body"]))


CHANGES = {
    "version": lambda patch: patch.setattr(streamlit, "__version__", "9.9.0"),
    "page": lambda patch: patch.setattr(streamlit_patches, "_streamlits_page", lambda: "<main id=root></main>"),
    "no page": lambda patch: patch.setattr(streamlit_patches, "_streamlits_page", lambda: ""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.usefixtures("assets")
def test_with_another_streamlit_the_app_draws_its_styles_itself_and_says_one_line(change, monkeypatch, caplog):
    assert not [part for part in open_app("align").run().get("html") if is_style(part)]
    assert not said(caplog)
    streamlit_patches.has_styles.cache_clear()
    change(monkeypatch)
    app = open_app("align").run()
    app.run()
    assert not app.exception
    assert [part for part in app.get("html") if is_style(part)]
    assert asked("/align", body=PAGE)[2] == PAGE
    (line,) = said(caplog)
    assert line.startswith(f"Streamlit {streamlit.__version__} is not as 1.67 was: ")


def is_style(part):
    return "tabular-nums" in part.proto.body


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("app.")]


START = """
import sys
import streamlit
from app.startup import streamlit_patches
{change}
from streamlit.web.cli import main
sys.argv = ["streamlit", "run", "app/main.py", "--server.port", "{port}"]
main()
"""


@pytest.mark.parametrize(
    "change",
    ['streamlit.__version__ = "9.9.0"', 'streamlit_patches._streamlits_page = lambda: "<main id=root></main>"'],
    ids=["version", "page"],
)
def test_with_another_streamlit_the_server_starts_and_its_log_has_one_line_more(change, tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with log.open("w") as said:
        code = START.format(change=change, port=port)
        server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ, stdout=said, stderr=said)
    try:
        page = fetched(f"http://localhost:{port}/geometry", server)
        assert page == fetched(f"http://localhost:{port}/geometry", server)
    finally:
        server.terminate()
        server.wait(20)
    assert '<div id="root">' in page
    assert ".stAppViewContainer:not" not in page
    assert log.read_text().count("is not as 1.67 was") == 1


def fetched(url, server):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            request = urllib.request.Request(url, headers={"Accept": "text/html"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not start")


@pytest.mark.parametrize(("asked_for", "frozen"), [(None, True), ("garbage,page", True), ("none", False)])
def test_modules_are_frozen_unless_the_environment_says_otherwise(asked_for, frozen, monkeypatch):
    if asked_for is not None:
        monkeypatch.setenv("GRAM_PATCHES", asked_for)
    said = []
    for name in ("disable", "freeze", "enable"):
        monkeypatch.setattr(gc, name, lambda name=name: said.append(name))
    with pytest.raises(OSError, match="gone"), streamlit_patches.without_garbage():
        raise OSError("gone")
    streamlit_patches.leave_out_modules()
    assert said == (["disable", "enable", "freeze"] if frozen else [])
