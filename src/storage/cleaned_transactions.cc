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
    ongoing_.try_emplace(aborted_[begun_].producer_id, Ongoing{aborted_[begun_]});
  }
}

bool CleanedTransactions::note_data(const record::HeaderView& batch) {
  begin_up_to(batch.last_offset());
  if (!batch.is_transactional()) return false;
  if (const auto aborted = ongoing_.find(batch.producer_id()); aborted != ongoing_.end()) {
    aborted->second.seen = true;
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
  const auto ended = ongoing_.extract(batch.producer_id());
  if (ended.empty() || !ended.mapped().seen) return true;
  marked_.push_back(ended.mapped().transaction);
  return false;
}

std::vector<AbortedTransaction> CleanedTransactions::take_marked() { return std::exchange(marked_, {}); }

}  // namespace moldau::storage
