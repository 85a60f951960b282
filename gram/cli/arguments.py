"""Arguments that several commands share, and how mistakes in them are reported."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.core.declarations import declared_classes

if TYPE_CHECKING:
    from gram.data.embedding_set import EmbeddingSet

BUILT_IN = Path(__file__).parents[2] / "assets" / "numbers" / "gram"  # the gram model and its test set


class LazyChoices:
    """Choices of an argument that are looked up when they are needed: when its value is checked, or in its help.

    Args:
        look_up: returns the choices.
        check: False where they are for the help alone, and the command checks the value.
    """

    def __init__(self, look_up: Callable[[], list[str]], *, check: bool = True) -> None:
        self._look_up, self._check = look_up, check

    def __contains__(self, name: object) -> bool:
        return not self._check or name in self._look_up()

    def __iter__(self) -> Iterator[str]:
        return iter(self._look_up())


def measure_names() -> list[str]:
    """Return the names of all measures."""
    return _plugin_names("gram.measures", marker="formula")


def loss_names(k: int | None = None) -> list[str]:
    """Return the names of all losses, or of those for k modalities."""
    return _plugin_names("gram.losses", marker="measure", k=k)


def _plugin_names(package: str, *, marker: str, k: int | None = None) -> list[str]:
    """Return the names in a package's registry; while it is not imported, as their sources declare them."""
    if package in sys.modules:
        return list(sys.modules[package].names(k))
    declared = declared_classes(package, marker=marker)
    return [each["name"] for each in declared if k is None or each.get("modalities") in (None, k)]


def add_measure(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add the argument of the measure, or measures, to rank by; the command checks the names."""
    known = LazyChoices(measure_names, check=False)
    if several:
        text = "measures, with commas: %(choices)s (default: volume)"
        parser.add_argument("--measure", type=names, default=["volume"], metavar="NAMES", choices=known, help=text)
    else:
        text = "measure that ranks: %(choices)s (default: %(default)s)"
        parser.add_argument("--measure", default="volume", metavar="NAME", choices=known, help=text)


def names(text: str) -> list[str]:
    """Return the names in a comma-separated list."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("expected one name or more, separated by commas")
    return found


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def add_task(
    parser: argparse.ArgumentParser,
    *,
    query_type: Callable[[str], Any] = str,
    query_help: str = "modality that asks (default: the set's anchor)",
) -> None:
    """Add the arguments of a retrieval task: query, candidates, device."""
    parser.add_argument("--query", type=query_type, metavar="NAME", help=query_help)
    parser.add_argument(
        "--candidates", type=names, metavar="NAMES", help="modalities that answer, with commas (default: all others)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")


def asked_candidates(args: argparse.Namespace, embedding_set: "EmbeddingSet") -> tuple[str, list[str]]:
    """Return the query and the candidates of `add_task`'s arguments, by default the anchor and all others."""
    query = args.query or embedding_set.anchor
    return query, args.candidates or [name for name in embedding_set.names if name != query]


@contextmanager
def usage_errors(args: argparse.Namespace) -> Iterator[None]:
    """Report a ValueError as wrong usage: a line on stderr and exit status 2."""
    try:
        yield
    except ValueError as error:
        args.parser.error(str(error))
