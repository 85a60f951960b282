"""A Milvus collection that stores an embedding set: one vector field per modality, the id as primary key.

| field | holds |
|---|---|
| `id` | the item's id as text, the primary key |
| `digest` | of its vectors, so that unchanged items are not sent again |
| `base` | the volume of its own vectors |
| `there` | how many modalities it has |
| `slot` | a hash of the id, evenly spread: a range of slots is a share of the items |
| `vector_...` | a modality's vector, of length one; zeros where the item lacks it, for Milvus takes no NaN |
| `has_...` | whether it has the modality |

Names of fields encode those of modalities, so that a collection describes itself.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from gram.errors import DatabaseError
from gram.retrieval.milvus.connection import Connection, RefusedError

LONGEST_ID = 1024  # bytes of UTF-8
MOST = 16_384  # rows that one request may give
_BATCH = 8 << 20  # bytes of vectors that a request carries; servers take and give 64 MB
_EF, _LEAST_EF = 2, 512  # of the HNSW search: for each wanted vector, and at least; see `nearest`
SLOTS = 1 << 32
_STRONG = {"consistency_level": "Strong"}  # reads see earlier writes
_VECTOR, _HAS = "vector_", "has_"
_LONGEST_FIELD = 255
_OLDEST = (2, 4)  # of Milvus, that keeps several vectors an item
_SORTED = ("base", "slot")  # scalars with an index
_SCALAR_INDEX = {"index_type": "INVERTED"}
_VECTOR_INDEX = {"index_type": "AUTOINDEX", "metric_type": "IP"}
_SCALARS = ("id", "digest", "base", "there", "slot")
_ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}

Row = dict[str, Any]


class Layout(NamedTuple):
    """The modalities of a collection, and the dimension of their vectors."""

    modalities: tuple[str, ...]
    d: int

    @property
    def batch(self) -> int:
        """Number of items in one request."""
        return int(np.clip(_BATCH // (4 * self.d * len(self.modalities)), 1, 1000))


class Collection:
    """One collection of a Milvus, existing or not."""

    def __init__(self, connection: Connection, name: str) -> None:
        """Store both; no request is made."""
        self.connection = connection
        self.name = name
        self._bounds: dict[tuple[int, str], float] = {}

    def __str__(self) -> str:
        """Return its name and address, for messages."""
        return f"collection '{self.name}' at {self.connection.uri}"

    def layout(self) -> Layout | None:
        """Return the collection's layout; None where it does not exist.

        Raises:
            DatabaseError: it was not made by `create`.
        """
        if not self._ask("has_collection"):
            return None
        fields = self._ask("describe_collection")["fields"]
        sizes = {field["name"]: field["params"].get("dim") for field in fields}
        vectors = [name for name in sizes if name.startswith(_VECTOR)]
        ours = [*_SCALARS, *vectors, *(_HAS + name.removeprefix(_VECTOR) for name in vectors)]
        widths = {int(sizes[name] or 0) for name in vectors}
        if sorted(ours) != sorted(sizes) or len(widths) != 1:
            raise DatabaseError(f"{self} holds something other than an embedding set; name another collection")
        layout = Layout(tuple(_modality(name.removeprefix(_VECTOR)) for name in vectors), widths.pop())
        with suppress(RefusedError):  # a read-only token; a search then reports what is not loaded
            self._make_ready(layout)
        return layout

    def create(self, layout: Layout) -> None:
        """Make the collection, with an index of inner products for each modality and one of the bases.

        Raises:
            DatabaseError: a modality's name is too long for a field, Milvus is older than 2.4 or refuses.
        """
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST_ID)
        schema.add_field("digest", DataType.VARCHAR, max_length=64)
        schema.add_field("base", DataType.DOUBLE)
        schema.add_field("there", DataType.INT64)
        schema.add_field("slot", DataType.INT64)
        for name in layout.modalities:
            vector, has = vector_field(name), has_field(name)
            if len(vector) > _LONGEST_FIELD:
                raise DatabaseError(f"modality '{name[:40]}…': its name is too long for Milvus; give it a shorter one")
            schema.add_field(vector, DataType.FLOAT_VECTOR, dim=layout.d)
            schema.add_field(has, DataType.BOOL)
        self._check_version()
        self._ask("create_collection", schema=schema, consistency_level="Strong")
        self._make_ready(layout)

    def _check_version(self) -> None:
        version = str(self.connection.ask("get_server_version"))
        found = re.match(r"v?(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            has = f"{self.connection.uri}: its Milvus is {version}, which keeps one vector an item"
            raise DatabaseError(f"{has}; {oldest} or newer is needed")

    def _make_ready(self, layout: Layout) -> None:
        """Create the indexes that an interrupted `create` left out, and load the collection.

        Neither is requested where it is done already: a read-only token permits neither.
        """
        from pymilvus import MilvusClient

        vectors = [vector_field(name) for name in layout.modalities]
        if len(self._ask("list_indexes")) < len(_SORTED) + len(vectors):
            for field in (*_SORTED, *vectors):
                if not self._ask("list_indexes", field_name=field):
                    index = MilvusClient.prepare_index_params()
                    index.add_index(field, **(_SCALAR_INDEX if field in _SORTED else _VECTOR_INDEX))
                    self._ask("create_index", index)
        if str(self._ask("get_load_state")["state"]) != "Loaded":
            self._ask("load_collection")

    def upsert(self, rows: Sequence[Row]) -> None:
        """Send rows; they replace those with the same id."""
        self._ask("upsert", list(rows))

    def flush(self) -> None:
        """Write what was sent to disk."""
        self._ask("flush")

    def count(self, where: str = "") -> int:
        """Return the number of items, or of those that fit an expression."""
        return int(self._ask("query", filter=where, output_fields=["count(*)"], **_STRONG)[0]["count(*)"])

    def digests(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of those items that exist, by id."""
        return {row["id"]: row["digest"] for row in self._among(ids, ["id", "digest"])}

    def nearest(self, modality: str, queries: Float[np.ndarray, "q d"], limit: int, where: str = "") -> list[list[str]]:
        """Return, for each query, the ids of the items whose vector of a modality has the largest products with it.

        A field's index is HNSW, searched with a list of `ef` candidates. Milvus Lite's default, 64 for any limit, would
        find no more of the nearest where the limit is larger.
        """
        found = self._ask(
            "search",
            data=queries.astype(np.float32),
            anns_field=vector_field(modality),
            limit=limit,
            filter=_both(f"{has_field(modality)} == true", where),
            search_params={"metric_type": "IP", "params": {"ef": max(_LEAST_EF, _EF * limit)}},
            **_STRONG,
        )
        return [[hit["id"] for hit in hits] for hits in found]

    def smallest_bases(self, limit: int, where: str = "") -> list[str]:
        """Return the ids of the items with the smallest bases; of equal ones those with the lower id, if few are.

        Not every Milvus sorts, but all count: bisection finds a bound that enough items do not exceed, and not many
        more. It is cached.
        """
        most = min(2 * limit, MOST)
        bound = self._bounds.get((limit, where))
        counted = 0 if bound is None else self.count(_both(f"base <= {bound!r}", where))
        if bound is None or not limit <= counted <= most:
            bound, counted = self._bound_of(limit, most, where)
        self._bounds[limit, where] = bound
        if counted <= most:
            found = self._bases(_both(f"base <= {bound!r}", where), counted)
        else:  # so many share one base, of which any will do
            found = self._bases(_both(f"base < {bound!r}", where), limit)
            if len(found) < limit:
                found += self._bases(_both(f"base == {bound!r}", where), limit - len(found))
        return [item for _, item in sorted(found)[:limit]]

    def _bound_of(self, limit: int, most: int, where: str) -> tuple[float, int]:
        """Return a base that `limit` items or more do not exceed, and how many: up to `most` unless many share it."""
        if (counted := self.count(_both("base <= 0.0", where))) >= limit:
            return 0.0, counted
        least, bound, counted = 0.0, 2.0, MOST + 1
        while not limit <= counted <= most and (middle := (least + bound) / 2) not in (least, bound):
            below = self.count(_both(f"base <= {middle!r}", where))
            if below >= limit:
                bound, counted = middle, below
            else:
                least = middle
        return bound, counted

    def take(self, layout: Layout, ids: Sequence[str]) -> tuple[list[str], Float[np.ndarray, "n m d"]]:
        """Return those of the items that exist, by ascending id, with their vectors."""
        fields = _vector_fields(layout)
        rows = []
        for start in range(0, len(ids), layout.batch):
            rows += self._among(ids[start : start + layout.batch], fields)
        return _as_arrays(layout, sorted(rows, key=lambda row: str(row["id"])))

    def scan(self, layout: Layout, where: str = "") -> Iterator[tuple[list[str], Float[np.ndarray, "n m d"]]]:
        """Yield all items in batches, as `take` returns them.

        pymilvus's own iterator fails on ids with quotes.
        """
        shares = 1 + 2 * self.count(where) // layout.batch  # half a batch each, or nearly
        bounds = [SLOTS * number // shares for number in range(shares + 1)]
        for start, stop in itertools.pairwise(bounds):
            within = _both(f"slot >= {start} and slot < {stop}", where)
            rows = self._ask("query", filter=within, output_fields=_vector_fields(layout), limit=MOST, **_STRONG)
            if rows:
                yield _as_arrays(layout, rows)

    def _bases(self, where: str, limit: int) -> list[tuple[float, str]]:
        rows = self._ask("query", filter=where, output_fields=["id", "base"], limit=limit, **_STRONG)
        return [(row["base"], row["id"]) for row in rows]

    def _among(self, ids: Sequence[str], fields: list[str]) -> list[Row]:
        listed = ", ".join(_quoted(item) for item in ids)
        return list(self._ask("query", filter=f"id in [{listed}]", output_fields=fields, **_STRONG) if ids else ())

    def _ask(self, method: str, *args: Any, **options: Any) -> Any:
        return self.connection.ask(method, self.name, *args, **options)


def vector_field(modality: str) -> str:
    """Return the name of the field with a modality's vectors."""
    return _VECTOR + _spelled(modality)


def has_field(modality: str) -> str:
    """Return the name of the field that flags whether an item has a modality."""
    return _HAS + _spelled(modality)


def _spelled(modality: str) -> str:
    """Encode a name in the characters of a field's; `_modality` decodes it."""
    return "".join(
        character
        if character.isascii() and character.isalnum()
        else "__"
        if character == "_"
        else f"_x{ord(character):x}_"
        for character in modality
    )


def _modality(spelled: str) -> str:
    return re.sub("__|_x([0-9a-f]+)_", lambda found: chr(int(found[1], 16)) if found[1] else "_", spelled)


def _quoted(text: str) -> str:
    return f'"{"".join(_ESCAPES.get(character, character) for character in text)}"'


def _both(condition: str, other: str) -> str:
    return f"{condition} and {other}" if other else condition


def _vector_fields(layout: Layout) -> list[str]:
    return ["id", *(field(name) for name in layout.modalities for field in (vector_field, has_field))]


def _as_arrays(layout: Layout, rows: Sequence[Row]) -> tuple[list[str], Float[np.ndarray, "n m d"]]:
    """Return ids, and vectors with NaN where an item lacks a modality."""
    vectors = np.full((len(rows), len(layout.modalities), layout.d), np.nan, dtype=np.float32)
    for place, name in enumerate(layout.modalities):
        vector, has = vector_field(name), has_field(name)
        for number, row in enumerate(rows):
            if row[has]:
                vectors[number, place] = row[vector]
    return [row["id"] for row in rows], vectors
