"""BERT and related models: the mean over tokens, or the class token if a sentence-transformers folder pools by it."""

from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, mean_over, register

_OFFSET = ("roberta", "xlm-roberta", "mpnet")  # positions start after the padding token's id
_NO_TOKEN_TYPES = ("distilbert", "mpnet")


@register(
    {
        "albert": "AlbertModel",
        "bert": "BertModel",
        "distilbert": "DistilBertModel",
        "electra": "ElectraModel",
        "mpnet": "MPNetModel",
        "roberta": "RobertaModel",
        "xlm-roberta": "XLMRobertaModel",
    }
)
class TextModel(Family):
    """Encoders of text, sentence-transformers included."""

    modalities = ("text",)

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return the pooled last states of each text."""
        tokens = self.tokens(texts, offset=self.kind in _OFFSET, types=self.kind not in _NO_TOKEN_TYPES)
        states = self.run(self.model, **tokens).last_hidden_state  # (b, tokens, d)
        if self.sentence.get("pooling") == "class":
            return states[:, 0]
        return mean_over(states, tokens["attention_mask"].bool())
