"""Names of the same tiny models in other libraries' checkpoints, for tests/cpp/layouts_test.cc.

    python tests/oracle/make_layout_goldens.py

Each line of LAYOUT.txt: a tensor's name in the checkpoint, its shape, timm's name, and which of how many parts of
timm's tensor it is; "-" for timm's name where timm has no such tensor. The names are those of transformers' own
classes; that the tensors are the same is seen from the model, which must give what timm's gives. Two models of
generated weights, whose embeddings are the .npy files: vit, dinov2, registers and clip. Where another library's tensor
has other values than timm's (DINOv2's CLS token and positions with registers) the generated ones are the library's, and
timm's own checkpoint_filter_fn makes timm's of them.
"""
import re
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.numpy
import timm
import torch
import transformers
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn

from generated import generate, inputs, load_generated
from golden_io import GoldenFolder

CLASSES = 5
VIT = {"dim": 32, "depth": 2, "heads": 2, "patch": 16, "image": 32}
DINOV2 = {"dim": 64, "depth": 3, "heads": 4, "patch": 14, "image": 98}
REGISTERS = {"dim": 32, "depth": 2, "heads": 2, "patch": 14, "image": 42}
CLIP = {"dim": 32, "depth": 2, "heads": 2, "patch": 16, "image": 32}

# Module of a transformers class → module of timm. {} is the number of the block.
COMMON = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
    "classifier": "head",
}
ATTENTION = {"attention.q_proj": "q", "attention.k_proj": "k", "attention.v_proj": "v", "attention.o_proj": "attn.proj"}
VIT_BLOCK = {**ATTENTION, "layernorm_before": "norm1", "layernorm_after": "norm2", "mlp": "mlp"}
DINOV2_BLOCK = {
    **ATTENTION,
    "norm1": "norm1",
    "norm2": "norm2",
    "mlp": "mlp",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}

CLIP_BLOCK = {
    "self_attn.q_proj": "q",
    "self_attn.k_proj": "k",
    "self_attn.v_proj": "v",
    "self_attn.out_proj": "attn.proj",
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "mlp": "mlp",
}
CLIP_COMMON = {
    "embeddings.class_embedding": "cls_token",
    "embeddings.position_embedding.weight": "pos_embed",
    "embeddings.patch_embedding": "patch_embed.proj",
    "pre_layrnorm": "norm_pre",
    "post_layernorm": "norm",
    "visual_projection": "head",
}


def timm_model(sizes: dict, layer_scale: bool) -> VisionTransformer:
    model = VisionTransformer(
        img_size=sizes["image"],
        patch_size=sizes["patch"],
        embed_dim=sizes["dim"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        num_classes=CLASSES,
        init_values=1e-5 if layer_scale else None,
    )
    return load_generated(model)


def config_of(kind: type, sizes: dict) -> transformers.PretrainedConfig:
    return kind(
        hidden_size=sizes["dim"],
        num_hidden_layers=sizes["depth"],
        num_attention_heads=sizes["heads"],
        intermediate_size=4 * sizes["dim"],
        image_size=sizes["image"],
        patch_size=sizes["patch"],
        num_labels=CLASSES,
        layer_norm_eps=1e-6,
    )


def timm_tensors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """timm's state_dict, and each third of a qkv as "blocks.N.q.weight" and so on."""
    tensors = dict(state)
    for name in [name for name in tensors if ".attn.qkv." in name]:
        for letter, part in zip("qkv", tensors[name].chunk(3)):
            tensors[name.replace("attn.qkv", letter)] = part
    return tensors


def translate(name: str, prefix: str, block: dict[str, str]) -> str | None:
    """timm's name (or that of a third) of a tensor of a transformers class."""
    name = name.removeprefix(prefix)
    in_block = re.match(r"(?:encoder\.)?layers?\.(\d+)\.(.*)", name)
    if in_block:
        table, lead, name = block, f"blocks.{in_block[1]}.", in_block[2]
    else:
        table, lead = COMMON, ""
    for module, timm_module in table.items():
        if name == module or name.startswith(module + "."):
            return lead + timm_module + name[len(module) :]
    return None


@torch.no_grad()
def fill(model: torch.nn.Module, reference: dict[str, torch.Tensor], prefix: str, block: dict[str, str]) -> None:
    """Gives the model timm's weights; what timm has not is numbered through, to be told apart."""
    tensors = timm_tensors(reference)
    for i, (name, tensor) in enumerate(model.state_dict().items()):
        timm_name = translate(name, prefix, block)
        same = timm_name in tensors and tensors[timm_name].numel() == tensor.numel()
        tensor.copy_(tensors[timm_name].reshape(tensor.shape) if same else torch.full(tensor.shape, 1000.0 + i))


def lines(checkpoint: dict[str, np.ndarray], reference: dict[str, torch.Tensor]) -> str:
    """The tensors of a checkpoint; which of timm's each is, its values tell."""
    by_value = {}
    for name, tensor in timm_tensors(reference).items():
        part, parts = 0, 1
        for i, letter in enumerate("qkv"):
            if f".{letter}." in name:
                name, part, parts = name.replace(f".{letter}.", ".attn.qkv."), i, 3
        by_value[tensor.numpy().tobytes()] = f"{name} {part} {parts}"
    text = ""
    for name, values in checkpoint.items():
        shape = "x".join(map(str, values.shape))
        text += f"{name} {shape} {by_value.get(values.tobytes(), '- 0 1')}\n"
    return text


def saved(model: transformers.PreTrainedModel) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.numpy.load_file(Path(folder, "model.safetensors"))


def state_dict(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def transformers_layouts(folder, stem, classes, sizes, reference, block) -> None:
    config_class, model_class, classifier_class = classes
    images = inputs(1, sizes["image"])
    features = reference.forward_features(images)
    embedding = reference.forward_head(features, pre_logits=True)
    for kind, prefix, name in ((model_class, "", stem), (classifier_class, f"{stem}.", f"{stem}_classifier")):
        model = kind(config_of(config_class, sizes)).eval()
        fill(model, reference.state_dict(), prefix, block)
        backbone = getattr(model, stem) if prefix else model
        difference = (backbone(images).last_hidden_state[:, 0] - embedding).abs().max().item()
        print(f"{kind.__name__}: {difference:.1e} from timm")
        assert difference < 1e-5
        if stem == "vit" and prefix:
            assert (model(images).logits - reference(images)).abs().max() < 1e-5
        folder.save_text(name, lines(saved(model), reference.state_dict()), f"{kind.__name__}.save_pretrained()")
        folder.save_text(f"{name}_state_dict", lines(state_dict(model), reference.state_dict()), f"{kind.__name__}.state_dict()")
    folder.save(stem, embedding.numpy(), f"(1, dim), timm's embedding of the generated input; {sizes}")


def dino_layouts(folder: GoldenFolder, reference: VisionTransformer) -> None:
    """The names that facebookresearch/dino has: timm's with the prefixes of main_dino.py, whose MultiCropWrapper keeps
    `backbone` and `head` (DINOHead), and whose student is in DistributedDataParallel's `module`."""
    backbone = {name: t.numpy() for name, t in reference.state_dict().items() if not name.startswith("head.")}
    head_names = [f"mlp.{i}.{leaf}" for i in (0, 2, 4) for leaf in ("weight", "bias")]
    head_names += ["last_layer.weight_g", "last_layer.weight_v"]
    head = {name: np.full((3, 2), 2000.0 + i, np.float32) for i, name in enumerate(head_names)}
    wrapped = {f"backbone.{name}": t for name, t in backbone.items()} | {f"head.{name}": t for name, t in head.items()}
    student = {f"student.module.{name}": tensor for name, tensor in wrapped.items()}
    # Beside a teacher it is another model: the same names, other values.
    other = {name: tensor + 3 for name, tensor in student.items()}
    teacher = {f"teacher.{name}": tensor for name, tensor in wrapped.items()}
    loss = {"dino_loss.center": np.zeros((1, 7), np.float32)}
    optimizer = {"optimizer.state.0.exp_avg": np.zeros((3,), np.float32)}
    layouts = {
        "dino_full_checkpoint": other | teacher | optimizer | loss,
        "dino_teacher": {name.replace("teacher.", "teacher.module."): tensor for name, tensor in teacher.items()},
        "dino_student": student,
        "dino_module": {f"module.{name}": tensor for name, tensor in backbone.items()},
        "dino_backbone": wrapped,
        "dino_state_dict": {f"state_dict.module.{name}": tensor for name, tensor in wrapped.items()},
        "dino_model": {f"model.{name}": tensor for name, tensor in backbone.items()},
        "dino_plain": backbone,
    }
    for name, checkpoint in layouts.items():
        folder.save_text(name, lines(checkpoint, reference.state_dict()), "timm's names with the prefixes of main_dino.py")


@torch.no_grad()
def register_layouts(folder: GoldenFolder) -> None:
    sizes = REGISTERS
    model = VisionTransformer(
        img_size=sizes["image"],
        patch_size=sizes["patch"],
        embed_dim=sizes["dim"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        num_classes=0,
        init_values=1e-5,
        reg_tokens=2,
        no_embed_class=True,
    ).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    _, patches, dim = shapes["pos_embed"]
    shapes["pos_embed"] = (1, 1 + patches, dim)  # with CLS's, which timm adds to the token
    theirs = {name: torch.from_numpy(generate(name, shape)) for name, shape in shapes.items()}
    original = {"register_tokens" if name == "reg_token" else name: tensor for name, tensor in theirs.items()}
    original["mask_token"] = torch.full((1, dim), 7.0)
    model.load_state_dict(checkpoint_filter_fn(dict(original), model), strict=True)
    images = inputs(1, sizes["image"])
    embedding = model(images)
    folder.save("registers", embedding.numpy(), f"(1, dim), timm's embedding of the generated input; {sizes}")
    named = {name: tensor.numpy() for name, tensor in original.items()}
    folder.save_text("registers_original", lines(named, theirs), "facebookresearch/dinov2's names")

    COMMON["embeddings.register_tokens"] = "reg_token"
    config = config_of(transformers.Dinov2WithRegistersConfig, sizes)
    config.num_register_tokens = 2
    for kind, prefix, name in (
        (transformers.Dinov2WithRegistersModel, "", "registers"),
        (transformers.Dinov2WithRegistersForImageClassification, "dinov2_with_registers.", "registers_classifier"),
    ):
        other = kind(config).eval()
        fill(other, theirs, prefix, DINOV2_BLOCK)
        backbone = other.dinov2_with_registers if prefix else other
        difference = (backbone(images).last_hidden_state[:, 0] - embedding).abs().max().item()
        print(f"{kind.__name__}: {difference:.1e} from timm")
        assert difference < 1e-5
        folder.save_text(name, lines(saved(other), theirs), f"{kind.__name__}.save_pretrained()")
        folder.save_text(f"{name}_state_dict", lines(state_dict(other), theirs), f"{kind.__name__}.state_dict()")


@torch.no_grad()
def clip_layouts(folder: GoldenFolder) -> None:
    sizes = CLIP
    model = VisionTransformer(
        img_size=sizes["image"],
        patch_size=sizes["patch"],
        embed_dim=sizes["dim"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        num_classes=CLASSES,
        pre_norm=True,
        norm_layer=partial(timm.layers.LayerNorm, eps=1e-5),
        act_layer="quick_gelu",
    )
    load_generated(model)
    model.head.bias.zero_()
    images = inputs(1, sizes["image"])
    embedding, logits = model.forward_head(model.forward_features(images), pre_logits=True), model(images)
    folder.save("clip", embedding.numpy(), f"(1, dim), timm's embedding of the generated input; {sizes}")
    folder.save("clip_logits", logits.numpy(), "(1, classes), timm's projection of it, whose bias is zeros")
    tensors = {name: tensor for name, tensor in model.state_dict().items() if name != "head.bias"}

    COMMON.update(CLIP_COMMON)
    config = config_of(transformers.CLIPVisionConfig, sizes)
    config.projection_dim, config.layer_norm_eps = CLASSES, 1e-5
    assert config.hidden_act == "quick_gelu"
    for kind, prefix, name in (
        (transformers.CLIPVisionModel, "", "clip"),
        (transformers.CLIPVisionModelWithProjection, "vision_model.", "clip_projection"),
    ):
        other = kind(config).eval()
        fill(other, tensors, prefix, CLIP_BLOCK)
        output = other(images)
        got, wanted = (output.image_embeds, logits) if prefix else (output.pooler_output, embedding)
        difference = (got - wanted).abs().max().item()
        print(f"{kind.__name__}: {difference:.1e} from timm")
        assert difference < 1e-5
        folder.save_text(name, lines(saved(other), tensors), f"{kind.__name__}.save_pretrained()")

    # OpenAI's, by the way back of timm's _convert_openai_clip, which is asked whether it was the right one.
    swaps = [("patch_embed.proj", "conv1"), ("pos_embed", "positional_embedding"), ("cls_token", "class_embedding")]
    swaps += [("norm_pre", "ln_pre"), ("blocks.", "transformer.resblocks."), ("norm1", "ln_1"), ("norm2", "ln_2")]
    swaps += [("attn.qkv.", "attn.in_proj_"), ("attn.proj", "attn.out_proj"), ("mlp.fc1", "mlp.c_fc")]
    swaps += [("mlp.fc2", "mlp.c_proj"), ("head.weight", "proj"), ("norm", "ln_post")]
    openai = {}
    for name, tensor in tensors.items():
        other = name
        for ours, theirs in swaps:
            other = other.replace(ours, theirs) if ours != "norm" or name.startswith("norm.") else other
        if name in ("cls_token", "pos_embed"):
            tensor = tensor.reshape(tensor.shape[-1] if name == "cls_token" else tensor.shape[1:])
        openai[f"visual.{other}"] = tensor.T.contiguous() if name == "head.weight" else tensor
    again = checkpoint_filter_fn(dict(openai), model)
    assert all(torch.equal(again[name], tensor) for name, tensor in model.state_dict().items())
    text = ("positional_embedding", "text_projection", "logit_scale", "token_embedding.weight", "ln_final.weight")
    text += ("transformer.resblocks.0.ln_1.weight", "input_resolution", "context_length", "vocab_size")
    named = {name: np.full((3,), 2000.0 + i, np.float32) for i, name in enumerate(text)}
    named |= {name: tensor.numpy() for name, tensor in openai.items()}
    folder.save_text("clip_openai", lines(named, tensors | {"head.weight": openai["visual.proj"]}), "openai/CLIP's names")


def main() -> None:
    folder = GoldenFolder("layouts", Path(__file__).name, transformers=transformers.__version__, classes=CLASSES)
    reference = timm_model(VIT, layer_scale=False)
    vit = (transformers.ViTConfig, transformers.ViTModel, transformers.ViTForImageClassification)
    transformers_layouts(folder, "vit", vit, VIT, reference, VIT_BLOCK)
    dino_layouts(folder, reference)
    dinov2 = (transformers.Dinov2Config, transformers.Dinov2Model, transformers.Dinov2ForImageClassification)
    register_layouts(folder)
    clip_layouts(folder)
    transformers_layouts(folder, "dinov2", dinov2, DINOV2, timm_model(DINOV2, layer_scale=True), DINOV2_BLOCK)
    folder.close()


if __name__ == "__main__":
    main()
