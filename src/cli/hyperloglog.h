// HyperLogLog: how many different byte strings were seen, about: within 1 % mostly, in 16 KiB whatever their
// number (Flajolet et al. 2007, with linear counting for few). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace moldau::cli {

class HyperLogLog {
 public:
  HyperLogLog() : ranks_(kRegisters, 0) {}
  void add(ByteView bytes);
  double estimate() const;
  // As if everything that `other` has seen had been added here.
  void add(const HyperLogLog& other);

 private:
  static constexpr unsigned kIndexBits = 14;
  static constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;
  std::vector<std::uint8_t> ranks_;  // of each register: the most leading zeros seen, and one
};

}  // namespace moldau::cli
