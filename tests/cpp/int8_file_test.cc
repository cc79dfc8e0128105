// int8 checkpoints (docs/int8-safetensors.md) and what the converter writes, against files that numpy and
// Hugging Face's library made: tests/oracle/make_int8_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "model/converter.h"
#include "model/loader.h"
#include "support/allocations.h"
#include "support/generated_model.h"
#include "support/golden.h"
#include "weights/json.h"

namespace vitreous::test {
namespace {

using namespace std::string_literals;

const std::string kWeight = "blocks.1.mlp.fc2.weight", kScale = kWeight + "_scale";

VitConfig tiny(Arithmetic arithmetic = Arithmetic::kFp32) {
  VitConfig config;
  config.name = "tiny";
  config.arithmetic = arithmetic;
  config.image_height = config.image_width = 16;
  config.patch_size = 8;
  config.dim = 12;
  config.depth = 2;
  config.heads = 3;
  config.mlp_dim = 48;
  config.num_classes = 5;
  return config;
}

std::string read_file(const std::string& name) {
  std::ifstream file(golden_path("int8/" + name), std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const uint8_t* bytes(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

void feed(CheckpointLoader& loader, const std::string& file, size_t piece = 1000) {
  loader.begin_file(file.size());
  for (size_t i = 0; i < file.size(); i += piece) {
    loader.push(bytes(file) + i, std::min(piece, file.size() - i));
  }
  loader.end_file();
}

std::vector<float> embed(const VitConfig& config, const std::string& file) {
  ModelLoader loader(config);
  feed(loader, file);
  const std::vector<float> image = generated_images(config, 1);
  std::vector<float> pooled(size_t(config.dim));
  loader.finish()->forward(image.data(), 1, {.pooled = pooled.data()});
  return pooled;
}

// A safetensors file taken apart, to be changed and put together again in the order of `tensors`.
struct Tensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string data;
};
struct File {
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;

  explicit File(const std::string& file) {
    uint64_t size = 0;
    std::memcpy(&size, file.data(), sizeof size);
    const Header header = parse_header(file.substr(8, size));
    metadata = header.metadata;
    for (const TensorInfo& t : header.tensors) {
      tensors.push_back(
          {t.name, dtype_name(t.dtype), t.shape, file.substr(8 + size + t.begin, t.end - t.begin)});
    }
  }
  Tensor& operator[](const std::string& name) { return *std::ranges::find(tensors, name, &Tensor::name); }
  std::string whole() const {
    std::string json = "{\"__metadata__\":{", data;
    for (const auto& [key, value] : metadata) {
      json += (json.ends_with('{') ? "" : ",") + json_string(key) + ":" + json_string(value);
    }
    json += "}";
    for (const Tensor& t : tensors) {
      std::string shape;
      for (const int64_t extent : t.shape) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
      const std::string end = std::to_string(data.size() + t.data.size());
      json += "," + entry(t.name, t.dtype, shape, std::to_string(data.size()) + "," + end);
      data += t.data;
    }
    return safetensors_file(json + "}", data);
  }
};

// The file that the converter makes, its pieces put where they say; fails where they overlap or leave holes.
std::string convert(const std::string& file, FileDtype dtype, size_t piece = 1000) {
  Converter converter(tiny(), dtype, "{\"a\": \"\\u00e9\n\"}");
  std::map<uint64_t, std::string> pieces;
  const auto take = [&] {
    for (const Piece& p : converter.take()) {
      EXPECT_TRUE(pieces.emplace(p.offset, std::string(p.bytes.begin(), p.bytes.end())).second);
    }
  };
  converter.begin_file(file.size());
  for (size_t i = 0; i < file.size(); i += piece) {
    converter.push(bytes(file) + i, std::min(piece, file.size() - i));
    take();
  }
  converter.end_file();
  EXPECT_FALSE(pieces.contains(0)) << "the header comes last";
  converter.finish();
  take();
  std::string whole;
  for (const auto& [offset, data] : pieces) {
    EXPECT_EQ(offset, whole.size());
    whole += data;
  }
  return whole;
}

void expect_same_tensors(const std::string& actual, const std::string& expected) {
  File a(actual), e(expected);
  EXPECT_EQ(a.tensors.size(), e.tensors.size());
  for (const Tensor& t : e.tensors) {
    const Tensor& made = a[t.name];
    EXPECT_EQ(made.dtype, t.dtype) << t.name;
    EXPECT_EQ(made.shape, t.shape) << t.name;
    EXPECT_EQ(made.data, t.data) << t.name;
  }
}

TEST(Int8File, IsTheModelThatIsQuantizedAtLoad) {
  const VitConfig int8 = tiny(Arithmetic::kInt8);
  const std::vector<float> expected = embed(int8, read_file("model.safetensors"));
  EXPECT_EQ(embed(int8, read_file("int8.safetensors")), expected);  // all scales before all integers
  EXPECT_EQ(embed(int8, convert(read_file("model.safetensors"), FileDtype::kInt8)), expected);
}

TEST(Int8File, AnyOrderOfTensorsGivesTheSameModel) {
  for (const Arithmetic arithmetic : {Arithmetic::kInt8, Arithmetic::kFp32}) {
    const std::vector<float> expected = embed(tiny(arithmetic), read_file("int8.safetensors"));
    File file(read_file("int8.safetensors"));
    std::ranges::reverse(file.tensors);
    EXPECT_EQ(embed(tiny(arithmetic), file.whole()), expected);
    std::ranges::sort(file.tensors, {}, &Tensor::name);
    EXPECT_EQ(embed(tiny(arithmetic), file.whole()), expected);
  }
}

TEST(Int8File, LoadedAsFp32ItIsTimmWithItsWeights) {
  const std::vector<float> pooled = embed(tiny(), read_file("int8.safetensors"));
  EXPECT_TRUE(matches_golden("int8/dequantized", pooled, 2e-5));
}

TEST(Int8File, AFileMayHaveOnlySomeWeightsInInt8) {
  File file(read_file("int8.safetensors")), fp32(read_file("model.safetensors"));
  file[kWeight] = fp32[kWeight];
  std::erase_if(file.tensors, [](const Tensor& t) { return t.name == kScale; });
  const VitConfig int8 = tiny(Arithmetic::kInt8);
  EXPECT_EQ(embed(int8, file.whole()), embed(int8, fp32.whole()));
}

void put(Tensor& tensor, float value) { std::memcpy(&tensor.data[8], &value, sizeof value); }

TEST(Int8File, Refusals) {
  const struct {
    const char* what;
    std::function<void(File&)> change;
    const char* code;
    std::string named;
  } cases[] = {
      {"no scale",
       [](File& f) { std::erase_if(f.tensors, [](const Tensor& t) { return t.name == kScale; }); },
       code::kTensorMissing, kScale},
      {"a scale too many",
       [](File& f) { f.tensors.push_back({"norm.weight_scale", "F32", {1}, "\0\0\0\0"s}); },
       code::kTensorUnexpected, "norm.weight_scale"},
      {"scales of another number",
       [](File& f) {
         f[kScale].shape = {11};
         f[kScale].data.resize(44);
       },
       code::kTensorShape, kScale},
      {"scales in F16",
       [](File& f) {
         f[kScale].dtype = "F16";
         f[kScale].data.resize(24);
       },
       code::kTensorDtype, kScale},
      {"a negative scale", [](File& f) { put(f[kScale], -1e-3f); }, code::kCheckpointFormat, kScale},
      {"an infinite scale", [](File& f) { put(f[kScale], std::numeric_limits<float>::infinity()); },
       code::kTensorNotFinite, kScale},
      {"NaN for a scale", [](File& f) { put(f[kScale], std::numeric_limits<float>::quiet_NaN()); },
       code::kTensorNotFinite, kScale},
      {"-128", [](File& f) { f[kWeight].data[7] = '\x80'; }, code::kCheckpointFormat, "-128 at index 7"},
      {"a norm in I8",
       [](File& f) {
         f["norm.weight"].dtype = "I8";
         f["norm.weight"].data.resize(12);
       },
       code::kTensorDtype, "norm.weight"},
      {"a head in I8",
       [](File& f) {
         f["head.weight"].dtype = "I8";
         f["head.weight"].data.resize(60);
       },
       code::kTensorDtype, "head.weight"},
      {"another format", [](File& f) { f.metadata = {{"format", "pt"}}; }, code::kCheckpointFormat,
       "vitreous-int8"},
      {"no metadata", [](File& f) { f.metadata.clear(); }, code::kCheckpointFormat, "vitreous-int8"},
      {"a later version", [](File& f) { f.metadata = {{"format", "vitreous-int8"}, {"version", "2"}}; },
       code::kCheckpointFormat, "version \"2\""},
      {"no version", [](File& f) { f.metadata = {{"format", "vitreous-int8"}}; }, code::kCheckpointFormat,
       "version \"\""},
  };
  for (const auto& [what, change, code, named] : cases) {
    File file(read_file("int8.safetensors"));
    change(file);
    try {
      embed(tiny(), file.whole());
      ADD_FAILURE() << what << ": no " << code;
    } catch (const Error& error) {
      EXPECT_STREQ(error.code(), code) << what;
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << what << ": " << error.what();
    }
  }
}

// No float32 copy of a weight: the largest thing taken is the one float32 tensor that is large in any file.
TEST(Int8File, TakesLessMemoryThanQuantizing) {
  VitConfig config = find_model("vit_tiny_patch16_224").config;
  config.depth = 1;
  config.num_classes = 0;
  config.patch_size = 8;
  config.image_height = config.image_width = 112;
  config.arithmetic = Arithmetic::kInt8;
  const std::vector<TensorSpec> specs = generated_tensors(config);
  std::string fp32 = safetensors_head(specs), int8(1 << 20, '\0');
  for (const TensorSpec& spec : specs) {
    const std::vector<float> values = generate(spec.name, spec.shape);
    fp32.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  Converter converter(config, FileDtype::kInt8, "{}");
  feed(converter, fp32);
  converter.finish();
  for (const Piece& p : converter.take()) {
    std::copy(p.bytes.begin(), p.bytes.end(), int8.begin() + std::ptrdiff_t(p.offset));
  }
  ModelLoader head(config);
  head.begin_file(std::nullopt);
  head.push(bytes(int8), 20000);
  int8.resize(head.expected_bytes().value());

  const auto largest = [&](const std::string& file) {
    ModelLoader loader(config);
    allocations() = {};
    feed(loader, file);
    return allocations().largest;
  };
  EXPECT_EQ(largest(fp32), 4u * 192 * 768);                   // fc1
  EXPECT_LE(largest(int8), 4u * 192 * (1 + 14 * 14) + 1024);  // pos_embed
}

TEST(Converter, MakesTheTensorsThatNumpyMakes) {
  for (const size_t piece : {7u, 4096u, 1u << 20}) {
    const std::string fp32 = read_file("model.safetensors");
    expect_same_tensors(convert(fp32, FileDtype::kFp16, piece), read_file("fp16.safetensors"));
    expect_same_tensors(convert(fp32, FileDtype::kInt8, piece), read_file("int8.safetensors"));
  }
}

TEST(Converter, OfAnInt8FileIsThatFileOrItsWeightsInFp16) {
  const std::string int8 = read_file("int8.safetensors");
  expect_same_tensors(convert(int8, FileDtype::kInt8), int8);
  File half(convert(int8, FileDtype::kFp16)), integers(int8);
  float scale, weight;
  std::memcpy(&scale, &integers[kScale].data[4], sizeof scale);
  to_float32(Dtype::kF16, bytes(half[kWeight].data) + 2 * 48, &weight, 1);  // row 1 begins
  EXPECT_NEAR(weight, scale * float(int8_t(integers[kWeight].data[48])), std::abs(weight) / 2048);
  EXPECT_NE(weight, 0);
}

TEST(Converter, TheHeaderIsAlignedAndCarriesTheConfig) {
  const std::string file = convert(read_file("model.safetensors"), FileDtype::kInt8);
  EXPECT_EQ(bytes(file)[0] % 8, 0);
  const File int8(file), fp16(convert(file, FileDtype::kFp16));
  const std::vector<std::pair<std::string, std::string>> expected = {{"format", "vitreous-int8"},
                                                                     {"version", "1"},
                                                                     {"config", "{\"a\": \"\\u00e9\n\"}"},
                                                                     {"producer", "vitreous convert"}};
  EXPECT_EQ(int8.metadata, expected);
  EXPECT_EQ(fp16.metadata.at(0).second, "pt");
}

TEST(Converter, RefusesWhatFp16DoesNotHold) {
  for (const float value : {65504.01f, -65505.0f, 3e38f}) {
    File file(read_file("model.safetensors"));
    put(file["norm.weight"], value);
    EXPECT_NO_THROW(convert(file.whole(), FileDtype::kInt8));
    try {
      convert(file.whole(), FileDtype::kFp16);
      ADD_FAILURE() << value;
    } catch (const Error& error) {
      EXPECT_STREQ(error.code(), code::kTensorDtype);
      EXPECT_NE(std::string(error.what()).find("\"norm.weight\""), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("index 2 "), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace vitreous::test
