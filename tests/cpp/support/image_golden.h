// The generated images of tests/oracle/make_image_goldens.py, and the hash that its tables state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <stdexcept>
#include <string>
#include <vector>

#include "image/resample.h"

namespace vitreous::test {

// One byte of the picture: patches of noise, of slopes and of hard edges.
inline uint8_t generated_byte(uint32_t x, uint32_t y, uint32_t c) {
  switch ((x / 32 + y / 24) % 3) {
    case 0: {
      uint32_t noise = x * 0x9E3779B1u + y * 0x85EBCA77u + c * 0xC2B2AE3Du + 0x27D4EB2Fu;
      noise = (noise ^ (noise >> 15)) * 0x2C1B3C6Du;
      noise = (noise ^ (noise >> 12)) * 0x297A2D39u;
      return static_cast<uint8_t>(noise >> 24);
    }
    case 1:
      return static_cast<uint8_t>(x + 2 * y + 85 * c);
    default:
      return ((x / 5 + y / 7 + c) & 1) ? 255 : 0;
  }
}

// Rows top … top + rows - 1 of the picture, tightly packed.
inline std::vector<uint8_t> generated_rows(int width, int channels, int top, int rows) {
  std::vector<uint8_t> bytes;
  bytes.reserve(static_cast<size_t>(width) * static_cast<size_t>(channels) * static_cast<size_t>(rows));
  for (int y = top; y < top + rows; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        bytes.push_back(
            generated_byte(static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(c)));
      }
    }
  }
  return bytes;
}

// 64-bit FNV-1a.
inline uint64_t fnv(const void* data, size_t size) {
  uint64_t state = 0xCBF29CE484222325u;
  const auto* bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) state = (state ^ bytes[i]) * 0x100000001B3u;
  return state;
}

inline Interpolation interpolation_named(const std::string& name) {
  if (name == "bilinear") return Interpolation::kBilinear;
  if (name == "bicubic") return Interpolation::kBicubic;
  throw std::invalid_argument("no interpolation is called " + name);
}

}  // namespace vitreous::test
