// Loading, unloading, and what is done from time to time.
#include "coordinator/transaction_coordinator.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

namespace {

// However large transaction.state.log.load.buffer.size: others have their turn in between.
constexpr std::int64_t kMostAtOnce = 1 << 20;
// Of one request with markers: how long its receiver may take to have them on all replicas, and a bit.
constexpr runtime::Duration kMarkersTimeout = std::chrono::seconds(10);
constexpr std::string_view kTransactionVersion = "transaction.version";

}  // namespace

TransactionCoordinator::TransactionCoordinator(Parts parts)
    : parts_(parts),
      markers_(parts.executor,
               [parts](NodeId broker, wire::WriteTxnMarkersRequest request) {
                 return parts.links.write_markers(broker, std::move(request),
                                                  parts.executor.now() + kMarkersTimeout);
               }),
      hosted_(parts.executor, parts.partitions, {.states = "transactions", .count = "transactional_ids"},
              {.read = [this](Hosted& hosted, std::size_t& malformed) { return read_log(hosted, malformed); },
               .loaded = [this](HostedPtr hosted) { return complete_prepared(std::move(hosted)); },
               .left = nullptr}),
      image_(std::make_shared<metadata::Image>()) {
  hosted_.repeat(parts_.settings.transaction_abort_interval,
                 [this](HostedPtr hosted) { return abort_timed_out(std::move(hosted)); });
  hosted_.repeat(parts_.settings.transaction_expire_interval,
                 [this](HostedPtr hosted) { return expire_ids(std::move(hosted)); });
}

TransactionCoordinator::~TransactionCoordinator() = default;

// --- what is led here

void TransactionCoordinator::apply(std::shared_ptr<const metadata::Image> image) {
  image_ = std::move(image);
  version_ = image_->feature_level(kTransactionVersion);
  hosted_.apply(image_->topic(metadata::kTransactionStateTopic));
}

Task<replication::PartitionResult<void>> TransactionCoordinator::read_log(Hosted& hosted,
                                                                          std::size_t& malformed) {
  hosted.state = std::make_unique<transaction::Transactions>(parts_.settings.transactions);
  const auto at_once = static_cast<std::size_t>(
      std::clamp<std::int64_t>(parts_.settings.transaction_load_buffer_bytes, 1, kMostAtOnce));
  const auto visit = [&](Offset offset, const Slice& key, const std::optional<Slice>& value) {
    if (hosted.gone()) return;
    const auto record = transaction::decode(key, value);
    if (!record) ++malformed;
    if (record && *record) hosted.state->replay(**record, offset);
  };
  co_return co_await hosted.log.read_all(parts_.executor, at_once, visit);
}

Task<void> TransactionCoordinator::stop() {
  if (hosted_.stopped()) co_return;
  markers_.give_up();
  co_await hosted_.stop();
}

std::map<PartitionIndex, std::uint64_t> TransactionCoordinator::state_hashes() const {
  std::map<PartitionIndex, std::uint64_t> hashes;
  for (const auto& [at, hosted] : hosted_.all())
    if (hosted->loaded()) hashes.emplace(at, hosted->state->state_hash());
  return hashes;
}

// --- time

Task<void> TransactionCoordinator::abort_timed_out(HostedPtr hosted) {
  for (const std::string& id : hosted->state->timed_out(parts_.wall_clock.now_ms())) {
    std::optional<ProducerId> fresh;
    if (hosted->state->needs_producer_id(id)) {
      const auto next = co_await fresh_producer_id();
      if (!next) co_return;
      fresh = *next;
    }
    const auto is_ready = co_await hosted_.ready(hosted->key().partition);
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
