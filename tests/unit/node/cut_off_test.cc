// A broker that the controller does not hear: what it leads it gives up by itself, unless its followers tell
// it that it leads all the same (reliability.md, RP-28).
#include "unit/node/three_nodes.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

class CutOff : public ThreeNodes {
 protected:
  runtime::Duration session() const {
    return config::ClusterSettings::of(settings(1).broker).broker_session_timeout;
  }
};

TEST_F(CutOff, RP_28_ALeaderThatTheControllerAloneDoesNotHearGivesUp) {
  start();
  const unsigned controller = this->controller();
  const std::string topic = topic_where([&](unsigned leader) { return leader != controller; });
  ASSERT_TRUE(world.run_until([&] { return all_in_sync(topic); }, 60s));
  produce(topic, "before");
  const unsigned leader = leader_of(topic);
  world.fabric().cut_both(leader, controller);

  // The controller's replica follows it no longer.
  const auto before = world.now();
  EXPECT_EQ(produced_at(leader, topic), ErrorCode::not_leader_or_follower);
  EXPECT_LT(world.now() - before, session() + 1500ms + 500ms) << "until it looks again";
  EXPECT_EQ(produced_at(leader, topic), ErrorCode::not_leader_or_follower);
  produce(topic, "after");
  EXPECT_EQ(state(leader, topic, 0)->leader, static_cast<NodeId>(leader + 1)) << "it has not been told";

  world.fabric().heal_all();
  EXPECT_TRUE(world.run_until([&] { return all_in_sync(topic); }, 60s));
}

// The controller is a node of its own, on machine 0.
class WithoutController : public CutOff {
 protected:
  config::Settings settings(unsigned machine) const override {
    config::Settings settings = settings_of_node(machine);
    settings.voters.resize(1);
    settings.controller_role = machine == 0;
    settings.broker_role = machine != 0;
    std::erase_if(settings.listeners,
                  [&](const config::Listener& listener) { return listener.controller != (machine == 0); });
    return settings;
  }
  void start_with_topic() {
    start();
    create_topic("events", 1, 2);
    ASSERT_TRUE(world.run_until([&] { return follows(); }, 60s));
    produce("events", "before");
    leader = leader_of("events");
    follower = 3 - leader;
  }
  bool follows() {
    const metadata::Partition* partition = state(1, "events", 0);
    return partition != nullptr && state(2, "events", 0) != nullptr && partition->isr.size() == 2;
  }

  unsigned leader = 0;
  unsigned follower = 0;
};

TEST_F(WithoutController, BrokersThatHaveEachOtherGoOn) {
  start_with_topic();
  kill(0);
  world.run_for(5 * session());
  EXPECT_EQ(produced_at(leader, "events"), ErrorCode::none);
}

TEST_F(WithoutController, RP_28_ALeaderOnItsOwnGivesUpAndLeadsAgainWhenTheControllerHasAnswered) {
  start_with_topic();
  kill(0);
  world.run_for(2 * session());
  world.fabric().cut_both(leader, follower);
  world.run_for(1500ms);
  EXPECT_EQ(produced_at(leader, "events"), ErrorCode::not_leader_or_follower);

  // The next controller gives everybody a new session: nobody is fenced, nobody is elected.
  const LeaderEpoch epoch = state(leader, "events", 0)->leader_epoch;
  restart(0);
  ASSERT_TRUE(world.run_until([&] { return nodes[0]->quorum().is_active(); }, 60s));
  world.run_for(1s);
  EXPECT_EQ(produced_at(leader, "events", 1000), ErrorCode::request_timed_out) << "it takes records again";
  world.fabric().heal_all();
  ASSERT_TRUE(world.run_until([&] { return produced_at(leader, "events") == ErrorCode::none; }, 60s));
  EXPECT_EQ(state(leader, "events", 0)->leader_epoch, epoch);
}

}  // namespace
}  // namespace moldau::node::testing
