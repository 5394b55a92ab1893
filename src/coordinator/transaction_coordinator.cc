// Loading, unloading, and what is done from time to time.
#include "coordinator/transaction_coordinator.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kLoadRetry = std::chrono::seconds(1);
// However large transaction.state.log.load.buffer.size: others have their turn in between.
constexpr std::int64_t kMostAtOnce = 1 << 20;
// Of one request with markers: how long its receiver may take to have them on all replicas, and a bit.
constexpr runtime::Duration kMarkersTimeout = std::chrono::seconds(10);
constexpr std::string_view kTransactionVersion = "transaction.version";

// Most partitions of the topic are empty in most clusters.
telemetry::Level level_for(std::size_t ids) {
  return ids > 0 ? telemetry::Level::info : telemetry::Level::debug;
}

}  // namespace

TransactionCoordinator::TransactionCoordinator(Parts parts)
    : parts_(parts),
      markers_(parts.executor,
               [parts](NodeId broker, wire::WriteTxnMarkersRequest request) {
                 return parts.links.write_markers(broker, std::move(request),
                                                  parts.executor.now() + kMarkersTimeout);
               }),
      image_(std::make_shared<metadata::Image>()),
      stop_aborting_(parts.executor),
      stop_expiring_(parts.executor),
      gate_(parts.executor) {
  from_time_to_time(parts_.settings.transaction_abort_interval, stop_aborting_,
                    &TransactionCoordinator::abort_timed_out)
      .detach();
  from_time_to_time(parts_.settings.transaction_expire_interval, stop_expiring_,
                    &TransactionCoordinator::expire_ids)
      .detach();
}

TransactionCoordinator::~TransactionCoordinator() { MOLDAU_ASSERT(stopped_ && gate_.entered() == 0); }

// --- what is led here

void TransactionCoordinator::apply(std::shared_ptr<const metadata::Image> image) {
  image_ = std::move(image);
  version_ = image_->feature_level(kTransactionVersion);
  if (stopped_) return;
  const metadata::Topic* topic = image_->topic(metadata::kTransactionStateTopic);
  std::vector<PartitionIndex> lost;
  for (const auto& [at, hosted] : hosted_) {
    const bool is_there = topic != nullptr && topic->id == hosted->key().topic_id;
    if (!is_there || !hosted->log.is_led()) lost.push_back(at);
  }
  for (const PartitionIndex at : lost) unload(at);
  if (topic == nullptr) return;
  for (PartitionIndex at = 0; at < topic->partition_count(); ++at) {
    const TopicIdPartition key{topic->id, at};
    if (!hosted_.contains(at) && StateLog::is_leading(parts_.partitions, key)) host(key);
  }
}

void TransactionCoordinator::host(TopicIdPartition key) {
  auto hosted = std::make_shared<Hosted>(parts_.executor, parts_.partitions, key);
  hosted_.emplace(key.partition, hosted);
  load(std::move(hosted)).detach();
}

void TransactionCoordinator::unload(PartitionIndex at) {
  const auto found = hosted_.find(at);
  if (found == hosted_.end()) return;
  const HostedPtr hosted = std::move(found->second);
  hosted_.erase(found);
  hosted->leave();
  const std::size_t ids = hosted->loaded() ? hosted->state->size() : 0;
  telemetry::log(level_for(ids), "coordinator", "the transactions of a partition are unloaded",
                 {{"partition", at}, {"transactional_ids", ids}});
}

// A log that cannot be read is tried again: as long as this broker leads it, nobody else can.
Task<void> TransactionCoordinator::load(HostedPtr hosted) {
  const runtime::Gate::Pass pass(gate_);
  const auto began = parts_.executor.now();
  while (!co_await read_log(*hosted)) {
    co_await hosted->wait_until_gone(parts_.executor.now() + kLoadRetry);
    if (hosted->gone()) co_return;
    if (!hosted->log.is_led()) co_return unload(hosted->key().partition);
  }
  if (hosted->gone()) co_return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.executor.now() - began);
  telemetry::log(level_for(hosted->state->size()), "coordinator",
                 "the transactions of a partition are loaded",
                 {{"partition", hosted->key().partition},
                  {"transactional_ids", hosted->state->size()},
                  {"ms", took.count()}});
  hosted->set_loaded();
  complete_prepared(hosted);
}

Task<bool> TransactionCoordinator::read_log(Hosted& hosted) {
  hosted.state = std::make_unique<transaction::Transactions>(parts_.settings.transactions);
  std::size_t malformed = 0;
  const auto read =
      co_await hosted.log.read_all(parts_.executor,
                                   static_cast<std::size_t>(std::clamp<std::int64_t>(
                                       parts_.settings.transaction_load_buffer_bytes, 1, kMostAtOnce)),
                                   [&](Offset offset, const Slice& key, const std::optional<Slice>& value) {
                                     if (hosted.gone()) return;
                                     const auto record = transaction::decode(key, value);
                                     if (!record) ++malformed;
                                     if (record && *record) hosted.state->replay(**record, offset);
                                   });
  if (malformed > 0) {
    telemetry::log_warn("coordinator", "records of transactions that have not Kafka's form were passed over",
                        {{"partition", hosted.key().partition}, {"records", malformed}});
  }
  if (read) co_return true;
  if (hosted.gone() || !hosted.log.is_led()) co_return false;
  telemetry::log_error("coordinator", "the transactions of a partition cannot be loaded",
                       {{"partition", hosted.key().partition},
                        {"code", wire::name_of(read.error().code)},
                        {"error", read.error().message}});
  co_return false;
}

Task<void> TransactionCoordinator::stop() {
  if (std::exchange(stopped_, true)) co_return;
  stop_aborting_.fire();
  stop_expiring_.fire();
  while (!hosted_.empty()) unload(hosted_.begin()->first);
  co_await gate_.close();
  co_await markers_.close();
}

std::map<PartitionIndex, std::uint64_t> TransactionCoordinator::state_hashes() const {
  std::map<PartitionIndex, std::uint64_t> hashes;
  for (const auto& [at, hosted] : hosted_)
    if (hosted->loaded()) hashes.emplace(at, hosted->state->state_hash());
  return hashes;
}

// --- time

Task<void> TransactionCoordinator::from_time_to_time(runtime::MonotonicTime::duration interval,
                                                     runtime::OneShot& stopping, Chore chore) {
  const runtime::Gate::Pass pass(gate_);
  while (!co_await stopping.wait(parts_.executor.now() + interval)) {
    std::vector<PartitionIndex> all;
    for (const auto& [at, hosted] : hosted_) all.push_back(at);
    for (const PartitionIndex at : all) {
      if (const auto hosted = co_await ready(at)) co_await (this->*chore)(*hosted);
      if (stopped_) co_return;
      co_await runtime::yield(parts_.executor);
    }
  }
}

Task<void> TransactionCoordinator::abort_timed_out(HostedPtr hosted) {
  for (const std::string& id : hosted->state->timed_out(parts_.wall_clock.now_ms())) {
    std::optional<ProducerId> fresh;
    if (hosted->state->needs_producer_id(id)) {
      const auto next = co_await fresh_producer_id();
      if (!next) co_return;
      fresh = *next;
    }
    const auto is_ready = co_await ready(hosted->key().partition);
    if (!is_ready || *is_ready != hosted) co_return;
    if (hosted->state->needs_producer_id(id) && !fresh) continue;
    const auto records = hosted->state->abort_timed_out(id, fresh, parts_.wall_clock.now_ms());
    if (records.empty()) continue;
    telemetry::log_info("coordinator", "a transaction is aborted: its time is over",
                        {{"transactional_id", id}});
    static_cast<void>(co_await write(hosted, records));
  }
}

Task<void> TransactionCoordinator::expire_ids(HostedPtr hosted) {
  static_cast<void>(co_await write(hosted, hosted->state->expire_ids(parts_.wall_clock.now_ms())));
}

}  // namespace moldau::coordinator
