#include "replication/transaction_guards.h"

#include <algorithm>

namespace moldau::replication {

TransactionGuard TransactionGuards::begin(const TransactionalBatch& batch, bool strict) {
  const auto [at, added] = entries_.try_emplace(batch.producer_id);
  Entry& entry = at->second;
  if (added) {
    entry.guard = ++last_;
    entry.place = oldest_first_.insert(oldest_first_.end(), batch.producer_id);
  }
  if (batch.epoch > entry.epoch) {
    entry.epoch = batch.epoch;
    entry.lowest = batch.sequence;
    entry.strict = strict;
  } else if (batch.epoch == entry.epoch) {
    entry.lowest = std::min(entry.lowest, batch.sequence);
  }
  const TransactionGuard guard = entry.guard;
  if (entries_.size() > kMostProducers) forget(oldest_first_.front());
  return guard;
}

TransactionGuards::Verdict TransactionGuards::check(const TransactionalBatch& batch, TransactionGuard guard,
                                                    bool is_known) const {
  const auto found = entries_.find(batch.producer_id);
  if (guard == kNoGuard || found == entries_.end() || found->second.guard != guard)
    return Verdict::unverified;
  const Entry& entry = found->second;
  const bool overtakes = batch.epoch == entry.epoch && !is_known && batch.sequence > entry.lowest;
  const bool begins_late = entry.strict && !is_known && batch.sequence != 0;
  return overtakes || begins_late ? Verdict::out_of_order : Verdict::passes;
}

void TransactionGuards::forget(ProducerId producer_id) {
  const auto found = entries_.find(producer_id);
  if (found == entries_.end()) return;
  oldest_first_.erase(found->second.place);
  entries_.erase(found);
}

void TransactionGuards::forget_before(ProducerId producer_id, std::int32_t next) {
  const auto found = entries_.find(producer_id);
  if (found != entries_.end() && found->second.epoch < next) forget(producer_id);
}

void TransactionGuards::clear() {
  entries_.clear();
  oldest_first_.clear();
}

}  // namespace moldau::replication
