"""A small multimodal model."""

import pytest
import torch

from gram.models import ModelConfig, MultimodalModel


@pytest.fixture(scope="module")
def model() -> MultimodalModel:
    torch.manual_seed(0)
    model = MultimodalModel(ModelConfig(d=16), info={"loss": "gram"})
    for module in model.modules():  # statistics of a trained model, so that the norms are not the identity
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()
