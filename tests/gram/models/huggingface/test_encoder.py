"""Each kind of encoder against its model called directly, one input at a time, without our code."""

import numpy as np
import pytest
import soundfile
import torch
import transformers as hf
from PIL import Image

from gram.errors import MediaError, ModelError
from gram.models import huggingface as encoders
from tests.helpers import tiny_encoders as tiny

CLOSE = {"atol": 2e-5, "rtol": 2e-4}


def load(folder):
    return encoders.load(f"x={folder}", device="cpu")


def direct(folder, name):
    return getattr(hf, name).from_pretrained(folder).eval()


def tokens_of(folder, text, **options):
    return hf.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", **options)


@torch.no_grad()
def test_clip_texts_and_pictures_are_its_own_projections(made, tmp_path):
    folder = made("clip")
    encoder, model = load(folder), direct(folder, "CLIPModel")
    assert encoder.modalities == ("text", "image")
    texts = tiny.sentences()
    expected = [model.get_text_features(input_ids=tokens_of(folder, t)["input_ids"]).pooler_output[0] for t in texts]
    np.testing.assert_allclose(encoder.encode("text", texts), torch.stack(expected), **CLOSE)

    files = [tiny.picture(tmp_path / f"{i}.png", i, size=(20 + i, 31 - i)) for i in range(4)]
    processor = hf.CLIPImageProcessorPil.from_pretrained(folder)
    pixels = [processor(Image.open(file), return_tensors="pt")["pixel_values"] for file in files]
    expected = [model.get_image_features(pixel_values=one).pooler_output[0] for one in pixels]
    np.testing.assert_allclose(encoder.encode("image", files), torch.stack(expected), **CLOSE)
    np.testing.assert_allclose(encoder.encode("image", [files[1].read_bytes()])[0], expected[1], **CLOSE)


@torch.no_grad()
def test_siglip_texts_are_padded_to_full_length_without_a_mask(made):
    folder = made("siglip")
    model, texts = direct(folder, "SiglipModel"), tiny.sentences()
    ids = [tokens_of(folder, t, padding="max_length", max_length=20)["input_ids"] for t in texts]
    expected = torch.cat([model.get_text_features(input_ids=one).pooler_output for one in ids])
    np.testing.assert_allclose(load(folder).encode("text", texts), expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("fusion", [False, True])
def test_clap_hears_its_first_seconds_the_same_each_time(made, tmp_path, fusion):
    folder = made("clap", fusion=fusion)
    encoder, model = load(folder), direct(folder, "ClapModel")
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s, rate=8000) for i, s in enumerate((0.4, 1.0, 2.5))]
    extractor = hf.ClapFeatureExtractor.from_pretrained(folder)
    expected = []
    for file in files:
        wave = soundfile.read(file, dtype="float32")[0][:8000]  # one second
        features = extractor(wave, sampling_rate=8000, return_tensors="pt")["input_features"].float()
        expected.append(model.get_audio_features(features, is_longer=torch.tensor([[False]])).pooler_output[0])
    np.testing.assert_allclose(encoder.encode("audio", files), torch.stack(expected), **CLOSE)
    texts = tiny.sentences()
    expected = [model.get_text_features(**only_ids(tokens_of(folder, t))).pooler_output[0] for t in texts]
    np.testing.assert_allclose(encoder.encode("text", texts), torch.stack(expected), **CLOSE)
    assert [encoder.read("audio", file).cut for file in files] == [False, False, True]


def only_ids(tokens):
    return {"input_ids": tokens["input_ids"]}


@torch.no_grad()
@pytest.mark.parametrize("kind", ["albert", "bert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"])
def test_texts_are_the_mean_of_their_tokens(made, kind):
    folder = made("text_model", kind)
    model, texts = hf.AutoModel.from_pretrained(folder).eval(), tiny.sentences()
    expected = [model(**only_ids(tokens_of(folder, t))).last_hidden_state[0].mean(0) for t in texts]
    found = load(folder).encode("text", texts)
    np.testing.assert_allclose(found, torch.stack(expected), **CLOSE)
    np.testing.assert_allclose(load(folder).encode("text", texts, batch_size=2), found, **CLOSE)
    assert load(folder).encode("text", ["cat " * 500]).isfinite().all()  # cut to what the model reads


@torch.no_grad()
@pytest.mark.parametrize(
    "kind", ["beit", "convnext", "deit", "dinov2", "dinov2_with_registers", "resnet", "swin", "vit"]
)
def test_pictures_are_what_the_model_pools(made, tmp_path, kind):
    folder = made("image_model", kind)
    model = hf.AutoModel.from_pretrained(folder).eval()
    processor = hf.ViTImageProcessorPil.from_pretrained(folder)
    files = [tiny.picture(tmp_path / f"{i}.png", i, size=(20 + i, 31)) for i in range(3)]
    pixels = [processor(Image.open(file), return_tensors="pt")["pixel_values"] for file in files]
    expected = [model(pixel_values=one).pooler_output.flatten() for one in pixels]
    np.testing.assert_allclose(load(folder).encode("image", files), torch.stack(expected), **CLOSE)


@torch.no_grad()
def test_a_model_saved_without_its_pooler_gives_the_class_token_not_random_numbers(made, tmp_path):
    folder = made("image_model", "vit", add_pooling_layer=False)
    model = hf.ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    file = tiny.picture(tmp_path / "a.png", 1)
    pixels = hf.ViTImageProcessorPil.from_pretrained(folder)(Image.open(file), return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(load(folder).encode("image", [file])[0], model(pixels).last_hidden_state[0, 0], **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm"])
def test_recordings_of_unlike_lengths_do_not_touch_each_other(made, tmp_path, kind, norm):
    folder = made("audio_model", kind, norm=norm)
    model = hf.AutoModel.from_pretrained(folder).eval()
    extractor = hf.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.31, 0.12, 0.31, 0.2))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    inputs = [extractor(wave, sampling_rate=16000, return_tensors="pt")["input_values"] for wave in waves]
    expected = torch.stack([model(one).last_hidden_state[0].mean(0) for one in inputs])
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)


@torch.no_grad()
def test_whisper_is_the_mean_over_frames_with_sound(made, tmp_path):
    folder = made("audio_model", "whisper")
    model = hf.WhisperModel.from_pretrained(folder).eval().encoder
    extractor = hf.WhisperFeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.32, 0.8))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    states = [model(extractor(w, sampling_rate=16000, return_tensors="pt")["input_features"])[0][0] for w in waves]
    expected = torch.stack([states[0][:16].mean(0), states[1][:40].mean(0)])  # a frame each 20 ms
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)


@torch.no_grad()
def test_spectrogram_transformers_are_what_they_pool(made, tmp_path):
    folder = made("audio_model", "audio-spectrogram-transformer")
    model, extractor = hf.ASTModel.from_pretrained(folder).eval(), hf.ASTFeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.3, 0.5))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    inputs = [extractor(wave, sampling_rate=16000, return_tensors="pt")["input_values"] for wave in waves]
    expected = torch.stack([model(one).pooler_output[0] for one in inputs])
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)


def test_recordings_at_another_rate_and_in_stereo_are_brought_to_the_models(made, tmp_path):
    encoder = load(made("audio_model", "wav2vec2", norm="layer"))
    seconds = np.arange(round(0.5 * 48000)) / 48000
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds)
    soundfile.write(tmp_path / "high.wav", np.stack([tone * 1.5, tone * 0.5], axis=1), 48000, subtype="FLOAT")
    heard = encoder.read("audio", tmp_path / "high.wav").waveform
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    assert len(heard) == 8000
    np.testing.assert_allclose(heard[200:-200], expected[200:-200], atol=2e-3)


def test_a_turned_transparent_picture_is_seen_upright_on_white(made, tmp_path):
    encoder = load(made("clip"))
    pixels = np.zeros((10, 20, 4), dtype=np.uint8)
    pixels[:, :10] = (255, 0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    seen = encoder.read("image", tmp_path / "a.png")
    assert (seen.mode, seen.size) == ("RGB", (10, 20))
    assert seen.getpixel((5, 2)) == (255, 0, 0)
    assert seen.getpixel((5, 17)) == (255, 255, 255)


def test_sentence_transformers_folders_say_how_they_pool(made, tmp_path):
    import json
    import shutil

    folder = tmp_path / "sentence"
    shutil.copytree(made("text_model", "bert"), folder)
    kinds = [{"path": "", "type": "st.models.Transformer"}, {"path": "1_Pooling", "type": "st.models.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(kinds))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    with torch.no_grad():
        state = hf.BertModel.from_pretrained(folder).eval()(**tokens_of(folder, "a cat")).last_hidden_state[0, 0]
    np.testing.assert_allclose(load(folder).encode("text", ["a cat", "the dog barks"])[0], state, **CLOSE)

    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(ModelError, match="pools by pooling_mode_max_tokens"):
        load(folder)
    (folder / "modules.json").write_text(json.dumps([*kinds, {"path": "2_Dense", "type": "st.models.Dense"}]))
    with pytest.raises(ModelError, match="its step Dense"):
        load(folder)


@pytest.mark.parametrize(("modality", "given", "message"), [
    ("audio", ["x"], "has no modality 'audio'"),
    ("text", [" "], "at least one word"),
    ("image", [b"%PDF-1.4 and more"], "this is a PDF"),
])  # fmt: skip
def test_what_cannot_be_encoded_is_said_in_a_line(made, modality, given, message):
    with pytest.raises((ModelError, MediaError), match=message):
        load(made("clip")).encode(modality, given)
