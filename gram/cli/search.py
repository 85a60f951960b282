"""`python -m gram search`: the items of a set that fit a query best."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli._arguments import Subparsers, add_task, asked_candidates, positive, usage_errors
from gram.cli._output import print_json, table

if TYPE_CHECKING:
    from torch import Tensor

    from gram.embedding_set import EmbeddingSet


@dataclass(frozen=True)
class Query:
    """What is asked: a vector (d,), what to call it, and the row of the item that should answer, if any."""

    vector: "Tensor"
    name: str
    true_row: int | None


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its arguments."""
    parser = subparsers.add_parser(
        "search",
        help="search an embedding set",
        description=(
            "Rank the items of a set for one query, best first, each score taken apart into base and height. "
            "Example: gram search --set assets/numbers/gram/test --item 4721 --measure volume -k 5"
        ),
    )
    parser.add_argument("--set", type=Path, required=True, metavar="DIR", help="folder of the embedding set")
    parser.add_argument("--item", required=True, metavar="ID", help="item whose own modality asks")
    add_task(parser)
    parser.add_argument("--measure", default="volume", metavar="NAME", help="measure (default: %(default)s)")
    parser.add_argument("-k", type=positive, default=10, help="how many hits (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the hits as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, print the hits, and return the exit status."""
    from gram import measures
    from gram.embedding_set import EmbeddingSet
    from gram.index import Index, check_candidates, pick_device

    with usage_errors(args):
        measures.get(args.measure)
        pick_device(args.device)
    embedded = EmbeddingSet.load(args.set)
    modality, candidates = asked_candidates(args, embedded)
    with usage_errors(args):
        check_candidates(embedded, candidates, query=modality, measure=args.measure)
    query = _query_of_item(embedded, args.item, modality)
    index = Index(embedded, candidates, args.measure, device=args.device)
    found = index.search(query.vector, k=args.k)
    rank = None
    if query.true_row is not None and (index.rows == query.true_row).any():
        rank = float(index.ranks(query.vector, [query.true_row])[0])
    hits = [
        _hit(embedded, candidates, query, place, int(row), float(score))
        for place, (row, score) in enumerate(zip(found.indices[0], found.scores[0], strict=True), start=1)
    ]
    if args.json:
        task = {"query": query.name, "candidates": candidates, "measure": args.measure, "items": len(index)}
        print_json(task | {"true_rank": rank, "hits": hits})
        return 0
    print(f"{query.name} against {' + '.join(candidates)} by {args.measure}, {len(index):,} items")
    print(f"the true item is at place {rank:g}\n" if rank else "no item of the gallery is the true one\n")
    print(table([_row(hit) for hit in hits]))
    return 0


def _query_of_item(embedded: "EmbeddingSet", item: str, modality: str) -> Query:
    from gram.errors import EmbeddingSetError

    row = embedded.row(item)
    if not embedded.present(modality)[row]:
        raise EmbeddingSetError(f"item '{item}' has no {modality}; ask with another modality or item")
    return Query(embedded.modalities[modality][row], f"{modality} of {item}", row)


def _hit(
    embedded: "EmbeddingSet", candidates: list[str], query: Query, place: int, row: int, score: float
) -> dict[str, Any]:
    from gram.geometry import base_and_height

    there = [embedded.modalities[name][[row]].double() for name in candidates if embedded.present(name)[row]]
    base, height = base_and_height(query.vector[None].double(), *there)
    item = embedded.items.iloc[row]
    return {
        "place": place,
        "score": score,
        "base": float(base[0]),
        "height": float(height[0, 0]),
        "id": str(item["id"]),
        "label": str(item["label"]) if "label" in item.index else None,
        "true": row == query.true_row,
    }


def _row(hit: dict[str, Any]) -> dict[str, str]:
    shown = {"place": str(hit["place"])}
    shown |= {name: f"{hit[name]:.3g}" for name in ("score", "base", "height")}
    shown["id"] = hit["id"]
    if hit["label"] is not None:
        shown["label"] = hit["label"]
    return shown | {"": "<- true item" if hit["true"] else ""}
