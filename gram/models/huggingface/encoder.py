"""A frozen encoder of `transformers`: texts, pictures or recordings to vectors, the same in any batch."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.errors import MediaError, ModelError
from gram.models.huggingface.inputs import Heard, read_input
from gram.models.huggingface.opening import Opened

LONGEST = 30.0  # seconds of a recording, for models that set no limit of their own
_EXACT_WITH_MASK = ("wav2vec2", "hubert")  # unless they normalise over all frames, padding included


class Encoder:
    """One model and what it embeds.

    Attributes:
        label: what a person calls it.
        source: the folder or name it was opened from.
        kind: the type of the model, such as clip.
        modalities: what it embeds: of text, image and audio.
        fingerprint: digest of its weights and of what prepares its inputs.
    """

    def __init__(self, label: str, source: str, opened: Opened, device: torch.device) -> None:
        self.label, self.source, self.kind = label, source, opened.kind
        self.modalities = opened.family.modalities
        self.fingerprint = opened.fingerprint
        self._opened = opened
        self._model = opened.model.to(device)
        self._device = device

    def __repr__(self) -> str:
        """Return label, type, modalities and source in one line."""
        return f"Encoder({self.label!r}, {self.kind}: {', '.join(self.modalities)}, from {self.source!r})"

    @property
    def rate(self) -> int:
        """Sampling rate that recordings are brought to, in Hz; 0 where it hears none."""
        return int(self._processor("audio").sampling_rate) if "audio" in self.modalities else 0

    @property
    def longest(self) -> float:
        """How many seconds of a recording it hears; the rest is cut off."""
        extractor = self._processor("audio")
        if self.kind == "clap":
            return float(extractor.max_length_s)
        if self.kind == "whisper":
            return float(extractor.n_samples / extractor.sampling_rate)
        if self.kind == "audio-spectrogram-transformer":
            return float(extractor.max_length * 0.01)  # a frame each 10 ms
        return LONGEST

    @property
    def precision(self) -> str:
        """Numbers it computes with: bfloat16 on a CUDA GPU, else float32."""
        return "bfloat16" if self._device.type == "cuda" else "float32"

    def read(self, modality: str, source: Any) -> Any:
        """Return one raw input, read and brought to the encoder's form; `encode` takes it as well.

        Raises:
            ModelError: the encoder has no such modality.
            MediaError: the file cannot be used; says why.
        """
        self._check(modality)
        if isinstance(source, Heard) or hasattr(source, "getbands"):
            return source
        if modality == "audio":
            return read_input(modality, source, rate=self.rate, longest=self.longest)
        text = read_input(modality, source)
        if modality == "text" and not (isinstance(text, str) and text.strip()):
            raise MediaError("a text has at least one word; write something")
        return text

    @torch.inference_mode()
    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 32) -> Float[Tensor, "n d"]:
        """Return float32 vectors, on the CPU, as the model gives them: their lengths are its own.

        Args:
            modality: text, image or audio, of those it has.
            inputs: texts; or pictures, or recordings, as the bytes or paths of files.
            batch_size: how many are encoded at once; it changes speed alone.

        Raises:
            ModelError: the encoder has no such modality.
            MediaError: a file cannot be used; says why.
        """
        self._check(modality)
        parts = [
            self._batch(modality, [self.read(modality, one) for one in inputs[start : start + batch_size]])
            for start in range(0, len(inputs), batch_size)
        ]
        return torch.cat(parts) if parts else torch.empty(0, 0)

    def _check(self, modality: str) -> None:
        if modality not in self.modalities:
            raise ModelError(f"{self.label} embeds {', '.join(self.modalities)}; it has no modality {modality!r}")

    def _processor(self, modality: str) -> Any:
        return self._opened.processors[modality]

    def _batch(self, modality: str, inputs: list[Any]) -> Float[Tensor, "b d"]:
        if modality == "text":
            return self._texts(inputs).float().cpu()
        return (self._pictures(inputs) if modality == "image" else self._recordings(inputs)).float().cpu()

    def _autocast(self) -> Any:
        return torch.autocast("cuda", torch.bfloat16) if self._device.type == "cuda" else nullcontext()

    def _run(self, call: Any, **inputs: Any) -> Any:
        with self._autocast():
            return call(**{name: value.to(self._device) for name, value in inputs.items()})

    def _texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        tokenizer = self._processor("text")
        fixed = self.kind == "siglip"  # trained on texts padded to full length, without a mask
        tokens = tokenizer(
            texts,
            padding="max_length" if fixed else True,
            truncation=True,
            max_length=self._longest_text(),
            return_tensors="pt",
        )
        used = {name: tokens[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in tokens}
        if fixed:
            used = {"input_ids": used["input_ids"]}
        if self._opened.family.pooling == "features":
            used.pop("token_type_ids", None)
            return self._run(self._model.get_text_features, **used).pooler_output
        if self.kind in ("distilbert", "mpnet"):
            used.pop("token_type_ids", None)
        states = self._run(self._model, **used).last_hidden_state  # (b, tokens, d)
        if self._opened.sentence.get("pooling") == "class":
            return states[:, 0]
        return _mean(states, used["attention_mask"].to(states.device))

    def _longest_text(self) -> int:
        """Return how many tokens of a text are read."""
        config = getattr(self._model.config, "text_config", self._model.config)
        positions = int(config.max_position_embeddings)
        if self.kind in ("roberta", "xlm-roberta", "mpnet", "clap"):  # their positions start after the padding's
            positions -= int(config.pad_token_id) + 1
        stated = self._opened.sentence.get("length") or positions
        return min(positions, int(stated), int(self._processor("text").model_max_length))

    def _pictures(self, pictures: list[Any]) -> Float[Tensor, "b d"]:
        pixels = self._processor("image")(images=pictures, return_tensors="pt")["pixel_values"]
        pooling = self._opened.family.pooling
        if pooling == "features":
            return self._run(self._model.get_image_features, pixel_values=pixels).pooler_output
        output = self._run(self._model, pixel_values=pixels)
        if pooling == "first" and not self._opened.has_pooler:
            return output.last_hidden_state[:, 0]
        return output.pooler_output.flatten(1)

    def _recordings(self, heard: list[Heard]) -> Float[Tensor, "b d"]:
        waveforms = [one.waveform for one in heard]
        extractor = self._processor("audio")
        if self.kind in ("wav2vec2", "hubert", "wavlm"):
            return self._waveforms(waveforms)
        made = extractor(waveforms, sampling_rate=self.rate, return_tensors="pt")
        if self.kind == "clap":  # the extractor marks a recording at random as long; none is, for all are cut
            features = made["input_features"].float()
            longer = torch.zeros(len(heard), 1, dtype=torch.bool)
            return self._run(self._model.get_audio_features, input_features=features, is_longer=longer).pooler_output
        if self.kind == "whisper":
            states = self._run(self._model, input_features=made["input_features"]).last_hidden_state
            step = 2 * extractor.hop_length  # samples a frame of its output
            frames = torch.tensor([-(-len(one) // step) for one in waveforms])
            return _mean(states, (torch.arange(states.shape[1]) < frames[:, None]).to(states.device))
        return self._run(self._model, input_values=made["input_values"]).pooler_output

    def _waveforms(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Encode waveforms of any lengths: together under a mask where that is exact, else length by length."""
        if self.kind in _EXACT_WITH_MASK and self._model.config.feat_extract_norm == "layer":
            return self._padded(waveforms)
        rows: list[Tensor] = [torch.empty(0)] * len(waveforms)
        for length in sorted({len(one) for one in waveforms}):
            alike = [row for row, one in enumerate(waveforms) if len(one) == length]
            for row, vector in zip(alike, self._padded([waveforms[row] for row in alike])):
                rows[row] = vector
        return torch.stack(rows)

    def _padded(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        made = self._processor("audio")(
            waveforms, sampling_rate=self.rate, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        mask = made["attention_mask"]
        with_mask = {"attention_mask": mask} if not bool(mask.all()) else {}
        states = self._run(self._model, input_values=made["input_values"], **with_mask).last_hidden_state
        valid = self._model._get_feature_vector_attention_mask(states.shape[1], mask)
        return _mean(states, valid.to(states.device))


def _mean(states: Float[Tensor, "b t d"], valid: Tensor) -> Float[Tensor, "b d"]:
    """Return the mean over valid places, in float32."""
    weights = valid[..., None].float()
    return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
