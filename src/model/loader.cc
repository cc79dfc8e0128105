#include "model/loader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {

namespace {

VitConfig without_classifier(VitConfig config) {
  config.num_classes = 0;
  return config;
}

}  // namespace

ModelLoader::ModelLoader(const VitConfig& config, size_t files, bool head)
    : config_(head ? without_classifier(config) : config), files_(files), builder_(config_) {}

void ModelLoader::begin_file(std::optional<uint64_t> size) {
  const bool more_files = ++begun_ < files_;
  reader_ = std::make_unique<CheckpointReader>(
      [this, more_files](Header& header) { check(header, more_files); },
      [this](const TensorInfo& tensor, std::vector<float>&& values) { take(tensor.name, std::move(values)); },
      size);
}

void ModelLoader::begin_head(std::optional<uint64_t> size) {
  head_reader_ = std::make_unique<HeadReader>(config_, size);
}

void ModelLoader::push(const uint8_t* bytes, size_t n) {
  if (head_reader_) return head_reader_->push(bytes, n);
  reader_->push(bytes, n);
}

void ModelLoader::end_file() {
  if (head_reader_) {
    head_ = head_reader_->finish();
    head_reader_ = nullptr;
    return;
  }
  reader_->finish();
  reader_ = nullptr;
}

std::optional<uint64_t> ModelLoader::expected_bytes() const {
  if (head_reader_) return head_reader_->file_size();
  return reader_ ? reader_->file_size() : std::nullopt;
}

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  Header nothing{};
  check(nothing, /*more_files=*/false);
  VitWeights weights = builder_.take();
  if (head_) {
    config_.num_classes = head_.classes;
    weights.head = std::move(head_);
  }
  return std::make_unique<VisionTransformer>(config_, std::move(weights));
}

void ModelLoader::check(Header& header, bool more_files) {
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
  const Layout layout = Layout::recognise(names_, builder_.tensors());
  layout_.clear();
  std::vector<TensorSpec> expected;
  for (LayoutTensor& tensor : layout.tensors(builder_.tensors())) {
    if (!used_.contains(tensor.in_file.name)) expected.push_back(tensor.in_file);
    layout_.emplace(tensor.in_file.name, std::move(tensor));
  }
  for (const std::string& name : used_) {
    if (layout_.contains(name)) continue;
    throw Error(code::kTensorUnexpected,
                "Tensor " + quote(name) +
                    " is named in another way than those of the other files: give the "
                    "files of one checkpoint only.");
  }
  std::vector<std::string> left_out;
  for (const TensorInfo& tensor : header.tensors) {
    if (layout_.contains(tensor.name)) {
      used_.insert(tensor.name);
    } else if (layout.leaves_out(tensor.name)) {
      left_out.push_back(tensor.name);
    }
  }
  check_tensors(header, expected, left_out, more_files);
}

void ModelLoader::take(const std::string& name, std::vector<float>&& values) {
  const LayoutTensor& tensor = layout_.at(name);
  if (tensor.parts == 1) return builder_.set(tensor.name, std::move(values));
  Partial& partial = partial_[tensor.name];
  partial.values.resize(values.size() * size_t(tensor.parts));
  std::ranges::copy(values, partial.values.begin() + std::ptrdiff_t(values.size()) * tensor.part);
  if (++partial.parts < tensor.parts) return;
  builder_.set(tensor.name, std::move(partial.values));
  partial_.erase(tensor.name);
}

}  // namespace vitreous
