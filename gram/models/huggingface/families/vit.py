"""Image encoders: ViT, DINOv2, Swin, ConvNeXt and others."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, register

_CLASS_TOKEN = ("deit", "vit")  # many saved weights lack their pooler, a separate layer


@register(
    {
        "beit": "BeitModel",
        "convnext": "ConvNextModel",
        "deit": "DeiTModel",
        "dinov2": "Dinov2Model",
        "dinov2_with_registers": "Dinov2WithRegistersModel",
        "resnet": "ResNetModel",
        "swin": "SwinModel",
        "vit": "ViTModel",
    }
)
class Vit(Family):
    """The model's pooler; the class token of a ViT or DeiT saved without one."""

    modalities = ("image",)

    def pictures(self, pictures: list[Any]) -> Float[Tensor, "b d"]:
        """Return the pooled vector of each picture."""
        output = self.run(self.model, pixel_values=self.pixels(pictures))
        if self.kind in _CLASS_TOKEN and not self.has_pooler:
            return output.last_hidden_state[:, 0]
        return output.pooler_output.flatten(1)
