"""The start: what is imported before the first words, and what the server adds to its pages."""

import asyncio
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit

from app import theme
from app.components import shared
from app.components.shared import script
from app.startup import early
from app.startup.serving import Early

FRAME = """/**
* plotly.js v4.1.1
*/
(
 function(root, factory) {
  root.moduleName = factory();
} (typeof self !== "undefined" ? self : this, () => {
"use strict";var Plotly=(()=>{return 7})();
window.Plotly = Plotly;
return Plotly;
}));
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_what_the_first_page_can_do_without_is_not_imported_for_it():
    waits = ("scipy", "sklearn", "numba", "umap", "transformers", "torch._dynamo", "gram.models")
    code = f"""
import json, sys
from importlib import import_module
from app.views import declared_pages
from app.startup import imports
for name in (*imports.FIRST, declared_pages()[0].module):
    import_module(name)
print(json.dumps([name for name in {waits!r} if name in sys.modules]))
"""
    assert run(code) == []


def test_imports_leave_the_process_as_it_was_and_modules_out_of_the_search_for_garbage():
    code = """
import gc, json, sys
from app.startup import imports
before = sys.getswitchinterval()
imports.begin()
imports.spare()
module = imports.module("app.views.geometry")
imports._first.wait()
there = gc.get_freeze_count()
imports.spare()
print(json.dumps([gc.isenabled(), sys.getswitchinterval() == before, module.__name__, there > 100_000,
                  gc.get_freeze_count() == there]))
"""
    assert run(code) == [True, True, "app.views.geometry", True, True]


def test_the_function_around_plotly_is_taken_off():
    assert script.unwrapped(FRAME) == (
        '/**\n* plotly.js v4.1.1\n*/\n"use strict";var Plotly=(()=>{return 7})();\nwindow.Plotly = Plotly;\n'
    )


@pytest.mark.parametrize("other", ["", "window.Plotly = 1;", FRAME.replace("return Plotly;", ""), FRAME[20:]])
def test_a_script_in_another_form_stays_as_it_is(other):
    assert script.unwrapped(other) == other


KEPT = (script.plotly_file, shared.early_script, early.head)


@pytest.fixture
def static(tmp_path, monkeypatch):
    """A folder of its own for the served script."""
    monkeypatch.setattr(script, "_STATIC", tmp_path / "static")
    for function in KEPT:
        function.cache_clear()
    yield tmp_path / "static"
    for function in KEPT:
        function.cache_clear()


def test_the_served_script_is_the_packages_own_but_for_its_frame(static):
    file = script.plotly_file()
    text = file.read_text(encoding="utf-8")
    assert text.endswith("window.Plotly = Plotly;\n")
    assert text.count('"use strict";var Plotly=') == 1
    assert "function(root, factory)" not in text[:1000]
    assert gzip.decompress(script.compressed(file).read_bytes()) == file.read_bytes()
    assert sorted(path.name for path in static.iterdir()) == sorted([file.name, f"{file.name}.gz"])
    script.compressed(file).unlink()  # as after a crash between the two
    script.plotly_file.cache_clear()
    assert script.compressed(script.plotly_file()).is_file()


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
    asyncio.run(Early(inner)(scope, receive, send))
    said = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], said, b"".join(message.get("body", b"") for message in sent[1:]), seen


PAGE = b"<!doctype html><head><title>x</title></head><body></head></body>"


def test_a_page_loads_plotly_when_it_is_idle_and_has_its_rules_last(static):
    status, headers, body, (scope,) = asked("/geometry", body=PAGE)
    head, rest = body.split(b"</head>", 1)
    assert (status, headers["etag"], headers["content-length"]) == (200, "x", str(len(body)))
    rules = (Path(theme.__file__).parent / "theme.css").read_bytes()
    assert rest == b"<body></head><style>" + rules + b"</style></body>"
    assert head.startswith(b'<!doctype html><head><title>x</title><link rel="modulepreload" ')
    assert shared.plotly_address().encode() in head
    assert b"requestIdleCallback" in head
    assert b"export " not in head
    assert b"accept-encoding" not in dict(scope["headers"])  # a compressed page could not be added to


def test_the_first_widgets_scripts_come_with_all_that_they_import_and_each_once():
    folder = Path(streamlit.__file__).parent / "static"
    page = (folder / "index.html").read_text()
    asked_for = early.widget_scripts()
    assert len(set(asked_for)) == len(asked_for)
    there = {name for name in asked_for if (folder / "static" / "js" / name).is_file()}
    assert there == set(asked_for)
    for widget in early.WIDGETS:
        assert any(name.startswith(f"{widget}.") for name in asked_for), widget
    for name in asked_for:
        for line in (folder / "static" / "js" / name).read_text().split(";"):
            if line.lstrip().startswith("import") and '"./' in line:
                imported = line.rpartition('"./')[2].partition('"')[0]
                assert imported in there or f"./static/js/{imported}" in page, (name, imported)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/geometry", {"body": b'{"a": 1} </head>', "kind": b"application/json"}),
        ("/geometry", {"body": PAGE, "status": 404}),
        ("/geometry", {"body": PAGE, "method": "HEAD"}),
        ("/static/x.js", {"body": PAGE, "accept": b"*/*"}),
        ("/geometry", {"body": b"no head, no body"}),
    ],
)
def test_what_is_no_page_is_passed_on_as_it_is(static, path, answer):
    status, headers, body, _ = asked(path, **answer)
    assert (status, body) == (answer.get("status", 200), answer["body"])
    assert headers["content-length"] == str(len(answer["body"]))


@pytest.mark.parametrize("base", ["", "/below"])
def test_plotly_is_served_compressed_and_for_good(static, base):
    path = f"{base}/{shared.plotly_address()}"
    status, headers, body, reached = asked(path, accept=b"*/*")
    assert (status, headers["content-encoding"], reached) == (200, "gzip", [])
    assert "immutable" in headers["cache-control"]
    assert headers["content-type"].startswith("text/javascript")
    assert gzip.decompress(body) == script.plotly_file().read_bytes()
