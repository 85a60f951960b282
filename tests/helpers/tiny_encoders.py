"""Tiny random models on disk, made on the spot, and what to give them."""

import numpy as np
import soundfile
import torch
import transformers as hf
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = [
    "a",
    "the",
    "cat",
    "dog",
    "barks",
    "sleeps",
    "on",
    "red",
    "mat",
    "in",
    "rain",
    "far",
    "from",
    "home",
    "one",
    "two",
    "three",
]


def tokenizer(folder, *, length=20):
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(special + WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    hf.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        cls_token="<s>", sep_token="</s>", model_max_length=length,
    ).save_pretrained(folder)  # fmt: skip


TEXT = {
    "vocab_size": 4 + len(WORDS), "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 24, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
VISION = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 8,
}  # fmt: skip
WAVE = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "conv_dim": (8, 8), "conv_stride": (8, 8), "conv_kernel": (16, 16), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "vocab_size": 8,
}  # fmt: skip


def save(folder, model, *parts):
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn_like(weights) * 0.2)
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def clip(folder):
    tokenizer(folder)
    config = hf.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=12)
    size = {"shortest_edge": 16}
    processor = hf.CLIPImageProcessorPil(size=size, crop_size={"height": 16, "width": 16})
    return save(folder, hf.CLIPModel(config), processor)


def siglip(folder):
    tokenizer(folder)
    config = hf.SiglipConfig(text_config={**TEXT, "max_position_embeddings": 20}, vision_config=VISION)
    return save(folder, hf.SiglipModel(config), hf.SiglipImageProcessorPil(size={"height": 16, "width": 16}))


def clap(folder, *, fusion=False):
    tokenizer(folder)
    audio = {
        "window_size": 4, "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4],
        "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 8, "hidden_size": 16,
        "num_hidden_layers": 2, "enable_fusion": fusion, "fusion_type": "aff_2d" if fusion else None,
    }  # fmt: skip
    config = hf.ClapConfig(text_config=TEXT, audio_config=audio, projection_dim=12)
    extractor = hf.ClapFeatureExtractor(
        feature_size=16, sampling_rate=8000, hop_length=80, max_length_s=1, fft_window_size=256, frequency_max=4000,
        truncation="fusion" if fusion else "rand_trunc",
    )  # fmt: skip
    return save(folder, hf.ClapModel(config), extractor)


def text_model(folder, kind, config=None):
    tokenizer(folder)
    names = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "mpnet": "MPNet", "electra": "Electra",
             "albert": "Albert", "distilbert": "DistilBert"}  # fmt: skip
    settings = dict(TEXT)
    if kind == "distilbert":
        settings = {"vocab_size": TEXT["vocab_size"], "dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2,
                    "pad_token_id": 0, "max_position_embeddings": 24}  # fmt: skip
    if kind in ("electra", "albert"):
        settings["embedding_size"] = 8
    made = getattr(hf, names[kind] + "Config")(**settings)
    return save(folder, getattr(hf, names[kind] + "Model")(made))


def image_model(folder, kind, **options):
    side = {"height": 16, "width": 16}
    plain = {**VISION, **options.pop("config", {})}
    if kind in ("vit", "deit", "beit", "dinov2", "dinov2_with_registers"):
        name = {"vit": "ViT", "deit": "DeiT", "beit": "Beit", "dinov2": "Dinov2"}.get(kind, "Dinov2WithRegisters")
        config = getattr(hf, name + "Config")(**plain)
    elif kind == "swin":
        name, config = "Swin", hf.SwinConfig(image_size=16, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[2, 2],
                                             window_size=4)  # fmt: skip
    elif kind == "convnext":
        name, config = "ConvNext", hf.ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2, patch_size=4)
    else:
        name = "ResNet"
        config = hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    model = getattr(hf, name + "Model")(config, **options)
    return save(folder, model, hf.ViTImageProcessorPil(size=side))


def audio_model(folder, kind, *, norm="layer"):
    if kind == "whisper":
        config = hf.WhisperConfig(
            vocab_size=20, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, pad_token_id=0,
            decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=16, max_source_positions=50,
            decoder_start_token_id=1, bos_token_id=1, eos_token_id=2, suppress_tokens=[], begin_suppress_tokens=[],
        )  # fmt: skip
        extractor = hf.WhisperFeatureExtractor(feature_size=16, sampling_rate=16000, chunk_length=1)
        return save(folder, hf.WhisperModel(config), extractor)
    if kind == "audio-spectrogram-transformer":
        config = hf.ASTConfig(**{k: v for k, v in VISION.items() if k != "image_size"}, max_length=64, num_mel_bins=16,
                              frequency_stride=8, time_stride=8)  # fmt: skip
        return save(folder, hf.ASTModel(config), hf.ASTFeatureExtractor(num_mel_bins=16, max_length=64))
    name = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}[kind]
    stable = {"do_stable_layer_norm": norm == "layer", "feat_extract_norm": norm, "conv_bias": norm == "layer"}
    config = getattr(hf, name + "Config")(**WAVE, **stable)
    return save(folder, getattr(hf, name + "Model")(config), hf.Wav2Vec2FeatureExtractor(do_normalize=norm == "layer"))


def sentences():
    return ["a cat", "the dog barks in the rain far from home", "one", "the red cat sleeps on a mat", "two three"]


def picture(file, seed, size=(23, 17), mode="RGB"):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(file)
    return file


def recording(file, seed, seconds=0.5, rate=16000):
    noise = np.random.default_rng(seed).normal(scale=0.1, size=round(seconds * rate))
    soundfile.write(file, noise, rate, subtype="FLOAT")
    return file
