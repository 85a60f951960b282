"""`python -m gram align`: train heads that take features of unlike size into one space."""

import argparse
import signal
from pathlib import Path
from typing import Any

from gram.cli.arguments import LazyChoices, loss_names, positive, usage_errors
from gram.cli.features import add_features, load_features
from gram.cli.output import print_json, progress_bar, table

ORDER = 30
HELP = "train heads that take features of unlike size into one space"
DESCRIPTION = (
    "Train one projection head a modality on frozen features, by one loss or several on the same held-out "
    "items. OUT gets a folder a loss: test/ with the held-out items, all/ with every item, model/ the heads. "
    "Ctrl-C keeps what was learned. Example: gram align features.npz --out aligned --loss gram,cosine"
)

_HEADS = ("linear", "mlp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_features(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--loss",
        default="gram",
        metavar="NAMES",
        choices=LazyChoices(loss_names, check=False),
        help="%(choices)s; several with commas between them (default: gram)",
    )
    parser.add_argument("--d", type=positive, default=64, help="dimensions of the shared space (default: %(default)s)")
    parser.add_argument("--head", choices=_HEADS, default="linear", help="default: %(default)s")
    parser.add_argument("--steps", type=positive, default=600, help="default: %(default)s")
    parser.add_argument("--batch-size", type=positive, default=256, help="default: %(default)s")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="default: %(default)s")
    parser.add_argument(
        "--held-out",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the items to hold out, where no column split says which (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws split, heads and batches (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Train, save, and print how well the held-out items are found; return the exit status."""
    from gram.core.device import select_device
    from gram.training.align import align
    from gram.training.align_config import AlignConfig

    losses = [name.strip() for name in args.loss.split(",") if name.strip()]
    with usage_errors(args):
        chosen = [
            AlignConfig(
                loss=loss, d=args.d, head=args.head, steps=args.steps, batch_size=args.batch_size, seed=args.seed,
                learning_rate=args.learning_rate, held_out=args.held_out
            )
            for loss in dict.fromkeys(losses)
        ]  # fmt: skip
        select_device(args.device)
    if not chosen:
        args.parser.error(f"--loss: expected one of {', '.join(loss_names())}, got nothing")
    features = load_features(args.set)
    stop = _Stop()
    found: list[dict[str, Any]] = []
    for settings in chosen:
        with progress_bar(settings.loss) as report, stop:
            made = align(features, settings, progress=report, should_stop=stop, device=args.device)
        made.save(args.out / settings.loss)
        last = made.history.iloc[-1]
        recalls = {name: float(last[name]) for name in ("recall", "recall_volume", "recall_cosine")}
        found.append({"loss": settings.loss, "steps": made.steps, **recalls})
        if stop():
            break
    _print(args, found, len(made.held_out))
    return 130 if stop() else 0


class _Stop:
    """True once Ctrl-C was pressed; pressed again, it ends the program."""

    def __init__(self) -> None:
        self._pressed = False

    def __call__(self) -> bool:
        return self._pressed

    def __enter__(self) -> "_Stop":
        def press(number: int, frame: object) -> None:
            self._pressed = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        self._before = signal.signal(signal.SIGINT, press)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def _print(args: argparse.Namespace, found: list[dict[str, Any]], held_out: int) -> None:
    if args.json:
        print_json({"out": str(args.out), "held_out": held_out, "heads": found})
        return
    print(f"R@1 of {held_out:,} held-out items, the anchor asking the rest; written to {args.out}\n")
    measured = {"by its own measure": "recall", "by volume": "recall_volume", "by cosine": "recall_cosine"}
    print(table([
        {"loss": each["loss"], **{title: f"{100 * each[name]:.1f} %" for title, name in measured.items()},
         "steps": f"{each['steps']:,}"}
        for each in found
    ]))  # fmt: skip
