"""A measure and a loss from one file each: known everywhere, though no other file names them."""

import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import gram
from gram import losses, measures
from gram.cli import _parser
from gram.core.registry import import_file
from gram.retrieval import ask
from gram.retrieval.distributions import distributions
from gram.retrieval.measure_table import tasks
from gram.retrieval.mixed import warning_for
from gram.retrieval.query import Query
from gram.training.align import align
from gram.training.align_config import AlignConfig
from tests.app.conftest import build_assets, open_app

MEASURE = '''
"""Minus the distance of an anchor from the nearest of a candidate's vectors."""

import torch

from gram.measures import Measure, register


@register
class Nearness(Measure):
    name = "toy-nearness"
    title = "Toy nearness"
    formula = r"-\\min_i \\lVert t - m_i \\rVert"
    help = "Minus the distance of the anchor from the nearest vector."
    fails = "Only in tests does it ever fail."
    source = "A test"
    symbol = "near"
    small_is_aligned = True
    comparable_across_k = False

    def _prepare(self, rows):
        return (rows.nan_to_num(nan=1e6),)

    def _scores(self, anchor, tensors):
        each = [torch.cdist(anchor, rows.to(anchor.dtype)) for rows in tensors[0].unbind(dim=1)]
        return -torch.stack(each).amin(dim=0)

    def _paired_scores(self, anchor, tensors):
        return -torch.linalg.vector_norm(anchor.unsqueeze(1) - tensors[0], dim=-1).amin(dim=1)

    def random_mean(self, k, d):
        return 1.25

    def value_range(self, k):
        return 0.0, 2.0

    def _explain(self, first, true):
        return f"{first.label} is nearer than {true.label}, toys say."
'''
LOSS = '''
"""Minus the mean cosine: nothing holds it back."""

from gram.losses import ContrastiveLoss, register


@register
class Attraction(ContrastiveLoss):
    name = "toy-attraction"
    title = "attraction without repulsion"
    measure = "cosine"

    def forward(self, anchor, *others):
        return -sum((anchor * other).sum(dim=1).mean() for other in others) / self.temperature
'''


@pytest.fixture
def files(tmp_path):
    """The two files, named so that no test imports another's."""
    paths = {"measure": tmp_path / f"{tmp_path.name}_nearness.py", "loss": tmp_path / f"{tmp_path.name}_attraction.py"}
    paths["measure"].write_text(MEASURE)
    paths["loss"].write_text(LOSS)
    return paths


@pytest.fixture(params=["import", "file"])
def plugged(request, files, monkeypatch):
    """Both plug-ins in this process, by a plain import or as a file of plug-ins, until the test ends."""
    for path in files.values():
        if request.param == "file":
            import_file(path)
        else:
            monkeypatch.syspath_prepend(path.parent)
            importlib.import_module(path.stem)
    yield
    measures.base._REGISTRY._plugins.pop("toy-nearness")
    losses.base._REGISTRY._plugins.pop("toy-attraction")


def embedding_set(n=24, d=8, *, missing=()):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n, d))
    rows = {name: meaning + 0.9 * rng.normal(size=(n, d)) for name in ("text", "image", "speech")}
    rows = {name: each / np.linalg.norm(each, axis=1, keepdims=True) for name, each in rows.items()}
    rows["image"][list(missing)] = np.nan
    return gram.EmbeddingSet(rows, pd.DataFrame({"id": [f"{place:04d}" for place in range(n)]}))


def choices(command, dest):
    commands = next(action.choices for action in _parser()._actions if action.dest == "command" or action.choices)
    return next(action.choices for action in commands[command]._actions if action.dest == dest)


def test_the_registries_list_them_last_and_only_once(plugged):
    assert measures.names()[-1] == "toy-nearness"
    assert measures.names().count("toy-nearness") == 1
    assert measures.get("toy-nearness").fails == "Only in tests does it ever fail."
    assert losses.names()[-1] == list(losses.LOSSES)[-1] == "toy-attraction"
    assert losses.MEASURES["toy-attraction"] == "cosine"
    with pytest.raises(ValueError, match=r"expected one of volume, .*, toy-nearness; got 'far'"):
        measures.get("far")


def test_the_measure_scores_ranks_and_is_compared(plugged):
    data = embedding_set()
    text, *others = (rows.double() for rows in data.modalities.values())
    expected = -torch.stack([torch.cdist(text, other) for other in others]).amin(dim=0)
    torch.testing.assert_close(gram.score("toy-nearness", text, *others), expected)
    torch.testing.assert_close(measures.paired_score("toy-nearness", text, *others), expected.diagonal())
    places = 1 + (expected > expected.diagonal()[:, None]).sum(dim=1)
    assert gram.evaluate(data, measure="toy-nearness").ranks.tolist() == places.tolist()
    assert ("toy-nearness", "query-to-candidates") in tasks(3)
    warning = warning_for(embedding_set(missing=[3]), ["image", "speech"], "toy-nearness")
    assert "Toy nearness is not comparable" in warning


def test_the_histogram_takes_range_and_direction_from_the_measure(plugged):
    found = distributions(embedding_set(), candidates=["image", "speech"], measure="toy-nearness")
    assert (found.edges[0], found.edges[-1]) == (0, 2)
    assert found.small_is_aligned
    assert found.matched.min() > 0
    assert found.auc > 0.6


def test_a_wrong_answer_is_explained_by_the_measure(plugged):
    data = embedding_set()
    ranks = gram.evaluate(data, measure="toy-nearness").ranks
    wrong = data.items["id"][int(np.argmax(np.asarray(ranks) > 1))]
    answer = ask(Query("text", id=wrong), gallery=data, measure="toy-nearness")
    assert answer.why() == f"{answer.hits[0].label} is nearer than {wrong}, toys say."


def test_the_command_line_offers_them(plugged):
    for command in ("evaluate", "search", "diagnose"):
        assert "toy-nearness" in list(choices(command, "measure"))
    for command in ("train", "align"):
        assert "toy-attraction" in list(choices(command, "loss"))


def test_heads_train_by_the_loss_and_are_judged_by_its_measure(plugged):
    config = AlignConfig(loss="toy-attraction", d=4, steps=20, evaluations=2)
    assert config.measure == "cosine"
    data = embedding_set(n=60)
    history = align(gram.FeatureSet(dict(data.modalities), data.items), config, device="cpu").history
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_pages_offer_and_draw_the_measure(plugged, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_ASSETS", str(build_assets(tmp_path / "assets", n=12, d=8)))
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    app = open_app("volumes", measure="toy-nearness").run()
    assert not app.exception
    assert "toy-nearness" in app.selectbox(key="measure").options
    said = " ".join(each.value for each in app.caption)
    assert "Only in tests does it ever fail." in said
    assert "Drawn without the minus: small is aligned." in said
    assert any(r"\min_i" in each.value for each in app.latex)
    assert "1.25" in " ".join(each.proto.body for each in app.get("html"))


def python(files, *argv):
    plugins = os.pathsep.join(str(path) for path in files.values())
    return subprocess.run(
        [sys.executable, *argv], env={**os.environ, "GRAM_PLUGINS": plugins}, capture_output=True, text=True, check=True
    ).stdout


def test_another_process_finds_them_in_the_files_that_gram_plugins_names(files, tmp_path):
    program = "from gram import losses, measures; print(measures.names()[-1], losses.names()[-1])"
    assert python(files, "-c", program).split() == ["toy-nearness", "toy-attraction"]
    embedding_set().save(tmp_path / "set")
    report = python(files, "-m", "gram", "evaluate", tmp_path / "set", "--measure", "toy-nearness", "--json")
    assert json.loads(report)["reports"][0]["measure"] == "toy-nearness"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("evaluate", "toy-nearness"),
        ("search", "toy-nearness"),
        ("train", "toy-attraction"),
        ("align", "toy-attraction"),
    ],
)
def test_help_lists_them_without_importing_torch(files, command, name):
    program = f"import sys; from gram.cli import main; main(['{command}', '--help']); print('torch' in sys.modules)"
    said = python(files, "-c", program)
    assert name in "".join(said.split())
    assert said.split()[-1] == "False"
