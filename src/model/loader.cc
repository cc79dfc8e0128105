#include "model/loader.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "weights/int8_format.h"
#include "weights/json.h"

namespace vitreous {
namespace {

VitConfig without_classifier(VitConfig config) {
  config.num_classes = 0;
  return config;
}

// (rows, columns) → (columns, rows)
std::vector<float> transposed(const std::vector<float>& values, size_t rows, size_t columns) {
  std::vector<float> out(values.size());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column)
      out[column * rows + row] = values[row * columns + column];
  }
  return out;
}

}  // namespace

void CheckpointLoader::begin_file(std::optional<uint64_t> size) {
  const bool more_files = ++begun_ < files_;
  reader_ = std::make_unique<CheckpointReader>(
      [this, more_files](Header& header) { check(header, more_files); },
      [this](const TensorInfo& tensor, std::vector<float>&& values) { take(tensor.name, std::move(values)); },
      size,
      [this](const TensorInfo& tensor, std::vector<int8_t>&& values) {
        take_int8(tensor.name, std::move(values));
      });
}

void CheckpointLoader::push(const uint8_t* bytes, size_t n) { reader_->push(bytes, n); }

void CheckpointLoader::end_file() {
  reader_->finish();
  reader_ = nullptr;
}

std::optional<uint64_t> CheckpointLoader::expected_bytes() const {
  return reader_ ? reader_->file_size() : std::nullopt;
}

void CheckpointLoader::check_complete() {
  Header nothing{};
  check(nothing, /*more_files=*/false);
  for (const LayoutTensor& tensor : zeros_) {
    size_t count = 1;
    for (int64_t extent : tensor.in_file.shape) count *= size_t(extent);
    set(tensor.name, std::vector<float>(count));
  }
}

void CheckpointLoader::check(Header& header, bool more_files) {
  const std::unordered_set<std::string_view> earlier(names_.begin(), names_.end());
  for (const TensorInfo& tensor : header.tensors) {
    if (earlier.contains(tensor.name)) {
      throw Error(code::kTensorDuplicate,
                  "Tensor " + quote(tensor.name) +
                      " is in two files of the checkpoint: give each of its files once.");
    }
  }
  for (const TensorInfo& tensor : header.tensors) names_.push_back(tensor.name);

  // With each file there is more to recognise the layout by. It never changes for names that are used
  // already, unless the files do not belong together.
  const Layout layout = Layout::recognise(names_, tensors());
  layout_.clear();
  zeros_.clear();
  std::vector<TensorSpec> expected;
  for (LayoutTensor& tensor : layout.tensors(tensors())) {
    if (tensor.form == Form::kZeros) {
      zeros_.push_back(std::move(tensor));
      continue;
    }
    if (!used_.contains(tensor.in_file.name)) expected.push_back(tensor.in_file);
    layout_.emplace(tensor.in_file.name, std::move(tensor));
  }
  for (const auto& [name, form] : used_) {
    const auto found = layout_.find(name);
    if (found != layout_.end()) {
      if (found->second.form == form) continue;
      throw Error(
          code::kTensorUnexpected,
          "Tensor " + quote(name) +
              " came before what shows whose checkpoint it is: give the file with the registers first.");
    }
    throw Error(code::kTensorUnexpected,
                "Tensor " + quote(name) +
                    " is named in another way than those of the other files: give the "
                    "files of one checkpoint only.");
  }
  expect_scales(header, expected);
  std::vector<std::string> left_out;
  for (const TensorInfo& tensor : header.tensors) {
    if (const auto found = layout_.find(tensor.name); found != layout_.end()) {
      used_.emplace(tensor.name, found->second.form);
    } else if (layout.leaves_out(tensor.name)) {
      left_out.push_back(tensor.name);
    }
  }
  check_tensors(header, expected, left_out, more_files);
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.dtype == Dtype::kI8 && !tensor.skip) int8_.try_emplace(tensor.name);
  }
}

void CheckpointLoader::take(const std::string& name, std::vector<float>&& values) {
  const auto found = layout_.find(name);
  if (found == layout_.end()) {  // the scales of integers
    const std::string weight = name.substr(0, name.size() - kScaleSuffix.size());
    int8_.at(weight).scales = std::move(values);
    return set_when_whole(weight);
  }
  const LayoutTensor& tensor = found->second;
  if (tensor.form == Form::kClassToken) return add_to_class_token(values.data(), values.size());
  if (tensor.form == Form::kPositions) return take_positions(tensor, std::move(values));
  if (tensor.form == Form::kTransposed) {
    const auto rows = size_t(tensor.in_file.shape[0]), columns = size_t(tensor.in_file.shape[1]);
    return set(tensor.name, transposed(values, rows, columns));
  }
  if (tensor.parts == 1) return set(tensor.name, std::move(values));
  Partial& partial = partial_[tensor.name];
  partial.values.resize(values.size() * size_t(tensor.parts));
  std::ranges::copy(values, partial.values.begin() + std::ptrdiff_t(values.size()) * tensor.part);
  if (++partial.parts < tensor.parts) return;
  set(tensor.name, std::move(partial.values));
  partial_.erase(tensor.name);
}

void CheckpointLoader::take_positions(const LayoutTensor& tensor, std::vector<float>&& values) {
  const auto dim = std::ptrdiff_t(tensor.in_file.shape.back());
  add_to_class_token(values.data(), size_t(dim));
  values.erase(values.begin(), values.begin() + dim);
  set(tensor.name, std::move(values));
}

// The token and its position, in any order.
void CheckpointLoader::add_to_class_token(const float* values, size_t n) {
  class_token_.values.resize(n);
  for (size_t i = 0; i < n; ++i) class_token_.values[i] += values[i];
  if (++class_token_.parts == 2) set("cls_token", std::move(class_token_.values));
}

void CheckpointLoader::take_int8(const std::string& name, std::vector<int8_t>&& values) {
  int8_.at(name).values = std::move(values);
  set_when_whole(name);
}

void CheckpointLoader::set_when_whole(const std::string& name) {
  Int8Weight& weight = int8_.at(name);
  if (weight.values.empty() || weight.scales.empty()) return;
  check_int8_weight(name, weight);
  set(layout_.at(name).name, std::move(weight));
  int8_.erase(name);
}

ModelLoader::ModelLoader(const VitConfig& config, size_t files, bool head)
    : CheckpointLoader(head ? without_classifier(config) : config, files), builder_(this->config()) {}

double ModelLoader::needed_bytes() const {
  const VitConfig& made = config();
  const bool int8 = made.arithmetic == Arithmetic::kInt8;
  double packed = 0, largest = 0;
  for (const TensorSpec& tensor : builder_.tensors()) {
    double values = 1;
    for (const int64_t size : tensor.shape) values *= double(size);
    packed += values * double(int8 && tensor.int8 ? sizeof(int8_t) : sizeof(float));
    largest = std::max(largest, values * double(sizeof(float)));
  }
  const double columns = 2.0 * made.dim + std::max({made.patch_values(), 3 * made.dim, made.mlp_dim});
  const double rows = double(made.tokens()) * columns * double(sizeof(float));
  // The tensor and the rows are not there at the same time.
  return packed + std::max(largest, rows);
}

void ModelLoader::begin_head(std::optional<uint64_t> size) {
  head_reader_ = std::make_unique<HeadReader>(config(), size);
}

void ModelLoader::push(const uint8_t* bytes, size_t n) {
  head_reader_ ? head_reader_->push(bytes, n) : CheckpointLoader::push(bytes, n);
}

void ModelLoader::end_file() {
  if (!head_reader_) return CheckpointLoader::end_file();
  head_ = head_reader_->finish();
  head_reader_ = nullptr;
}

std::optional<uint64_t> ModelLoader::expected_bytes() const {
  return head_reader_ ? head_reader_->file_size() : CheckpointLoader::expected_bytes();
}

void ModelLoader::set(const std::string& name, std::vector<float>&& values) {
  builder_.set(name, std::move(values));
}

void ModelLoader::set(const std::string& name, Int8Weight&& weight) { builder_.set(name, std::move(weight)); }

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  check_complete();
  VitConfig made = config();
  VitWeights weights = builder_.take();
  if (head_) {
    made.num_classes = int(head_.linear.out());
    weights.head = std::move(head_);
  }
  return std::make_unique<VisionTransformer>(made, std::move(weights));
}

}  // namespace vitreous
