"""Tiny models, each made once."""

import pytest

from gram.models import huggingface as encoders
from gram.models.huggingface.encoder import Encoder
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


@pytest.fixture
def clip(made):
    return encoders.load(f"clip={made('clip')}", device="cpu")


@pytest.fixture
def clap(made):
    return encoders.load(f"clap={made('clap', fusion=False)}", device="cpu")


@pytest.fixture
def folder(tmp_path):
    """Five items; item2 lacks its picture, item3 its text, and the sounds are those of items 0 and 4."""
    path = tmp_path / "things"
    path.mkdir()
    for i, text in enumerate(tiny.sentences()):
        if i != 3:
            (path / f"item{i}.txt").write_text(text + "\n", encoding="utf-8")
        if i != 2:
            tiny.picture(path / f"item{i}.png", i)
        if i in (0, 4):
            tiny.recording(path / f"item{i}.wav", i, rate=8000)
    return path


@pytest.fixture
def calls(monkeypatch):
    """Count what the model is given: (kind, how many), batch by batch."""
    seen, batch = [], Encoder._batch

    def counted(self, modality, inputs):
        seen.append((modality, len(inputs)))
        return batch(self, modality, inputs)

    monkeypatch.setattr(Encoder, "_batch", counted)
    return seen
