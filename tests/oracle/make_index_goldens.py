"""Writes tests/goldens/index/: indexes as docs/index-format.md describes them, and what NumPy finds in them.

    python tests/oracle/make_index_goldens.py
"""
import numpy as np

from golden_io import GoldenFolder
from index_file import rows, write

DIM, COUNT, QUERIES, K = 20, 60, 8, 10

golden = GoldenFolder("index", "make_index_goldens.py")
random = np.random.default_rng(7)
vectors = random.standard_normal((COUNT, DIM)).astype(np.float32)
vectors[41] = vectors[7]  # a tie: the one that was added first comes first
vectors /= np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True).astype(np.float32)
queries = random.standard_normal((QUERIES, DIM)).astype(np.float32)
entries = [{"id": f"größe {i}", "metadata": {"year": 2000 + i % 25}} for i in range(COUNT)]
golden.save("queries", queries, "what is searched for")


def packed(storage: str, keep: bool) -> np.ndarray:
    if storage == "fp32" or keep:
        return vectors.view(np.uint8)
    if storage == "int8":
        scale = np.abs(vectors).max(axis=1, keepdims=True) / np.float32(127)
        return np.hstack([np.rint(vectors / scale).astype(np.int8).view(np.uint8), scale.view(np.uint8)])
    return np.packbits(vectors > 0, axis=1, bitorder="little")


def top(stored: np.ndarray) -> dict:
    """The exact nearest by cosine, in float64; ties by row."""
    unit = stored.astype(np.float64)
    scaled = queries.astype(np.float64)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    scores = scaled @ unit.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return {"ids": [[entries[i]["id"] for i in row] for row in order], "scores": np.take_along_axis(scores, order, 1).tolist()}


found = {}
for storage, keep in [("fp32", False), ("int8", True), ("binary", True), ("int8", False), ("binary", False)]:
    name = f"{storage}{'_keep' if keep else ''}"
    data = np.ascontiguousarray(packed(storage, keep))
    header = {"version": 1, "dim": DIM, "metric": "cosine", "storage": storage, "keep": keep, "rowBytes": data.shape[1], "fingerprint": None}
    write(golden.path / f"{name}.vix", header, entries, data.tobytes())
    golden.meta["files"][f"{name}.vix"] = f"{COUNT} vectors of {DIM} numbers"
    stored = rows(header, data.tobytes())
    if storage == "fp32" or keep:
        found[name] = top(stored)
    else:
        golden.save(name, stored, f"the vectors of {name}.vix")
golden.save_json("found", found, f"the {K} nearest of each query, by file")
golden.close()
