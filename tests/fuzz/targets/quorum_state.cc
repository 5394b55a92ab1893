// The file quorum-state: refused, or a state that reads the same once it was written.
#include "fuzz/target.h"
#include "raft/types.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 192;

void run(ByteView bytes) {
  const auto state = raft::quorum_state_from_json(as_text(bytes));
  if (!state) {
    MOLDAU_ASSERT(state.error().code == Errc::corrupt || state.error().code == Errc::unsupported);
    return;
  }
  MOLDAU_ASSERT(state->epoch >= 0 && state->leader_id >= kNoNode && state->voted.id >= kNoNode);
  const auto again = raft::quorum_state_from_json(raft::to_json(*state));
  MOLDAU_ASSERT(again == *state, "a state changes by being written");
}

void seeds(Seeds& seeds) {
  seeds.add(raft::to_json({}));
  seeds.add(raft::to_json({.epoch = 7, .leader_id = 2, .voted = {.id = 1, .directory = {5, 6}}}));
  seeds.add(R"({"leaderId":-1,"leaderEpoch":3,"votedId":-1,"data_version":1, "x": [1, {"y": "\u0041"}]})");
}

MOLDAU_FUZZ_TARGET(quorum_state, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
