#include "model/loader.h"

#include <utility>

#include "weights/int8_format.h"

namespace vitreous {

void CheckpointLoader::begin_file(std::optional<uint64_t> size) {
  reader_ =
      std::make_unique<SafetensorsReader>([this](Header& header) { on_header(header); },
                                          [this](const TensorInfo& tensor, std::vector<float>&& values) {
                                            on_tensor(tensor.name, std::move(values));
                                          },
                                          size,
                                          [this](const TensorInfo& tensor, std::vector<int8_t>&& values) {
                                            on_int8_tensor(tensor.name, std::move(values));
                                          });
}

void CheckpointLoader::push(const uint8_t* bytes, size_t n) { reader_->push(bytes, n); }

void CheckpointLoader::end_file() { reader_->finish(); }

std::optional<uint64_t> CheckpointLoader::expected_bytes() const {
  return reader_ ? reader_->file_size() : std::nullopt;
}

void CheckpointLoader::on_header(Header& header) {
  // A model made without a classifier takes a checkpoint with one, as create_model(num_classes=0) does.
  std::vector<std::string> ignored;
  if (config_.num_classes == 0) ignored = {"head.weight", "head.bias"};
  std::vector<TensorSpec> expected = tensors();
  expect_scales(header, expected);
  check_tensors(header, expected, ignored);
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.dtype == Dtype::kI8 && !tensor.skip) int8_.try_emplace(tensor.name);
  }
}

void CheckpointLoader::on_tensor(const std::string& name, std::vector<float>&& values) {
  if (name.ends_with(kScaleSuffix)) {
    const std::string weight = name.substr(0, name.size() - kScaleSuffix.size());
    int8_.at(weight).scales = std::move(values);
    set_when_whole(weight);
  } else {
    set(name, std::move(values));
  }
}

void CheckpointLoader::on_int8_tensor(const std::string& name, std::vector<int8_t>&& values) {
  int8_.at(name).values = std::move(values);
  set_when_whole(name);
}

void CheckpointLoader::set_when_whole(const std::string& name) {
  Int8Weight& weight = int8_.at(name);
  if (weight.values.empty() || weight.scales.empty()) return;
  check_int8_weight(name, weight);
  set(name, std::move(weight));
  int8_.erase(name);
}

void ModelLoader::set(const std::string& name, std::vector<float>&& values) {
  builder_.set(name, std::move(values));
}

void ModelLoader::set(const std::string& name, Int8Weight&& weight) { builder_.set(name, std::move(weight)); }

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  return std::make_unique<VisionTransformer>(config(), builder_.take());
}

}  // namespace vitreous
