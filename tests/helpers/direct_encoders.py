"""Encoders opened by this library, and the same models called directly, without it."""

import transformers as hf

from gram.models import huggingface as encoders

CLOSE = {"atol": 2e-5, "rtol": 2e-4}


def load(folder):
    return encoders.load(f"x={folder}", device="cpu")


def direct(folder, name):
    return getattr(hf, name).from_pretrained(folder).eval()


def tokens_of(folder, text, **options):
    return hf.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", **options)


def only_ids(tokens):
    return {"input_ids": tokens["input_ids"]}
