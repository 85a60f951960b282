"""torch's .pt: tensors of every kind and layout, as torch itself loads them, mapped where they lie."""

from collections import OrderedDict

import pytest
import torch

from gram import EmbeddingSetError
from gram.data.importers import inspect, read

KINDS = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_kinds_of_numbers_are_those_that_torch_loads(kind, tmp_path):
    torch.manual_seed(0)
    tensor = (3 * torch.randn(6, 4) + 1).abs().ceil().to(kind)
    torch.save({"text": tensor, "one": tensor[:, 0].clone()}, tmp_path / "a.pt")
    inspection = inspect(tmp_path / "a.pt")
    source = inspection.table.columns["text"]
    assert source.dtype == str(kind).removeprefix("torch.")
    if kind != torch.bool:
        expected = torch.load(tmp_path / "a.pt", weights_only=True)["text"]
        assert torch.equal(read(inspection).modalities["text"].float(), expected.float())
    values = inspection.table.columns["one"].load().values
    assert values.tolist() == tensor[:, 0].float().tolist()


def test_views_parameters_and_ordered_dicts(tmp_path):
    base = torch.arange(60.0).reshape(10, 6) + 1
    held = OrderedDict(text=base[::2, 1:4], image=base[:5].T[:5], video=torch.nn.Parameter(base[5:]))
    torch.save({"outer": held}, tmp_path / "a.pth")
    features = read(inspect(tmp_path / "a.pth"))
    for column, tensor in zip(("text", "image", "video"), held.values()):
        assert torch.equal(features.modalities[column], tensor.detach())


def test_tensors_are_mapped(tmp_path):
    torch.save(torch.ones(5, 3), tmp_path / "text.pt")
    features = read(inspect(tmp_path / "text.pt"))
    place = (tmp_path / "text.pt").read_bytes().find(torch.ones(15).numpy().tobytes())
    with (tmp_path / "text.pt").open("r+b") as file:
        file.seek(place)
        file.write(torch.tensor(7.0).numpy().tobytes())
    assert features.modalities["text"][0, 0] == 7


def test_a_repeated_number_is_refused_by_what_it_unpacks_to(tmp_path):
    torch.save({f"m{i}": torch.ones(1).expand(50_000, 250) for i in range(3)}, tmp_path / "a.pt")
    with pytest.raises(EmbeddingSetError, match=r"'m1': .* kB unpack to 100 MB, which no embeddings do"):
        inspect(tmp_path / "a.pt")


def test_a_whole_model_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(EmbeddingSetError, match=r"holds torch\.nn\.modules\.linear\.Linear, which is never unpickled"):
        inspect(tmp_path / "a.pt")
