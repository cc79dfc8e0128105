// The same model under the names of other libraries, whole and spread over several files. The names are those
// of real checkpoints: tests/goldens/layouts, made by tests/oracle/make_layout_goldens.py.
#include "weights/layouts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "support/generated_model.h"
#include "support/golden.h"

namespace vitreous::test {
namespace {

// A line of tests/goldens/layouts/LAYOUT.txt.
struct Line {
  TensorSpec spec;
  std::string timm;  // "-": timm has no such tensor
  size_t part, parts;
};

std::vector<Line> read_layout(const std::string& layout) {
  std::ifstream file(golden_path("layouts/" + layout + ".txt"));
  std::vector<Line> lines;
  Line line;
  std::string shape;
  while (file >> line.spec.name >> shape >> line.timm >> line.part >> line.parts) {
    line.spec.shape.clear();
    std::istringstream extents(shape);
    for (std::string extent; std::getline(extents, extent, 'x');) {
      line.spec.shape.push_back(std::stoul(extent));
    }
    lines.push_back(line);
  }
  return lines;
}

// The model of a golden's layout.
std::string model_of(const std::string& layout) {
  for (const char* model : {"dinov2", "registers", "clip"}) {
    if (layout.starts_with(model)) return model;
  }
  return "vit";
}

VitConfig tiny(const std::string& model, int classes = 0) {
  const bool dinov2 = model == "dinov2", registers = model == "registers";
  VitConfig config;
  config.name = "tiny";
  config.dim = dinov2 ? 64 : 32;
  config.depth = dinov2 ? 3 : 2;
  config.heads = dinov2 ? 4 : 2;
  config.mlp_dim = 4 * config.dim;
  config.patch_size = dinov2 || registers ? 14 : 16;
  config.image_height = config.image_width = dinov2 ? 98 : registers ? 42 : 32;
  config.layer_scale = dinov2 || registers;
  if (registers) {
    config.reg_tokens = 2;
    config.no_embed_class = true;
  }
  if (model == "clip") {
    config.pre_norm = true;
    config.norm_eps = 1e-5f;
    config.activation = Activation::kQuickGelu;
  }
  config.num_classes = classes;
  return config;
}

std::vector<float> values_of(const Line& line) {
  size_t count = 1;
  for (size_t extent : line.spec.shape) count *= extent;
  if (line.timm == "-") return std::vector<float>(count, 3.0f);
  Shape shape = line.spec.shape;
  shape[0] *= line.parts;
  if (line.spec.name.ends_with("visual.proj")) {  // timm's weight, transposed
    const std::vector<float> weight = generate(line.timm, {shape[1], shape[0]});
    std::vector<float> values(weight.size());
    for (size_t i = 0; i < weight.size(); ++i) values[i % shape[0] * shape[1] + i / shape[0]] = weight[i];
    return values;
  }
  const std::vector<float> all = generate(line.timm, shape);
  const auto begin = all.begin() + std::ptrdiff_t(line.part * count);
  return {begin, begin + std::ptrdiff_t(count)};
}

std::string head_of(const std::vector<Line>& lines) {
  std::vector<TensorSpec> specs;
  for (const Line& line : lines) specs.push_back(line.spec);
  return safetensors_head(specs);
}

void push(ModelLoader& loader, const std::string& bytes) {
  loader.push(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

void push_file(ModelLoader& loader, const std::vector<Line>& lines) {
  loader.begin_file(std::nullopt);
  push(loader, head_of(lines));
  for (const Line& line : lines) {
    const std::vector<float> values = values_of(line);
    loader.push(reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float));
  }
  loader.end_file();
}

using Files = std::vector<std::vector<Line>>;

std::unique_ptr<VisionTransformer> load(const VitConfig& config, const Files& files) {
  ModelLoader loader(config, files.size());
  for (const std::vector<Line>& file : files) push_file(loader, file);
  return loader.finish();
}

std::vector<float> embed(VisionTransformer& vit) {
  const std::vector<float> image = generated_images(vit.config(), 1);
  std::vector<float> pooled(size_t(vit.config().dim));
  vit.forward(image.data(), 1, {.pooled = pooled.data()});
  return pooled;
}

void expect_error(const std::function<void()>& load, const char* code, const std::string& name) {
  try {
    load();
    ADD_FAILURE() << "no " << code << " for " << name;
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find("\"" + name + "\""), std::string::npos)
        << error.what() << " does not name " << name;
  }
}

// Refused when the header is there: no value is sent.
void expect_refused(const VitConfig& config, const std::vector<Line>& lines, const char* code,
                    const std::string& name) {
  ModelLoader loader(config);
  loader.begin_file(std::nullopt);
  expect_error([&] { push(loader, head_of(lines)); }, code, name);
}

class EachLayout : public testing::TestWithParam<std::string> {
 protected:
  const std::vector<Line> lines_ = read_layout(GetParam());
  const std::string model_ = model_of(GetParam());
  const VitConfig config_ = tiny(model_);

  // Whether an error about this tensor names it as in the file. Without its register tokens
  // facebookresearch's checkpoint looks like one of timm's, and the error names timm's.
  static bool is_named(const Line& line) {
    return line.timm != "-" && !line.timm.starts_with("head.") && line.spec.name != "register_tokens";
  }

  // Of the same model under timm's names; where its values are not the generated ones, under the original's.
  std::vector<float> twin() const {
    return embed(model_ == "registers" ? *load(config_, {read_layout("registers_original")})
                                       : *generated_model(config_));
  }
};

INSTANTIATE_TEST_SUITE_P(Layouts, EachLayout,
                         testing::Values("vit", "vit_classifier", "vit_state_dict",
                                         "vit_classifier_state_dict", "dinov2", "dinov2_classifier",
                                         "dinov2_state_dict", "dinov2_classifier_state_dict", "registers",
                                         "registers_classifier", "registers_state_dict",
                                         "registers_classifier_state_dict", "registers_original", "clip",
                                         "clip_projection", "clip_openai", "dino_plain", "dino_module",
                                         "dino_backbone", "dino_teacher", "dino_student",
                                         "dino_full_checkpoint", "dino_state_dict", "dino_model"),
                         [](const auto& info) { return info.param; });

TEST_P(EachLayout, GivesTheBitsOfItsTimmTwin) {
  const std::vector<float> expected = twin();
  EXPECT_TRUE(matches_golden("layouts/" + model_, expected, 1e-4));
  EXPECT_EQ(embed(*load(config_, {lines_})), expected);
  EXPECT_EQ(embed(*load(config_, {{lines_.rbegin(), lines_.rend()}})), expected);
}

TEST_P(EachLayout, GivesTheSameBitsFromSeveralFiles) {
  if (GetParam() == "registers_original") return;  // see OriginalRegistersMustComeFirst
  const std::vector<float> expected = twin();
  Files one_each, three(3);
  for (const Line& line : lines_) one_each.push_back({line});
  for (size_t i = 0; i < lines_.size(); ++i) three[i % 3].push_back(lines_[i]);
  EXPECT_EQ(embed(*load(config_, three)), expected);
  // A shard of "student." alone is the model's until the teacher comes.
  if (GetParam() == "dino_full_checkpoint") return;
  EXPECT_EQ(embed(*load(config_, one_each)), expected);
  EXPECT_EQ(embed(*load(config_, {one_each.rbegin(), one_each.rend()})), expected);
}

// Before the registers come this is timm's own layout, in which the first two tensors mean something else.
TEST(Layouts, OriginalRegistersMustComeFirst) {
  const VitConfig config = tiny("registers");
  std::vector<Line> rest = read_layout("registers_original");
  const auto is_register = [](const Line& line) { return line.spec.name == "register_tokens"; };
  const std::vector<Line> registers = {*std::ranges::find_if(rest, is_register)};
  std::erase_if(rest, is_register);
  EXPECT_TRUE(matches_golden("layouts/registers", embed(*load(config, {registers, rest})), 1e-4));
  const std::vector<Line> token = {rest[0]}, others(rest.begin() + 1, rest.end());
  expect_error([&] { load(config, {token, registers, others}); }, code::kTensorUnexpected, "cls_token");
}

TEST_P(EachLayout, EveryTensorDroppedIsNamedAsInTheFile) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (!is_named(lines_[i])) continue;
    std::vector<Line> lines = lines_;
    lines.erase(lines.begin() + std::ptrdiff_t(i));
    expect_refused(config_, lines, code::kTensorMissing, lines_[i].spec.name);
  }
}

TEST_P(EachLayout, EveryTensorRenamedIsNamedByBothNames) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (!is_named(lines_[i])) continue;
    std::vector<Line> lines = lines_;
    lines[i].spec.name += "_old";
    expect_refused(config_, lines, code::kTensorMissing, lines_[i].spec.name);
    expect_refused(config_, lines, code::kTensorMissing, lines[i].spec.name);
    lines.push_back(lines_[i]);
    expect_refused(config_, lines, code::kTensorUnexpected, lines[i].spec.name);
  }
}

TEST_P(EachLayout, EveryTensorReshapedIsNamedAsInTheFile) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (!is_named(lines_[i])) continue;
    std::vector<Line> lines = lines_;
    lines[i].spec.shape.push_back(1);
    expect_refused(config_, lines, code::kTensorShape, lines_[i].spec.name);
  }
}

TEST_P(EachLayout, ATensorInTwoFilesIsNamed) {
  for (const Line& line : lines_) {
    expect_error([&] { load(config_, {lines_, {line}}); }, code::kTensorDuplicate, line.spec.name);
  }
}

TEST_P(EachLayout, ATensorThatNoFileHasIsNamed) {
  if (GetParam() == "registers_original") return;  // as above
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (!is_named(lines_[i])) continue;
    Files files(2);
    for (size_t k = 0; k < lines_.size(); ++k) {
      if (k != i) files[k % 2].push_back(lines_[k]);
    }
    expect_error([&] { load(config_, files); }, code::kTensorMissing, lines_[i].spec.name);
  }
}

TEST(Layouts, AClassifierIsTheHead) {
  const VitConfig config = tiny("vit", 5);
  const auto logits = [](VisionTransformer& vit) {
    const std::vector<float> image = generated_images(vit.config(), 1);
    std::vector<float> scores(5);
    vit.forward(image.data(), 1, {.logits = scores.data()});
    return scores;
  };
  const std::vector<float> expected = logits(*generated_model(config));
  for (const char* layout : {"vit_classifier", "vit_classifier_state_dict"}) {
    const std::vector<Line> lines = read_layout(layout);
    EXPECT_EQ(logits(*load(config, {lines})), expected) << layout;
    EXPECT_EQ(logits(*load(config, {{lines.rbegin(), lines.rend()}})), expected) << layout;
  }
  expect_refused(config, read_layout("vit"), code::kTensorMissing, "classifier.weight");
  expect_refused(config, read_layout("dino_backbone"), code::kTensorMissing, "head.weight");
  // This one reads the mean of the patches as well, which timm's head does not.
  expect_refused(tiny("dinov2", 5), read_layout("dinov2_classifier"), code::kTensorShape,
                 "classifier.weight");
}

TEST(Layouts, ClipsProjectionIsTheHead) {
  const VitConfig config = tiny("clip", 5);
  for (const char* layout : {"clip_projection", "clip_openai"}) {
    const std::vector<Line> lines = read_layout(layout);
    for (const Files& files : {Files{lines}, Files{{lines.rbegin(), lines.rend()}}}) {
      auto vit = load(config, files);
      std::vector<float> logits(5);
      vit->forward(generated_images(config, 1).data(), 1, {.logits = logits.data()});
      EXPECT_TRUE(matches_golden("layouts/clip_logits", logits, 1e-4)) << layout;
    }
  }
  expect_refused(config, read_layout("clip"), code::kTensorMissing, "visual_projection.weight");
}

// One extra tensor in the image tower is named, the text tower's are passed over.
TEST(Layouts, ClipsImageTowerHasNothingElse) {
  std::vector<Line> lines = read_layout("clip_openai");
  lines.push_back({{"visual.transformer.resblocks.7.ln_1.weight", {32}}, "-", 0, 1});
  expect_refused(tiny("clip"), lines, code::kTensorUnexpected, lines.back().spec.name);
  lines = read_layout("clip_projection");
  for (const char* name : {"text_model.final_layer_norm.weight", "text_projection.weight", "logit_scale"}) {
    lines.push_back({{name, {3}}, "-", 0, 1});
  }
  EXPECT_NO_THROW(load(tiny("clip"), {lines}));
}

TEST(Layouts, LayerScaleMustBeInTheModel) {
  VitConfig config = tiny("dinov2");
  config.layer_scale = false;
  expect_refused(config, read_layout("dinov2"), code::kTensorUnexpected,
                 "encoder.layer.0.layer_scale1.lambda1");
}

TEST(Layouts, LayerScaleInInt8StaysClose) {
  VitConfig config = tiny("dinov2");
  config.arithmetic = Arithmetic::kInt8;
  const std::vector<float> a = embed(*generated_model(config));
  const std::vector<float> b = read_npy<float>(golden_path("layouts/dinov2.npy")).data;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += double(a[i]) * double(b[i]);
    aa += double(a[i]) * double(a[i]);
    bb += double(b[i]) * double(b[i]);
  }
  EXPECT_GT(ab / std::sqrt(aa * bb), 0.9995);
  EXPECT_NE(a, b);
}

TEST(Layouts, FewerFilesThanSaid) {
  const std::vector<Line> lines = read_layout("vit");
  ModelLoader loader(tiny("vit"), 3);
  push_file(loader, {lines.begin() + 1, lines.end()});
  expect_error([&] { loader.finish(); }, code::kTensorMissing, lines[0].spec.name);
  ModelLoader none(tiny("vit"));
  expect_error([&] { none.finish(); }, code::kTensorMissing, "cls_token");
}

TEST(Layouts, FilesOfTwoCheckpointsAreRefused) {
  const std::vector<Line> student = read_layout("dino_student"), teacher = read_layout("dino_teacher");
  std::vector<Line> rest(teacher.begin() + 1, teacher.end());
  expect_error([&] { load(tiny("vit"), {{student[0]}, teacher}); }, code::kTensorUnexpected,
               student[0].spec.name);
  expect_error([&] { load(tiny("vit"), {{student[0]}, rest}); }, code::kTensorUnexpected,
               student[0].spec.name);
}

// Names made of the words that layouts know, in any order and number: always a model or an Error.
TEST(Layouts, AnyNamesAreAModelOrAnError) {
  const std::vector<std::string> words = {
      "teacher",    "student", "state_dict", "model",      "module",    "backbone",  "vit",    "dinov2",
      "embeddings", "encoder", "layer",      "layers",     "attention", "query",     "q_proj", "blocks",
      "0",          "1",       "-1",         "4294967296", "attn",      "qkv",       "norm1",  "norm",
      "layernorm",  "head",    "classifier", "cls_token",  "weight",    "bias",      "",       "#",
      "mlp",        "pooler",  "mask_token", "ls1",        "gamma",     "last_layer"};
  std::vector<Line> seeds;
  for (const char* layout : {"vit", "dinov2_state_dict", "dino_teacher", "dino_full_checkpoint"}) {
    const std::vector<Line> lines = read_layout(layout);
    seeds.insert(seeds.end(), lines.begin(), lines.end());
  }
  uint32_t counter = 0;
  const auto below = [&](size_t n) { return size_t(mix(++counter * 0x9E3779B9u)) % n; };
  size_t refused = 0;
  for (int i = 0; i < 500; ++i) {
    Files files(1 + below(2));
    std::unordered_set<std::string> names;
    for (std::vector<Line>& file : files) {
      for (size_t n = below(12); n > 0; --n) {
        Line line = seeds[below(seeds.size())];
        if (below(2) == 0) {
          line.spec.name = words[below(words.size())];
          for (size_t more = below(6); more > 0; --more) line.spec.name += "." + words[below(words.size())];
        }
        if (names.insert(line.spec.name).second) file.push_back(line);
      }
    }
    try {
      load(tiny(below(2) == 0 ? "dinov2" : "vit"), files);
    } catch (const Error& error) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 500u);  // none of them is whole
}

}  // namespace
}  // namespace vitreous::test
