"""Reads an exported index, FOLDER with index.parquet, vectors.npy and entries.jsonl; prints what is in it as JSON.

    python read.py FOLDER
"""
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet

folder = Path(sys.argv[1])
table = pyarrow.parquet.read_table(folder / "index.parquet").to_pydict()
vectors = np.load(folder / "vectors.npy")
assert vectors.dtype == np.float32, vectors.dtype
lines = [json.loads(line) for line in (folder / "entries.jsonl").read_text(encoding="utf-8").splitlines()]
print(
    json.dumps(
        {
            "parquet": {
                "ids": table["id"],
                "metadata": [text and json.loads(text) for text in table["metadata"]],
                "vectors": table["vector"],
            },
            "npy": {
                "ids": [line["id"] for line in lines],
                "metadata": [line.get("metadata") for line in lines],
                "vectors": vectors.tolist(),
            },
        }
    )
)
