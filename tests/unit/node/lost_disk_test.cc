// One of three nodes loses its data folder while it runs: others lead what it led.
#include "unit/node/three_nodes.h"

namespace moldau::node::testing {
namespace {

class LostDisk : public ThreeNodes {};

TEST_F(LostDisk, ALeaderWhoseDataFolderFailsLeadsNoLonger) {
  start();
  create_topic("events", 1, 3);
  ASSERT_TRUE(world.run_until([&] { return all_in_sync("events"); }, 60s));
  produce("events", "before");
  const unsigned leader = leader_of("events");
  const unsigned other = (leader + 1) % kNodes;
  world.machine(leader).drive().fail_next_sync("commit-log-0");
  produce("events", "after");
  EXPECT_TRUE(world.run_until(
      [&] {
        const metadata::Partition* now = state(other, "events", 0);
        return now->leader != static_cast<NodeId>(leader + 1) && now->isr.size() == kNodes - 1;
      },
      60s));
}

}  // namespace
}  // namespace moldau::node::testing
