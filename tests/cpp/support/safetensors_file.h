// Makes safetensors files, right and wrong ones, and reads checkpoints with their readers in pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "weights/safetensors.h"

namespace vitreous::test {

inline std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

inline std::string safetensors_file(std::string_view header, std::string_view data) {
  return little_endian(header.size()).append(header).append(data);
}

// The bytes of `values` as they lie in memory; little-endian, like the format (dtype.cc asserts it).
template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

// "name":{...}, one entry of a header. Of `dtype`, `shape` and `offsets` the JSON text between quotes or
// brackets.
inline std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
         offsets + "]}";
}

struct Loaded {
  Header header;
  std::map<std::string, std::vector<float>> tensors;
  std::vector<std::string> order;  // in which the tensors came
};

using Push = std::function<void(size_t begin, size_t end)>;

// Reads `file` with a callback for the header (check_tensors, for one); `pieces` calls push for each piece.
template <class Reader = SafetensorsReader>
Loaded load(std::string_view file, const std::function<void(const Push&)>& pieces,
            std::optional<uint64_t> total_size = {}, const SafetensorsReader::OnHeader& on_header = {}) {
  Loaded loaded;
  Reader reader(
      [&](Header& header) {
        if (on_header) on_header(header);
        loaded.header = header;
      },
      [&](const TensorInfo& tensor, std::vector<float>&& values) {
        loaded.order.push_back(tensor.name);
        loaded.tensors[tensor.name] = std::move(values);
      },
      total_size);
  pieces([&](size_t begin, size_t end) {
    // A copy of exactly the piece, so that AddressSanitizer sees a read beyond it.
    const std::vector<uint8_t> piece(file.begin() + static_cast<std::ptrdiff_t>(begin),
                                     file.begin() + static_cast<std::ptrdiff_t>(end));
    reader.push(piece.data(), piece.size());
  });
  reader.finish();
  return loaded;
}

template <class Reader = SafetensorsReader>
Loaded load(std::string_view file, std::optional<uint64_t> total_size = {},
            const SafetensorsReader::OnHeader& on_header = {}) {
  return load<Reader>(file, [&](const Push& push) { push(0, file.size()); }, total_size, on_header);
}

template <class Reader = SafetensorsReader>
Loaded load_by_bytes(std::string_view file, const SafetensorsReader::OnHeader& on_header = {}) {
  return load<Reader>(
      file,
      [&](const Push& push) {
        for (size_t i = 0; i < file.size(); ++i) push(i, i + 1);
      },
      {}, on_header);
}

}  // namespace vitreous::test
