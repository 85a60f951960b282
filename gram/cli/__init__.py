"""The command line, `python -m gram`.

A command is a module of this package that declares `ORDER` (its place in the help), `HELP`, `DESCRIPTION`,
`add_arguments(parser)` and `run(args)`, which returns the exit status. What is heavy is imported in `run`, so that
help comes at once.

Exit status: 0 done; 1 the work failed, with one line on stderr; 2 wrong usage; 130 stopped by Ctrl-C; 141
the reader of the output went away. Errors that are not the project's own are bugs, and show as such.
"""

import argparse
import io
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module

from gram import __version__
from gram.errors import GramError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        argv: the arguments after the program's name; those of this process if None.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
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
        prog="gram", description="See, search and understand multimodal alignment by the volume of a Gram matrix."
    )
    parser.add_argument("--version", action="version", version=f"gram {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="command", required=True)
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    for module in sorted((each for each in modules if hasattr(each, "ORDER")), key=lambda each: each.ORDER):
        name = module.__name__.rpartition(".")[-1]
        command = subparsers.add_parser(name, help=module.HELP, description=module.DESCRIPTION)
        command.set_defaults(run=module.run, parser=command)
        module.add_arguments(command)
    return parser


def _discard_output() -> None:
    """Send what is still to be flushed to nowhere, for nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
