"""The command line, `python -m gram`: one module a subcommand, each with `add_parser` and `run`.

Exit status: 0 done; 1 the work failed, with one line on stderr; 2 wrong usage; 130 stopped by Ctrl-C; 141
the reader of the output went away. Errors that are not the project's own are bugs, and show as such.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from gram import __version__
from gram.errors import GramError

COMMANDS = (
    "train", "embed", "align", "apply", "evaluate", "search", "index", "diagnose", "validate", "convert", "experiment",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        argv: the arguments after the program's name; those of this process if None.
    """
    try:
        args = _parser().parse_args(argv)
        status = int(args.run(args))
        sys.stdout.flush()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    except GramError as error:
        print(f"gram: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gram: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gram",
        description="See, search and understand multimodal alignment by the volume of a Gram matrix.",
    )
    parser.add_argument("--version", action="version", version=f"gram {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="command", required=True)
    for name in COMMANDS:
        import_module(f"gram.cli.{name}").add_parser(subparsers)
    for subparser in subparsers.choices.values():
        subparser.set_defaults(parser=subparser)
    return parser


def _discard_output() -> None:
    """Let Python flush what is left on exit to nowhere, for nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
