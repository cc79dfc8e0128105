// CRC-32 as zip uses it (ISO 3309, the reflected polynomial 0xedb88320).
#pragma once

#include <cstdint>
#include <span>

namespace vitreous {

// The checksum of what `crc` is the checksum of, followed by `bytes`; begin with 0.
uint32_t crc32(uint32_t crc, std::span<const uint8_t> bytes);

}  // namespace vitreous
