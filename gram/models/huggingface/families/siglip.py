"""SigLIP: texts and pictures in one space; trained on texts padded to full length, without a mask."""

from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.families.clip import Clip
from gram.models.huggingface.family import register


@register({"siglip": "SiglipModel"})
class Siglip(Clip):
    """SigLIP with its own heads; pictures as in CLIP."""

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return the pooled vector of each text."""
        ids = self.tokens(texts, padding="max_length")["input_ids"]
        return self.run(self.model.get_text_features, input_ids=ids).pooler_output
