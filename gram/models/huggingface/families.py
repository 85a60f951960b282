"""Which models of `transformers` are known here, by the `model_type` of their config, and what each embeds."""

from typing import NamedTuple


class Family(NamedTuple):
    """What is done with the models of one type.

    Attributes:
        model: name of the class in `transformers`.
        modalities: what it embeds, in order.
        pooling: how one vector comes of it: "features" (its own projection into the space that its modalities
            share), "mean" (over valid tokens or frames), "first" (its pooler where the weights hold one, else
            the class token), "pooler" (its pooler, which has no weights to lack).
    """

    model: str
    modalities: tuple[str, ...]
    pooling: str


_TEXT = {
    "albert": "AlbertModel",
    "bert": "BertModel",
    "distilbert": "DistilBertModel",
    "electra": "ElectraModel",
    "mpnet": "MPNetModel",
    "roberta": "RobertaModel",
    "xlm-roberta": "XLMRobertaModel",
}
_IMAGE = {
    "beit": ("BeitModel", "pooler"),
    "convnext": ("ConvNextModel", "pooler"),
    "deit": ("DeiTModel", "first"),
    "dinov2": ("Dinov2Model", "pooler"),
    "dinov2_with_registers": ("Dinov2WithRegistersModel", "pooler"),
    "resnet": ("ResNetModel", "pooler"),
    "swin": ("SwinModel", "pooler"),
    "vit": ("ViTModel", "first"),
}
_AUDIO = {
    "audio-spectrogram-transformer": ("ASTModel", "pooler"),
    "hubert": ("HubertModel", "mean"),
    "wav2vec2": ("Wav2Vec2Model", "mean"),
    "wavlm": ("WavLMModel", "mean"),
    "whisper": ("WhisperModel", "mean"),
}

FAMILIES: dict[str, Family] = {
    "clip": Family("CLIPModel", ("text", "image"), "features"),
    "siglip": Family("SiglipModel", ("text", "image"), "features"),
    "clap": Family("ClapModel", ("text", "audio"), "features"),
    **{kind: Family(model, ("text",), "mean") for kind, model in _TEXT.items()},
    **{kind: Family(model, ("image",), pooling) for kind, (model, pooling) in _IMAGE.items()},
    **{kind: Family(model, ("audio",), pooling) for kind, (model, pooling) in _AUDIO.items()},
}
