"""Reads what `vitreous convert` makes with Hugging Face's safetensors, and compares it with numpy's own rounding.

    npm run build && python tests/oracle/check_converted.py

Not part of `npm test`, which has no Python; the goldens of make_int8_goldens.py hold the same there.
"""
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from golden_io import GOLDENS, REPO
from make_int8_goldens import quantize

PACKAGED = REPO / "models" / "vit_nano_patch16_224"


def check(source: Path, dtype: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["node", REPO / "dist" / "cli.mjs", "convert", source, out, "--dtype", dtype]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        made = load_file(out / "model.safetensors")
        with safe_open(out / "model.safetensors", "numpy") as file:
            metadata = file.metadata()
        config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert metadata["format"] == ("vitreous-int8" if dtype == "int8" else "pt"), metadata
    assert dtype == "fp16" or json.loads(metadata["config"]) == config
    original = load_file(source / "model.safetensors")
    scales = 0
    for name, value in original.items():
        if dtype == "fp16":
            expected = value.astype("<f2")
        elif f"{name}_scale" in made:
            expected, scale = quantize(value.astype("<f4"))
            assert np.array_equal(made[f"{name}_scale"], scale), name
            scales += 1
        else:
            expected = value.astype("<f4")
        assert made[name].dtype == expected.dtype and made[name].tobytes() == expected.tobytes(), name
    assert len(made) == len(original) + scales
    print(f"{source.name} as {dtype}: {len(original)} tensors, {scales} of them with scales, as numpy has them")


if __name__ == "__main__":
    for source in (PACKAGED, GOLDENS / "int8"):
        for dtype in ("fp16", "int8"):
            check(source, dtype)
