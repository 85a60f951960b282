"""Plug-ins as their sources declare them: read, not imported."""

import subprocess
import sys
import threading

import pytest

from gram import losses, measures
from gram.core.declarations import declared_classes, declared_modules, declared_names

MODULE = "KIND = 'toy'\nNAME, ORDER = {name!r}, {order}\n"
CLASS = """
raise SystemExit("imported")


class {name}(Toy):
    name = {name!r}
    order: float = 7  # an annotation makes no declaration
    order = {order}
    sound = compute()
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of modules and classes that declare toys, and a further file of them."""
    folder = tmp_path / "toy_sources"
    folder.mkdir()
    for file, text in {
        "__init__": "", "ball": MODULE.format(name="ball", order=2), "bear": MODULE.format(name="old-bear", order=1),
        "helper": "NAME = 'helper'\n",
        "cow": CLASS.format(name="cow", order=2), "dog": CLASS.format(name="dog", order=1),
        "mute": "class Mute:\n    name = 'mute'\n", "nameless": "class Nameless:\n    sound = 'miau'\n",
    }.items():  # fmt: skip
        (folder / f"{file}.py").write_text(text)
    further = tmp_path / "further.py"
    further.write_text(MODULE.format(name="kite", order="1.5") + CLASS.format(name="cat", order="None"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GRAM_PLUGINS", str(further))
    return "toy_sources"


def test_modules_declare_names(package):
    assert declared_names(package, marker="KIND") == ["old-bear", "kite", "ball"]
    assert "toy_sources.ball" not in sys.modules


def test_classes_declare_what_is_written_as_a_literal(package):
    assert declared_classes(package, marker="sound") == [
        {"name": "dog", "order": 1, "sound": None},
        {"name": "cow", "order": 2, "sound": None},
        {"name": "cat", "order": None, "sound": None},
    ]


@pytest.mark.parametrize(("module", "marker"), [(measures, "formula"), (losses, "measure")])
def test_measures_and_losses_are_declared_as_they_are_registered(module, marker):
    declared = declared_classes(module.__name__, marker=marker)
    assert [each["name"] for each in declared] == module.names()
    for k in (2, 3, 4):
        assert [each["name"] for each in declared if each.get("modalities") in (None, k)] == module.names(k)


def test_reading_declarations_imports_no_torch():
    program = (
        "import sys; from gram.core.declarations import declared_classes\n"
        "print(len(declared_classes('gram.measures', marker='formula')) > 9, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_modules_are_told_with_what_they_declare(package, tmp_path):
    declared = declared_modules(package, marker="KIND")
    assert {module: constants["NAME"] for module, constants in declared.items()} == {
        "toy_sources.ball": "ball", "toy_sources.bear": "old-bear", str(tmp_path / "further.py"): "kite",
    }  # fmt: skip
    assert not any(name.startswith("toy_sources.") for name in sys.modules)


def test_threads_read_at_a_time(package):
    faults = []

    def look_up():
        try:
            for _ in range(20):
                declared_names("gram.measures", marker="KIND")
        except SystemError as error:
            faults.append(error)

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
