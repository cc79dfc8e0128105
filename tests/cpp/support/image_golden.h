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

// A part of the picture, tightly packed.
inline std::vector<uint8_t> generated_part(Range columns, Range rows, int channels) {
  std::vector<uint8_t> bytes;
  bytes.reserve(static_cast<size_t>(columns.count()) * static_cast<size_t>(channels) *
                static_cast<size_t>(rows.count()));
  for (int y = rows.first; y < rows.last; ++y) {
    for (int x = columns.first; x < columns.last; ++x) {
      for (int c = 0; c < channels; ++c) {
        bytes.push_back(
            generated_byte(static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(c)));
      }
    }
  }
  return bytes;
}

inline std::vector<uint8_t> generated_image(int width, int height, int channels) {
  return generated_part({0, width}, {0, height}, channels);
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
