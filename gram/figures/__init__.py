"""Plotly figures, shared by the pages and by notebooks; they depend on the geometry alone."""

from gram.figures.growth import volume_by_k
from gram.figures.parallelotope import Body, parallelotopes
from gram.figures.spectrogram import spectrogram
from gram.figures.style import COLOURS, VOLUME_SCALE, colours, number, template, volume_colour

__all__ = [
    "COLOURS",
    "VOLUME_SCALE",
    "Body",
    "colours",
    "number",
    "parallelotopes",
    "spectrogram",
    "template",
    "volume_by_k",
    "volume_colour",
]
