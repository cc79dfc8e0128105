"""Writes tests/goldens/int8/: a tiny ViT as a folder in timm-hub layout, and its checkpoint in fp16 and in int8.

    python tests/oracle/make_int8_goldens.py

numpy rounds and quantizes, Hugging Face's library writes the files: what `vitreous convert` makes of the fp32 file must
have the same bytes in every tensor. The int8 file follows docs/int8-safetensors.md with the tensors in that library's own
order (every F32 before every I8). dequantized.npy is timm's embedding of the generated image `input` with the weights
that the int8 file stands for.
"""
import json
import re

import numpy as np
import torch
from safetensors.numpy import save_file
from timm.models.vision_transformer import VisionTransformer

from generated import generate, inputs
from golden_io import GoldenFolder

DIM, DEPTH, HEADS, PATCH, IMAGE, CLASSES = 12, 2, 3, 8, 16, 5  # 12: no multiple of the kernels' 8
CONFIG = {
    "architecture": "vit_tiny_patch16_224",
    "num_classes": CLASSES,
    "model_args": {"embed_dim": DIM, "depth": DEPTH, "num_heads": HEADS, "patch_size": PATCH, "img_size": IMAGE},
    "pretrained_cfg": {"tag": "test", "input_size": [3, IMAGE, IMAGE], "license": "cc0-1.0"},
}
# Ties between two halves, subnormal halves and ties between them, the ends of the ranges.
HARD = [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-11 + 2**-23, 2**-25, 2**-25 + 2**-48, 3 * 2**-25, -(2**-24), -0.0, 1e-9,
        2**-14 - 2**-25, 2**-14 - 2**-26, 1023.75 * 2**-24, 2047.9999, -65503.0, 65504.0, 1e-40]


def tensors(model: torch.nn.Module) -> dict[str, np.ndarray]:
    values = {name: generate(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()}
    values["norm.bias"][:] = HARD[:DIM]
    values["head.bias"][:4] = HARD[DIM:]
    values["blocks.0.attn.qkv.weight"][3] = 0  # a channel of zeros: scale 0
    values["blocks.0.attn.qkv.weight"][4] *= np.float32(1e-31)  # and one below what is quantized
    return values


def quantize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric, 127 steps per output channel, in float32 throughout, to nearest even."""
    most = np.abs(weight).max(axis=1)
    most[most < np.float32(1e-30)] = 0
    scale = most / np.float32(127)
    inverse = np.divide(np.float32(127), most, out=np.zeros_like(most), where=most > 0)
    return np.rint(weight * inverse[:, None]).astype(np.int8), scale


def main() -> None:
    model = VisionTransformer(IMAGE, PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS, num_classes=CLASSES).eval()
    fp32 = tensors(model)
    int8, dequantized = {}, {}
    for name, value in fp32.items():
        int8[name] = dequantized[name] = value
        if re.fullmatch(r"blocks\.\d+\.(attn\.qkv|attn\.proj|mlp\.fc1|mlp\.fc2)\.weight", name):
            int8[name], scale = quantize(value)
            int8[f"{name}_scale"] = scale
            dequantized[name] = int8[name] * scale[:, None]
    model.load_state_dict({name: torch.from_numpy(value) for name, value in dequantized.items()})
    with torch.inference_mode():
        embedding = model.forward_head(model.forward_features(inputs(1, IMAGE)), pre_logits=True).numpy()

    golden = GoldenFolder("int8", "make_int8_goldens.py")
    golden.save("dequantized", embedding, "embedding of the generated image")
    golden.save_json("config", CONFIG, "of the tiny model, in timm-hub layout")
    golden.save_text("labels", "one\ntwo\nthree\nfour\nfive\n", "of its five classes")
    metadata = {"format": "vitreous-int8", "version": "1", "config": json.dumps(CONFIG)}
    files = {
        "model": (fp32, {"format": "pt"}, "its weights in fp32"),
        "fp16": ({name: value.astype("<f2") for name, value in fp32.items()}, {"format": "pt"}, "in fp16"),
        "int8": (int8, metadata, "in int8"),
    }
    for name, (values, about, description) in files.items():
        save_file(values, golden.path / f"{name}.safetensors", metadata=about)
        golden.meta["files"][f"{name}.safetensors"] = description
    golden.close()


if __name__ == "__main__":
    main()
