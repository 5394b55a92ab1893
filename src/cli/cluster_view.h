// One look at the whole cluster, for commands that judge it: health, brokers, node restart-check, doctor.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

struct ClusterView {
  client::ClusterInfo cluster;  // with fenced brokers
  std::vector<client::TopicInfo> topics;
  std::map<std::string, std::size_t, std::less<>> min_isr;               // by topic
  std::optional<client::QuorumInfo> quorum;                              // nothing: brokers do not tell
  std::optional<std::map<TopicPartition, client::Reassignment>> moving;  // nothing: brokers do not tell

  std::size_t min_isr_of(std::string_view topic) const {
    const auto at = min_isr.find(topic);
    return at == min_isr.end() ? 1 : at->second;
  }
};

struct LookOptions {
  bool quorum = true;
  bool moving = true;
};

runtime::Task<client::Outcome<ClusterView>> look_at_cluster(ClusterSession& session,
                                                            LookOptions options = {});

// A voter's way behind the leader.
struct VoterLag {
  NodeId id = kNoNode;
  std::int64_t offsets = 0;
  std::int64_t ms = 0;  // since it had all that the leader had; -1: not known
};
std::vector<VoterLag> voter_lags(const client::QuorumInfo& quorum);
// How many voters may be down: 1 of 3, 0 of 2.
constexpr std::size_t tolerated_failures(std::size_t voters) { return voters == 0 ? 0 : (voters - 1) / 2; }

// So long behind means that a voter does not take part.
inline constexpr std::int64_t kVoterIsBehindMs = 5'000;

// "topic/3".
std::string partition_name(const std::string& topic, PartitionIndex partition);
Json texts_json(const std::vector<std::string>& texts);

}  // namespace moldau::cli
