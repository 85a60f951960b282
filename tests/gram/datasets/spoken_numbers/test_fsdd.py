import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gram.datasets.spoken_numbers import fsdd
from gram.errors import NumberError


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release as it is published, WAV files in a tar.gz, of one speaker with made-up sound, and its digests."""
    rng = np.random.default_rng(0)
    recordings = {
        f"{digit}_ada_{take}": rng.integers(-9000, 9000, 900).astype(np.int16)
        for digit in range(10)
        for take in range(50)
    }
    path = tmp_path / "release.tar.gz"
    with tarfile.open(path, "w:gz") as files:
        for name, samples in recordings.items():
            wav = io.BytesIO()
            soundfile.write(wav, samples, 8000, format="WAV", subtype="PCM_16")
            member = tarfile.TarInfo(f"free-spoken-digit-dataset-1.0.9/recordings/{name}.wav")
            member.size = len(wav.getvalue())
            files.addfile(member, io.BytesIO(wav.getvalue()))
    digests = tmp_path / "digests.json"
    digests.write_text(json.dumps({name: fsdd.digest(samples) for name, samples in recordings.items()}))
    monkeypatch.setattr(fsdd, "DIGESTS", digests)
    return path


def test_a_download_is_checked_stored_and_read_as_a_voice(archive: Path, tmp_path: Path) -> None:
    assert fsdd.download(tmp_path / "out", url=archive.as_uri()) == 500
    voice = fsdd.load_speaker(tmp_path / "out", "ada", split="train")
    assert voice.name == "fsdd-ada"
    assert [len(voice.clips[digit]) for digit in range(10)] == [50] * 10
    assert np.sqrt(np.mean(voice.clips[3][7] ** 2)) == pytest.approx(0.1, rel=1e-3)


def test_a_changed_recording_is_refused(archive: Path, tmp_path: Path) -> None:
    fsdd.download(tmp_path / "out", url=archive.as_uri())
    soundfile.write(tmp_path / "out" / "3_ada_7.flac", np.ones(900, dtype=np.int16), 8000, subtype="PCM_16")
    with pytest.raises(NumberError, match=r"3_ada_7\.flac: not the published recording"):
        fsdd.load_speaker(tmp_path / "out", "ada", split="train")
    (tmp_path / "out" / "0_ada_0.flac").unlink()
    with pytest.raises(NumberError, match=r"0_ada_0\.flac: missing; fetch"):
        fsdd.load_speaker(tmp_path / "out", "ada", split="train")


def test_a_release_that_differs_is_refused_and_stores_nothing(archive: Path, tmp_path: Path) -> None:
    digests = json.loads(fsdd.DIGESTS.read_text()) | {"5_ada_5": "0" * 32}
    fsdd.DIGESTS.write_text(json.dumps(digests))
    with pytest.raises(NumberError, match="1 recordings are missing or changed, the first is 5_ada_5"):
        fsdd.download(tmp_path / "out", url=archive.as_uri())
    assert not (tmp_path / "out").exists()


def test_no_connection_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NumberError, match="cannot be downloaded"):
        fsdd.download(tmp_path / "out", url=(tmp_path / "nothing.tar.gz").as_uri())


def test_the_shipped_digests_cover_three_training_speakers_and_the_held_out_one() -> None:
    names = json.loads(fsdd.DIGESTS.read_text())
    speakers = {name.split("_")[1] for name in names}
    assert speakers == {*fsdd.TRAINING_SPEAKERS, fsdd.HELD_OUT_SPEAKER}
    assert len(names) == 4 * 500
