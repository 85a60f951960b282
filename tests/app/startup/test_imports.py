"""What is imported before the first words, and what becomes of the others where a page cannot be imported."""

import json
import subprocess
import sys

WAITS = ("scipy", "sklearn", "numba", "umap", "transformers", "torch._dynamo", "gram.models")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_the_first_page_can_do_without_is_not_imported_for_it():
    code = f"""
import json, sys
from importlib import import_module
from app.views import declared_pages
from app.startup import imports
for name in (*imports.FIRST, declared_pages()[0].module):
    import_module(name)
print(json.dumps([name for name in {WAITS!r} if name in sys.modules]))
"""
    assert run(code) == []


def test_what_the_first_page_can_do_without_is_not_imported_when_it_is_drawn():
    code = f"""
import json, sys
from tests.app.conftest import open_app
app = open_app("geometry").run()
assert not app.exception
print(json.dumps([name for name in {WAITS!r} if name in sys.modules]))
"""
    assert run(code) == []


def test_imports_leave_modules_out_of_the_search_for_garbage_and_the_search_on():
    code = """
import gc, json
from app.startup import imports
imports.begin()
imports.spare()
module = imports.module("app.views.geometry")
imports._first.wait()
there = gc.get_freeze_count()
imports.spare()
print(json.dumps([gc.isenabled(), module.__name__, there > 100_000, gc.get_freeze_count() == there]))
"""
    assert run(code) == [True, "app.views.geometry", True, True]


def test_pages_after_one_that_cannot_be_imported_are_imported(tmp_path, monkeypatch):
    for name, order in (("broken_first", 0), ("broken_later", 2.5)):
        (tmp_path / f"{name}.py").write_text(f'TITLE, ORDER = "Broken", {order}\nraise OSError("no such disk")\n')
    plugins = f"{tmp_path / 'broken_first.py'}:{tmp_path / 'broken_later.py'}"
    monkeypatch.setenv("GRAM_PLUGINS", plugins)
    code = """
import json, sys
from app.startup import imports
imports._AFTER, imports.REST = 0, ("wave",)
imports.go_on()
imports._import_all()
print(json.dumps(["app.views.align" in sys.modules, "wave" in sys.modules]))
"""
    assert run(code) == [True, True]
