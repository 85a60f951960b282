"""Registries find plug-ins in the modules of a package, in entry points and in files that a variable names."""

import importlib.metadata
import os
import sys

import pytest

from gram.core.registry import Registry, import_file

MODULE = "from {package} import toys\ntoys.register({name!r}, {size})\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package that holds a registry of toys, and a module with one toy."""
    name = "toy_box"
    (tmp_path / name).mkdir()
    text = f"from gram.core.registry import Registry\ntoys = Registry('toy', {name!r}, order=lambda size: size)\n"
    (tmp_path / name / "__init__.py").write_text(text)
    (tmp_path / name / "ball.py").write_text(MODULE.format(package=name, name="ball", size=2))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("GRAM_PLUGINS", raising=False)
    yield name
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def registry(package):
    return __import__(package).toys


def test_modules_of_the_package_are_found_and_sorted(package, tmp_path):
    (tmp_path / package / "ant.py").write_text(MODULE.format(package=package, name="ant", size=2))
    (tmp_path / package / "zebra.py").write_text(MODULE.format(package=package, name="zebra", size=1))
    toys = registry(package)
    assert toys.names() == list(toys) == ["zebra", "ant", "ball"]
    assert toys.items() == [("zebra", 1), ("ant", 2), ("ball", 2)]
    assert toys.values() == [1, 2, 2]
    assert len(toys) == 3
    assert "ball" in toys
    assert "car" not in toys
    assert toys.get("ant") == 2


def test_an_unknown_name_is_refused_with_those_there_are(package):
    with pytest.raises(ValueError, match=r"^toy: expected one of ball; got 'car'$"):
        registry(package).get("car")


def test_files_of_the_variable_are_found(package, tmp_path, monkeypatch):
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for size, file in enumerate(files):
        file.write_text(MODULE.format(package=package, name=file.stem, size=size))
    monkeypatch.setenv("GRAM_PLUGINS", os.pathsep.join(map(str, files)))
    assert registry(package).names() == ["one", "two", "ball"]


def test_entry_points_of_the_package_are_loaded(package, monkeypatch):
    class Point:
        def load(self):
            registry(package).register("installed", 9)

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point()] if group == package else [])
    assert registry(package).names() == ["ball", "installed"]


def test_a_module_that_fails_is_imported_again_at_the_next_look(package, tmp_path):
    broken = tmp_path / package / "broken.py"
    broken.write_text("raise OSError('not yet')")
    with pytest.raises(OSError, match="not yet"):
        registry(package).names()
    broken.write_text(MODULE.format(package=package, name="mended", size=3))
    assert registry(package).names() == ["ball", "mended"]


def test_a_file_is_imported_once_unless_it_fails(tmp_path):
    seen = Registry("toy", "nothing")
    file = tmp_path / "plug.py"
    file.write_text("import builtins\nbuiltins.plugged = getattr(builtins, 'plugged', 0) + 1\nraise ValueError")
    import builtins

    try:
        with pytest.raises(ValueError):
            import_file(file)
        file.write_text("import builtins\nbuiltins.plugged += 1\n")
        import_file(file)
        import_file(file)
        assert builtins.plugged == 2
    finally:
        del builtins.plugged
    assert seen.register("x", 1) == 1
    with pytest.raises(OSError):
        import_file(tmp_path / "nowhere.py")
