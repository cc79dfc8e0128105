#include "model/head.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

// The layer's name if the tensor is the weight of a classifier, without ".weight"; empty otherwise.
std::string_view classifier_of(std::string_view tensor) {
  constexpr std::string_view kWeight = ".weight";
  if (!tensor.ends_with(kWeight)) return "";
  const std::string_view layer = tensor.substr(0, tensor.size() - kWeight.size());
  const std::string_view last = layer.substr(layer.rfind('.') + 1);
  return last == "linear" || last == "head" || last == "classifier" ? layer : "";
}

}  // namespace

void patch_mean(const float* tokens, size_t N, size_t prefix, size_t dim, float* mean) {
  std::fill_n(mean, dim, 0.0f);
  for (size_t n = prefix; n < N; ++n) {
    for (size_t d = 0; d < dim; ++d) mean[d] += tokens[n * dim + d];
  }
  for (size_t d = 0; d < dim; ++d) mean[d] /= float(N - prefix);
}

void interleave_patch_mean(const float* tokens, size_t N, size_t prefix, size_t dim, float* features) {
  patch_mean(tokens, N, prefix, dim, features + dim);
  // In place, from the front: value d of the mean moves from dim + d, behind all that is written before it.
  for (size_t d = 0; d < dim; ++d) {
    features[2 * d + 1] = features[dim + d];
    features[2 * d] = tokens[d];
  }
}

HeadReader::HeadReader(const VitConfig& config, std::optional<uint64_t> file_size)
    : config_(config),
      reader_([this](Header& header) { choose(header); },
              [this](const TensorInfo& tensor, std::vector<float>&& values) {
                (tensor.name == name_ + ".weight" ? weight_ : bias_) = std::move(values);
              },
              file_size) {}

void HeadReader::choose(Header& header) {
  for (const TensorInfo& tensor : header.tensors) {
    const std::string_view layer = classifier_of(tensor.name);
    if (layer.empty() || tensor.shape.size() != 2) continue;
    name_ = layer;
    classes_ = tensor.shape[0];
    features_ = tensor.shape[1];
    break;
  }
  if (name_.empty()) {
    throw Error(
        code::kTensorMissing,
        "The file has no classifier: no linear.weight, head.weight or classifier.weight with two dimensions. "
        "Give DINO's dino_*_linearweights.pth or a file like it.");
  }
  const auto bias = std::ranges::find(header.tensors, name_ + ".bias", &TensorInfo::name);
  if (bias == header.tensors.end()) {
    throw Error(code::kTensorMissing, "The classifier " + quote(name_ + ".weight") + " has no " +
                                          quote(name_ + ".bias") + " beside it.");
  }
  const int64_t dim = config_.dim;
  if (classes_ < 1 || features_ < dim || features_ % dim != 0 ||
      features_ / dim > std::max(2, config_.depth)) {
    throw Error(code::kTensorShape,
                "The classifier " + quote(name_ + ".weight") + " takes " + std::to_string(features_) +
                    " features; " + config_.name + " gives " + std::to_string(dim) + " a block, or " +
                    std::to_string(2 * dim) +
                    " with the mean of its patches. Take the classifier that was trained on this model.");
  }
  if (features_ > dim && (config_.global_pool != GlobalPool::kToken || config_.fc_norm)) {
    throw Error(code::kUnsupported, "The classifier " + quote(name_ + ".weight") + " takes CLS tokens of " +
                                        std::to_string(features_ / dim) + " blocks or their patches; " +
                                        config_.name + " pools in another way. Use global_pool 'token'.");
  }
  if (bias->shape != std::vector<int64_t>{classes_}) {
    throw Error(code::kTensorShape, quote(bias->name) + " should have " + std::to_string(classes_) +
                                        " values, one for each class of " + quote(name_ + ".weight") + ".");
  }
  for (TensorInfo& tensor : header.tensors) {
    tensor.skip = tensor.name != name_ + ".weight" && tensor.name != bias->name;
  }
}

Head HeadReader::finish() {
  reader_.finish();
  const auto blocks = int(features_ / config_.dim);
  Head head;
  head.linear = Linear(size_t(features_), size_t(classes_), weight_.data(), bias_.data());
  head.patch_mean = blocks == 2;
  head.blocks = head.patch_mean ? 1 : blocks;
  return head;
}

}  // namespace vitreous
