#include "cli/cluster_view.h"

#include <algorithm>

namespace moldau::cli {
namespace {

using runtime::Task;

bool is_not_told(const client::Failure& failure) {
  return failure.code == Errc::unsupported || failure.code == Errc::permission;
}

Task<client::Outcome<void>> add_min_isr(ClusterSession& session, ClusterView& view) {
  client::ConfigQuery query{.keys = std::vector<std::string>{"min.insync.replicas"}};
  for (const client::TopicInfo& topic : view.topics)
    query.resources.push_back({client::ConfigResourceType::topic, topic.name});
  if (query.resources.empty()) co_return client::Outcome<void>();
  const auto answered = co_await session.admin.describe_configs(std::move(query));
  if (!answered && is_not_told(answered.error())) co_return client::Outcome<void>();
  if (!answered) co_return client::fail(answered.error());
  for (const auto& [resource, entries] : *answered) {
    if (!entries || entries->empty()) continue;
    const auto value = whole_number(entries->front().value.value_or(""));
    if (value) view.min_isr[resource.name] = static_cast<std::size_t>(*value);
  }
  co_return client::Outcome<void>();
}

}  // namespace

Task<client::Outcome<ClusterView>> look_at_cluster(ClusterSession& session, LookOptions options) {
  ClusterView view;
  auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return client::fail(std::move(cluster).error());
  view.cluster = std::move(*cluster);
  auto topics = co_await session.admin.list_topics();
  if (!topics) co_return client::fail(std::move(topics).error());
  view.topics = std::move(*topics);
  if (auto added = co_await add_min_isr(session, view); !added)
    co_return client::fail(std::move(added).error());
  if (options.quorum) {
    auto quorum = co_await session.admin.describe_quorum();
    if (quorum)
      view.quorum = std::move(*quorum);
    else if (!is_not_told(quorum.error()))
      co_return client::fail(std::move(quorum).error());
  }
  if (options.moving) {
    auto moving = co_await session.admin.list_partition_reassignments();
    if (moving)
      view.moving = std::move(*moving);
    else if (!is_not_told(moving.error()))
      co_return client::fail(std::move(moving).error());
  }
  co_return view;
}

std::vector<VoterLag> voter_lags(const client::QuorumInfo& quorum) {
  const auto leader = std::ranges::find(quorum.voters, quorum.leader, &client::QuorumReplica::id);
  std::vector<VoterLag> lags;
  if (leader == quorum.voters.end()) return lags;
  for (const client::QuorumReplica& voter : quorum.voters) {
    VoterLag lag{.id = voter.id};
    if (voter.id != quorum.leader) {
      lag.offsets = leader->log_end_offset - voter.log_end_offset;
      const bool known = leader->last_caught_up >= 0 && voter.last_caught_up >= 0;
      lag.ms = known ? std::max<std::int64_t>(0, leader->last_caught_up - voter.last_caught_up) : -1;
    }
    lags.push_back(lag);
  }
  return lags;
}

std::string partition_name(const std::string& topic, PartitionIndex partition) {
  return topic + "/" + std::to_string(partition);
}

Json texts_json(const std::vector<std::string>& texts) {
  Json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace moldau::cli
