"""The builder of voices: its table is that of the packed voices; a stand-in for espeak-ng speaks a tone."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from gram.datasets.spoken_numbers import build_voices
from gram.datasets.spoken_numbers.voices import load_voices


@pytest.fixture
def commands(monkeypatch):
    """Replace espeak-ng by a tone of half a second between silences, at 22,050 Hz; return the commands."""
    asked = []

    def speak(command, **options):
        asked.append(command)
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(11025) / 22050)
        wav = io.BytesIO()
        soundfile.write(wav, np.concatenate([np.zeros(4000), tone, np.zeros(4000)]), 22050, format="WAV")
        return SimpleNamespace(stdout=wav.getvalue())

    monkeypatch.setattr(build_voices.subprocess, "run", speak)
    return asked


def test_the_packed_voices_are_those_of_the_table():
    packed = {name: voice.split for name, voice in load_voices().items()}
    assert packed == {name: split for name, (*_, split) in build_voices.VOICES.items()}
    takes = {len(clips) for voice in load_voices().values() for clips in voice.clips.values()}
    assert takes == {len(build_voices.TAKES)}


def test_a_word_is_trimmed_levelled_and_resampled(commands):
    sound = build_voices.speak("one", "en-gb", "m1", 150, 45)
    assert commands == [["espeak-ng", "--stdout", "-v", "en-gb+m1", "-s", "150", "-p", "45", "one"]]
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(4000, abs=40)  # half a second at 8 kHz
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.1, rel=1e-3)


def test_a_built_folder_is_read_as_voices(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(build_voices, "VOICES", {"ada": ("en-us", "f1", 100, 50, "test")})
    monkeypatch.setattr(build_voices, "VOICES_DIR", tmp_path / "voices")
    monkeypatch.setattr(build_voices.shutil, "which", lambda name: "/usr/bin/espeak-ng")
    assert build_voices.main() == 0
    voice = load_voices(tmp_path / "voices")["ada"]
    assert voice.split == "test"
    assert [len(voice.clips[digit]) for digit in range(10)] == [4] * 10
    assert [command[5] for command in commands[:4]] == ["100", "85", "115", "130"]


def test_without_espeak_the_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(build_voices.shutil, "which", lambda name: None)
    assert build_voices.main() == 1
    assert "apt-get install espeak-ng" in capsys.readouterr().err
