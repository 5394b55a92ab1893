// moldau doctor: what it found out, one line for each thing that it looked at.
#pragma once

#include "cli/cluster_view.h"

namespace moldau::cli {

struct Finding {
  enum class Result : std::uint8_t { ok, warn, fail };
  std::string check;   // what was looked at: "connect", "quorum"
  std::string target;  // an address, a node; may be empty
  Result result = Result::ok;
  std::string detail;
  std::string fix;  // what to do; empty when all is well
};
std::string_view name_of(Finding::Result result);

class Findings {
 public:
  void ok(std::string check, std::string target, std::string detail) {
    all_.push_back({std::move(check), std::move(target), Finding::Result::ok, std::move(detail), {}});
  }
  void warn(std::string check, std::string target, std::string detail, std::string fix) {
    all_.push_back(
        {std::move(check), std::move(target), Finding::Result::warn, std::move(detail), std::move(fix)});
  }
  void fail(std::string check, std::string target, std::string detail, std::string fix) {
    all_.push_back(
        {std::move(check), std::move(target), Finding::Result::fail, std::move(detail), std::move(fix)});
  }
  const std::vector<Finding>& all() const { return all_; }
  bool any_failed() const;

 private:
  std::vector<Finding> all_;
};

// doctor_network.cc: addresses. The bootstrap addresses first, then every address that brokers advertise.
runtime::Task<void> examine_addresses(Context context, const client::ConnectionOptions& options,
                                      const std::vector<runtime::Endpoint>& bootstrap, Findings& findings);

// doctor_cluster.cc: a cluster that answers, judged by what it says about itself.
void examine_cluster(const ClusterView& view, TimestampMs now, Findings& findings);
// Configs of its brokers, by node and key, that are known to cost people data or time.
using BrokerConfigs = std::map<NodeId, std::map<std::string, std::string, std::less<>>>;
inline constexpr std::string_view kExaminedKeys[] = {"default.replication.factor", "min.insync.replicas",
                                                     "offsets.topic.replication.factor",
                                                     "transaction.state.log.replication.factor", "log.dirs"};
void examine_configs(const BrokerConfigs& configs, std::size_t brokers, Findings& findings);

}  // namespace moldau::cli
