// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78): the checksum of record batches and of our own files.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace moldau {

// Checksum of `bytes`, or of what `previous` covers followed by `bytes`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

}  // namespace moldau
