#include "weights/safetensors_header.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

// Offsets must be exact as JavaScript numbers, and adding the header's size must not overflow.
constexpr uint64_t kMaxDataSize = uint64_t{1} << 53;

template <class T>
std::string shape_text(const std::vector<T>& shape) {
  constexpr size_t kShown = 8;
  std::string text = "[";
  for (size_t i = 0; i < std::min(shape.size(), kShown); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + (shape.size() > kShown ? ", ...]" : "]");
}

std::string range_text(uint64_t begin, uint64_t end) {
  return "bytes " + std::to_string(begin) + " to " + std::to_string(end);
}

std::vector<uint64_t> read_integers(JsonReader& json) {
  std::vector<uint64_t> integers;
  json.array([&] { integers.push_back(json.integer()); });
  return integers;
}

// The bytes a tensor takes, or nothing when a dimension is no int64 or their product no uint64.
std::optional<uint64_t> byte_size(Dtype dtype, const std::vector<uint64_t>& shape) {
  uint64_t bytes = item_size(dtype);
  for (uint64_t dimension : shape) {
    if (dimension > INT64_MAX) return std::nullopt;
    if (dimension != 0 && bytes > UINT64_MAX / dimension) return std::nullopt;
    bytes *= dimension;
  }
  return bytes;
}

// One entry, {"dtype": "F32", "shape": [768], "data_offsets": [0, 3072]}, with the keys in any order.
TensorInfo read_tensor(JsonReader& json, std::string name) {
  const std::string quoted = quote(name);
  json.set_context("tensor " + quoted);
  std::optional<std::string> dtype_text;
  std::optional<std::vector<uint64_t>> shape, offsets;
  json.object([&](const std::string& key) {
    const bool again =
        (key == "dtype" && dtype_text) || (key == "shape" && shape) || (key == "data_offsets" && offsets);
    if (again) json.fail(quote(key) + " is there twice");
    if (key == "dtype") {
      dtype_text = json.string();
    } else if (key == "shape") {
      shape = read_integers(json);
    } else if (key == "data_offsets") {
      offsets = read_integers(json);
    } else {
      json.fail("unknown key " + quote(key));
    }
  });
  if (!dtype_text) json.fail("no \"dtype\"");
  if (!shape) json.fail("no \"shape\"");
  if (!offsets) json.fail("no \"data_offsets\"");
  if (offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    json.fail("\"data_offsets\" must be [begin, end] with begin <= end");
  }
  const uint64_t begin = (*offsets)[0], end = (*offsets)[1];

  const std::optional<Dtype> dtype = parse_dtype(*dtype_text);
  if (!dtype) {
    throw Error(code::kTensorDtype, "Tensor " + quoted + " has dtype " + quote(*dtype_text) +
                                        ", but only F32, F16, BF16 and the I8 of vitreous-int8 files can be "
                                        "read: convert the checkpoint to fp32 or fp16 first.");
  }
  if (end > kMaxDataSize) {
    throw Error(code::kCheckpointOversized, "Tensor " + quoted + " claims " + range_text(begin, end) +
                                                ", more than any file holds: the checkpoint is damaged.");
  }
  const std::optional<uint64_t> bytes = byte_size(*dtype, *shape);
  if (bytes != end - begin) {
    throw Error(code::kTensorShape,
                "Tensor " + quoted + " of shape " + shape_text(*shape) + " in " + *dtype_text + " takes " +
                    (bytes ? std::to_string(*bytes) : "2^64 or more") + " bytes, but its data_offsets span " +
                    std::to_string(end - begin) + ": the checkpoint is damaged.");
  }
  json.set_context("");
  return {std::move(name), *dtype, {shape->begin(), shape->end()}, begin, end};
}

// `items` may be changed in order only; returns an item that is there twice.
std::optional<std::string_view> find_duplicate(std::vector<std::string_view> items) {
  std::ranges::sort(items);
  const auto twice = std::ranges::adjacent_find(items);
  return twice == items.end() ? std::nullopt : std::optional(*twice);
}

void check_names(const Header& header) {
  std::vector<std::string_view> names, keys;
  for (const TensorInfo& tensor : header.tensors) names.push_back(tensor.name);
  for (const auto& [key, value] : header.metadata) keys.push_back(key);
  if (const auto name = find_duplicate(std::move(names))) {
    throw Error(code::kTensorDuplicate,
                "Tensor " + quote(*name) + " is in the checkpoint twice: save it again with each name once.");
  }
  if (const auto key = find_duplicate(std::move(keys))) {
    throw Error(code::kCheckpointFormat, "The checkpoint's metadata has the key " + quote(*key) + " twice.");
  }
}

// Sorts the tensors by offset and makes sure that each begins where the one before ends.
void check_layout(Header& header) {
  std::ranges::sort(header.tensors, {}, [](const TensorInfo& t) { return std::tie(t.begin, t.end, t.name); });
  const TensorInfo* previous = nullptr;
  for (const TensorInfo& tensor : header.tensors) {
    const uint64_t expected = previous ? previous->end : 0;
    if (tensor.begin > expected) {
      throw Error(code::kCheckpointFormat,
                  "Before tensor " + quote(tensor.name) + ", " + range_text(expected, tensor.begin) +
                      " of the data belong to no tensor: the checkpoint is damaged.");
    }
    if (tensor.begin < expected) {
      throw Error(code::kTensorOverlap, "Tensors " + quote(previous->name) + " (" +
                                            range_text(previous->begin, previous->end) + ") and " +
                                            quote(tensor.name) + " (" + range_text(tensor.begin, tensor.end) +
                                            ") overlap: the checkpoint is damaged.");
    }
    previous = &tensor;
  }
  header.data_size = previous ? previous->end : 0;
}

std::string and_more(size_t count) {
  return count > 1 ? " (and " + std::to_string(count - 1) + " more)" : "";
}

}  // namespace

Header parse_header(std::string_view text) {
  Header header{};
  JsonReader json(text);
  bool has_metadata = false;
  json.object([&](std::string key) {
    if (key != "__metadata__") {
      header.tensors.push_back(read_tensor(json, std::move(key)));
      return;
    }
    if (std::exchange(has_metadata, true)) json.fail("\"__metadata__\" is there twice");
    json.set_context("\"__metadata__\"");
    json.object([&](std::string name) { header.metadata.emplace_back(std::move(name), json.string()); });
    json.set_context("");
  });
  json.expect_end();
  check_names(header);
  check_layout(header);
  return header;
}

void check_tensors(Header& header, std::span<const TensorSpec> expected, std::span<const std::string> ignored,
                   bool more_files) {
  const std::unordered_set<std::string_view> extras(ignored.begin(), ignored.end());
  std::unordered_set<std::string_view> known;
  for (const TensorSpec& spec : expected) known.insert(spec.name);

  std::unordered_map<std::string_view, const TensorInfo*> found;
  std::vector<const TensorInfo*> unexpected;
  for (TensorInfo& tensor : header.tensors) {
    if (known.contains(tensor.name)) {
      found.emplace(tensor.name, &tensor);
    } else if (extras.contains(tensor.name)) {
      tensor.skip = true;
    } else {
      unexpected.push_back(&tensor);
    }
  }
  std::vector<const TensorSpec*> missing;
  for (const TensorSpec& spec : expected) {
    if (!found.contains(spec.name)) missing.push_back(&spec);
  }

  if (!missing.empty() && !more_files) {
    std::string message = "The checkpoint lacks tensor " + quote(missing[0]->name) +
                          and_more(missing.size()) + " of this model";
    if (!unexpected.empty()) {
      message += " and has " + quote(unexpected[0]->name) + and_more(unexpected.size()) + " instead";
    }
    throw Error(code::kTensorMissing, message + ": load a checkpoint of this architecture.");
  }
  if (!unexpected.empty()) {
    throw Error(code::kTensorUnexpected,
                "The checkpoint has tensor " + quote(unexpected[0]->name) + and_more(unexpected.size()) +
                    ", which this model does not: load a checkpoint of this architecture.");
  }
  for (const TensorSpec& spec : expected) {
    const auto tensor = found.find(spec.name);
    if (tensor == found.end() || tensor->second->shape == spec.shape) continue;
    throw Error(code::kTensorShape, "Tensor " + quote(spec.name) + " has shape " +
                                        shape_text(tensor->second->shape) + ", but this model expects " +
                                        shape_text(spec.shape) + ": load a checkpoint of this architecture.");
  }
}

}  // namespace vitreous
