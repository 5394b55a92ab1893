// SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012) of record keys: compaction tells keys apart by it
// alone. Its own key is random, so that nobody who writes records can make two of their keys look like one.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace moldau::storage {

struct KeyHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

class KeyHasher {
 public:
  KeyHasher(std::uint64_t k0, std::uint64_t k1) : k0_(k0), k1_(k1) {}
  KeyHash operator()(ByteView key) const;

 private:
  std::uint64_t k0_;
  std::uint64_t k1_;
};

}  // namespace moldau::storage
