"""Every output of every model that has a name here, at three sizes, for tests/parity/.

    python tests/oracle/make_parity_goldens.py

Models that differ in nothing but training, classes and preprocessing share a backbone, and its goldens: weights are
generated from names and shapes. index.json says which; and per backbone and size the outputs in their order in the file
BACKBONE_HEIGHTxWIDTH.npy, each `[name, shape]`. Of an output the file has

- values: at most 256 of one vector, 64 of more, those at `sample(count, most)`;
- L2 norms of rows: at most 32, those at `sample(rows, 32)`. A row is an index of all dimensions but the last, or the
  last two of four: a token's features, a channel's map, a head's map.

Any wrong part of an output touches a value with a fair chance, and the norms of the rows it is in.
"""
import json
import math

import numpy as np
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

import reference
from generated import generate, load_generated
from golden_io import GoldenFolder
from make_registry_goldens import NAMES

# (height, width) in patches beside the native size, which has 14 x 14, 28 x 28 or 37 x 37.
GRIDS = ((16, 16), (8, 13))
# Arguments of forward_intermediates.
SETTINGS = {
    "last_four": {"indices": 4},
    "ends_normed": {"indices": [0, -1], "norm": True, "output_fmt": "NLC"},
    "prefix": {"indices": [3], "return_prefix_tokens": True},
    "early": {"indices": [2], "stop_early": True, "intermediates_only": True},
    "all_normed": {"indices": None, "norm": True, "output_fmt": "NLC", "intermediates_only": True},
}
VALUES_OF_VECTOR, VALUES, ROWS = 256, 64, 32


def sample(count: int, most: int) -> np.ndarray:
    """All of `count` indices, or `most` different ones all over them: the multiplier is a prime."""
    return np.arange(count) if count <= most else np.arange(most, dtype=np.int64) * 2654435761 % count


def condense(output: np.ndarray) -> np.ndarray:
    values = output.reshape(-1)
    rows = output.reshape(math.prod(output.shape[: 2 if output.ndim == 4 else -1]), -1).astype(np.float64)
    vector = output.ndim == 2
    kept = values[sample(values.size, VALUES_OF_VECTOR if vector else VALUES)]
    norms = np.linalg.norm(rows[sample(len(rows), ROWS)], axis=1)
    return np.concatenate([kept, norms.astype(np.float32)])


def backbones() -> dict[str, dict[str, int]]:
    """Architecture → the models that have its backbone, with their number of classes."""
    groups: dict[str, dict[str, int]] = {}
    for name in NAMES:
        with torch.device("meta"):
            classes = timm.create_model(name).num_classes
            model = timm.create_model(name, num_classes=0)
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        alike = f"{model} {shapes} {model.no_embed_class} {model.global_pool} {model.blocks[0].attn.num_heads}"
        groups.setdefault(alike, {})[name] = classes
    return {next(iter(members)).split(".")[0]: members for members in groups.values()}


def outputs(model: VisionTransformer, heads: list[int], image: torch.Tensor) -> dict[str, torch.Tensor]:
    """`forward_N` is model(x) of a member with N classes: timm's forward is these two calls."""
    features = model.forward_features(image)
    found = {"features": features, "pre_logits": model.forward_head(features, pre_logits=True)}
    for classes in heads:
        if model.num_classes != classes:
            model.reset_classifier(classes)
            load_generated(model)
        found[f"forward_{classes}"] = model.forward_head(features)
    for name, arguments in SETTINGS.items():
        result = model.forward_intermediates(image, **arguments)
        final, intermediates = (None, result) if arguments.get("intermediates_only") else result
        if final is not None:
            assert torch.equal(final, features)
        for i, intermediate in enumerate(intermediates):
            patches, prefix = intermediate if arguments.get("return_prefix_tokens") else (intermediate, None)
            found[f"{name}.{i}"] = patches
            if prefix is not None:
                found[f"{name}.{i}.prefix"] = prefix
    return found


def attention(model: VisionTransformer, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """CLS's attention to the patches in the first and the last layer, (1, heads, rows, columns)."""
    maps = reference.cls_attention(model, image)[:, :, model.num_prefix_tokens - 1 :]
    grid = model.patch_embed.dynamic_feat_size(tuple(image.shape[2:]))
    shape = (1, maps.shape[1], *grid)
    return {f"attention.{layer}": torch.from_numpy(maps[layer].reshape(shape)) for layer in (0, -1)}


def check_created_size(model: VisionTransformer, image: torch.Tensor, pooled: torch.Tensor) -> None:
    """timm's create_model(img_size=…) resamples the position embeddings as dynamic_img_size does."""
    model.set_input_size(img_size=tuple(image.shape[2:]))
    again = model.forward_head(model.forward_features(image), pre_logits=True)
    assert (again - pooled).abs().max() < 1e-5


@torch.no_grad()
def save(folder: GoldenFolder, backbone: str, model: VisionTransformer, members: dict[str, int]) -> dict:
    patch = model.patch_embed.patch_size[0]
    native = model.patch_embed.img_size
    sizes = {}
    for height, width in [native] + [(rows * patch, columns * patch) for rows, columns in GRIDS]:
        image = torch.from_numpy(generate("input", (3, height, width)))[None]
        found = outputs(model, sorted(set(members.values())), image) | attention(model, image)
        data = np.concatenate([condense(output.numpy()) for output in found.values()])
        name = f"{backbone}_{height}x{width}"
        folder.save(name, data, "values and norms of its outputs, as index.json has them")
        sizes[f"{height}x{width}"] = [[key, list(output.shape)] for key, output in found.items()]
        print(f"{name}: {len(found)} outputs, {data.size} numbers", flush=True)
    check_created_size(model, image, found["pre_logits"])
    return {"members": members, "sizes": sizes}


def main() -> None:
    folder = GoldenFolder("parity", "make_parity_goldens.py", settings=SETTINGS)
    index = {}
    for backbone, members in backbones().items():
        first = next(iter(members))
        model = load_generated(timm.create_model(first, pretrained=False, dynamic_img_size=True))
        index[backbone] = save(folder, backbone, model, members)
    model = reference.nano(dynamic_img_size=True)
    index[reference.NANO] = save(folder, reference.NANO, model, {reference.NANO: model.num_classes})
    text = ",\n".join(f"{json.dumps(backbone)}: {json.dumps(about)}" for backbone, about in index.items())
    (folder.path / "index.json").write_text("{\n" + text + "\n}\n")
    folder.meta["files"]["index.json"] = "backbone → members with their classes, and outputs by size"
    folder.close()


if __name__ == "__main__":
    main()
