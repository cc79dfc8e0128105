"""What timm says of every model of src/model/registry.cc, for tests/cpp/registry_test.cc and tests/js/registry.test.mjs.

    python tests/oracle/make_registry_goldens.py

models.txt: a line for each model, `name` and what it has; tensors.txt: its tensors with their shapes, as state_dict()
has them, those of a block once. models.json has the same values for JavaScript. defaults.json: architecture → timm's
default tag. imagenet.txt: timm's descriptions of ImageNet-1k's classes in the order of the logits.
"""
import json
import re

import timm
import torch
from timm.data import ImageNetInfo, resolve_model_data_config
from timm.layers import QuickGELU

from golden_io import GoldenFolder

NAMES = """
vit_small_patch16_224.dino vit_small_patch8_224.dino vit_base_patch16_224.dino vit_base_patch8_224.dino
vit_small_patch14_dinov2.lvd142m vit_base_patch14_dinov2.lvd142m
vit_small_patch14_reg4_dinov2.lvd142m vit_base_patch14_reg4_dinov2.lvd142m
vit_tiny_patch16_224.augreg_in21k_ft_in1k vit_small_patch16_224.augreg_in21k_ft_in1k
vit_base_patch16_224.augreg_in21k_ft_in1k vit_base_patch16_224.augreg2_in21k_ft_in1k
vit_base_patch8_224.augreg2_in21k_ft_in1k
deit_tiny_patch16_224.fb_in1k deit_small_patch16_224.fb_in1k deit_base_patch16_224.fb_in1k
vit_base_patch16_clip_224.openai vit_base_patch16_clip_224.laion2b_ft_in12k_in1k
vit_base_patch16_clip_quickgelu_224.openai vit_base_patch16_clip_quickgelu_224.metaclip_2pt5b
""".split()


def describe(model: torch.nn.Module) -> dict:
    block, cfg, data = model.blocks[0], model.pretrained_cfg, resolve_model_data_config(model)
    norm_pre = not isinstance(model.norm_pre, torch.nn.Identity)
    assert norm_pre == (model.patch_embed.proj.bias is None)
    return {
        "image": list(model.patch_embed.img_size),
        "patch": model.patch_embed.patch_size[0],
        "dim": model.embed_dim,
        "depth": len(model.blocks),
        "heads": block.attn.num_heads,
        "mlp": block.mlp.fc1.out_features,
        "classes": model.num_classes,
        "eps": block.norm1.eps,
        "layer_scale": hasattr(block.ls1, "gamma"),
        "reg_tokens": model.num_reg_tokens,
        "no_embed_class": model.no_embed_class,
        "pre_norm": norm_pre,
        "activation": "quick_gelu" if isinstance(block.mlp.act, QuickGELU) else "gelu",
        "global_pool": model.global_pool,
        "fc_norm": not isinstance(model.fc_norm, torch.nn.Identity),
        "input_size": list(data["input_size"]),
        "interpolation": data["interpolation"],
        "crop_pct": data["crop_pct"],
        "crop_mode": data["crop_mode"],
        "mean": list(data["mean"]),
        "std": list(data["std"]),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tensors": len(model.state_dict()),
        "license": cfg["license"],
        "hub": cfg["hf_hub_id"],
    }


def flat(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(flat, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def tensor_lines(model: torch.nn.Module) -> list[str]:
    """All blocks are alike, which is checked; the first stands for them."""
    shapes = {name: "x".join(map(str, tensor.shape)) for name, tensor in model.state_dict().items()}
    block = {name: shape for name, shape in shapes.items() if name.startswith("blocks.0.")}
    for i in range(len(model.blocks)):
        alike = {name.replace("blocks.0.", f"blocks.{i}."): shape for name, shape in block.items()}
        assert alike == {name: shape for name, shape in shapes.items() if name.startswith(f"blocks.{i}.")}
    return [f"{name} {shape}" for name, shape in shapes.items() if not re.match(r"blocks\.[1-9]", name)]


def main() -> None:
    folder = GoldenFolder("registry", "make_registry_goldens.py")
    models, texts, tensors = {}, [], []
    for name in NAMES:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False)
        models[name] = describe(model)
        texts.append(f"{name} " + " ".join(map(flat, models[name].values())))
        tensors += [f"{name} {line}" for line in tensor_lines(model)]
    folder.save_text("models", "\n".join(texts) + "\n", "a model a line, values in the order of models.json")
    folder.save_text("tensors", "\n".join(tensors) + "\n", "model, tensor, shape")
    (folder.path / "models.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(about)}" for name, about in models.items()) + "\n}\n"
    )
    folder.meta["files"]["models.json"] = "what models.txt has, by name"
    architectures = sorted({name.split(".")[0] for name in NAMES})
    defaults = {name: timm.get_pretrained_cfg(name).tag for name in architectures}
    folder.save_json("defaults", defaults, "architecture → the tag of its default weights")
    info = ImageNetInfo()
    folder.save_text("imagenet", "".join(f"{text}\n" for text in info.label_descriptions()), "ImageNetInfo()")
    folder.close()


if __name__ == "__main__":
    main()
