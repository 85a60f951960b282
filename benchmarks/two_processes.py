"""Whether two processes train as one does: the loss of every step of both, side by side.

The built-in data, small encoders and the same settings twice under `torchrun`: one process with the whole batch, then
gloo processes that share it out. Weights begin alike and every step has the same items, so that losses differ by
rounding alone, which training makes larger from step to step. The aim: less than 1e-4 of the loss apart over the first
steps.

    python benchmarks/two_processes.py [--loss gram] [--steps 40] [--batch-size 64] [--processes 2] [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
from _rows import FLAG, Row, tell

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.models import ModelConfig
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.train import train
from gram.training.trainer import Trainer

AIM, FIRST = 1e-4, 10
SMALL = ModelConfig(d=32, text_width=32, image_channels=8, audio_channels=32, audio_width=32)


def work(options: argparse.Namespace) -> None:
    """Train as one of the processes that torchrun started; the first prints the losses."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    losses = []

    def keep(trainer: Trainer) -> None:
        if trainer.step:
            losses.append(trainer.last_loss)

    config = TrainingConfig(
        loss=options.loss, steps=options.steps, batch_size=options.batch_size, renderings=1, evaluations=1,
        checkpoints=1, trajectory_items=1, model=SMALL,
    )  # fmt: skip
    train(config, options.work, device="cpu", callbacks=[keep])
    if dist.get_rank() == 0:
        print(json.dumps(losses))
    dist.destroy_process_group()


def curve(options: argparse.Namespace, processes: int) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        given = ("--loss", options.loss, "--steps", str(options.steps), "--batch-size", str(options.batch_size))
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [*torchrun, __file__, *given, "--work", folder]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def rows(options: argparse.Namespace) -> Iterator[Row]:
    one, several = curve(options, 1), curve(options, options.processes)
    apart = [abs(a - b) / abs(a) for a, b in zip(one, several, strict=True)]
    print(f"{options.loss} loss, batches of {options.batch_size}, float32, relative difference")
    print(f"{'step':>5}{'1 process':>14}{f'{options.processes} processes':>14}{'apart':>10}")
    for step, numbers in enumerate(zip(one, several, apart), start=1):
        print("{:>5}{:>14.7f}{:>14.7f}{:>10.1e}".format(step, *numbers))
    first = max(apart[:FIRST])
    print(f"largest: {first:.1e} over the first {FIRST} steps, {max(apart):.1e} over all")
    what = f"{options.processes} processes train as 1: losses of the first {FIRST} steps apart"
    yield Row(what, f"{first:.1e} of the loss", f"below {AIM:g}", first < AIM)
    yield Row(f"the same, over {options.steps} steps", f"{max(apart):.1e} of the loss")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--loss", default="gram")
    for name, default in (("steps", 40), ("batch-size", 64), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(FLAG, action="store_true", help="print the rows as JSON")
    options = parser.parse_args()
    if options.work:
        work(options)
    else:
        tell(lambda: rows(options), options.json)


if __name__ == "__main__":
    main()
