"""Plotly figures, shared by the pages and by notebooks; they depend on the geometry alone."""

from gram.plots.growth import volume_by_k
from gram.plots.parallelotope import Parallelotope, parallelotopes
from gram.plots.spectrogram import spectrogram
from gram.plots.style import COLOURS, VOLUME_SCALE, colours, number, template, volume_colour

__all__ = [
    "COLOURS",
    "VOLUME_SCALE",
    "Parallelotope",
    "colours",
    "number",
    "parallelotopes",
    "spectrogram",
    "template",
    "volume_by_k",
    "volume_colour",
]
