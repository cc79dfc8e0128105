#include "weights/int8_format.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

std::optional<std::string_view> metadata(const Header& header, std::string_view key) {
  for (const auto& [name, value] : header.metadata) {
    if (name == key) return value;
  }
  return std::nullopt;
}

void check_format(const Header& header, const std::string& int8_tensor) {
  if (metadata(header, "format") != kInt8Format) {
    throw Error(code::kCheckpointFormat, "Tensor " + quote(int8_tensor) +
                                             " is I8, but the checkpoint's metadata does not say format \"" +
                                             std::string(kInt8Format) +
                                             "\": convert the original with `vitreous convert`.");
  }
  const std::string_view version = metadata(header, "version").value_or("");
  if (version != kInt8Version) {
    throw Error(code::kCheckpointFormat, "The int8 checkpoint is of version " + quote(version) +
                                             ", and this library reads version " + std::string(kInt8Version) +
                                             ": update the library, or convert the original again.");
  }
}

}  // namespace

void expect_scales(const Header& header, std::vector<TensorSpec>& expected) {
  std::unordered_map<std::string_view, const TensorInfo*> tensors;
  for (const TensorInfo& tensor : header.tensors) tensors.emplace(tensor.name, &tensor);
  const auto int8 = std::ranges::find(header.tensors, Dtype::kI8, &TensorInfo::dtype);
  if (int8 == header.tensors.end()) return;
  check_format(header, int8->name);

  std::vector<TensorSpec> scales;
  for (const TensorSpec& spec : expected) {
    const auto found = tensors.find(spec.name);
    if (found == tensors.end() || found->second->dtype != Dtype::kI8) continue;
    if (!spec.int8) {
      throw Error(code::kTensorDtype,
                  "Tensor " + quote(spec.name) +
                      " is I8, which only the weights of the blocks' linear layers may be: convert the "
                      "original again.");
    }
    TensorSpec scale{spec.name + std::string(kScaleSuffix), {spec.shape[0]}};
    const auto stored = tensors.find(scale.name);
    if (stored != tensors.end() && stored->second->dtype != Dtype::kF32) {
      throw Error(code::kTensorDtype, "Tensor " + quote(scale.name) + " is " +
                                          dtype_name(stored->second->dtype) +
                                          ", but scales must be F32: convert the original again.");
    }
    scales.push_back(std::move(scale));
  }
  expected.insert(expected.end(), scales.begin(), scales.end());
}

void check_int8_weight(const std::string& name, const Int8Weight& weight) {
  const auto negative = std::ranges::find_if(weight.scales, [](float scale) { return scale < 0; });
  if (negative != weight.scales.end()) {
    throw Error(code::kCheckpointFormat, "Tensor " + quote(name + std::string(kScaleSuffix)) +
                                             " holds a negative value at index " +
                                             std::to_string(negative - weight.scales.begin()) +
                                             ", which a scale never is: the checkpoint is damaged.");
  }
  const auto lowest = std::ranges::find(weight.values, std::numeric_limits<int8_t>::min());
  if (lowest != weight.values.end()) {
    throw Error(code::kCheckpointFormat,
                "Tensor " + quote(name) + " holds -128 at index " +
                    std::to_string(lowest - weight.values.begin()) +
                    " (flattened), but its values go from -127 to 127: the checkpoint is damaged.");
  }
}

}  // namespace vitreous
