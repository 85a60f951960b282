"""Image models against the models called directly, one picture at a time."""

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, load


@torch.no_grad()
@pytest.mark.parametrize(
    "kind", ["beit", "convnext", "deit", "dinov2", "dinov2_with_registers", "resnet", "swin", "vit"]
)
def test_pictures_are_what_the_model_pools(made, tmp_path, kind):
    folder = made("image_model", kind)
    model = hf.AutoModel.from_pretrained(folder).eval()
    processor = hf.ViTImageProcessorPil.from_pretrained(folder)
    files = [tiny.picture(tmp_path / f"{i}.png", i, size=(20 + i, 31)) for i in range(3)]
    pixels = [processor(Image.open(file), return_tensors="pt")["pixel_values"] for file in files]
    expected = [model(pixel_values=one).pooler_output.flatten() for one in pixels]
    np.testing.assert_allclose(load(folder).encode("image", files), torch.stack(expected), **CLOSE)


@torch.no_grad()
def test_a_model_saved_without_its_pooler_gives_the_class_token_not_random_numbers(made, tmp_path):
    folder = made("image_model", "vit", add_pooling_layer=False)
    model = hf.ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    file = tiny.picture(tmp_path / "a.png", 1)
    pixels = hf.ViTImageProcessorPil.from_pretrained(folder)(Image.open(file), return_tensors="pt")["pixel_values"]
    np.testing.assert_allclose(load(folder).encode("image", [file])[0], model(pixels).last_hidden_state[0, 0], **CLOSE)
