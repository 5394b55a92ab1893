#include <algorithm>
#include <cmath>

#include "cli/doctor.h"

namespace moldau::cli {
namespace {

constexpr std::int64_t kClockSkewMs = 2'000;

std::string count_of(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i ? ", " : "") + names[i];
  return text + (names.size() > kMost ? ", …" : "");
}

void examine_voters(const client::QuorumInfo& quorum, std::size_t brokers, Findings& findings) {
  const std::size_t voters = quorum.voters.size();
  const std::size_t tolerated = tolerated_failures(voters);
  const std::string detail =
      count_of(voters, "voter") + " tolerate" + (voters == 1 ? "s " : " ") + count_of(tolerated, "failure");
  if (voters > 0 && voters % 2 == 0)
    findings.warn("quorum", "", detail + ", no more than " + std::to_string(voters - 1) + " would",
                  "run an odd number of controllers: three for a cluster that outlives the loss of any node");
  else if (voters == 1 && brokers > 1)
    findings.warn("quorum", "", detail + ": without it nothing can be changed and no leader elected",
                  "moldau quorum add-voter, until there are three");
  else
    findings.ok("quorum", "", detail);
  for (const VoterLag& lag : voter_lags(quorum)) {
    if (lag.ms >= 0 && lag.ms < kVoterIsBehindMs) continue;
    findings.warn("quorum", "node " + std::to_string(lag.id),
                  "the voter is " + std::to_string(lag.offsets) + " records behind" +
                      (lag.ms < 0 ? "" : ", for " + std::to_string(lag.ms / 1000) + " s"),
                  "is the node running, and its controller listener reachable from the others?");
  }
}

void examine_clock(const client::QuorumInfo& quorum, TimestampMs now, Findings& findings) {
  const auto leader = std::ranges::find(quorum.voters, quorum.leader, &client::QuorumReplica::id);
  if (leader == quorum.voters.end() || leader->last_caught_up <= 0) return;
  const std::int64_t skew = now - leader->last_caught_up;
  if (std::abs(skew) < kClockSkewMs) {
    findings.ok("clock", "", "this machine and the controller agree");
    return;
  }
  findings.warn(
      "clock", "node " + std::to_string(quorum.leader),
      "this machine's clock is " + std::to_string(std::abs(skew) / 1000) + " s " +
          (skew > 0 ? "ahead of" : "behind") + " the controller's",
      "have both follow the time of the network (chrony, systemd-timesyncd): retention and seeks by "
      "time go by it");
}

void examine_partitions(const ClusterView& view, Findings& findings) {
  std::vector<std::string> leaderless, blocked, behind;
  std::size_t count = 0;
  for (const client::TopicInfo& topic : view.topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      ++count;
      const std::string name = partition_name(topic.name, partition.index);
      if (partition.leader < 0)
        leaderless.push_back(name);
      else if (partition.isr.size() < view.min_isr_of(topic.name))
        blocked.push_back(name);
      else if (partition.isr.size() < partition.replicas.size())
        behind.push_back(name);
    }
  }
  if (!leaderless.empty())
    findings.fail("partitions", "",
                  count_of(leaderless.size(), "partition") + " without a leader: " + some_of(leaderless),
                  "start the nodes that have them: moldau topic describe --unavailable");
  if (!blocked.empty())
    findings.fail(
        "partitions", "", count_of(blocked.size(), "partition") + " refuse acks=all: " + some_of(blocked),
        "fewer replicas are in sync than min.insync.replicas: moldau topic describe --under-min-isr");
  if (!behind.empty())
    findings.warn(
        "partitions", "",
        count_of(behind.size(), "partition") + " with a replica that is not in sync: " + some_of(behind),
        "moldau topic describe --under-replicated");
  if (leaderless.empty() && blocked.empty() && behind.empty())
    findings.ok("partitions", "", count_of(count, "partition") + ", every replica in sync");
}

std::optional<std::int64_t> number_in(const std::map<std::string, std::string, std::less<>>& configs,
                                      std::string_view key) {
  const auto at = configs.find(key);
  return at == configs.end() ? std::nullopt : whole_number(at->second);
}

class ConfigExamination {
 public:
  ConfigExamination(NodeId node, const std::map<std::string, std::string, std::less<>>& configs,
                    std::int64_t brokers, Findings& findings)
      : target_("broker " + std::to_string(node)),
        configs_(configs),
        brokers_(brokers),
        findings_(findings) {}

  bool examine() {
    for (const auto& [key, topic] :
         {std::pair{"offsets.topic.replication.factor", "__consumer_offsets"},
          std::pair{"transaction.state.log.replication.factor", "__transaction_state"}})
      internal_topic(key, topic);
    new_topics();
    folder();
    return well_;
  }

 private:
  void warn(std::string detail, std::string fix) {
    well_ = false;
    findings_.warn("config", target_, std::move(detail), std::move(fix));
  }
  void fail(std::string detail, std::string fix) {
    well_ = false;
    findings_.fail("config", target_, std::move(detail), std::move(fix));
  }

  void internal_topic(const std::string& key, const std::string& topic) {
    const auto factor = number_in(configs_, key);
    if (!factor) return;
    const std::string is = key + "=" + std::to_string(*factor);
    if (*factor > brokers_)
      fail(is + " with " + count_of(static_cast<std::size_t>(brokers_), "broker") + ": " + topic +
               " cannot be created, and those who need it wait",
           "set " + key + "=" + std::to_string(std::min<std::int64_t>(brokers_, 3)) +
               ", or start more brokers");
    else if (*factor == 1 && brokers_ >= 3)
      warn(is + ": the loss of one broker loses part of " + topic,
           "set " + key + "=3 before it is created; afterwards moldau cluster reassign " + topic +
               " --replicas 3");
  }

  void new_topics() {
    const auto factor = number_in(configs_, "default.replication.factor");
    const auto least = number_in(configs_, "min.insync.replicas");
    if (!factor || !least) return;
    const std::string is = "default.replication.factor=" + std::to_string(*factor) +
                           ", min.insync.replicas=" + std::to_string(*least);
    if (*least > *factor)
      fail(is + ": new topics refuse every acks=all", "set min.insync.replicas below the replication factor");
    else if (*factor > 1 && *least == *factor)
      warn(is + ": the loss of one replica stops acks=all", "set min.insync.replicas one lower");
    else if (*factor == 1 && brokers_ >= 3)
      warn(is + ": new topics have one copy of each record", "set default.replication.factor=3");
    else if (*factor >= 3 && *least == 1)
      warn(is + ": acks=all may mean one copy", "set min.insync.replicas=2");
  }

  void folder() {
    const auto at = configs_.find("log.dirs");
    if (at == configs_.end() || !at->second.starts_with("/tmp/")) return;
    warn("its data is in " + at->second + ", which may be gone after a reboot",
         "set log.dirs to a folder that stays");
  }

  std::string target_;
  const std::map<std::string, std::string, std::less<>>& configs_;
  std::int64_t brokers_;
  Findings& findings_;
  bool well_ = true;
};

}  // namespace

void examine_cluster(const ClusterView& view, TimestampMs now, Findings& findings) {
  std::size_t fenced = 0;
  for (const client::BrokerInfo& broker : view.cluster.brokers) {
    if (!broker.fenced) continue;
    ++fenced;
    findings.fail(
        "brokers", "broker " + std::to_string(broker.id), "is registered and not in service",
        "start it and see its log, or forget it: moldau node unregister " + std::to_string(broker.id));
  }
  const std::size_t up = view.cluster.brokers.size() - fenced;
  if (fenced == 0) findings.ok("brokers", "", count_of(up, "broker") + " in service");
  if (view.cluster.controller < 0 || (view.quorum && view.quorum->leader < 0))
    findings.fail("controller", "",
                  "there is no active controller: nothing can be changed, no leader elected",
                  "a majority of the voters must run and reach one another's controller listeners");
  else
    findings.ok("controller", "", "there is an active controller");
  if (view.quorum) {
    examine_voters(*view.quorum, up, findings);
    examine_clock(*view.quorum, now, findings);
  }
  examine_partitions(view, findings);
}

void examine_configs(const BrokerConfigs& configs, std::size_t brokers, Findings& findings) {
  bool well = true;
  for (const auto& [node, values] : configs)
    well = ConfigExamination(node, values, static_cast<std::int64_t>(brokers), findings).examine() && well;
  if (well && !configs.empty())
    findings.ok("config", "", "replication factors, min.insync.replicas and folders fit the cluster");
}

}  // namespace moldau::cli
