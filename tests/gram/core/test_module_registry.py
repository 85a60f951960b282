"""Modules as plug-ins: found by what they declare, in a package and in files that `GRAM_PLUGINS` names."""

import sys
import threading

import pytest

from gram.core.module_registry import ModuleRegistry
from gram.core.registry import Registry

PLUGIN = "KIND = 'toy'\nNAME, ORDER = {name!r}, {order}\ndef play(): return {name!r}\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two plug-ins, out of order, and a module that is none."""
    folder = tmp_path / "toy_plugins"
    folder.mkdir()
    for file, text in {
        "__init__": "", "ball": PLUGIN.format(name="ball", order=2), "bear": PLUGIN.format(name="old-bear", order=1),
        "helper": "NAME = 'helper'\n",
    }.items():  # fmt: skip
        (folder / f"{file}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "toy_plugins"
    for name in [name for name in sys.modules if name.startswith("toy_plugins")]:
        del sys.modules[name]


@pytest.fixture
def further(tmp_path, monkeypatch):
    """A plug-in in a file of its own."""
    file = tmp_path / "kite.py"
    file.write_text('NAME: str = "unseen"\n' + PLUGIN.format(name="kite", order="1.5"))
    monkeypatch.setenv("GRAM_PLUGINS", str(file))


def registry(package, **options):
    return ModuleRegistry("toy", package, marker="KIND", required=("play",), **options)


def test_modules_are_found_by_their_marker_and_listed_by_their_order(package, further):
    toys = registry(package)
    assert toys.names() == ["old-bear", "kite", "ball"]
    assert toys.get("kite").play() == "kite"
    with pytest.raises(ValueError, match="toy: expected one of old-bear, kite, ball; got 'helper'"):
        toys.get("helper")


def test_a_file_of_plug_ins_is_found_by_every_registry(package, further):
    assert "kite" in registry(package)
    assert "kite" in registry(package)


def test_a_module_that_declares_too_little_is_refused_by_name(package, tmp_path):
    (tmp_path / package / "half.py").write_text("KIND = 'toy'\nNAME = 'half'\n")
    with pytest.raises(TypeError, match=r"toy .*half\.py: declares no play"):
        registry(package).names()


def test_a_second_thread_waits_for_the_whole_list(package, tmp_path):
    (tmp_path / package / "slow.py").write_text("import time; time.sleep(0.3)\n" + PLUGIN.format(name="yoyo", order=9))
    toys: Registry = registry(package)
    found = []
    threads = [threading.Thread(target=lambda: found.append(toys.names())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["old-bear", "ball", "yoyo"]] * 2
