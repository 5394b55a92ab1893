#include "storage/cleaned_transactions.h"

#include <algorithm>
#include <utility>

#include "record/control.h"

namespace moldau::storage {

CleanedTransactions::CleanedTransactions(std::vector<AbortedTransaction> aborted)
    : aborted_(std::move(aborted)) {
  std::ranges::sort(aborted_, {}, &AbortedTransaction::first_offset);
}

void CleanedTransactions::begin_up_to(Offset offset) {
  for (; begun_ < aborted_.size() && aborted_[begun_].first_offset <= offset; ++begun_) {
    ongoing_.insert_or_assign(aborted_[begun_].producer_id, Ongoing{aborted_[begun_]});
  }
}

// The producer's aborted transaction that reaches as far as here. One that has ended before has lost its
// marker to retention since the pass began: what comes after it is another one's.
CleanedTransactions::Ongoing* CleanedTransactions::aborted_at(ProducerId producer, Offset offset) {
  const auto found = ongoing_.find(producer);
  if (found == ongoing_.end()) return nullptr;
  if (found->second.transaction.last_offset >= offset) return &found->second;
  ongoing_.erase(found);
  return nullptr;
}

bool CleanedTransactions::note_data(const record::HeaderView& batch) {
  begin_up_to(batch.last_offset());
  if (!batch.is_transactional()) return false;
  if (Ongoing* const aborted = aborted_at(batch.producer_id(), batch.base_offset())) {
    aborted->seen = true;
    return true;
  }
  committed_.insert(batch.producer_id());
  return false;
}

Result<bool> CleanedTransactions::note_control(const record::BatchView& batch) {
  begin_up_to(batch.last_offset());
  if (batch.record_count() == 0) return true;  // emptied before
  ASSIGN_OR_RETURN(const auto control, record::read_control_record(batch));
  if (control.type == record::ControlType::commit) return committed_.erase(batch.producer_id()) == 0;
  if (control.type != record::ControlType::abort) return false;
  const Ongoing* const aborted = aborted_at(batch.producer_id(), batch.base_offset());
  if (aborted == nullptr) return true;
  const Ongoing ended = *aborted;
  ongoing_.erase(batch.producer_id());
  if (!ended.seen) return true;
  marked_.push_back(ended.transaction);
  return false;
}

std::vector<AbortedTransaction> CleanedTransactions::take_marked() { return std::exchange(marked_, {}); }

}  // namespace moldau::storage
