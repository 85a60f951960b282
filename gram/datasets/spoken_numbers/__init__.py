"""The built-in data: four-digit numbers, each written in words, handwritten, spoken and dialled."""

from gram.datasets.spoken_numbers.recipes import SPLITS, Corruption, draw_recipes, numbers_of
from gram.datasets.spoken_numbers.rendering import render_image, render_speech, render_tones
from gram.datasets.spoken_numbers.tones import SAMPLE_RATE
from gram.datasets.spoken_numbers.wording import DIGITS, parse, words

MODALITIES = ("text", "image", "speech", "tones")

__all__ = [
    "DIGITS",
    "MODALITIES",
    "SAMPLE_RATE",
    "SPLITS",
    "Corruption",
    "draw_recipes",
    "numbers_of",
    "parse",
    "render_image",
    "render_speech",
    "render_tones",
    "words",
]
