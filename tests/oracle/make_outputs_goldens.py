"""What timm's forward has inside: full attention, queries, keys and values, rollout, an early stop; and position
embeddings as facebookresearch/dino resamples them. For tests/cpp/outputs_test.cc.

    python tests/oracle/make_outputs_goldens.py
"""
import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

from generated import generate, load_generated
import reference
from golden_io import GoldenFolder

PLAIN = dict(img_size=96, patch_size=16, embed_dim=64, depth=3, num_heads=2, num_classes=0, dynamic_img_size=True)
MODELS = {"plain": PLAIN, "registers": PLAIN | dict(reg_tokens=2, no_embed_class=True)}
SIZES = [(96, 96), (64, 112)]
ROLLOUTS = [("mean", 0.0), ("max", 0.0), ("min", 0.3), ("mean", 0.3)]
GRIDS = [(30, 30), (7, 7), (10, 21)]
NANO_SIZES = [(16, 16), (16, 1024), (1024, 1024)]


def attention_weights(model: VisionTransformer, image: torch.Tensor) -> tuple[list[np.ndarray], list[dict]]:
    """Of each block: softmax(q k^T / sqrt(d)) as (heads, N, N), and q, k and v as (heads, N, d), from the qkv layer."""
    weights, parts = [], []

    def keep(module, _input, output):
        batch, tokens, columns = output.shape
        q, k, v = output.reshape(batch, tokens, 3, 2, columns // 6).permute(2, 0, 3, 1, 4)[:, 0]
        weights.append(((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1).numpy())
        parts.append({"query": q.numpy(), "key": k.numpy(), "value": v.numpy()})

    hooks = [block.attn.qkv.register_forward_hook(keep) for block in model.blocks]
    model(image)
    for hook in hooks:
        hook.remove()
    return weights, parts


def rollout(weights: list[np.ndarray], fusion: str, discard: float) -> np.ndarray:
    """Abnar & Zuidema 2020; head fusion and discarding as in jacobgil/vit-explain vit_rollout.py, in float64."""
    result = None
    for layer in weights:
        fused = getattr(layer.astype(np.float64), fusion)(axis=0)
        flat = fused.reshape(-1)
        smallest = np.argsort(flat, kind="stable")[: int(flat.size * discard)]
        flat[smallest[smallest != 0]] = 0
        a = (fused + np.eye(len(fused))) / 2
        a /= a.sum(axis=-1, keepdims=True)
        result = a if result is None else a @ result
    return result[0]


@torch.no_grad()
def main() -> None:
    folder = GoldenFolder("outputs", "make_outputs_goldens.py", models=MODELS)
    for name, arguments in MODELS.items():
        model = load_generated(VisionTransformer(**arguments))
        prefix = model.num_prefix_tokens
        for height, width in SIZES:
            at = f"{name}_{height}x{width}"
            image = torch.from_numpy(generate("input", (3, height, width)))[None]
            weights, parts = attention_weights(model, image)
            folder.save(f"{at}_attention", weights[1], "block 1: all tokens to all, by head")
            for part in ("query", "key", "value"):
                folder.save(f"{at}_{part}", parts[2][part], f"block 2: {part} by head")
            for fusion, discard in ROLLOUTS:
                mass = rollout(weights, fusion, discard)[prefix:].astype(np.float32)
                folder.save(f"{at}_rollout_{fusion}_{discard:g}", mass, "CLS to patches through all blocks")
            early, _ = model.forward_intermediates(image, indices=[1], stop_early=True)
            folder.save(f"{at}_early", early[0].numpy(), "final features of forward_intermediates([1], stop_early=True)")
    nano = reference.nano(dynamic_img_size=True)
    for height, width in NANO_SIZES:
        image = torch.from_numpy(generate("input", (3, height, width)))[None]
        embedding = nano.forward_head(nano.forward_features(image), pre_logits=True)
        folder.save(f"nano_{height}x{width}", embedding[0].numpy(), "the packaged model's embedding")
    pos_embed = torch.from_numpy(generate("pos_embed", (1, 1 + 14 * 14, 16)))
    patches = pos_embed[:, 1:].reshape(1, 14, 14, 16).permute(0, 3, 1, 2)
    for height, width in GRIDS:  # interpolate_pos_encoding of facebookresearch/dino vision_transformer.py
        scale = ((height + 0.1) / 14, (width + 0.1) / 14)
        resampled = torch.nn.functional.interpolate(patches, scale_factor=scale, mode="bicubic")
        assert resampled.shape[-2:] == (height, width)
        tokens = torch.cat([pos_embed[:, :1], resampled.permute(0, 2, 3, 1).reshape(1, -1, 16)], 1)
        folder.save(f"dino_pos_embed_{height}x{width}", tokens[0].numpy(), "from 14 x 14")
    folder.close()


if __name__ == "__main__":
    main()
