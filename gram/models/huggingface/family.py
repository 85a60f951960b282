"""Encoder families: models of `transformers` with the same inputs and pooling; a file each in `families`."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.core.registry import Registry

MAX_SECONDS = 30.0  # of a recording, for models that set no limit of their own


class Family:
    """An opened model of one family: one vector for each prepared input, independent of the batch.

    A family declares `modalities` and implements `texts`, `pictures` or `recordings`. Its file registers it:

        @register({"clip": "CLIPModel"})
        class Clip(Family): ...

    The file is in the package `families`, or is found as a plug-in by `gram.core.registry`.

    Attributes:
        types: `model_type` of the config -> name of the class in `transformers`.
        modalities: those the models embed, of text, image and audio, in order.
        kind: the model's `model_type`.
        model: the torch module, in evaluation mode.
        processors: modality -> tokenizer, image processor or feature extractor.
        has_pooler: whether the weights hold the model's pooler.
        sentence: pooling and length of a sentence-transformers folder.
        fingerprint: digest of weights and processors.
    """

    types: ClassVar[Mapping[str, str]]
    modalities: ClassVar[tuple[str, ...]]

    def __init__(
        self, kind: str, model: Any, processors: Mapping[str, Any], *, has_pooler: bool, sentence: Mapping[str, Any]
    ) -> None:
        self.kind, self.model, self.processors = kind, self.encoder_of(model).eval(), processors
        self.has_pooler, self.sentence = has_pooler, sentence
        self.fingerprint = _fingerprint(self.model, processors)

    @staticmethod
    def encoder_of(model: Any) -> Any:
        """Return the part of a model that embeds: by default, all of it."""
        return model

    @property
    def max_seconds(self) -> float:
        """Longest recording in seconds; the rest is cut off."""
        return MAX_SECONDS

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return one vector a text."""
        raise NotImplementedError

    def pictures(self, pictures: list[Any]) -> Float[Tensor, "b d"]:
        """Return one vector a picture (PIL, RGB)."""
        raise NotImplementedError

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return one vector a waveform (mono, at the extractor's rate)."""
        raise NotImplementedError

    def run(self, call: Any, **inputs: Tensor) -> Any:
        """Return the output of a forward pass on the model's device; in bfloat16 on CUDA."""
        device = self.model.device
        with torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext():
            return call(**{name: value.to(device) for name, value in inputs.items()})

    def tokens(
        self, texts: list[str], *, padding: bool | str = True, offset: bool = False, types: bool = False
    ) -> dict[str, Tensor]:
        """Return the tokens of texts, truncated to the longest sequence that the model reads.

        Args:
            texts: to tokenize.
            padding: to the longest of them, or to "max_length".
            offset: whether the model's positions start after the padding token's id.
            types: whether the model takes token types.
        """
        tokenizer, config = self.processors["text"], self.model.config
        config = getattr(config, "text_config", config)
        limit = int(config.max_position_embeddings) - (int(config.pad_token_id) + 1 if offset else 0)
        length = min(limit, int(self.sentence.get("length") or limit), int(tokenizer.model_max_length))
        found = tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt")
        names = ("input_ids", "attention_mask", *(["token_type_ids"] if types else []))
        return {name: found[name] for name in names if name in found}

    def pixels(self, pictures: list[Any]) -> Tensor:
        """Return the pixel values of pictures, by the image processor."""
        values: Tensor = self.processors["image"](images=pictures, return_tensors="pt")["pixel_values"]
        return values

    def features(self, waveforms: list[Any], **options: Any) -> Any:
        """Return the features of waveforms, by the feature extractor."""
        extractor = self.processors["audio"]
        return extractor(waveforms, sampling_rate=extractor.sampling_rate, return_tensors="pt", **options)


T = TypeVar("T", bound=Family)
FAMILIES: Registry[type[Family]] = Registry("encoder family", "gram.models.huggingface.families")


def register(types: Mapping[str, str]) -> Callable[[type[T]], type[T]]:
    """Return the decorator that registers a family for model types, each with its class in `transformers`."""

    def add(family: type[T]) -> type[T]:
        family.types = types
        for kind in types:
            FAMILIES.register(kind, family)
        return family

    return add


def mean_over(states: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """Return the mean over valid places, in float32."""
    weights = valid.to(states.device)[..., None].float()
    return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1)


def _fingerprint(model: torch.nn.Module, processors: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, weights in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weights.contiguous().numpy().tobytes())
    for processor in processors.values():
        backend = getattr(processor, "backend_tokenizer", None)
        digest.update((backend.to_str() if backend else processor.to_json_string()).encode())
    return digest.hexdigest()
