"""`python -m gram train`: train the built-in model under one loss."""

import argparse
import json
import os
from contextlib import nullcontext
from pathlib import Path

from gram.cli.arguments import LazyChoices, loss_names
from gram.cli.output import progress_bar

ORDER = 10
HELP = "train the built-in model under one loss"
DESCRIPTION = (
    "Train the encoders of the spoken numbers. Writes OUT/model, OUT/test (the test set's embeddings), "
    "OUT/trajectory and OUT/log.jsonl. Several GPUs: torchrun --nproc-per-node N -m gram train ..."
)


def _losses() -> list[str]:
    from gram.datasets.spoken_numbers import MODALITIES

    return loss_names(len(MODALITIES))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--loss",
        choices=LazyChoices(_losses),
        metavar="NAME",
        required=True,
        help="GRAM, pairwise InfoNCE (cosine), or a rival: %(choices)s",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, help="batches to train on")
    parser.add_argument("--batch-size", type=int, help="numbers a batch, over all processes together")
    parser.add_argument("--learning-rate", type=float, help="the highest learning rate")
    parser.add_argument("--renderings", type=int, help="how often each training number is rendered")
    parser.add_argument("--seed", type=int, help="decides weights, items and batches")
    parser.add_argument("--d", type=int, help="width of the shared space")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--recordings",
        type=Path,
        default=Path("data/fsdd"),
        help="folder of real recordings that join training when it is there (default: %(default)s)",
    )
    parser.add_argument(
        "--robust",
        action="store_true",
        help="hear every clip anew at every step (voice, tempo, room, line, noise), for people's own recordings",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last state saved in OUT")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Train, embed the test set, and print where it went; return the exit status."""
    import torch.distributed as dist

    from gram.core.progress import no_progress
    from gram.datasets.spoken_numbers.fsdd import TRAINING_SPEAKERS, load_speaker
    from gram.errors import ModelError
    from gram.models import ModelConfig
    from gram.training.processes import rank
    from gram.training.spoken_numbers.config import TrainingConfig
    from gram.training.spoken_numbers.embedding import embed_items, half_precision, split_items
    from gram.training.spoken_numbers.train import train

    named = ("steps", "batch_size", "learning_rate", "renderings", "seed")
    settings = {name: value for name in named if (value := getattr(args, name)) is not None}
    if args.d is not None:
        settings["model"] = ModelConfig(d=args.d)
    voices = []
    if args.recordings.is_dir():
        voices = [load_speaker(args.recordings, name, split="train") for name in TRAINING_SPEAKERS]
    if "RANK" in os.environ:
        dist.init_process_group()
    try:
        config = TrainingConfig(loss=args.loss, robust=args.robust, **settings)
        with progress_bar("training") if rank() == 0 else nullcontext(no_progress) as report:
            model = train(
                config, args.out, device=args.device, extra_voices=voices, resume=args.resume, progress=report
            )
        if rank() == 0:
            with progress_bar("embedding the test set") as report:
                test = embed_items(model, split_items("test"), info={"model": args.loss}, progress=report)
            half_precision(test).save(args.out / "test")
            print(json.dumps({"out": str(args.out), **model.info}) if args.json else f"trained: {args.out}")
    except ValueError as error:
        raise ModelError(str(error)) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    return 0
