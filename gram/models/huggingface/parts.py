"""Finished vectors, kept on disk while a folder is embedded, so that an interrupted call resumes."""

import time
from pathlib import Path

import numpy as np
import safetensors
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

KEY_BYTES = 32
_EVERY = 10.0  # seconds between writes: the most that a crash can lose


class Parts:
    """Vectors by key, in a folder of part files; a key is a digest of everything that its vector depends on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vectors: dict[bytes, Tensor] = {}
        self._new: dict[bytes, Tensor] = {}
        self._written = time.monotonic()
        for file in sorted(folder.glob("*.safetensors")):
            try:
                part = load_file(file)
                keys = part["keys"].numpy().astype(np.uint8)
                self._vectors.update({key.tobytes(): vector for key, vector in zip(keys, part["vectors"])})
            except (safetensors.SafetensorError, KeyError, OSError):  # truncated by a crash: recomputed
                file.unlink(missing_ok=True)

    def __contains__(self, key: bytes) -> bool:
        """Return whether the key has a vector."""
        return key in self._vectors

    def __getitem__(self, key: bytes) -> Float[Tensor, " d"]:
        """Return the vector of a key."""
        return self._vectors[key]

    def add(self, keys: list[bytes], vectors: Float[Tensor, "b d"]) -> None:
        """Add vectors; new ones are written to disk every ten seconds."""
        self._new.update(zip(keys, vectors))
        self._vectors.update(zip(keys, vectors))
        if time.monotonic() - self._written > _EVERY:
            self.write()

    def write(self) -> None:
        """Write new vectors atomically, in one part file for each dimension."""
        self._written = time.monotonic()
        if not self._new:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for d in {len(vector) for vector in self._new.values()}:
            here = {key: vector for key, vector in self._new.items() if len(vector) == d}
            keys = torch.from_numpy(np.frombuffer(b"".join(here), dtype=np.uint8).reshape(-1, KEY_BYTES).copy())
            name = f"{len(list(self._folder.glob('*.safetensors'))):06d}-{next(iter(here)).hex()[:8]}"
            staged = self._folder / f"{name}.new"
            save_file({"keys": keys, "vectors": torch.stack(list(here.values()))}, staged)
            staged.replace(self._folder / f"{name}.safetensors")
        self._new = {}
