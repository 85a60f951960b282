"""CLIP: texts and pictures projected into one space."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, register


@register({"clip": "CLIPModel"})
class Clip(Family):
    """CLIP with its own projections."""

    modalities = ("text", "image")

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return the projected class token of each text."""
        return self.run(self.model.get_text_features, **self.tokens(texts)).pooler_output

    def pictures(self, pictures: list[Any]) -> Float[Tensor, "b d"]:
        """Return the projected class token of each picture."""
        return self.run(self.model.get_image_features, pixel_values=self.pixels(pictures)).pooler_output
