"""The smallest model and the shortest training of the spoken numbers."""

from gram.models import ModelConfig
from gram.training.spoken_numbers.config import TrainingConfig

SMALL = ModelConfig(d=8, text_width=8, image_channels=4, audio_channels=8, audio_width=8)
QUICK = TrainingConfig(
    steps=4, batch_size=8, renderings=2, evaluations=2, checkpoints=3, trajectory_items=6, model=SMALL, seed=3
)
