"""`python -m gram search`: the items of a set that fit a query best, in one modality or several at once."""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli.arguments import BUILT_IN, add_measure, add_task, names, positive, usage_errors
from gram.cli.output import print_json, table

if TYPE_CHECKING:
    from gram.data.embedding_set import EmbeddingSet
    from gram.models import MultimodalModel
    from gram.retrieval.answer import Answer, Hit
    from gram.retrieval.query import JointQuery, Query

ORDER = 60
HELP = "search an embedding set"
DESCRIPTION = (
    "Rank the items of a set for one query, best first, each score taken apart into base and height. Ask with "
    "words, a picture and recordings, alone or together, or with an item's own embeddings. Examples: "
    "gram search --speech clip.wav --image number.png; "
    "gram search --set assets/numbers/cosine/test --item 4721 --query text,image --measure volume -k 5"
)

CONTENT = {
    "text": ("TEXT", "number to ask with, in digits or words"),
    "image": ("FILE", "picture of four digits to ask with (PNG, JPEG, WebP, GIF, BMP, TIFF)"),
    "speech": ("FILE", "recording of four spoken digits to ask with (WAV, FLAC, OGG, MP3, up to 30 s)"),
    "tones": ("FILE", "recording of four dialled digits to ask with"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_content(parser)
    parser.add_argument("--item", metavar="ID", help="item of the set whose own embeddings ask")
    add_task(parser, query_type=names, query_help="modalities of --item that ask, with commas (default: the anchor)")
    parser.add_argument("--true", metavar="ID", help="item to find, if you know it (default: that of --text or --item)")
    parser.add_argument("--set", type=Path, metavar="DIR", help="folder of the embedding set (default: the built-in)")
    parser.add_argument("--model", type=Path, metavar="DIR", help="model that made the set (default: SET/../model)")
    add_measure(parser)
    parser.add_argument("-k", type=positive, default=10, help="how many hits (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the hits as JSON")


def add_content(parser: argparse.ArgumentParser) -> None:
    """Add the contents of a query."""
    for name, (kind, meaning) in CONTENT.items():
        parser.add_argument(f"--{name}", metavar=kind, help=meaning)


def run(args: argparse.Namespace) -> int:
    """Search, print the hits, and return the exit status."""
    from gram import measures
    from gram.core.device import select_device
    from gram.retrieval.mixed import warning_for
    from gram.retrieval.query import candidates_for
    from gram.retrieval.search import Searcher

    with usage_errors(args):
        measures.get(args.measure)
        select_device(args.device)
    gallery = gallery_of(args)
    query, model = query_of(args, gallery)
    with usage_errors(args):
        chosen = args.candidates or gallery.names
        candidates = args.candidates or candidates_for(query.modalities, chosen, gallery=gallery)
        for name in query.modalities:
            if name in candidates:
                raise ValueError(f"--candidates: {name!r} also asks, so each item would find itself; leave it out")
        searcher = Searcher(gallery, candidates=candidates, measure=args.measure, model=model, device=args.device)
        answer = searcher.search(query, k=args.k)
    asked = asked_with(args, query)
    caution, left_out = warning_for(gallery, candidates, args.measure), len(gallery) - answer.size
    found = _as_json(answer, asked)
    if args.json:
        print_json({**found, "left_out": left_out, "caution": caution})
        return 0
    size = f"{answer.size:,} items" + (f" ({left_out:,} left out)" if left_out else "")
    print(f"{asked} against {' + '.join(candidates)} by {args.measure}, {size}")
    print("\n".join(line for line in (_verdict(answer), caution) if line) + "\n")
    print(table([table_row(hit, labelled="label" in gallery.items) for hit in found["hits"]]))
    return 0


def gallery_of(args: argparse.Namespace) -> "EmbeddingSet":
    """Return the set; one that is not named is the built-in one, with its model."""
    from gram.data.embedding_set import EmbeddingSet

    if args.set is None:
        if not (BUILT_IN / "test").is_dir():
            args.parser.error("--set is needed: the built-in set is not here")
        args.set = BUILT_IN / "test"
    return EmbeddingSet.load(args.set)


def query_of(args: argparse.Namespace, gallery: "EmbeddingSet") -> "tuple[Query | JointQuery, MultimodalModel | None]":
    """Return what the arguments ask, and the model that embeds it; an item needs none."""
    from gram.retrieval.query import JointQuery, Query

    content = {name: value for name in CONTENT if (value := getattr(args, name)) is not None}
    if bool(content) == (args.item is not None):
        args.parser.error(f"ask with {', '.join(f'--{name}' for name in CONTENT)} (one or more), or else with --item")
    if content:
        if args.query:
            args.parser.error("--query says which modalities of --item ask; leave it out")
        from gram.datasets.spoken_numbers.queries import read_query  # of typed numbers and files alone

        if args.true is not None:
            gallery.row(args.true)
        return read_query(**content, id=args.true), _model(args)
    with usage_errors(args):
        asked = args.query or [gallery.anchor]
        lacking = [name for name in asked if not gallery.present(name)[gallery.row(args.item)]]
        query = JointQuery(tuple(Query(name, id=args.item) for name in asked))
    if lacking:
        from gram.errors import EmbeddingSetError

        raise EmbeddingSetError(f"item '{args.item}' has no {lacking[0]}; ask with another modality or item")
    return query, None


def _model(args: argparse.Namespace) -> "MultimodalModel":
    from gram.models import load_model

    folder = args.model or args.set.resolve().parent / "model"
    if args.model is None and not folder.is_dir():
        args.parser.error(f"--model is needed: the folder of the model that made {args.set}")
    return load_model(folder, device=args.device)


def _verdict(answer: "Answer") -> str:
    if answer.true is None:
        return "no item of the gallery is the true one" if answer.query.id else "the true item is not known"
    why = answer.why()
    return f"the true item is at place {answer.true.rank:g}" + (f": {why}" if why else "")


def _as_json(answer: "Answer", asked: str) -> dict[str, Any]:
    return {
        "query": asked,
        "candidates": list(answer.candidates),
        "measure": answer.measure,
        "items": answer.size,
        "true_rank": answer.true.rank if answer.true else None,
        "why": answer.why(),
        "encode_seconds": answer.encode_seconds,
        "search_seconds": answer.search_seconds,
        "hits": [hit_row(hit) for hit in answer.hits],
    }


def asked_with(args: argparse.Namespace, query: "Query | JointQuery") -> str:
    """Return a query's modalities, and the item they are of."""
    return " + ".join(query.modalities) + (f" of {args.item}" if args.item else "")


def hit_row(hit: "Hit") -> dict[str, Any]:
    """Return a hit, ready for JSON."""
    cosines = {name: None if math.isnan(value) else value for name, value in hit.cosines.items()}
    shown = {name: getattr(hit, name) for name in ("rank", "id", "label", "score", "base", "height")}
    return {**shown, "cosines": cosines, "true": hit.correct}


def table_row(hit: Mapping[str, Any], *, labelled: bool = False) -> dict[str, str]:
    """Return a hit, as JSON has it, as a row of a table.

    Args:
        hit: rank, id, label, score, base, height, cosines, and where it is known, whether it is the true item.
        labelled: whether items have labels.
    """
    row = {"rank": f"{hit['rank']:g}", "id": hit["id"]} | ({"label": hit["label"]} if labelled else {})
    row |= {name: f"{hit[name]:.3g}" for name in ("score", "base", "height")}
    row |= {f"cos {name}": "" if cosine is None else f"{cosine:.3f}" for name, cosine in hit["cosines"].items()}
    return row | ({"": "<- true item" if hit["true"] else ""} if "true" in hit else {})
