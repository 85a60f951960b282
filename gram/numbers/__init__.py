"""The built-in data: four-digit numbers, each written in words, handwritten, spoken and dialled."""

from gram.numbers.recipes import SPLITS, Corruption, draw_recipes, numbers_of
from gram.numbers.rendering import render_image, render_speech, render_tones
from gram.numbers.tones import SAMPLE_RATE
from gram.numbers.wording import DIGITS, parse, words

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
