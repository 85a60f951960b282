"""Frozen encoders of Hugging Face `transformers`: a folder of media as a set of features, and live queries to it.

They need `pip install gram[encoders]`; transformers is imported when the first encoder is opened. Weights are read
from safetensors only, and a model's own code is never run.

```python
clip = gram.models.huggingface.load("clip=openai/clip-vit-base-patch32")
clip.encode("image", ["cat.jpg"])                             # (1, 512)
features = gram.models.huggingface.embed_folder("pictures", "features", [clip])
```
"""

from pathlib import Path

import torch

from gram.core.device import select_device
from gram.errors import ModelError
from gram.models.huggingface.embedding import Embedded, embed_folder
from gram.models.huggingface.encoder import Encoder
from gram.models.huggingface.folder import Items, scan_folder
from gram.models.huggingface.live import SetEncoders, encoders_for
from gram.models.huggingface.opening import open_model

__all__ = ["Embedded", "Encoder", "Items", "SetEncoders", "embed_folder", "encoders_for", "load", "scan_folder"]


def load(spec: str, *, device: str | torch.device = "auto", offline: bool = False) -> Encoder:
    """Return the encoder that a specification names, ready to encode.

    Args:
        spec: LABEL=SOURCE, or SOURCE alone; a source is the folder of a saved model or a name at Hugging Face.
        device: auto, cpu or cuda; a CUDA GPU computes in bfloat16 where that is safe.
        offline: never fetch; a name must be in the cache.

    Raises:
        ModelError: transformers is not installed, the source cannot be opened safely, its type is unknown, or the label
            is empty.
        DeviceError: the device is not available.
    """
    label, has_label, source = spec.partition("=")
    if not has_label:
        label, source = Path(spec).name, spec
    if not label.strip() or not source.strip():
        raise ModelError(f"{spec!r} is not an encoder; give LABEL=FOLDER_OR_NAME, such as clip=models/clip")
    return Encoder(label.strip(), source.strip(), open_model(source.strip(), offline=offline), select_device(device))
