from .recipes import SPLITS as SPLITS
from .recipes import Corruption as Corruption
from .recipes import draw_recipes as draw_recipes
from .recipes import numbers_of as numbers_of
from .rendering import render_image as render_image
from .rendering import render_speech as render_speech
from .rendering import render_tones as render_tones
from .tones import SAMPLE_RATE as SAMPLE_RATE
from .wording import DIGITS as DIGITS
from .wording import parse as parse
from .wording import words as words

MODALITIES: tuple[str, ...]
