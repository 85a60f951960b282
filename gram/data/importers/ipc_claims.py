"""How much the compressed buffers of Arrow data claim to unpack to: Arrow itself allocates what they say.

A message is a flatbuffer (apache/arrow, format/Message.fbs); in a compressed batch each buffer starts with eight bytes
that say its unpacked length, or -1 where it is stored as it is.
"""

import struct

import pyarrow as pa

_HEADER, _DATA, _BUFFERS, _COMPRESSION = 2, 1, 2, 3  # numbers of fields: of Message, DictionaryBatch, RecordBatch


def claimed(message: pa.ipc.Message) -> int:
    """Return how many bytes the buffers of a message take once they are unpacked; those stored as they are count 0.

    Raises:
        struct.error: the message is damaged.
    """
    if message.type not in ("record batch", "dictionary"):
        return 0
    data = memoryview(message.metadata)
    batch = _table(data, _offset(data, 0), _HEADER)
    if message.type == "dictionary" and batch is not None:
        batch = _table(data, batch, _DATA)
    if batch is None or _field(data, batch, _COMPRESSION) is None:
        return 0
    vector = _table(data, batch, _BUFFERS)
    if vector is None or message.body is None:
        return 0
    body, total = memoryview(message.body), 0
    for number in range(struct.unpack_from("<L", data, vector)[0]):
        start, length = struct.unpack_from("<qq", data, vector + 4 + 16 * number)
        if length >= 8:
            total += max(0, struct.unpack_from("<q", body, start)[0])
    return total


def _offset(data: memoryview, place: int) -> int:
    return place + int(struct.unpack_from("<L", data, place)[0])


def _field(data: memoryview, table: int, number: int) -> int | None:
    """Return where a field of a table lies; None where it is not given."""
    layout = table - struct.unpack_from("<l", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, layout)[0]:
        return None
    place = struct.unpack_from("<H", data, layout + 4 + 2 * number)[0]
    return table + int(place) if place else None


def _table(data: memoryview, table: int, number: int) -> int | None:
    """Return where the table or vector that a field refers to starts."""
    field = _field(data, table, number)
    return None if field is None else _offset(data, field)
