#include "storage/producer_state.h"

#include <algorithm>
#include <span>
#include <string>

namespace moldau::storage {
namespace {

std::string of_producer(ProducerId id) { return " of producer " + std::to_string(id); }

bool in_sequence(Sequence last, Sequence next) {
  return next == (last == kNoSequence ? 0 : record::sequence_after(last, 1));
}

std::unexpected<LogError> stale_epoch(ProducerId id, ProducerEpoch epoch, ProducerEpoch current) {
  return refuse(LogErrorCode::invalid_producer_epoch, "epoch " + std::to_string(epoch) + of_producer(id) +
                                                          " is older than its current epoch " +
                                                          std::to_string(current));
}

std::unexpected<LogError> out_of_order(const ProducerState& state, const record::HeaderView& batch) {
  return refuse(LogErrorCode::out_of_order_sequence_number,
                "sequence " + std::to_string(batch.base_sequence()) + of_producer(state.producer_id) +
                    " (epoch " + std::to_string(batch.producer_epoch()) + ") does not follow " +
                    std::to_string(state.last_sequence()) + " (epoch " + std::to_string(state.epoch) + ")");
}

}  // namespace

Sequence AppendedBatch::first_sequence() const {
  if (last_sequence == kNoSequence) return kNoSequence;
  return static_cast<Sequence>(
      (static_cast<std::uint32_t>(last_sequence) - static_cast<std::uint32_t>(offset_delta)) & 0x7fffffffU);
}

Sequence ProducerState::last_sequence() const {
  return batch_count == 0 ? kNoSequence : batches[batch_count - 1].last_sequence;
}

Offset ProducerState::last_offset() const {
  return batch_count == 0 ? kNoOffset : batches[batch_count - 1].last_offset;
}

const AppendedBatch* ProducerState::find_duplicate(const record::HeaderView& batch) const {
  if (batch.producer_epoch() != epoch) return nullptr;
  const auto end = batches.begin() + batch_count;
  const auto found = std::find_if(batches.begin(), end, [&](const AppendedBatch& appended) {
    return appended.first_sequence() == batch.base_sequence() &&
           appended.last_sequence == batch.last_sequence();
  });
  return found == end ? nullptr : &*found;
}

void ProducerState::add(const AppendedBatch& batch) {
  if (batch_count == kBatchesKept) {
    std::shift_left(batches.begin(), batches.end(), 1);
    --batch_count;
  }
  batches[batch_count++] = batch;
  last_timestamp = batch.timestamp;
  idle_since_ms = kNoTimestamp;
}

LogResult<const AppendedBatch*> ProducerStateTable::check_client_batch(
    const record::HeaderView& batch) const {
  const auto found = producers_.find(batch.producer_id());
  if (found == producers_.end()) return nullptr;
  const ProducerState& state = found->second;
  if (const AppendedBatch* duplicate = state.find_duplicate(batch)) return duplicate;
  if (auto status = check_epoch(batch.producer_id(), batch.producer_epoch()); !status) {
    return std::unexpected(std::move(status).error());
  }
  if (auto status = check_sequence(state, batch); !status) return std::unexpected(std::move(status).error());
  if (state.in_transaction() && !batch.is_transactional()) {
    return refuse(LogErrorCode::invalid_txn_state,
                  "a batch outside of transactions while one" + of_producer(state.producer_id) + " is open");
  }
  return nullptr;
}

LogResult<void> ProducerStateTable::check_sequence(const ProducerState& state,
                                                   const record::HeaderView& batch) const {
  const bool new_epoch = batch.producer_epoch() != state.epoch;
  const bool in_order =
      state.epoch == kNoProducerEpoch ||
      (new_epoch ? batch.base_sequence() == 0 : in_sequence(state.last_sequence(), batch.base_sequence()));
  if (!in_order) return out_of_order(state, batch);
  return {};
}

LogResult<void> ProducerStateTable::check_epoch(ProducerId producer_id, ProducerEpoch epoch) const {
  const auto found = producers_.find(producer_id);
  if (found == producers_.end() || epoch >= found->second.epoch) return {};
  return stale_epoch(producer_id, epoch, found->second.epoch);
}

LogResult<void> ProducerStateTable::check_marker(const TransactionMarker& marker,
                                                 std::int16_t transaction_version) const {
  const auto found = producers_.find(marker.producer_id);
  if (found == producers_.end()) return {};
  const ProducerState& state = found->second;
  const bool retry = marker.producer_epoch == state.epoch && !state.in_transaction();
  const bool fresh = transaction_version >= 2 ? marker.producer_epoch > state.epoch || retry
                                              : marker.producer_epoch >= state.epoch;
  if (!fresh) return stale_epoch(marker.producer_id, marker.producer_epoch, state.epoch);
  if (marker.coordinator_epoch < state.coordinator_epoch) {
    return refuse(LogErrorCode::transaction_coordinator_fenced,
                  "coordinator epoch " + std::to_string(marker.coordinator_epoch) +
                      of_producer(marker.producer_id) + " is older than " +
                      std::to_string(state.coordinator_epoch));
  }
  return {};
}

void ProducerStateTable::append(const record::HeaderView& batch) {
  ProducerState& state = producers_[batch.producer_id()];
  state.producer_id = batch.producer_id();
  if (state.epoch != batch.producer_epoch()) {
    state.epoch = batch.producer_epoch();
    state.batch_count = 0;
  }
  state.add({batch.last_sequence(), batch.last_offset_delta(), batch.last_offset(), batch.max_timestamp()});
  if (batch.is_transactional() && !state.in_transaction()) {
    state.transaction_first_offset = batch.base_offset();
    open_transactions_.emplace(batch.base_offset(), batch.producer_id());
  }
}

std::optional<AbortedTransaction> ProducerStateTable::append(const TransactionMarker& marker) {
  ProducerState& state = producers_[marker.producer_id];
  state.producer_id = marker.producer_id;
  if (state.epoch != marker.producer_epoch) {
    state.epoch = marker.producer_epoch;
    state.batch_count = 0;
  }
  state.coordinator_epoch = marker.coordinator_epoch;
  state.last_timestamp = marker.timestamp;
  state.idle_since_ms = kNoTimestamp;
  if (!state.in_transaction()) return std::nullopt;

  const Offset first = std::exchange(state.transaction_first_offset, kNoOffset);
  open_transactions_.erase(first);
  completed_.push_back({first, marker.offset});
  if (!marker.aborted) return std::nullopt;
  const Offset stable = open_transactions_.empty() ? marker.offset + 1 : open_transactions_.begin()->first;
  return AbortedTransaction{marker.producer_id, first, marker.offset, stable};
}

std::optional<Offset> ProducerStateTable::first_unstable_offset(Offset high_watermark) {
  std::erase_if(completed_, [&](const Completed& done) { return done.marker_offset < high_watermark; });
  std::optional<Offset> first;
  if (!open_transactions_.empty()) first = open_transactions_.begin()->first;
  for (const Completed& done : completed_)
    first = std::min(first.value_or(done.first_offset), done.first_offset);
  return first;
}

void ProducerStateTable::expire(TimestampMs now_ms, std::int64_t expiration_ms) {
  for (auto at = producers_.begin(); at != producers_.end();) {
    ProducerState& state = at->second;
    // Also after the clock went back, or a client's went ahead.
    if (state.idle_since_ms == kNoTimestamp || state.idle_since_ms > now_ms) state.idle_since_ms = now_ms;
    const bool expired = !state.in_transaction() && state.idle_since_ms <= now_ms - expiration_ms;
    at = expired ? producers_.erase(at) : std::next(at);
  }
}

void ProducerStateTable::forget_silent(std::size_t share) {
  std::vector<std::pair<Offset, ProducerId>> silent;
  for (const auto& [id, state] : producers_)
    if (!state.in_transaction()) silent.emplace_back(state.last_offset(), id);
  if (silent.size() < 2) return;  // who has just appended is not silent
  const auto count = std::min(silent.size() - 1, std::max<std::size_t>(1, producers_.size() / share));
  std::ranges::nth_element(silent, silent.begin() + static_cast<std::ptrdiff_t>(count));
  for (const auto& [offset, id] : std::span(silent).first(count)) producers_.erase(id);
}

void ProducerStateTable::clear() { *this = ProducerStateTable(); }

}  // namespace moldau::storage
