#include "model/converter.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "weights/int8_format.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr size_t kAlignment = 8;  // of the data part, as safetensors' own writer has it

std::string metadata(FileDtype dtype, std::string_view config_json) {
  std::vector<std::pair<std::string_view, std::string_view>> entries = {{"format", "pt"}};
  if (dtype == FileDtype::kInt8) {
    entries = {{"format", kInt8Format}, {"version", kInt8Version}, {"config", config_json}};
  }
  entries.emplace_back("producer", "vitreous convert");
  std::string json;
  for (const auto& [key, value] : entries) {
    json += json.empty() ? '{' : ',';
    json.append(json_string(key)).append(":").append(json_string(value));
  }
  return json + '}';
}

}  // namespace

Converter::Converter(const VitConfig& config, FileDtype dtype, const std::string& config_json, size_t files)
    : CheckpointLoader(config, files), dtype_(dtype), tensors_(WeightsBuilder(config).tensors()) {
  header_ = "{\"__metadata__\":" + metadata(dtype, config_json);
  for (const TensorSpec& spec : tensors_) {
    specs_.emplace(spec.name, &spec);
    if (dtype == FileDtype::kInt8 && spec.int8) {
      // The scales first: a reader that has them can pack the integers as they come.
      place(spec.name + std::string(kScaleSuffix), Dtype::kF32, {spec.shape[0]});
      place(spec.name, Dtype::kI8, spec.shape);
    } else {
      place(spec.name, dtype == FileDtype::kFp16 ? Dtype::kF16 : Dtype::kF32, spec.shape);
    }
  }
  header_ += "}";
  header_.resize((header_.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
}

void Converter::place(const std::string& name, Dtype dtype, const std::vector<int64_t>& shape) {
  std::string extents;
  uint64_t size = item_size(dtype);
  for (const int64_t extent : shape) {
    if (!extents.empty()) extents += ',';
    extents += std::to_string(extent);
    size *= uint64_t(extent);
  }
  offsets_.emplace(name, data_size_);
  header_.append(",").append(json_string(name));
  header_.append(":{\"dtype\":\"").append(dtype_name(dtype)).append("\",\"shape\":[").append(extents);
  header_.append("],\"data_offsets\":[").append(std::to_string(data_size_)).append(",");
  header_.append(std::to_string(data_size_ + size)).append("]}");
  data_size_ += size;
}

void Converter::set(const std::string& name, std::vector<float>&& values) {
  const TensorSpec& spec = *specs_.at(name);
  if (dtype_ == FileDtype::kFp16) {
    add_fp16(name, values);
  } else if (spec.int8) {
    const size_t out = size_t(spec.shape[0]);
    set(name, quantize_weight(out, values.size() / out, values.data()));
  } else {
    add(name, values.data(), values.size() * sizeof(float));
  }
}

void Converter::set(const std::string& name, Int8Weight&& weight) {
  if (dtype_ == FileDtype::kFp16) {
    add_fp16(name, dequantize(weight));
  } else {
    add(name + std::string(kScaleSuffix), weight.scales.data(), weight.scales.size() * sizeof(float));
    add(name, weight.values.data(), weight.values.size());
  }
}

void Converter::add_fp16(const std::string& name, const std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::abs(values[i]) <= kMaxF16) continue;
    throw Error(code::kTensorDtype,
                "Tensor " + quote(name) + " holds at index " + std::to_string(i) +
                    " (flattened) a value beyond fp16's largest number, 65504: convert to int8.");
  }
  std::vector<uint8_t> bytes(values.size() * item_size(Dtype::kF16));
  to_float16(values.data(), bytes.data(), values.size());
  add(name, bytes.data(), bytes.size());
}

void Converter::add(const std::string& name, const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  pieces_.push_back({sizeof(uint64_t) + header_.size() + offsets_.at(name), {bytes, bytes + size}});
}

std::vector<Piece> Converter::take() { return std::exchange(pieces_, {}); }

void Converter::finish() {
  check_complete();
  const uint64_t size = header_.size();
  std::vector<uint8_t> head(sizeof size + header_.size());
  std::memcpy(head.data(), &size, sizeof size);  // little-endian, as dtype.cc asserts
  std::memcpy(head.data() + sizeof size, header_.data(), header_.size());
  pieces_.push_back({0, std::move(head)});
}

}  // namespace vitreous
