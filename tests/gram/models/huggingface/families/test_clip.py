"""CLIP against the model called directly, one input at a time."""

import numpy as np
import torch
import transformers as hf
from PIL import Image

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, direct, load, tokens_of


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
