#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace moldau {

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  // ISA-L takes an int length and a mutable pointer that it only reads.
  constexpr std::size_t kStep = std::size_t{1} << 30;
  std::uint32_t state = ~previous;
  while (!bytes.empty()) {
    const std::size_t step = std::min(bytes.size(), kStep);
    state = crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data())),
                        static_cast<int>(step), state);
    bytes = bytes.subspan(step);
  }
  return ~state;
}

}  // namespace moldau
