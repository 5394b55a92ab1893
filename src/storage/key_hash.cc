#include "storage/key_hash.h"

#include <bit>

namespace moldau::storage {
namespace {

std::uint64_t load_le(const std::byte* at) {
  const auto value = load_be<std::uint64_t>(at);
  return std::byteswap(value);
}

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t squeeze() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

KeyHash KeyHasher::operator()(ByteView key) const {
  State state{k0_ ^ 0x736f6d6570736575ULL, k1_ ^ 0x646f72616e646f6dULL ^ 0xee, k0_ ^ 0x6c7967656e657261ULL,
              k1_ ^ 0x7465646279746573ULL};
  std::uint64_t last = static_cast<std::uint64_t>(key.size()) << 56;
  for (; key.size() >= 8; key = key.subspan(8)) state.absorb(load_le(key.data()));
  for (std::size_t i = 0; i < key.size(); ++i) last |= std::to_integer<std::uint64_t>(key[i]) << (8 * i);
  state.absorb(last);
  state.v2 ^= 0xee;
  const std::uint64_t first = state.squeeze();
  state.v1 ^= 0xdd;
  return {first, state.squeeze()};
}

}  // namespace moldau::storage
