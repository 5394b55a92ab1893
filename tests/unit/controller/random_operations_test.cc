// Whatever the operations and their order: partitions stay sound, no clean election picks a replica that may
// lack a committed record (I-P1, I-P3, I-P10), reassignments end in the old or the new replicas (RP-18), and
// when all is well again every partition has a leader.
#include "cluster.h"

namespace moldau::controller {
namespace {

// What a partition's replicas hold, as a number of records: committed is what the whole ISR had while it was
// large enough.
struct Data {
  std::int64_t committed = 0;
  std::map<NodeId, std::int64_t> held;
  std::set<NodeId> before_reassignment;
  std::set<NodeId> target;
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), cluster_(0) {
    brokers_ = static_cast<NodeId>(3 + random_.below(5));
    for (NodeId id = 1; id <= brokers_; ++id) cluster_.add_broker(id);
    for (int i = 0; i < 3; ++i) create_topic();
  }

  void step() {
    switch (random_.below(16)) {
      case 0:
        return crash(any_broker());
      case 1:
      case 2:
        return come_back(any_broker());
      case 3:
        return expire(any_broker());
      case 4:
      case 5:
        return beat(any_broker());
      case 6:
        return leave(any_broker());
      case 7:
      case 8:
      case 9:
        return alter_isr();
      case 10:
        return reassign();
      case 11:
        return elect();
      case 12:
        return configure();
      case 13:
        return timers();
      case 14:
        return random_.one_in(8) ? replace_topic() : write();
      default:
        return write();
    }
  }

  // Everybody comes back and catches up.
  void heal() {
    for (NodeId id = 1; id <= brokers_; ++id) {
      if (dead_.contains(id)) come_back(id);
      // One that was about to leave is fenced first.
      for (int i = 0; i < 3; ++i)
        commit(
            cluster_.controller_.heartbeat(cluster_.image_, cluster_.heartbeat_of(id), cluster_.sessions_));
    }
    for_all_partitions([&](const std::string& name, PartitionIndex index) {
      if (cluster_.partition(name, index).leader == kNoNode) elect_uncleanly(name, index);
      const Partition& p = cluster_.partition(name, index);
      ASSERT_NE(p.leader, kNoNode) << name;
      for (const NodeId id : p.replicas) data(name, index).held[id] = data(name, index).committed;
      commit(
          cluster_.controller_.alter_partition(cluster_.image_, cluster_.isr_wish(name, p.replicas, index)));
      const Partition& after = cluster_.partition(name, index);
      EXPECT_TRUE(after.adding_replicas.empty() && after.removing_replicas.empty());
      EXPECT_EQ(after.isr.size(), after.replicas.size());
    });
  }

  // The records of a snapshot make the image that applying made.
  void check_snapshot() const {
    std::vector<Record> records;
    cluster_.image_.to_records([&](Record record) { records.push_back(std::move(record)); });
    EXPECT_TRUE(metadata::apply_records({}, records)->image.same_state(cluster_.image_));
  }

  int clean_elections = 0, unclean_elections = 0, completed = 0, elr_elections = 0;

 private:
  NodeId any_broker() { return static_cast<NodeId>(1 + random_.below(static_cast<std::uint64_t>(brokers_))); }
  std::pair<std::string, PartitionIndex> any_partition() {
    auto at = cluster_.image_.topics().begin();
    for (std::uint64_t n = random_.below(cluster_.image_.topic_count()); n > 0; --n) ++at;
    return {at->first, static_cast<PartitionIndex>(random_.below(at->second->partitions.size()))};
  }
  Data& data(const std::string& name, PartitionIndex index) {
    return data_[{cluster_.topic(name).id, index}];
  }
  template <class Visit>
  void for_all_partitions(const Visit& visit) {
    std::vector<std::pair<std::string, PartitionIndex>> all;
    for_each_partition(cluster_.image_, [&](const metadata::Topic& topic, const Partition& p) {
      all.emplace_back(topic.name, p.partition);
      return true;
    });
    for (const auto& [name, index] : all) visit(name, index);
  }
  bool is_synced(const std::string& name) const {
    return !cluster_.image_.configs({ResourceType::topic, name}).contains("moldau.durability");
  }
  Nodes some_brokers(std::size_t count) {
    Nodes all;
    for (NodeId id = 1; id <= brokers_; ++id) all.push_back(id);
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random_.below(i)]);
    all.resize(std::min(count, all.size()));
    return all;
  }

  // --- committing, and what it means for the data

  template <class Response>
  Response commit(Outcome<Response> outcome) {
    commit(std::move(outcome.records));
    return std::move(outcome.response);
  }
  void commit(std::vector<Record> records) {
    const Image before = cluster_.image_;
    std::set<TopicIdPartition> changed;
    for (const Record& record : records)
      if (const auto* change = std::get_if<PartitionChangeRecord>(&record))
        ASSERT_TRUE(changed.insert({change->topic_id, change->partition}).second) << "changed twice";
    cluster_.commit(records);
    for (const auto& key : changed) follow(*before.partition(key), *cluster_.image_.partition(key));
    for_each_partition(cluster_.image_, [&](const metadata::Topic& topic, const Partition& now) {
      expect_members_hold_everything(now, data_[{topic.id, now.partition}]);
      return true;
    });
  }

  // What a dead process held counts when the next one registers: until then it serves nobody.
  void expect_members_hold_everything(const Partition& partition, Data& data) const {
    for (const auto* members : {&partition.isr, &partition.eligible_leader_replicas})
      for (const NodeId id : *members)
        if (!dead_.contains(id)) EXPECT_EQ(data.held[id], data.committed) << "replica " << id;
  }

  void follow(const Partition& was, const Partition& now) {
    Data& data = data_[{now.topic_id, now.partition}];
    const bool lossy = now.recovery_state == LeaderRecoveryState::recovering &&
                       now.leader_epoch > was.leader_epoch && now.leader != kNoNode &&
                       !contains(was.isr, now.leader) && !contains(was.eligible_leader_replicas, now.leader);
    if (lossy) {
      ++unclean_elections;
      data.committed = std::min(data.committed, data.held[now.leader]);
      for (auto& [id, held] : data.held) held = std::min(held, data.committed);
    } else if (now.leader != kNoNode && now.leader != was.leader) {
      ++clean_elections;
      elr_elections += contains(was.eligible_leader_replicas, now.leader) ? 1 : 0;
      if (!dead_.contains(now.leader)) EXPECT_EQ(data.held[now.leader], data.committed);
    }
    const bool is_over = now.adding_replicas.empty() && now.removing_replicas.empty();
    const bool was_over = was.adding_replicas.empty() && was.removing_replicas.empty();
    if (is_over && !was_over) {
      ++completed;
      const std::set<NodeId> replicas(now.replicas.begin(), now.replicas.end());
      EXPECT_TRUE(replicas == data.before_reassignment || replicas == data.target);
    }
    for (const NodeId id : was.replicas)
      if (!contains(now.replicas, id)) data.held[id] = 0;  // its log is deleted
  }

  // --- what happens

  void create_topic() {
    const std::string name = "t" + std::to_string(++topics_);
    wire::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 2;
    topic.replication_factor = static_cast<std::int16_t>(1 + random_.below(3));
    if (random_.one_in(2)) topic.configs.push_back({.name = "moldau.durability", .value = "page-cache"});
    if (random_.one_in(4))
      topic.configs.push_back({.name = "unclean.leader.election.enable", .value = "true"});
    if (random_.one_in(2)) topic.configs.push_back({.name = "min.insync.replicas", .value = "2"});
    commit(cluster_.controller_.create_topics(cluster_.image_, request, cluster_.random_));
  }
  void replace_topic() {
    const std::string name = any_partition().first;
    wire::DeleteTopicsRequest request;
    request.topic_names = {name};
    commit(cluster_.controller_.delete_topics(cluster_.image_, request));
    create_topic();
    if (cluster_.image_.topic_count() == 0) heal(), create_topic();
  }

  // Records are committed when the whole ISR is alive and large enough.
  void write() {
    if (cluster_.image_.topic_count() == 0) return;
    const auto [name, index] = any_partition();
    const Partition& p = cluster_.partition(name, index);
    RulesOfTopics rules(cluster_.controller_, cluster_.image_);
    const std::size_t min_isr = std::min(rules.of(cluster_.topic(name)).min_isr, p.replicas.size());
    const auto dead = [&](NodeId id) { return dead_.contains(id); };
    if (p.leader == kNoNode || p.isr.size() < min_isr || std::ranges::any_of(p.isr, dead)) return;
    Data& d = data(name, index);
    ++d.committed;
    for (const NodeId id : p.isr) d.held[id] = d.committed;
  }

  // The process is killed; what it had not synced is gone; sometimes the disk, too.
  void crash(NodeId id) {
    if (!dead_.insert(id).second) return;
    const bool disk_is_gone = random_.one_in(6);
    if (disk_is_gone) ++disk_[id];
    for_all_partitions([&](const std::string& name, PartitionIndex index) {
      std::int64_t& held = data(name, index).held[id];
      if (disk_is_gone) held = 0;
      if (!is_synced(name) && held > 0) held = static_cast<std::int64_t>(random_.below(held + 1));
    });
  }
  void come_back(NodeId id) {
    if (!dead_.contains(id) && !random_.one_in(4)) return;
    auto request = cluster_.registration(id);
    request.log_dirs = {Cluster::directory(id, disk_[id])};
    const metadata::Broker* old = cluster_.image_.broker(id);
    // A restart in order proves it; so does nobody whose process was killed.
    if (old && !dead_.contains(id)) request.previous_broker_epoch = old->broker_epoch;
    auto outcome =
        cluster_.controller_.register_broker(cluster_.image_, request, cluster_.next_offset_, false);
    ASSERT_EQ(outcome.response.error_code, ErrorCode::none);
    if (old) earlier_epochs_[id] = old->broker_epoch;
    // What its earlier process held counts from here on.
    dead_.erase(id);
    commit(std::move(outcome));
  }
  void expire(NodeId id) {
    const auto records = cluster_.controller_.fence_broker(cluster_.image_, id);
    commit(records);
  }
  void beat(NodeId id) {
    if (dead_.contains(id) || !cluster_.image_.broker(id)) return;
    auto request = cluster_.heartbeat_of(id);
    request.want_fence = random_.one_in(20);
    if (random_.one_in(10)) request.cordoned_log_dirs = cluster_.image_.broker(id)->directories;
    commit(cluster_.controller_.heartbeat(cluster_.image_, request, cluster_.sessions_));
  }
  void leave(NodeId id) {
    if (dead_.contains(id) || !cluster_.image_.broker(id)) return;
    if (random_.one_in(10) && brokers_ > 3) {
      commit(cluster_.controller_.unregister_broker(cluster_.image_, {.broker_id = id}));
      return come_back_unregistered(id);
    }
    auto request = cluster_.heartbeat_of(id);
    request.want_shut_down = true;
    commit(cluster_.controller_.heartbeat(cluster_.image_, request, cluster_.sessions_));
  }
  void come_back_unregistered(NodeId id) {
    auto request = cluster_.registration(id);
    request.log_dirs = {Cluster::directory(id, disk_[id])};
    commit(cluster_.controller_.register_broker(cluster_.image_, request, cluster_.next_offset_, false));
  }

  // The leader drops whoever is dead, and some others; or it takes replicas in that have caught up, some of
  // which are not eligible.
  void alter_isr() {
    const auto [name, index] = any_partition();
    const Partition p = cluster_.partition(name, index);
    if (p.leader == kNoNode || dead_.contains(p.leader)) return;
    Nodes isr = {p.leader};
    Data& d = data(name, index);
    const bool grows = random_.one_in(2);
    for (const NodeId id : p.replicas) {
      if (id == p.leader || dead_.contains(id)) continue;
      if (contains(p.isr, id) ? random_.one_in(4) : !grows) continue;
      const bool can_follow = cluster_.image_.is_active(id);
      if (can_follow) d.held[id] = d.committed;
      isr.push_back(id);
    }
    auto request = cluster_.isr_wish(name, isr, index);
    const bool is_stale = names_an_earlier_process(request, p.isr);
    const bool all_active =
        std::ranges::all_of(isr, [&](NodeId id) { return cluster_.image_.is_active(id); });
    const auto response = commit(cluster_.controller_.alter_partition(cluster_.image_, request));
    const ErrorCode code = response.topics.at(0).partitions.at(0).error_code;
    EXPECT_TRUE(all_active && !is_stale ? code == ErrorCode::none || code == ErrorCode::new_leader_elected
                                        : code == ErrorCode::ineligible_replica)
        << wire::name_of(code);
  }

  // The leader has not heard of a follower's restart: what it counts was fetched by an earlier process.
  bool names_an_earlier_process(wire::AlterPartitionRequest& request, const Nodes& isr) {
    if (!random_.one_in(4)) return false;
    for (auto& member : request.topics[0].partitions[0].new_isr_with_epochs) {
      const auto earlier = earlier_epochs_.find(member.broker_id);
      if (contains(isr, member.broker_id) || earlier == earlier_epochs_.end()) continue;
      member.broker_epoch = earlier->second;
      return true;
    }
    return false;
  }

  void reassign() {
    const auto [name, index] = any_partition();
    const Partition p = cluster_.partition(name, index);
    Data& d = data(name, index);
    wire::AlterPartitionReassignmentsRequest request;
    request.topics.resize(1);
    request.topics[0].name = name;
    auto& wish = request.topics[0].partitions.emplace_back();
    wish.partition_index = index;
    if (!random_.one_in(3)) wish.replicas = some_brokers(1 + random_.below(3));
    if (p.adding_replicas.empty() && p.removing_replicas.empty())
      d.before_reassignment = {p.replicas.begin(), p.replicas.end()};
    const std::set<NodeId> target_before = d.target;
    if (wish.replicas) d.target = {wish.replicas->begin(), wish.replicas->end()};
    const auto response =
        commit(cluster_.controller_.alter_partition_reassignments(cluster_.image_, request));
    if (response.responses.at(0).partitions.at(0).error_code != ErrorCode::none) d.target = target_before;
  }

  void elect() {
    const auto [name, index] = any_partition();
    if (random_.one_in(6)) return elect_uncleanly(name, index);
    wire::ElectLeadersRequest request;
    request.topic_partitions.emplace().push_back({.topic = name, .partitions = {index}});
    commit(cluster_.controller_.elect_leaders(cluster_.image_, request));
  }
  void elect_uncleanly(const std::string& name, PartitionIndex index) {
    wire::ElectLeadersRequest request{.election_type = 1};
    request.topic_partitions.emplace().push_back({.topic = name, .partitions = {index}});
    commit(cluster_.controller_.elect_leaders(cluster_.image_, request));
  }

  void configure() {
    wire::IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    const bool cluster_wide = random_.one_in(4);
    resource.resource_type =
        static_cast<std::int8_t>(cluster_wide ? ResourceType::broker : ResourceType::topic);
    if (!cluster_wide) resource.resource_name = any_partition().first;
    resource.configs.push_back({.name = "min.insync.replicas",
                                .config_operation = 0,
                                .value = std::to_string(1 + random_.below(3))});
    commit(cluster_.controller_.incremental_alter_configs(cluster_.image_, request));
  }
  void timers() {
    commit(random_.one_in(2) ? cluster_.controller_.balance_leaders(cluster_.image_)
                             : cluster_.controller_.elect_unclean_where_allowed(cluster_.image_));
  }

  Random random_;
  Cluster cluster_;
  NodeId brokers_ = 0;
  int topics_ = 0;
  std::set<NodeId> dead_;  // killed and not back yet
  std::map<NodeId, int> disk_;
  std::map<NodeId, metadata::BrokerEpoch> earlier_epochs_;
  std::map<TopicIdPartition, Data> data_;
};

TEST(RandomOperations, KeepEveryPartitionSoundAndLoseNothing) {
  int clean = 0, unclean = 0, completed = 0, elr = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    for (int step = 0; step < 250 && !::testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      history.step();
    }
    if (::testing::Test::HasFailure()) break;
    history.check_snapshot();
    history.heal();
    if (::testing::Test::HasFailure()) break;
    clean += history.clean_elections;
    unclean += history.unclean_elections;
    completed += history.completed;
    elr += history.elr_elections;
  }
  // The rare branches were taken.
  EXPECT_GT(clean, 1000);
  EXPECT_GT(elr, 20);
  EXPECT_GT(unclean, 20);
  EXPECT_GT(completed, 100);
}

}  // namespace
}  // namespace moldau::controller
