"""The counter-based generator of weights and inputs: numpy's copy of the one that README.md specifies.

A tensor is a function of its name and shape alone, so timm, C++ and JavaScript all make the full-size model
without a 343 MB file between them. The other copies: tests/cpp/support/generated.h,
tests/js/support/generated.mjs. tests/goldens/generated/ holds all three to the same bits.
"""
import math

import numpy as np
import torch

U32 = np.uint32


def fnv1a(name: str) -> int:
    """FNV-1a 32 of the name's UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def mix(x: np.ndarray) -> np.ndarray:
    """MurmurHash3's 32-bit finalizer; multiplications wrap."""
    x = x ^ (x >> U32(16))
    x = x * U32(0x85EBCA6B)
    x = x ^ (x >> U32(13))
    x = x * U32(0xC2B2AE35)
    return x ^ (x >> U32(16))


def unit(name: str, count: int) -> np.ndarray:
    """`count` float32 values in [-1, 1), multiples of 2^-23, so every step is exact.

    The counter is mixed once before the name comes in: with one round only, two tensors would be the same
    sequence at different offsets, and of a model's 11,000 pairs of tensors a few would share a stretch.
    """
    counter = np.arange(count, dtype=U32) * U32(0x9E3779B9)
    bits = mix(mix(counter) ^ U32(fnv1a(name)))
    return (bits >> U32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def offset_and_scale(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """The rule for a tensor, by its name in timm's state_dict ("input", "input.1", …: images of a batch)."""
    leaf = name.rsplit(".", 1)[-1]
    if name == "input" or name.startswith("input."):
        return 0.0, math.sqrt(3.0)  # variance 1
    if leaf == "bias":
        return 0.0, 0.1
    if leaf == "gamma":  # layer scale
        return 0.5, 0.2
    if leaf in ("pos_embed", "cls_token", "reg_token"):
        return 0.0, 0.5 * math.sqrt(3.0)  # standard deviation 0.5
    if leaf == "weight" and len(shape) == 1:  # LayerNorm
        return 1.0, 0.2
    if leaf == "weight":  # variance 1 / fan_in: keeps unit activations at unit variance
        return 0.0, math.sqrt(3.0 / math.prod(shape[1:]))
    raise ValueError(f"no rule for the tensor {name!r}: add one here, in generated.h, generated.mjs and README.md")


def generate(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 tensor of that name and shape, C order."""
    offset, scale = offset_and_scale(name, shape)
    values = unit(name, math.prod(shape)) * np.float32(scale)
    return (np.float32(offset) + values).reshape(shape) if offset else values.reshape(shape)


def checksum(tensor: np.ndarray) -> int:
    """Sum of bits(values[i]) * (2 i + 1) mod 2^32, with bits() the float32 as an integer.

    The odd factors make any one changed value show, and make the order of the values count.
    """
    bits = np.ascontiguousarray(tensor, "<f4").reshape(-1).view("<u4")
    return int((bits * (np.arange(bits.size, dtype=U32) * U32(2) + U32(1))).sum(dtype=U32))


def load_generated(model: torch.nn.Module) -> torch.nn.Module:
    """Gives every tensor of the model its generated values, strictly: none missing, none extra."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tensors = {name: torch.from_numpy(generate(name, shape)) for name, shape in shapes.items()}
    model.load_state_dict(tensors, strict=True)
    return model.eval()


def inputs(count: int, size: int) -> torch.Tensor:
    """A batch of `count` generated images, (count, 3, size, size), of unit variance as normalised photos are."""
    names = ["input" if i == 0 else f"input.{i}" for i in range(count)]
    return torch.from_numpy(np.stack([generate(name, (3, size, size)) for name in names]))
