"""Ways to damage the bytes of a file, some that know its format."""

import gzip
import io
import re
import struct
import warnings
import zipfile
import zlib

INTERESTING = [0, 1, 0x7F, 0x80, 0xFF, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1, 2**64 - 1]
NAMES = [
    "../up.npy",
    "/abs.npy",
    "a/../../b.npy",
    "C:\\x.npy",
    "..\\x.npy",
    "",
    "text.npy",
    "x" * 300,
    "a\0b.npy",
    "é.npy",
]


def mutate(rng, name, data, other):
    """Return damaged `data`, of a file called `name`; `other` is some other file to take pieces from."""
    ways = [flip, truncate, splice, overwrite, remove, repeat]
    suffix = name.rsplit(".", 1)[-1]
    special = {"npz": zip_edit, "zip": zip_edit, "pt": zip_edit, "pth": zip_edit, "npy": header_edit,
               "safetensors": safetensors_edit, "json": text_edit, "jsonl": text_edit, "csv": text_edit,
               "gz": gzip_edit, "mat": mat_edit}.get(suffix)  # fmt: skip
    if special and rng.random() < 0.6:
        return special(rng, data, other)
    for _ in range(rng.integers(1, 4)):
        data = ways[rng.integers(len(ways))](rng, data, other)
    return data


def _place(rng, data):
    """Return a place in data; heads and tails, where formats keep their headers, come more often."""
    n = max(1, len(data))
    kind = rng.random()
    if kind < 0.4:
        return int(rng.integers(min(n, 256)))
    return int(n - 1 - rng.integers(min(n, 256))) if kind < 0.6 else int(rng.integers(n))


def flip(rng, data, other):
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 17))):
        if damaged:
            damaged[_place(rng, damaged)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def truncate(rng, data, other):
    return data[: _place(rng, data)]


def splice(rng, data, other):
    start, end, length = _place(rng, data), int(rng.integers(max(1, len(other)))), int(rng.integers(1, 200))
    return data[:start] + other[end : end + length] + data[start + (length if rng.random() < 0.5 else 0) :]


def overwrite(rng, data, other):
    value, size = INTERESTING[rng.integers(len(INTERESTING))], int(rng.choice([1, 2, 4, 8]))
    start = _place(rng, data)
    value &= 2 ** (8 * size) - 1
    return data[:start] + value.to_bytes(size, "little" if rng.random() < 0.8 else "big") + data[start + size :]


def remove(rng, data, other):
    start = _place(rng, data)
    return data[:start] + data[start + int(rng.integers(1, 100)) :]


def repeat(rng, data, other):
    start, length = _place(rng, data), int(rng.integers(1, 100))
    return data[:start] + data[start : start + length] * int(rng.integers(2, 50)) + data[start:]


def _numbers(rng, text):
    """Return text with one of its whole numbers changed."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text
    one = found[rng.integers(len(found))]
    new = str(rng.choice(["0", "-1", "7", "1000000000000", "99999999999999999999999", "1e400", "NaN", "null", "True"]))
    return text[: one.start()] + new + text[one.end() :]


def header_edit(rng, data, other):
    if data[:6] != b"\x93NUMPY":
        return flip(rng, data, other)
    length = struct.unpack("<H", data[8:10])[0]
    text = data[10 : 10 + length].decode("latin-1")
    swaps = [("'<f4'", "'|O'"), ("'<f4'", "'<U9'"), ("'<f4'", "'|V0'"), ("'<f4'", "'>f8'"), ("'<f4'", "'<c8'"),
             ("False", "True"), ("(", "(" * 40), ("'<f4'", "[('a','<f4')]"), ("'<f4'", "'|S0'"), ("}", "}}"),
             ("'<f4'", "'<M8[s]'"), ("'<f4'", "'|b1'")]  # fmt: skip
    text = text.replace(*swaps[rng.integers(len(swaps))]) if rng.random() < 0.5 else _numbers(rng, text)
    header = text.encode("latin-1")
    return data[:8] + struct.pack("<H", len(header) & 0xFFFF) + header + data[10 + length :]


def safetensors_edit(rng, data, other):
    length = struct.unpack("<Q", data[:8])[0]
    text = data[8 : 8 + length].decode("latin-1")
    swaps = [("F32", "I8"), ("F32", "BOOL"), ("F32", "F64"), ("F32", "X"), ("shape", "shap"), ("text", "__metadata__"),
             ("[", "[" * 500), ("F32", "BF16"), ("text", "video"), ("text", "items.parquet")]  # fmt: skip
    text = text.replace(*swaps[rng.integers(len(swaps))], 1) if rng.random() < 0.4 else _numbers(rng, text)
    header = text.encode("latin-1")
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def text_edit(rng, data, other):
    text = data.decode("latin-1")
    kind = rng.integers(6)
    if kind == 0:
        return _numbers(rng, text).encode("latin-1")
    start = _place(rng, text)
    bits = [
        "[" * 200_000,
        '{"a":' * 5000,
        "\0",
        '"',
        "\r",
        "\ufeff",
        "null",
        "NaN",
        "Infinity",
        ",,,,",
        "\\ud800",
        "]",
        "{}",
    ]
    put = bits[rng.integers(len(bits))]
    return (text[:start] + put + text[start + int(rng.integers(0, 20)) :]).encode("utf-8", "replace")


def gzip_edit(rng, data, other):
    kind = rng.integers(3)
    inner = gzip.decompress(data)
    if kind == 0:
        return gzip.compress(b"0," * 200_000_000, 1) if rng.random() < 0.02 else gzip.compress(inner * 500)
    return gzip.compress(text_edit(rng, inner, other)) if kind == 1 else flip(rng, data, other)


def zip_edit(rng, data, other):
    """Return the archive written anew with one entry changed, or its table of contents damaged."""
    kind = rng.integers(5)
    if kind == 0:
        start = data.rfind(b"PK\1\2") if rng.random() < 0.5 else data.find(b"PK\1\2")
        offset = start + int(rng.choice([8, 10, 20, 24, 28, 38, 42]))
        value = INTERESTING[rng.integers(len(INTERESTING))] & 0xFFFFFFFF
        return data[:offset] + value.to_bytes(4, "little") + data[offset + 4 :]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        entries = source.infolist()
        chosen = int(rng.integers(len(entries)))
        for number, entry in enumerate(entries):
            content, info = source.read(entry), zipfile.ZipInfo(entry.filename)
            info.compress_type = entry.compress_type
            if number == chosen:
                if kind == 1:
                    info.filename = NAMES[rng.integers(len(NAMES))]
                elif kind == 2:
                    info.external_attr = int(rng.choice([0o120777, 0o060666, 0o040755])) << 16
                else:
                    content = _inner(rng, entry.filename, content, other)
            with warnings.catch_warnings(action="ignore"):  # two entries of one name are meant
                target.writestr(info, content, compress_type=info.compress_type)
    return buffer.getvalue()


def _inner(rng, name, content, other):
    suffix = name.rsplit(".", 1)[-1]
    edit = {"npy": header_edit, "csv": text_edit, "pkl": pickle_edit}.get(suffix, flip)
    return edit(rng, content, other) if rng.random() < 0.7 else mutate(rng, "x", content, other)


def pickle_edit(rng, data, other):
    swaps = [(b"FloatStorage", b"HalfStorage"), (b"_rebuild_tensor_v2", b"_rebuild_qtensor"), (b"ctorch\n", b"cos\n"),
             (b"FloatStorage", b"ComplexFloatStorage"), (b"K\x07", b"K\xff"), (b"K\x07", b"J\xff\xff\xff\x7f"),
             (b"collections\nOrderedDict", b"builtins\nbytearray"), (b"\x86", b"\x87"), (b"t", b"l")]  # fmt: skip
    old, new = swaps[rng.integers(len(swaps))]
    return data.replace(old, new, 1)


def mat_edit(rng, data, other):
    """Return a MATLAB 5 file with an element's content changed under its compression."""
    if data[126:128] != b"IM" or len(data) < 140:
        return overwrite(rng, data, other)
    kind, length = struct.unpack("<LL", data[128:136])
    if kind != 15:
        return overwrite(rng, data, other)
    inner = zlib.decompress(data[136 : 136 + length])
    if rng.random() < 0.1:
        inner = inner + b"\0" * 100_000_000
    packed = zlib.compress(mutate(rng, "x", inner, other), 1)
    return data[:128] + struct.pack("<LL", 15, len(packed)) + packed + data[136 + length :]
