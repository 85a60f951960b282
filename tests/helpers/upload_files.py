"""Pictures and recordings of numbers as files: strips, pages of handwriting, chords."""

import io

import numpy as np
import soundfile
from PIL import Image
from sklearn.datasets import load_digits

DIGITS = load_digits()
HELD_OUT = 1400  # the first samples teach the judge; strips are made of the others


def strip_of(*samples):
    return np.concatenate([DIGITS.images[sample] for sample in samples], axis=1).astype(np.float32)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gray(array):
    return Image.fromarray(np.clip(np.round(array), 0, 255).astype(np.uint8))


def sound(samples, rate, kind="WAV", subtype=None):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def chord(rate, seconds=1.5):
    time = np.arange(int(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * 697 * time) + 0.2 * np.sin(2 * np.pi * 1336 * time)


def handwriting(samples, *, gap=20, height=90, paper=235.0, ink=40.0):
    """Write held-out digits on a page, smoothly enlarged, at uneven heights; gap < 0 makes them overlap."""
    page = np.zeros((180, 640))
    at = 50
    for place, sample in enumerate(samples):
        side = height - 6 * (place % 3)
        large = Image.fromarray(DIGITS.images[sample].astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        top = 30 + 9 * (place % 2)
        page[top : top + side, at : at + side] = np.maximum(
            page[top : top + side, at : at + side], np.clip(large, 0, 16)
        )
        at += side + gap - side // 4
    return paper + (ink - paper) * page / 16
