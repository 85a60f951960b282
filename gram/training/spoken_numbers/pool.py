"""The training items as encoder inputs, rendered once, and the batches drawn from them."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.datasets.spoken_numbers import (
    MODALITIES,
    Corruption,
    draw_recipes,
    numbers_of,
    render_image,
    render_speech,
    render_tones,
)
from gram.datasets.spoken_numbers.voices import Voice
from gram.models import Batch, MultimodalModel, collate
from gram.training.spoken_numbers.augmentation import vary

# Of a robust run: up to no noise at all, since real speech and tones are cleaner than the built-in sets.
CORRUPTION = Corruption(speech_snr=(0.0, 40.0), tones_snr=(-10.0, 40.0))
REAL_SHARE = 0.5  # of the items of a robust run are spoken by real voices, where there are any

_worker: dict[str, Any] = {}


class TrainingPool:
    """`renderings` x `numbers` examples of every modality; a batch never holds a number twice.

    A batch depends on the seed and the step alone: a resumed run equals an uninterrupted one, and runs with different
    losses see the same batches.
    """

    def __init__(self, examples: Mapping[str, Sequence[Tensor]], numbers: int, *, seed: int) -> None:
        self.examples = examples
        self.numbers = numbers
        self.renderings = len(next(iter(examples.values()))) // numbers
        self.seed = seed

    def rows(self, step: int, batch_size: int) -> Int[np.ndarray, " batch"]:
        """Return the rows of the pool that make up the batch of a step.

        Raises:
            ValueError: if there are fewer numbers than the batch needs.
        """
        if batch_size > self.numbers:
            raise ValueError(f"batch_size must be at most the {self.numbers} numbers; got {batch_size}")
        epoch, place = divmod(step, self.numbers // batch_size)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.numbers)
        numbers = order[place * batch_size : (place + 1) * batch_size]
        rendering = np.random.default_rng((self.seed, epoch, place)).integers(self.renderings, size=batch_size)
        return rendering * self.numbers + numbers

    def batch(
        self, rows: Int[np.ndarray, " batch"], device: torch.device, *, step: int = 0, varied: float = 0.0
    ) -> dict[str, Batch]:
        """Return the examples of some rows, padded, on a device.

        Args:
            rows: rows of the pool.
            device: of the batch.
            step: seeds the augmentation.
            varied: chance that a clip of speech is augmented, see `augmentation`.
        """
        return {
            name: collate([self._example(name, int(row), step, varied) for row in rows]).to(device)
            for name in self.examples
        }

    def _example(self, name: str, row: int, step: int, varied: float) -> Tensor:
        example = self.examples[name][row].float()
        if name != "speech" or varied == 0:
            return example
        drawn, chance = np.random.SeedSequence((self.seed, step, row)).generate_state(2)
        if chance >= varied * 2**32:
            return example
        return vary(example, torch.Generator().manual_seed(int(drawn)))


def render_pool(
    model: MultimodalModel,
    *,
    renderings: int,
    seed: int,
    extra_voices: Sequence[Voice] = (),
    robust: bool = False,
    processes: int | None = None,
    progress: Progress = no_progress,
) -> TrainingPool:
    """Return the training split rendered `renderings` times, in parallel on the CPU, the same for the same seed.

    Args:
        model: prepares what is rendered.
        renderings: number of renderings of each number, each from another recipe.
        seed: of the recipes and the batches.
        extra_voices: voices used in addition to the packed ones.
        robust: train for real voices and lines: half of the items in real voices, and noise down to none.
        processes: number of processes that render; None takes as many as there are cores.
        progress: called with the share that is rendered.
    """
    numbers = numbers_of("train")
    items = pd.concat(
        draw_recipes(
            numbers,
            "train",
            seed=int(np.random.SeedSequence((seed, rendering)).generate_state(1)[0]),
            corruption=CORRUPTION if robust else None,
            extra_voices=extra_voices,
            extra_share=REAL_SHARE if robust else None,
        )
        for rendering in range(renderings)
    )
    examples: dict[str, list[Tensor]] = {name: [] for name in MODALITIES}
    rendered = render_examples(model, items, extra_voices=extra_voices, processes=processes, half=True)
    for done, example in enumerate(rendered, start=1):
        for name, value in example.items():
            examples[name].append(torch.from_numpy(value))
        progress(done / len(items), "rendering")
    return TrainingPool(examples, len(numbers), seed=seed)


def raw_inputs(item: Mapping[str, Any], voices: Mapping[str, Voice] | None = None) -> dict[str, Any]:
    """Return the raw inputs of an item, modality by modality, for `MultimodalModel.prepare`."""
    return {
        "text": item["words"],
        "image": render_image(item),
        "speech": render_speech(item, voices=voices),
        "tones": render_tones(item),
    }


def render_examples(
    model: MultimodalModel,
    items: pd.DataFrame,
    *,
    extra_voices: Sequence[Voice] = (),
    processes: int | None = None,
    half: bool = False,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the encoder inputs of each item, in order, rendered in parallel on the CPU.

    Args:
        model: prepares what is rendered.
        items: recipes.
        extra_voices: voices used in addition to the packed ones.
        processes: number of processes that render; None takes as many as there are cores, 1 renders in this process.
        half: yield half-precision numbers, to keep many in memory.
    """
    model.log_mel.cpu()  # before the workers start: they cannot use a GPU
    _worker.update(model=model, voices={voice.name: voice for voice in extra_voices}, half=half)
    processes, records = processes or os.cpu_count() or 1, items.to_dict("records")
    if processes == 1:
        yield from map(_example, records)
        return
    with get_context("fork").Pool(processes, initializer=_start_worker) as workers:
        yield from workers.imap(_example, records, chunksize=64)


def _start_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the parent process, which stops the workers


def _example(item: Mapping[Any, Any]) -> dict[str, np.ndarray]:
    model, half = _worker["model"], _worker["half"]
    prepared = {name: model.prepare(name, raw) for name, raw in raw_inputs(item, _worker["voices"]).items()}
    return {
        name: (value.half() if half and value.is_floating_point() else value).numpy()
        for name, value in prepared.items()
    }
