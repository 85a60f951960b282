"""What a Parquet file's footer claims, read here: Arrow ends the process at some damaged ones, instead of an error.

The footer is a Thrift struct in the compact protocol (apache/thrift, doc/specs/thrift-compact-protocol.md) with the
fields of apache/parquet-format, parquet.thrift.
"""

import struct
from typing import IO, Any, NamedTuple

_MAGIC = b"PAR1"
_LONGEST = 256 * 2**20  # bytes of a footer
_DEEPEST = 32
_ROW_GROUPS, _COLUMNS, _METADATA, _VALUES, _UNPACKED, _PACKED = 4, 1, 3, 5, 6, 7


class Claims(NamedTuple):
    """How many values all columns have together, and how many bytes they have unpacked and packed."""

    values: int
    unpacked: int
    packed: int


def read_claims(file: IO[bytes], size: int) -> Claims:
    """Return what the footer of a Parquet file of `size` bytes claims.

    Raises:
        ValueError: no such footer, or a damaged one.
    """
    file.seek(max(0, size - 8))
    end = file.read(8)
    if len(end) < 8 or end[4:] != _MAGIC:
        raise ValueError("it does not end as Parquet does")
    length = struct.unpack("<L", end[:4])[0]
    if length > min(size - 8, _LONGEST):
        raise ValueError(f"its footer claims {length:,} bytes")
    file.seek(size - 8 - length)
    footer = _Compact(file.read(length)).struct(0)
    values = unpacked = packed = 0
    for group in _list(footer, _ROW_GROUPS):
        for column in _list(group, _COLUMNS):
            metadata = column.get(_METADATA) if isinstance(column, dict) else None
            if isinstance(metadata, dict):
                values += _count(metadata, _VALUES)
                unpacked += _count(metadata, _UNPACKED)
                packed += _count(metadata, _PACKED)
    return Claims(values, unpacked, packed)


def _list(fields: Any, number: int) -> list[Any]:
    found = fields.get(number) if isinstance(fields, dict) else None
    return found if isinstance(found, list) else []


def _count(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number, 0)
    if not isinstance(value, int) or value < 0:
        raise ValueError("its footer is damaged")
    return value


class _Compact:
    """Values of Thrift's compact protocol: a struct as a dict by field number, a list as a list."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def _byte(self) -> int:
        if self.place >= len(self.data):
            raise ValueError("its footer is cut short")
        self.place += 1
        return self.data[self.place - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ValueError("its footer is damaged")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, length: int) -> None:
        if length > len(self.data) - self.place:
            raise ValueError("its footer is cut short")
        self.place += length

    def struct(self, depth: int) -> dict[int, Any]:
        """Return the struct that starts here."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 0x0F
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("its footer is nested too deeply")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 12:
            return self.struct(depth)
        if kind in (9, 10):
            head = self._byte()
            length = head >> 4 if head >> 4 < 15 else self._varint()
            if length > len(self.data) - self.place:
                raise ValueError("its footer is cut short")
            return [self._value(head & 0x0F, depth + 1) for _ in range(length)]
        if kind not in (7, 8):  # parquet.thrift has neither maps nor uuids
            raise ValueError(f"its footer has a field of kind {kind}")
        self._skip(8 if kind == 7 else self._varint())
        return None
