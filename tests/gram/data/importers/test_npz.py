"""NumPy's .npz: stored arrays are mapped, packed ones are unpacked."""

import numpy as np
import pytest

from gram.data.importers import inspect, read


@pytest.mark.parametrize(("save", "mapped"), [(np.savez, True), (np.savez_compressed, False)])
def test_stored_arrays_are_mapped_and_packed_ones_are_not(save, mapped, tmp_path):
    rng = np.random.default_rng(0)
    wide = {"text": rng.normal(size=(6, 4)).astype(np.float32), "image": np.asfortranarray(rng.normal(size=(6, 3)))}
    save(tmp_path / "a.npz", **wide)
    features = read(inspect(tmp_path / "a.npz"))
    for name, array in wide.items():
        np.testing.assert_array_equal(features.modalities[name].numpy(), array.astype(np.float32))
    place = (tmp_path / "a.npz").read_bytes().find(wide["text"].tobytes())
    assert (place > 0) is mapped
    if mapped:
        with (tmp_path / "a.npz").open("r+b") as file:
            file.seek(place)
            file.write(np.float32(99).tobytes())
        assert features.modalities["text"][0, 0] == 99


def test_other_entries_are_noted(tmp_path):
    import zipfile

    np.savez(tmp_path / "a.npz", text=np.ones((3, 2)))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("readme.txt", "x")
    assert "'readme.txt' is left out: it is no .npy array." in inspect(tmp_path / "a.npz").notes
