// What a start that fails leaves behind.
#include <gtest/gtest.h>

#include "node/node.h"
#include "runtime/disk.h"
#include "simulation/node_settings.h"
#include "simulation/world.h"

namespace moldau::node {
namespace {

using simulation::node_settings;

// A marker would let the next start skip the check of what a crashed process has left.
TEST(FailedStart, OnATakenPortDoesNotMarkAnUncheckedFolderAsClosedInOrder) {
  simulation::World world{7};
  auto& process = world.machine(0).process();
  auto running = world.run(Node::start(process, node_settings("/first"), {.admin = false}));
  ASSERT_TRUE(running.has_value()) << running.error().message;
  auto refused = world.run(Node::start(process, node_settings("/second"), {.admin = false}));
  EXPECT_FALSE(refused.has_value());
  const auto marker = runtime::read_file(process.disk(), "/second/.kafka_cleanshutdown", 1000);
  EXPECT_FALSE(marker.has_value());
  EXPECT_TRUE(world.run((*running)->stop()));
  EXPECT_TRUE(runtime::read_file(process.disk(), "/first/.kafka_cleanshutdown", 1000).has_value());
}

}  // namespace
}  // namespace moldau::node
