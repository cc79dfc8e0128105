"""Runs a timm VisionTransformer in fp32 and keeps what the goldens need of its inside."""
import json

import numpy as np
import safetensors.torch
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from timm.utils import AttentionExtract

from generated import load_generated
from golden_io import REPO

NANO = "vit_nano_patch16_224"
NANO_FOLDER = REPO / "models" / NANO
NANO_WEIGHTS = NANO_FOLDER / "model.safetensors"


def dino(name: str) -> VisionTransformer:
    """A timm DINO model with generated weights. Its head is an Identity: forward gives the embedding."""
    return load_generated(timm.create_model(name, pretrained=False))


def nano(**arguments: object) -> VisionTransformer:
    """The packaged small model: the fp16 weights that ship, computed in fp32; `arguments` as of create_model."""
    config = json.loads((NANO_FOLDER / "config.json").read_text())
    model = timm.create_model(
        config["architecture"],
        pretrained=False,
        pretrained_cfg=config["pretrained_cfg"],
        num_classes=config["num_classes"],
        **config["model_args"] | arguments,
    )
    weights = safetensors.torch.load_file(NANO_WEIGHTS)
    assert all(tensor.dtype == torch.float16 for tensor in weights.values())
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, strict=True)
    return model.eval()


def count(model: torch.nn.Module) -> tuple[int, int]:
    """(tensors, parameters) of its state_dict."""
    tensors = model.state_dict().values()
    return len(tensors), sum(tensor.numel() for tensor in tensors)


@torch.no_grad()
def block_outputs(model: VisionTransformer, images: torch.Tensor) -> np.ndarray:
    """(depth, tokens, dim): what each block returns for the first image, before the final norm."""
    outputs = []
    keep = lambda _block, _input, output: outputs.append(output[0].numpy())
    hooks = [block.register_forward_hook(keep) for block in model.blocks]
    model(images[:1])
    for hook in hooks:
        hook.remove()
    return np.stack(outputs)


@torch.no_grad()
def cls_attention(model: VisionTransformer, images: torch.Tensor) -> np.ndarray:
    """(depth, heads, patches): softmaxed attention of the CLS query on the patches, for the first image.

    The softmax runs over all tokens, so a row sums to 1 minus the weight that CLS gives itself.
    """
    fused = [block.attn.fused_attn for block in model.blocks]
    for block in model.blocks:
        block.attn.fused_attn = False  # the fused kernel never forms the matrix
    extract = AttentionExtract(model, method="hook")
    maps = np.stack([attention[0, :, 0, 1:].numpy() for attention in extract(images[:1]).values()])
    for block, value in zip(model.blocks, fused):
        block.attn.fused_attn = value
    return maps


def fraction16(values: np.ndarray) -> np.ndarray:
    """round(x * 65536) mod 65536 as uint16: two bytes that place x within 2^-17, up to a whole number."""
    return (np.rint(values.astype(np.float64) * 65536).astype(np.int64) & 0xFFFF).astype(np.uint16)


def describe_activations(blocks: np.ndarray, attention: np.ndarray) -> None:
    """Prints how trained the activations look: growing but tame blocks, attention neither flat nor one-hot."""
    most = np.log(attention.shape[-1])
    for i, (block, heads) in enumerate(zip(blocks, attention)):
        p = heads / heads.sum(-1, keepdims=True)
        entropy = -(p * np.log(p)).sum(-1)
        print(
            f"  block {i:2d}: std {block.std():6.3f}  max |x| {np.abs(block).max():7.2f}",
            f"  CLS attention entropy {entropy.min():.2f}..{entropy.max():.2f} of {most:.2f}",
            f"  largest weight {heads.max():.3f}",
        )
