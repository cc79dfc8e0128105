// Reads NumPy's .npy format, version 1.0, little-endian and C order: what tests/oracle/ writes.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace vitreous::test {

static_assert(std::endian::native == std::endian::little);

template <typename T>
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<T> data;
};

// The array in the file; throws std::runtime_error naming the file if it is not a whole .npy of that element
// type.
template <typename T>
NpyArray<T> read_npy(const std::string& path) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::uint16_t>);
  const char* descr = std::is_same_v<T, float> ? "'<f4'" : std::is_same_v<T, double> ? "'<f8'" : "'<u2'";
  const auto require = [&path](bool ok, const std::string& problem) {
    if (!ok) throw std::runtime_error(path + ": " + problem);
  };

  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "cannot be opened; python tests/oracle/make_all.py makes the goldens");
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  require(bytes.size() >= 10 && bytes.compare(0, 8, "\x93NUMPY\x01\x00", 8) == 0,
          "is not a .npy file of version 1.0");
  const std::size_t header_size =
      static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  require(bytes.size() >= 10 + header_size, "ends inside its header");
  const std::string header = bytes.substr(10, header_size);
  require(header.find(std::string("'descr': ") + descr) != std::string::npos,
          std::string("has not the element type ") + descr + ": " + header);
  require(header.find("'fortran_order': False") != std::string::npos, "is not in C order: " + header);

  NpyArray<T> array;
  std::size_t count = 1;
  const std::size_t tuple = header.find("'shape': (");
  require(tuple != std::string::npos, "has no shape: " + header);
  for (std::size_t i = tuple + 10; i < header.size() && header[i] != ')';) {
    if (header[i] < '0' || header[i] > '9') {
      ++i;
      continue;
    }
    std::size_t digits = 0;
    array.shape.push_back(std::stoul(header.substr(i), &digits));
    count *= array.shape.back();
    i += digits;
  }
  const std::size_t size = bytes.size() - 10 - header_size;
  require(size == count * sizeof(T), "holds " + std::to_string(size) + " bytes of data, its header says " +
                                         std::to_string(count * sizeof(T)));
  array.data.resize(count);
  if (size > 0) std::memcpy(array.data.data(), bytes.data() + 10 + header_size, size);
  return array;
}

}  // namespace vitreous::test
