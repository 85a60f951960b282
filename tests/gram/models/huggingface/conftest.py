"""Tiny models, each made once."""

import pytest

from tests.helpers import tiny_encoders as tiny


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a function that gives the folder of a tiny model by a maker's name and its arguments."""
    root, done = tmp_path_factory.mktemp("models"), {}

    def get(maker, *args, **options):
        name = "-".join([maker, *map(str, args), *(f"{k}{v}" for k, v in options.items())])
        if name not in done:
            done[name] = getattr(tiny, maker)(root / name, *args, **options)
        return done[name]

    return get
