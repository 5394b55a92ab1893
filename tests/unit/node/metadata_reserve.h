// What a node's metadata log keeps of the device for itself (quorum/reserve.h).
#pragma once

#include <gtest/gtest.h>

#include "simulation/machine.h"

namespace moldau::node::testing {

inline constexpr const char* kReserve = "/data/__cluster_metadata-0/reserve";

// It is nobody's any more, as if the log had used it up.
inline void take_reserve(simulation::Machine& machine) {
  auto file = machine.process().disk().open(kReserve, runtime::OpenMode::read_write);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  ASSERT_TRUE((*file)->truncate(0));
}

inline std::size_t reserve_bytes(simulation::Machine& machine) {
  const auto contents = machine.drive().contents(kReserve);
  return contents ? contents->size() : 0;
}

}  // namespace moldau::node::testing
