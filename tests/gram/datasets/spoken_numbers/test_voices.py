"""Packed voices: every digit, and back as they were."""

import numpy as np
import soundfile

from gram.datasets.spoken_numbers.voices import VOICES_DIR, load_voices, pack_voice, write_index


def test_every_voice_speaks_every_digit_its_own_way() -> None:
    first = [voice.clips[7][0] for voice in load_voices().values()]
    assert all(len(takes) >= 3 for voice in load_voices().values() for takes in voice.clips.values())
    assert len({clip.tobytes() for clip in first}) == len(first)
    assert all(0.1 < len(clip) / 8000 < 1.2 for clip in first)
    assert sum(path.stat().st_size for path in VOICES_DIR.iterdir()) <= 12e6


def test_packed_voices_come_back_as_they_were(tmp_path) -> None:
    rng = np.random.default_rng(0)
    clips = [(digit, rng.uniform(-0.5, 0.5, 400 + digit).astype(np.float32)) for digit in range(10)]
    edges = pack_voice(tmp_path, "ada", clips)
    write_index(tmp_path, {"ada": {"split": "train", "clips": edges}}, "made up", "none")
    voice = load_voices(tmp_path)["ada"]
    for digit, clip in clips:
        np.testing.assert_allclose(voice.clips[digit][0], clip, atol=1 / 32768)
    assert soundfile.info(tmp_path / "ada.flac").samplerate == 8000
