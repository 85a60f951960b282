"""Raw inputs of each modality of the spoken numbers, of unequal lengths."""

import numpy as np

INPUTS = {
    "text": ["four seven two one", "zero", "nine nine nine nine nine nine"],
    "image": list(np.random.default_rng(0).uniform(0, 16, (3, 8, 32))),
    "speech": [np.random.default_rng(seed).normal(0, 0.1, 2000 + 6000 * seed).astype("float32") for seed in range(3)],
}
INPUTS["tones"] = INPUTS["speech"]
