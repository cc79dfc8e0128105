#include "weights/crc32.h"

#include <array>
#include <cstring>

namespace vitreous {
namespace {

// Slicing by eight (Kounavis and Berry, 2008): kTables[n][b] is the checksum of byte b followed by n zeros,
// so that eight bytes are eight independent look-ups. A checkpoint's every byte goes through here.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    tables[0][byte] = crc;
  }
  for (size_t n = 1; n < 8; ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[n - 1][byte];
      tables[n][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

// Made when first needed: eight kilobytes that no compression would make smaller.
const Tables& tables() {
  static const Tables tables = make_tables();
  return tables;
}

}  // namespace

uint32_t crc32(uint32_t crc, std::span<const uint8_t> bytes) {
  const Tables& t = tables();
  crc = ~crc;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    uint32_t low, high;  // little-endian, as dtype.cc asserts
    std::memcpy(&low, bytes.data(), 4);
    std::memcpy(&high, bytes.data() + 4, 4);
    low ^= crc;
    crc = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^ t[4][low >> 24] ^
          t[3][high & 0xff] ^ t[2][(high >> 8) & 0xff] ^ t[1][(high >> 16) & 0xff] ^ t[0][high >> 24];
  }
  for (uint8_t byte : bytes) crc = (crc >> 8) ^ t[0][(crc ^ byte) & 0xff];
  return ~crc;
}

}  // namespace vitreous
