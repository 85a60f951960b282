from . import huggingface as huggingface
from .checkpoint import load_model as load_model
from .checkpoint import save_model as save_model
from .encoders import Batch as Batch
from .multimodal import ModelConfig as ModelConfig
from .multimodal import MultimodalModel as MultimodalModel
from .multimodal import collate as collate
