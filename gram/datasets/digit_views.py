"""Example features for alignment: five unequal views of real handwritten digits."""

import numpy as np
import pandas as pd

from gram.data.embedding_set import FeatureSet

_KEPT, _RANDOM = 4, 240
_SCALES = {"pixels": 1.0, "frequencies": 1e-3, "sums": 1e4, "components": 1.0, "random": 1e2}


def digit_views(*, seed: int = 0) -> FeatureSet:
    """Return 1,797 handwritten digits in five views of different sizes and scales; the pixels are the anchor.

    pixels: the 8 x 8 picture, 64 numbers. frequencies: the 4 x 4 lowest coefficients of its orthonormal discrete
    cosine transform (DCT-II), 16. sums: over rows and over columns, 16. components: the first 6 principal components.
    random: 240 random Fourier features of a Gaussian kernel (A. Rahimi, B. Recht, NIPS 2007), its width the median
    distance of two pictures. Each view has a scale of its own, from 1e-3 to 1e4.

    Args:
        seed: draws the random features.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    in the version that scikit-learn carries.
    """
    from scipy.fft import dctn
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    from sklearn.kernel_approximation import RBFSampler
    from sklearn.metrics import pairwise_distances

    digits = load_digits()
    flat = digits.data
    pictures = flat.reshape(-1, 8, 8)
    width = float(np.median(pairwise_distances(flat[:500])))
    views = {
        "pixels": flat,
        "frequencies": dctn(pictures, axes=(1, 2), norm="ortho")[:, :_KEPT, :_KEPT].reshape(len(flat), -1),
        "sums": np.concatenate([pictures.sum(axis=2), pictures.sum(axis=1)], axis=1),
        "components": PCA(6, random_state=seed).fit_transform(flat),
        "random": RBFSampler(gamma=1 / (2 * width**2), n_components=_RANDOM, random_state=seed).fit_transform(flat),
    }
    items = pd.DataFrame(
        {"id": [f"{row:04d}" for row in range(len(flat))], "label": digits.target.astype(str), "digit": digits.target}
    )
    info = {
        "name": "five views of digits",
        "anchor": "pixels",
        "source": "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, UCI, 1998)",
        "licence": "CC BY 4.0",
    }
    return FeatureSet({name: (_SCALES[name] * view).astype(np.float32) for name, view in views.items()}, items, info)
