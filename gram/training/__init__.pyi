from .align_config import AlignConfig as AlignConfig
from .spoken_numbers.config import TrainingConfig as TrainingConfig
from .spoken_numbers.embedding import embed_items as embed_items
from .spoken_numbers.embedding import embed_many as embed_many
from .spoken_numbers.embedding import half_precision as half_precision
from .spoken_numbers.embedding import split_items as split_items
from .spoken_numbers.train import train as train
