#include "replication/refused_batches.h"

namespace moldau::replication {

namespace {

// Sequences begin at 0 again behind the largest.
bool is_behind(Sequence later, Sequence earlier) {
  constexpr std::uint32_t kSequences = 0x80000000U;
  const auto distance =
      (static_cast<std::uint32_t>(later) - static_cast<std::uint32_t>(earlier)) % kSequences;
  return distance != 0 && distance < kSequences / 2;
}

}  // namespace

void RefusedBatches::note(const record::HeaderView& batch, wire::ErrorCode code,
                          std::optional<Sequence> expected, runtime::MonotonicTime now) {
  if (!batch.has_producer_id()) return;
  const auto found = refused_.find(batch.producer_id());
  if (found == refused_.end() && refused_.size() == kMostProducers) refused_.clear();
  const Refused refused{batch.producer_epoch(), batch.base_sequence(), code, now};
  // What has come by another leader since is no longer missing, and nothing follows it.
  const bool follows = found != refused_.end() && found->second.epoch == refused.epoch &&
                       now - found->second.at <= kRemembered &&
                       is_behind(refused.sequence, found->second.sequence) &&
                       !(expected && is_behind(*expected, found->second.sequence));
  if (!follows) refused_[batch.producer_id()] = refused;
}

std::optional<wire::ErrorCode> RefusedBatches::answer_to(const record::HeaderView& batch,
                                                         std::optional<Sequence> expected,
                                                         runtime::MonotonicTime now) const {
  if (refused_.empty() || !batch.has_producer_id()) return std::nullopt;
  const auto found = refused_.find(batch.producer_id());
  if (found == refused_.end()) return std::nullopt;
  const Refused& refused = found->second;
  const bool is_missing = expected.value_or(refused.sequence) == refused.sequence;
  const bool waits = is_missing && refused.epoch == batch.producer_epoch() &&
                     now - refused.at <= kRemembered && is_behind(batch.base_sequence(), refused.sequence);
  return waits ? std::optional(refused.code) : std::nullopt;
}

void RefusedBatches::forget(const record::HeaderView& batch) {
  if (refused_.empty()) return;
  const auto found = refused_.find(batch.producer_id());
  if (found == refused_.end()) return;
  const Refused& refused = found->second;
  const bool is_there =
      batch.producer_epoch() != refused.epoch || !is_behind(refused.sequence, batch.last_sequence());
  if (is_there) refused_.erase(found);
}

}  // namespace moldau::replication
