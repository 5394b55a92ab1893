#include "simulation/partition_observer.h"

#include <algorithm>
#include <utility>

#include "replication/damage.h"

namespace moldau::simulation {
namespace {

using runtime::Task;

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::uint64_t kRefreshSteps = 64;

std::string text(std::int64_t number) { return std::to_string(number); }

std::string to_string(const storage::LeaderEpochCache& epochs) {
  std::string list;
  for (const auto& entry : epochs.entries())
    list += (list.empty() ? "" : " ") + text(entry.epoch) + "@" + text(entry.start_offset);
  return list;
}

template <class Visit>
void for_each_partition(ClusterNode& node, Visit visit) {
  if (node.watched() == nullptr || node.watched()->partitions() == nullptr) return;
  for (const auto& hosted : node.watched()->partitions()->hosted()) {
    for (const auto& [key, partition] : hosted->partitions.all()) visit(key, partition, *hosted);
  }
}

}  // namespace

std::shared_ptr<replication::Partition> PartitionObserver::find(ClusterNode& node,
                                                                const TopicIdPartition& key) {
  std::shared_ptr<replication::Partition> found;
  for_each_partition(node, [&](const TopicIdPartition& at, const auto& partition, const node::HostedLogs&) {
    if (at == key) found = partition;
  });
  return found;
}

std::size_t PartitionObserver::count(ClusterNode& node) {
  std::size_t count = 0;
  if (node.watched()->partitions() == nullptr) return 0;
  for (const auto& hosted : node.watched()->partitions()->hosted()) count += hosted->partitions.all().size();
  return count;
}

// Keeps what is known of a partition object; another object for the same partition begins anew.
void PartitionObserver::refresh(ClusterNode& node, Seen& seen) {
  std::unordered_map<const replication::Partition*, std::shared_ptr<Replica>> known;
  for (auto& replica : seen.replicas) {
    if (!replica->partition.expired()) known[replica->address] = std::move(replica);
  }
  seen.replicas.clear();
  for_each_partition(
      node, [&](const TopicIdPartition& key, const auto& partition, const node::HostedLogs& hosted) {
        if (partition->closed()) return;
        auto& replica = known[partition.get()];
        if (!replica) {
          replica = std::make_shared<Replica>(Replica{.key = key,
                                                      .partition = partition,
                                                      .address = partition.get(),
                                                      .commit_log = &hosted.logs->commit_log()});
          replica->end = partition->log()->end_offset().value();
          check_found(node, *replica, replica->end);
        }
        seen.replicas.push_back(replica);
      });
  // The order of an unordered map is nobody's business, but reads happen in it.
  std::ranges::sort(seen.replicas, {}, [](const auto& replica) { return replica->key; });
}

void PartitionObserver::forget(const ClusterNode& node) {
  const auto found = seen_.find(node.id());
  if (found == seen_.end()) return;
  auto& left = left_[node.id()];
  for (const auto& replica : found->second.replicas)
    left[replica->key] = {replica->durable_end, replica->durable_epoch};
  seen_.erase(found);
}

// Something else was committed there: it may have been cut while the process died.
bool PartitionObserver::is_of_another_history(const TopicIdPartition& key, const Left& left) const {
  const auto& committed = ledger_.batches(key);
  const auto next = committed.upper_bound(left.end - 1);
  return next != committed.begin() && std::prev(next)->second.last >= left.end - 1 &&
         std::prev(next)->second.epoch != left.epoch;
}

// The first look at it since its process has started.
void PartitionObserver::check_found(ClusterNode& node, const Replica& replica, Offset end) {
  const auto process = left_.find(node.id());
  if (process == left_.end()) return;
  const auto left = process->second.extract(replica.key);
  if (!left || ledger_.is_damaged(replica.key) || is_of_another_history(replica.key, left.mapped())) return;
  // Files that cannot be read are fetched anew, once nobody counts on them.
  const metadata::Partition* state = metadata_.image().partition(replica.key);
  if (state != nullptr && replication::is_lost(*state, node.id())) return;
  // What was not committed may have been about to be cut.
  const Offset kept = std::min(left.mapped().end, ledger_.committed_end(replica.key));
  if (end < kept && ledger_.deletable(replica.key) < kept)
    report(ledger_.name(replica.key) + " on node " + text(node.id()) + ": the log ends at " + text(end) +
           " after a restart, but it was durable up to " + text(kept) + " (I-S1)");
}

std::optional<Offset> PartitionObserver::durable_end(NodeId node, const TopicIdPartition& key) const {
  if (const auto seen = seen_.find(node); seen != seen_.end()) {
    for (const auto& replica : seen->second.replicas) {
      if (replica->key == key && replica->get() != nullptr) return replica->durable_end;
    }
  }
  if (const auto process = left_.find(node); process != left_.end()) {
    const auto left = process->second.find(key);
    if (left != process->second.end()) return left->second.end;
  }
  return std::nullopt;
}

void PartitionObserver::on_change(const TopicIdPartition& key, const metadata::Partition& before,
                                  const metadata::Partition& after) {
  const auto contains = [](const std::vector<NodeId>& nodes, NodeId id) {
    return std::ranges::count(nodes, id) > 0;
  };
  for (const NodeId id : before.replicas) {
    const auto process = left_.find(id);
    if (process != left_.end() && !contains(after.replicas, id)) process->second.erase(key);
  }
  // Who comes back as a replica begins anew, whatever its last process had left behind.
  for (const NodeId id : after.replicas) {
    const auto process = left_.find(id);
    if (process != left_.end() && !contains(before.replicas, id)) process->second.erase(key);
  }
  for (const NodeId id : after.isr) {
    if (!contains(before.isr, id)) check_complete(key, id, "joins the ISR (I-P9)");
  }
  for (const NodeId id : after.eligible_leader_replicas) {
    if (!contains(before.eligible_leader_replicas, id)) check_complete(key, id, "is eligible (I-P10)");
  }
}

void PartitionObserver::check_complete(const TopicIdPartition& key, NodeId node, std::string_view as) {
  const Offset committed = ledger_.committed_end(key);
  if (ledger_.deletable(key) >= committed || metadata_.node(node).is_missed()) return;
  const auto end = durable_end(node, key);
  if (end && *end < committed)
    report(ledger_.name(key) + ": node " + text(node) + " " + std::string(as) + " with a log up to " +
           text(*end) + ", but " + text(committed) + " is committed");
}

void PartitionObserver::look_at(ClusterNode& node) {
  if (node.watched() == nullptr) return;
  if (const auto known = seen_.find(node.id()); known != seen_.end() && known->second.life != node.life())
    forget(node);
  Seen& seen = seen_[node.id()];
  seen.life = node.life();
  const std::size_t partitions = count(node);
  if (partitions != seen.partitions || seen.steps++ % kRefreshSteps == 0) {
    seen.partitions = partitions;
    refresh(node, seen);
  }
  for (const auto& replica : seen.replicas) look_at(node, replica);
}

void PartitionObserver::look_at(ClusterNode& node, const std::shared_ptr<Replica>& replica) {
  replication::Partition* const there = replica->get();
  if (there == nullptr) return;
  replication::Partition& partition = *there;
  const Offset end = partition.log()->end_offset().value();
  const Offset durable_end = partition.log()->durable_end_offset().value();
  if (replica->poisoned && durable_end > replica->durable_end)
    report(ledger_.name(replica->key) + " on node " + text(node.id()) +
           ": its end becomes durable after a failure of the commit log (I-S7)");
  if (std::exchange(replica->durable_end, durable_end) != durable_end) {
    const storage::Log& log = *partition.log();
    const bool empty = durable_end <= log.log_start_offset();
    replica->durable_epoch = empty ? kNoEpoch : log.epochs().epoch_of(durable_end - 1);
  }
  replica->poisoned = replica->commit_log->poisoned() != nullptr;
  const Offset high_watermark = partition.high_watermark().value();
  const LeaderEpoch leader_epoch = partition.leader_epoch();
  const bool leads = partition.leading() != nullptr;
  if (end == replica->end && high_watermark == replica->high_watermark &&
      leader_epoch == replica->leader_epoch && leads == replica->leads)
    return;
  const auto what = [&] { return ledger_.name(replica->key) + " on node " + text(node.id()); };
  if (world_.options().verbose)
    world_.print("  " + what() + (leads ? " leads" : " follows") + " in epoch " + text(leader_epoch) +
                 ", ends at " + text(end) + ", high watermark " + text(high_watermark) + ", epochs " +
                 to_string(partition.log()->epochs()));
  if (end < replica->end) {
    world_.marks().hit(Mark::follower_truncated);
    if (end < replica->read && end >= ledger_.deletable(replica->key) && is_counted_on(node, *replica))
      report(what() + ": cut to " + text(end) + " although everything below " + text(replica->read) +
             " was committed there (I-P6)");
  }
  // A log whose records are all deleted begins anew where its leader's log starts, who has not heard of the
  // deletion.
  const bool begins_anew = !leads && partition.log()->log_start_offset() == end &&
                           ledger_.deletable(replica->key) >= replica->high_watermark;
  if (high_watermark < replica->high_watermark && !ledger_.is_unclean(replica->key) && !begins_anew &&
      (leads || is_counted_on(node, *replica)))
    report(what() + ": high watermark " + text(high_watermark) + " after " + text(replica->high_watermark) +
           " (I-P4)");
  if (high_watermark > end)
    report(what() + ": high watermark " + text(high_watermark) + " above the end " + text(end) + " (I-P4)");
  if (leader_epoch < replica->leader_epoch)
    report(what() + ": leader epoch " + text(leader_epoch) + " after " + text(replica->leader_epoch));
  check_position(node, *replica, end);
  check_epochs(node, *replica);
  if (leads && (leader_epoch > replica->leader_epoch || !replica->leads)) began_to_lead(node, *replica, end);
  const bool led = std::exchange(replica->leads, leads);
  const bool rises = high_watermark > replica->high_watermark;
  replica->end = end;
  replica->leader_epoch = leader_epoch;
  replica->high_watermark = high_watermark;
  if (!rises) return;
  ledger_.on_high_watermark(replica->key, high_watermark, leader_epoch, leads);
  // Where a new leader's begins was decided before.
  if (led && leads) check_min_insync(node, *replica);
  if (leads) check_maximal_isr(node, *replica);
  rose(node, *replica);
  if (!replica->reading && !replica->failed) read(node.id(), replica).detach();
}

bool PartitionObserver::is_counted_on(const ClusterNode& node, const Replica& replica) const {
  const metadata::Partition* state = metadata_.image().partition(replica.key);
  if (state == nullptr || ledger_.is_unclean(replica.key)) return false;
  // A replica whose log is damaged has said so: it leads no more, and begins anew.
  if (replication::is_lost(*state, node.id())) return false;
  return std::ranges::count(state->isr, node.id()) > 0 ||
         std::ranges::count(state->eligible_leader_replicas, node.id()) > 0;
}

// A log that is being emptied starts above its high watermark for a moment.
void PartitionObserver::check_position(ClusterNode& node, const Replica& replica, Offset end) {
  const Offset start = replica.address->log()->log_start_offset();
  const Offset high_watermark = replica.address->high_watermark().value();
  if (start > high_watermark && start != end && !ledger_.is_unclean(replica.key))
    report(ledger_.name(replica.key) + " on node " + text(node.id()) + " starts at " + text(start) +
           ", above its high watermark " + text(high_watermark) + " (I-P4, I-S6)");
}

void PartitionObserver::check_epochs(ClusterNode& node, const Replica& replica) {
  const auto& entries = replica.address->log()->epochs().entries();
  bool rises = true;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    rises &= entries[i].epoch > entries[i - 1].epoch && entries[i].start_offset > entries[i - 1].start_offset;
  }
  if (!rises || (!entries.empty() && entries.back().epoch > replica.address->leader_epoch()))
    report(ledger_.name(replica.key) + " on node " + text(node.id()) + " in leader epoch " +
           text(replica.address->leader_epoch()) + " has the epochs " +
           to_string(replica.address->log()->epochs()) + " (I-P7)");
}

// The ISR of the newest metadata, as long as they are of the same leadership.
void PartitionObserver::check_maximal_isr(ClusterNode& node, const Replica& replica) {
  const metadata::Partition* state = metadata_.image().partition(replica.key);
  if (state == nullptr || state->leader_epoch != replica.leader_epoch) return;
  const replication::IsrTracker& tracker = replica.address->leading()->tracker();
  for (const NodeId id : state->isr) {
    if (!tracker.in_maximal_isr(id))
      report(ledger_.name(replica.key) + ": node " + text(node.id()) + " does not count on node " + text(id) +
             " of the ISR (I-P8)");
  }
}

void PartitionObserver::began_to_lead(ClusterNode& node, const Replica& replica, Offset end) {
  // An old leader that does not know it has what the epochs before its own have committed.
  const LeaderEpoch epoch = replica.address->leader_epoch();
  const metadata::Partition* newest = metadata_.image().partition(replica.key);
  const bool is_newest = newest != nullptr && newest->leader_epoch == epoch;
  const Offset committed =
      is_newest ? ledger_.committed_end(replica.key) : ledger_.committed_before(replica.key, epoch);
  if (end < committed && ledger_.deletable(replica.key) < committed)
    report(ledger_.name(replica.key) + ": node " + text(node.id()) + " leads epoch " + text(epoch) +
           " with a log up to " + text(end) + ", but " + text(committed) + " is committed (I-P1)");
}

void PartitionObserver::check_min_insync(ClusterNode& node, const Replica& replica) {
  if (ledger_.topic(replica.key.topic_id) == nullptr) return;
  const replication::IsrTracker& tracker = replica.address->leading()->tracker();
  const std::size_t required =
      std::min(tracker.replicas().size(), metadata_.lowest_min_isr(replica.key.topic_id));
  if (tracker.isr().size() < required)
    report(ledger_.name(replica.key) + ": node " + text(node.id()) + " counts everything below " +
           text(replica.high_watermark) + " as committed by " +
           text(static_cast<std::int64_t>(tracker.isr().size())) + " in-sync replicas (I-P8)");
}

void PartitionObserver::rose(ClusterNode& node, const Replica& replica) {
  const metadata::Partition* state = metadata_.image().partition(replica.key);
  if (state == nullptr || ledger_.deletable(replica.key) >= replica.high_watermark) return;
  for (const NodeId member : state->isr) {
    if (member == node.id() || metadata_.node(member).is_missed()) continue;
    const auto end = durable_end(member, replica.key);
    if (end && *end < replica.high_watermark)
      report(ledger_.name(replica.key) + ": node " + text(node.id()) + " counts everything below " +
             text(replica.high_watermark) + " as committed, but node " + text(member) +
             " of the ISR is durable up to " + text(*end) + " (I-P2)");
  }
}

Task<void> PartitionObserver::read(NodeId node, std::shared_ptr<Replica> replica) {
  replica->reading = true;
  ++reading_;
  const std::string who = "node " + text(node);
  const std::shared_ptr<replication::Partition> held = replica->partition.lock();
  for (replication::Partition& partition = *held; !partition.closed();) {
    const Offset log_start = partition.log()->log_start_offset();
    if (log_start > replica->read) {
      ledger_.on_log_start(replica->key, log_start, who);
      replica->read = log_start;
    }
    const Offset until = replica->high_watermark;
    if (replica->read >= until) break;
    const auto result = co_await partition.log()->read(replica->read, kReadBytes, until, true);
    if (!result) {
      replica->failed = result.error().code != storage::LogErrorCode::offset_out_of_range;
      if (replica->failed || partition.closed() || partition.log()->log_start_offset() <= replica->read)
        break;
      continue;
    }
    const Slice bytes = joined(result->batches);
    record::BatchReader reader{ByteView(bytes)};
    for (record::BatchView batch; reader.next(batch).value_or(false);) {
      ledger_.on_committed(replica->key, batch, who);
      if (ledger_.is_damaged(replica->key) && !batch.crc_matches()) replica->failed = true;
      if (replica->failed) break;
      if (partition.closed() || batch.base_offset() < partition.log()->log_start_offset()) continue;
      const LeaderEpoch epoch = partition.log()->epochs().epoch_of(batch.base_offset());
      if (epoch != batch.partition_leader_epoch() && !ledger_.is_unclean(replica->key))
        report(ledger_.name(replica->key) + " on " + who + ": offset " + text(batch.base_offset()) +
               " is of epoch " + text(batch.partition_leader_epoch()) + ", but its epochs are " +
               to_string(partition.log()->epochs()) + " (I-P7)");
    }
    if (replica->failed || result->next_offset <= replica->read) break;
    replica->read = result->next_offset;
  }
  replica->reading = false;
  --reading_;
}

Task<void> PartitionObserver::compare(ClusterNode& node, TopicIdPartition key) {
  const std::shared_ptr<replication::Partition> partition = find(node, key);
  const std::string who = "node " + text(node.id());
  const std::string what = ledger_.name(key) + " on " + who;
  if (!partition || partition->closed()) co_return report(what + " is not there");
  const Offset end = ledger_.committed_end(key);
  if (partition->log()->end_offset().value() < end)
    co_return report(what + " ends at " + text(partition->log()->end_offset().value()) + ", but " +
                     text(end) + " is committed (I-L3)");
  Offset position = partition->log()->log_start_offset();
  ledger_.on_log_start(key, position, who);
  while (position < end) {
    if (partition->closed()) co_return report(what + " is closed");
    const auto result = co_await partition->log()->read(position, kReadBytes, end, true);
    if (metadata_.image().partition(key) == nullptr) co_return;  // its topic has gone meanwhile
    if (!result && result.error().code == storage::LogErrorCode::offset_out_of_range &&
        partition->log()->log_start_offset() > position) {
      position = partition->log()->log_start_offset();
      continue;
    }
    if (!result && ledger_.is_damaged(key)) co_return;  // nobody has noticed yet
    if (!result) co_return report(what + " cannot be read: " + result.error().message);
    const Slice bytes = joined(result->batches);
    record::BatchReader reader{ByteView(bytes)};
    for (record::BatchView batch; reader.next(batch).value_or(false);) {
      if (ledger_.is_damaged(key) && !batch.crc_matches()) co_return;
      if (batch.base_offset() > position)
        report(what + " has a gap before offset " + text(batch.base_offset()));
      ledger_.on_committed(key, batch, who);
      position = batch.next_offset();
    }
    if (result->batches.empty() && partition->log()->log_start_offset() > position) {
      position = partition->log()->log_start_offset();
      continue;
    }
    if (ledger_.is_damaged(key) && result->batches.empty()) co_return;
    if (result->next_offset < position || result->batches.empty())
      co_return report(what + " gives nothing at offset " + text(position) + ": it starts at " +
                       text(partition->log()->log_start_offset()) + ", the next is " +
                       text(result->next_offset) + (partition->closed() ? ", closed" : ""));
  }
}

}  // namespace moldau::simulation
