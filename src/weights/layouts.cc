#include "weights/layouts.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

namespace vitreous {

namespace {

using Row = Layout::Row;

// What a table does not list has timm's name. facebookresearch/dino and dinov2 use the same ones.
constexpr std::span<const Row> kTimm;

// facebookresearch/dinov2 with registers.
constexpr Row kRegisters[] = {
    {"cls_token", "cls_token", 0, 1, Form::kClassToken},
    {"register_tokens", "reg_token"},
    {"pos_embed", "pos_embed", 0, 1, Form::kPositions},
};

// ViTModel and ViTForImageClassification, as save_pretrained() writes them and the hub has them. The forms
// are as with registers, which no ViTModel has: a file in which these two are alone may be of either kind.
constexpr Row kVit[] = {
    {"embeddings.cls_token", "cls_token", 0, 1, Form::kClassToken},
    {"embeddings.position_embeddings", "pos_embed", 0, 1, Form::kPositions},
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"encoder.layer.#.layernorm_before", "blocks.#.norm1"},
    {"encoder.layer.#.attention.attention.query", "blocks.#.attn.qkv", 0, 3},
    {"encoder.layer.#.attention.attention.key", "blocks.#.attn.qkv", 1, 3},
    {"encoder.layer.#.attention.attention.value", "blocks.#.attn.qkv", 2, 3},
    {"encoder.layer.#.attention.output.dense", "blocks.#.attn.proj"},
    {"encoder.layer.#.layernorm_after", "blocks.#.norm2"},
    {"encoder.layer.#.intermediate.dense", "blocks.#.mlp.fc1"},
    {"encoder.layer.#.output.dense", "blocks.#.mlp.fc2"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};

// Dinov2Model, Dinov2WithRegistersModel and their …ForImageClassification, likewise.
constexpr Row kDinov2[] = {
    {"embeddings.cls_token", "cls_token", 0, 1, Form::kClassToken},
    {"embeddings.register_tokens", "reg_token"},
    {"embeddings.position_embeddings", "pos_embed", 0, 1, Form::kPositions},
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"encoder.layer.#.norm1", "blocks.#.norm1"},
    {"encoder.layer.#.attention.attention.query", "blocks.#.attn.qkv", 0, 3},
    {"encoder.layer.#.attention.attention.key", "blocks.#.attn.qkv", 1, 3},
    {"encoder.layer.#.attention.attention.value", "blocks.#.attn.qkv", 2, 3},
    {"encoder.layer.#.attention.output.dense", "blocks.#.attn.proj"},
    {"encoder.layer.#.layer_scale1.lambda1", "blocks.#.ls1.gamma"},
    {"encoder.layer.#.norm2", "blocks.#.norm2"},
    {"encoder.layer.#.mlp.fc1", "blocks.#.mlp.fc1"},
    {"encoder.layer.#.mlp.fc2", "blocks.#.mlp.fc2"},
    {"encoder.layer.#.layer_scale2.lambda1", "blocks.#.ls2.gamma"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};

// From transformers 5 on the classes' state_dict() has other names than what save_pretrained() writes.
constexpr Row kVitStateDict[] = {
    {"embeddings.cls_token", "cls_token", 0, 1, Form::kClassToken},
    {"embeddings.position_embeddings", "pos_embed", 0, 1, Form::kPositions},
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"layers.#.layernorm_before", "blocks.#.norm1"},
    {"layers.#.attention.q_proj", "blocks.#.attn.qkv", 0, 3},
    {"layers.#.attention.k_proj", "blocks.#.attn.qkv", 1, 3},
    {"layers.#.attention.v_proj", "blocks.#.attn.qkv", 2, 3},
    {"layers.#.attention.o_proj", "blocks.#.attn.proj"},
    {"layers.#.layernorm_after", "blocks.#.norm2"},
    {"layers.#.mlp", "blocks.#.mlp"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};

constexpr Row kDinov2StateDict[] = {
    {"embeddings.cls_token", "cls_token", 0, 1, Form::kClassToken},
    {"embeddings.register_tokens", "reg_token"},
    {"embeddings.position_embeddings", "pos_embed", 0, 1, Form::kPositions},
    {"embeddings.patch_embeddings.projection", "patch_embed.proj"},
    {"encoder.layer.#.norm1", "blocks.#.norm1"},
    {"encoder.layer.#.attention.q_proj", "blocks.#.attn.qkv", 0, 3},
    {"encoder.layer.#.attention.k_proj", "blocks.#.attn.qkv", 1, 3},
    {"encoder.layer.#.attention.v_proj", "blocks.#.attn.qkv", 2, 3},
    {"encoder.layer.#.attention.o_proj", "blocks.#.attn.proj"},
    {"encoder.layer.#.layer_scale1.lambda1", "blocks.#.ls1.gamma"},
    {"encoder.layer.#.norm2", "blocks.#.norm2"},
    {"encoder.layer.#.mlp", "blocks.#.mlp"},
    {"encoder.layer.#.layer_scale2.lambda1", "blocks.#.ls2.gamma"},
    {"layernorm", "norm"},
    {"classifier", "head"},
};

// CLIPVisionModel, CLIPVisionModelWithProjection and CLIPModel.
constexpr Row kClip[] = {
    {"embeddings.class_embedding", "cls_token", 0, 1, Form::kFlat},
    {"embeddings.position_embedding.weight", "pos_embed", 0, 1, Form::kFlat},
    {"embeddings.patch_embedding", "patch_embed.proj"},
    {"pre_layrnorm", "norm_pre"},
    {"encoder.layers.#.layer_norm1", "blocks.#.norm1"},
    {"encoder.layers.#.self_attn.q_proj", "blocks.#.attn.qkv", 0, 3},
    {"encoder.layers.#.self_attn.k_proj", "blocks.#.attn.qkv", 1, 3},
    {"encoder.layers.#.self_attn.v_proj", "blocks.#.attn.qkv", 2, 3},
    {"encoder.layers.#.self_attn.out_proj", "blocks.#.attn.proj"},
    {"encoder.layers.#.layer_norm2", "blocks.#.norm2"},
    {"encoder.layers.#.mlp", "blocks.#.mlp"},
    {"post_layernorm", "norm"},
    {"visual_projection.weight", "head.weight"},
    {"", "head.bias", 0, 1, Form::kZeros},
};

// openai/CLIP: its image tower beside the text's.
constexpr Row kOpenAi[] = {
    {"visual.class_embedding", "cls_token", 0, 1, Form::kFlat},
    {"visual.positional_embedding", "pos_embed", 0, 1, Form::kFlat},
    {"visual.conv1", "patch_embed.proj"},
    {"visual.ln_pre", "norm_pre"},
    {"visual.transformer.resblocks.#.ln_1", "blocks.#.norm1"},
    {"visual.transformer.resblocks.#.attn.in_proj_weight", "blocks.#.attn.qkv.weight"},
    {"visual.transformer.resblocks.#.attn.in_proj_bias", "blocks.#.attn.qkv.bias"},
    {"visual.transformer.resblocks.#.attn.out_proj", "blocks.#.attn.proj"},
    {"visual.transformer.resblocks.#.ln_2", "blocks.#.norm2"},
    {"visual.transformer.resblocks.#.mlp.c_fc", "blocks.#.mlp.fc1"},
    {"visual.transformer.resblocks.#.mlp.c_proj", "blocks.#.mlp.fc2"},
    {"visual.ln_post", "norm"},
    {"visual.proj", "head.weight", 0, 1, Form::kTransposed},
    {"", "head.bias", 0, 1, Form::kZeros},
};

constexpr std::span<const Row> kTables[] = {kTimm,      kVit,  kDinov2, kVitStateDict, kDinov2StateDict,
                                            kRegisters, kClip, kOpenAi};

// A prefix has at most one of each, in this order: a dict of the checkpoint, DistributedDataParallel's
// wrapper, and the backbone of a module that has a head too.
constexpr std::string_view kDicts[] = {"teacher.", "student.", "state_dict.", "model."};
constexpr std::string_view kWrappers[] = {"module."};
constexpr std::string_view kBackbones[] = {"backbone.", "vit.", "dinov2.", "dinov2_with_registers.",
                                           "vision_model."};

// Modules and tensors that no embedding passes through: DINO's projection, ViTModel's pooler, what masked
// training puts in the place of a patch; CLIP's text tower, by transformers' names and by OpenAI's; and a
// classifier that the model has no place for, as in timm's num_classes=0.
constexpr std::string_view kLeftOut[] = {
    "head.mlp",          "head.last_layer",       "pooler",
    "mask_token",        "embeddings.mask_token", "embeddings.position_ids",
    "text_model",        "text_projection",       "logit_scale",
    "transformer",       "token_embedding",       "positional_embedding",
    "ln_final",          "input_resolution",      "context_length",
    "vocab_size",        "head.weight",           "head.bias",
    "classifier.weight", "classifier.bias",       "visual_projection.weight",
    "visual.proj",
};

// The one of `words` with which `text` begins, or nothing.
std::string_view first_word(std::string_view text, std::span<const std::string_view> words) {
  for (std::string_view word : words) {
    if (text.starts_with(word)) return word;
  }
  return {};
}

using Prefix = std::pair<std::string_view, std::string_view>;  // outer, inner

Prefix prefix_of(std::string_view name) {
  size_t outer = first_word(name, kDicts).size();
  outer += first_word(name.substr(outer), kWrappers).size();
  return {name.substr(0, outer), first_word(name.substr(outer), kBackbones)};
}

bool is_in(std::string_view name, std::string_view module) {
  return name.starts_with(module) && (name.size() == module.size() || name[module.size()] == '.');
}

}  // namespace

Layout Layout::recognise(std::span<const std::string> names, std::span<const TensorSpec> model) {
  const std::unordered_set<std::string_view> there(names.begin(), names.end());
  const bool has_teacher =
      std::ranges::any_of(names, [](const std::string& name) { return name.starts_with("teacher."); });
  std::set<Prefix> prefixes;
  for (const std::string& name : names) prefixes.insert(prefix_of(name));

  Layout best(kTimm, "", "");
  size_t most = 0;
  for (const auto& [outer, inner] : prefixes) {
    if (has_teacher && !outer.starts_with("teacher.")) continue;
    for (std::span<const Row> rows : kTables) {
      Layout layout(rows, outer, inner);
      const std::vector<LayoutTensor> tensors = layout.tensors(model);
      const auto found = size_t(std::ranges::count_if(
          tensors, [&](const LayoutTensor& tensor) { return there.contains(tensor.in_file.name); }));
      if (found <= most) continue;
      most = found;
      best = std::move(layout);
    }
  }
  return best;
}

std::vector<LayoutTensor> Layout::tensors(std::span<const TensorSpec> model) const {
  std::vector<LayoutTensor> tensors;
  const bool registers = std::ranges::find(model, "reg_token", &TensorSpec::name) != model.end();
  const auto add = [&](const TensorSpec& spec, const std::string& name, int part, int parts, Form form) {
    if (!registers && (form == Form::kClassToken || form == Form::kPositions)) form = Form::kSame;
    std::vector<int64_t> shape = spec.shape;
    if (parts > 1) shape[0] /= parts;
    if (form == Form::kFlat)
      shape.erase(shape.begin(), std::ranges::find_if(shape, [](int64_t n) { return n != 1; }));
    if (form == Form::kTransposed) std::swap(shape[0], shape[1]);
    if (form == Form::kPositions) ++shape[1];
    // A head stands beside the backbone, not in it.
    const std::string prefix = is_in(spec.name, "head") ? outer_ : outer_ + inner_;
    const std::string in_file = form == Form::kZeros ? "" : prefix + name;
    tensors.push_back({{in_file, std::move(shape), spec.int8 && parts == 1}, spec.name, part, parts, form});
  };
  for (const TensorSpec& spec : model) {
    std::string pattern = spec.name, number;
    if (constexpr std::string_view kBlocks = "blocks."; pattern.starts_with(kBlocks)) {
      number = pattern.substr(kBlocks.size(), pattern.find('.', kBlocks.size()) - kBlocks.size());
      pattern.replace(kBlocks.size(), number.size(), "#");
    }
    bool listed = false;
    for (const Row& row : rows_) {
      if (!is_in(pattern, row.timm)) continue;
      std::string name = std::string(row.in_file) + pattern.substr(row.timm.size());
      if (const size_t hash = name.find('#'); hash != std::string::npos) name.replace(hash, 1, number);
      add(spec, name, row.part, row.parts, row.form);
      listed = true;
    }
    if (!listed) add(spec, spec.name, 0, 1, Form::kSame);
  }
  return tensors;
}

bool Layout::leaves_out(std::string_view name) const {
  const Prefix prefix = prefix_of(name);
  // Beside the dict with the model a training checkpoint has the student, the optimizer, the loss …
  const std::string_view dict = first_word(outer_, kDicts);
  if (!name.starts_with(dict)) return true;
  const std::string_view rest = name.substr(prefix.first.size() + prefix.second.size());
  return std::ranges::any_of(kLeftOut, [&](std::string_view module) { return is_in(rest, module); });
}

}  // namespace vitreous
