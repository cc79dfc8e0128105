"""Reads and writes indexes by docs/index-format.md alone.

    python tests/oracle/index_file.py FILE      prints what is in it, a line of JSON an entry
"""
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

MAGIC = b"\x89VIX\r\n\x1a\n"
HEADER, ENTRIES, VECTORS, REMOVE, CLEAR, TRAINING, COMMIT = range(1, 8)


def records(data: bytes):
    assert data[:8] == MAGIC, "not an index"
    at = 8
    while at < len(data):
        magic, crc, kind, batch, number, length = struct.unpack_from("<4s5I", data, at)
        assert magic == b"VREC" and zlib.crc32(data[at + 8 : at + 24 + length]) == crc, f"damaged at {at}"
        yield kind & 255, batch, number, data[at + 24 : at + 24 + length]
        at += (24 + length + 7) // 8 * 8


def rows(header: dict, payload: bytes) -> np.ndarray:
    dim = header["dim"]
    raw = np.frombuffer(payload, np.uint8).reshape(-1, header["rowBytes"])
    if header["storage"] == "fp32" or header["keep"]:
        return raw.view("<f4")
    if header["storage"] == "int8":
        scale = raw[:, dim:].copy().view("<f4")
        return raw[:, :dim].view(np.int8).astype(np.float32) * scale
    signs = np.unpackbits(raw, axis=1, count=dim, bitorder="little").astype(np.float64)
    return ((2 * signs - 1) / np.sqrt(dim)).astype(np.float32)


def read(path: Path) -> tuple[dict, list[tuple[str, object, np.ndarray]]]:
    """The header, and of each entry id, metadata (None if there is none) and vector."""
    header, entries, batch = None, {}, []
    for kind, _, number, payload in records(path.read_bytes()):
        if kind == HEADER:
            header = json.loads(payload)
        elif kind != COMMIT:
            batch.append((kind, number, payload))
        else:
            assert number == len(batch)
            for kind, number, payload in batch:
                if kind == CLEAR:
                    entries.clear()
                if kind == REMOVE:
                    for removed in struct.unpack(f"<{len(payload) // 4}I", payload):
                        entries.pop(removed, None)
                if kind == ENTRIES:
                    described = json.loads(payload)
                if kind == VECTORS:
                    for i, (entry, vector) in enumerate(zip(described, rows(header, payload), strict=True)):
                        entries[number + i] = entry["id"], entry.get("metadata"), vector
            batch = []
    return header, [entry for _, entry in sorted(entries.items())]


def record(kind: int, batch: int, number: int, payload: bytes) -> bytes:
    covered = struct.pack("<4I", kind, batch, number, len(payload)) + payload
    data = b"VREC" + struct.pack("<I", zlib.crc32(covered)) + covered
    return data + bytes(-len(data) % 8)


def write(path: Path, header: dict, entries: list[dict], packed: bytes) -> None:
    """One batch with all entries; `packed` are their rows."""
    head = record(HEADER, 0, 0, json.dumps(header).encode())
    batch = [record(ENTRIES, 1, 0, json.dumps(entries).encode()), record(VECTORS, 1, 0, packed)]
    path.write_bytes(MAGIC + head + head + b"".join(batch) + record(COMMIT, 1, len(batch), b""))


if __name__ == "__main__":
    for id, metadata, vector in read(Path(sys.argv[1]))[1]:
        print(json.dumps({"id": id, "metadata": metadata, "vector": [float(x) for x in vector]}))
