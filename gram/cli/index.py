"""`python -m gram index`: a set in Milvus, beyond one machine: pushed once, searched by any measure."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli.arguments import add_measure, names, positive, usage_errors
from gram.cli.output import print_json, progress_bar, table
from gram.cli.search import add_content, asked_with, gallery_of, hit_row, query_of, table_row

if TYPE_CHECKING:
    from gram.retrieval.milvus import MilvusSearcher

ORDER = 70
HELP = "push an embedding set to Milvus, and search it there"
DESCRIPTION = "An embedding set in Milvus, for more items than one machine holds (pip install gram[milvus])."

SHOWN = ("rank", "id", "score", "base", "height", "cosines")
_TOKEN = "MILVUS_TOKEN"  # the environment variable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    own = parser.add_subparsers(title="commands", metavar="command", required=True)
    push = own.add_parser(
        "push",
        help="bring a set's items into a collection",
        description=(
            "Bring the items of a set into a collection of Milvus, which is made if it is not there. What is there "
            "already is not sent again: stopped or cut off, the same command goes on. Example: gram index push set "
            "--uri http://localhost:19530"
        ),
    )
    push.add_argument("set", type=Path, metavar="SET", help="folder of the embedding set")
    push.add_argument(
        "--candidates", type=names, metavar="NAMES", help="modalities to keep (default: all but the anchor)"
    )
    _add_place(push)
    push.set_defaults(action=_push, parser=push)
    search = own.add_parser(
        "search",
        help="search a collection",
        description=(
            "Rank the items of a collection for one query, best first. Milvus gives candidates, which are scored "
            "exactly here. Ask with words, a picture and recordings, alone or together, or with an item of a set. "
            "Example: gram index search --uri http://localhost:19530 --set set --item 4721 --query text"
        ),
    )
    add_content(search)
    search.add_argument("--item", metavar="ID", help="item of --set whose own embeddings are the query")
    search.add_argument(
        "--query",
        type=names,
        metavar="NAME",
        help="modalities of --item to search with, with commas (default: the anchor)",
    )
    search.add_argument("--set", type=Path, metavar="DIR", help="folder of the set with --item (default: the built-in)")
    search.add_argument("--model", type=Path, metavar="DIR", help="model that made the set (default: SET/../model)")
    search.add_argument(
        "--device", default="auto", help="where the model runs: auto, cpu or cuda (default: %(default)s)"
    )
    add_measure(search)
    search.add_argument("-k", type=positive, default=10, help="how many hits (default: %(default)s)")
    search.add_argument(
        "--fetch", type=positive, metavar="N", help="candidates of each modality (default: 256 or more)"
    )
    _add_place(search)
    search.set_defaults(action=_search, parser=search, true=None)


def run(args: argparse.Namespace) -> int:
    """Push or search; return the exit status."""
    return int(args.action(args))


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--uri", required=True, help="http://host:port, or a path that ends in .db for Milvus Lite")
    parser.add_argument("--collection", default="gram", metavar="NAME", help="its name (default: %(default)s)")
    parser.add_argument(
        "--token-env",
        metavar="NAME",
        help=f"environment variable that holds the token (default: {_TOKEN}, if it is set)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _open(args: argparse.Namespace, **options: Any) -> "MilvusSearcher":
    from gram.retrieval.milvus import MilvusSearcher

    if args.token_env and args.token_env not in os.environ:
        args.parser.error(f"--token-env: the environment has no variable {args.token_env}")
    token = os.environ.get(args.token_env or _TOKEN)
    with usage_errors(args):
        return MilvusSearcher(args.uri, collection=args.collection, token=token, **options)


def _push(args: argparse.Namespace) -> int:
    """Push, print what was sent, and return the exit status."""
    from gram.data.embedding_set import EmbeddingSet

    with _open(args, candidates=args.candidates) as index:
        embedding_set = EmbeddingSet.load(args.set)
        with progress_bar("pushing") as progress, usage_errors(args):
            pushed = index.push(embedding_set, progress=progress)
        place = {"uri": index.uri, "collection": index.collection}
        size, modalities = len(index), list(index.candidates)
    if args.json:
        print_json({**place, "items": size, "modalities": modalities, **pushed._asdict()})
        return 0
    print(f"{size:,} items in collection {index.collection} of {index.uri}: {', '.join(modalities)}")
    left_out = f", {pushed.left_out:,} left out (they lack all of these)" if pushed.left_out else ""
    print(f"{pushed.sent:,} sent, {pushed.kept:,} there already{left_out}")
    return 0


def _search(args: argparse.Namespace) -> int:
    """Search, print the hits, and return the exit status."""
    with _open(args, measure=args.measure) as index:
        index.gallery = gallery_of(args)
        query, index.model = query_of(args, index.gallery)
        for name in query.modalities:
            if name in index.candidates:
                args.parser.error(
                    f"items of the collection are judged by {name} too; ask with another modality, or push them "
                    "without it (--candidates) to another --collection"
                )
        with usage_errors(args):
            answer = index.search(query, args.k, fetch=args.fetch)
        size = len(index)
    asked = asked_with(args, query)
    rows = [{name: row[name] for name in SHOWN} for row in map(hit_row, answer.hits)]
    if args.json:
        found = {"query": asked, "candidates": list(answer.candidates), "measure": args.measure, "items": size}
        print_json({**found, "exact": answer.exact, "search_seconds": answer.search_seconds, "hits": rows})
        return 0
    print(f"{asked} against {' + '.join(answer.candidates)} by {args.measure}, {size:,} items")
    print("exact: every item was scored\n" if answer.exact else "approximate: a better item may be missing (--fetch)\n")
    if rows:
        print(table([table_row(row) for row in rows]))
    return 0
