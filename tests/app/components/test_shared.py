"""What the components share: plotly.js of the installed package, where the server serves it."""

from pathlib import Path

import plotly
import pytest

from app.components import shared


@pytest.fixture
def static(tmp_path, monkeypatch):
    """A folder of its own for the served script."""
    monkeypatch.setattr(shared, "_STATIC", tmp_path / "static")
    shared.plotly_address.cache_clear()
    yield tmp_path / "static"
    shared.plotly_address.cache_clear()


def test_the_served_script_is_the_packages_own(static):
    own = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
    address = shared.plotly_address()
    (file,) = static.iterdir()
    assert address == f"app/static/{file.name}"
    assert plotly.__version__ in file.name
    assert file.read_bytes() == own
    file.write_bytes(own[:1000])  # as after a crash
    shared.plotly_address.cache_clear()
    assert shared.plotly_address() == address
    assert [each.read_bytes() == own for each in static.iterdir()] == [True]
    written = file.stat().st_mtime_ns
    shared.plotly_address.cache_clear()
    assert (shared.plotly_address(), file.stat().st_mtime_ns) == (address, written)
