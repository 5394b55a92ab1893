// What a start that fails leaves behind.
#include <gtest/gtest.h>

#include "node/node.h"
#include "runtime/disk.h"
#include "simulation/world.h"

namespace moldau::node {
namespace {

constexpr std::uint16_t kPort = 9092;

config::Settings settings_in(const std::string& folder) {
  config::Settings settings;
  settings.data_dir = folder;
  settings.node_id = 1;
  settings.listeners.push_back({"PLAINTEXT",
                                {"0.0.0.0", kPort},
                                {simulation::Fabric::address_of(0), kPort},
                                config::SecurityProtocol::plaintext,
                                true,
                                false});
  settings.commit_log_size_bytes = 1 << 20;
  settings.memory_bytes = 64 << 20;
  return settings;
}

// A marker would let the next start skip the check of what a crashed process has left.
TEST(FailedStart, OnATakenPortDoesNotMarkAnUncheckedFolderAsClosedInOrder) {
  simulation::World world{7};
  auto& process = world.machine(0).process();
  auto running = world.run(Node::start(process, settings_in("/first"), {.admin = false}));
  ASSERT_TRUE(running.has_value()) << running.error().message;
  auto refused = world.run(Node::start(process, settings_in("/second"), {.admin = false}));
  EXPECT_FALSE(refused.has_value());
  const auto marker = runtime::read_file(process.disk(), "/second/.kafka_cleanshutdown", 1000);
  EXPECT_FALSE(marker.has_value());
  EXPECT_TRUE(world.run((*running)->stop()));
  EXPECT_TRUE(runtime::read_file(process.disk(), "/first/.kafka_cleanshutdown", 1000).has_value());
}

}  // namespace
}  // namespace moldau::node
