"""Where goldens are written and how: plain little-endian .npy v1.0 and a meta.json that says what made them."""
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[2]
GOLDENS = REPO / "tests" / "goldens"
FIXTURES = REPO / "tests" / "fixtures"
PACKAGES = ("torch", "torchvision", "timm", "numpy", "Pillow", "safetensors")


def versions(*more: str) -> dict[str, str]:
    # "+cpu" and the like name a build of the same source.
    return {"python": platform.python_version()} | {name: version(name).split("+")[0] for name in PACKAGES + more}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class GoldenFolder:
    """One folder under tests/goldens/: arrays by name, then close() writes its meta.json."""

    def __init__(self, name: str, script: str, **about: object):
        self.path = GOLDENS / name
        self.path.mkdir(parents=True, exist_ok=True)
        for old in self.path.iterdir():
            old.unlink()
        self.meta = {"command": f"python tests/oracle/{script}", "versions": versions()} | about | {"files": {}}

    def save(self, name: str, array: np.ndarray, about: str) -> None:
        """Writes NAME.npy (float32, float64 or uint16); `about` says what it is, for meta.json."""
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        with open(self.path / f"{name}.npy", "wb") as file:
            np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
        shape = " x ".join(map(str, array.shape))
        self.meta["files"][f"{name}.npy"] = f"{array.dtype.name} {shape}: {about}"

    def save_json(self, name: str, value: object, about: str) -> None:
        write_json(self.path / f"{name}.json", value)
        self.meta["files"][f"{name}.json"] = about

    def save_text(self, name: str, text: str, about: str) -> None:
        (self.path / f"{name}.txt").write_text(text, encoding="utf-8")
        self.meta["files"][f"{name}.txt"] = about

    def close(self) -> None:
        write_json(self.path / "meta.json", self.meta)
