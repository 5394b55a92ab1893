#include "storage/producer_budget.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::storage {

void ProducerBudget::join(Holder& holder) {
  holder.place_ = holders_.size();
  holder.counted_ = 0;
  holders_.push_back(&holder);
  note(holder);
}

void ProducerBudget::leave(Holder& holder) {
  MOLDAU_ASSERT(holder.place_ < holders_.size() && holders_[holder.place_] == &holder);
  total_ -= holder.counted_;
  holders_.back()->place_ = holder.place_;
  std::swap(holders_[holder.place_], holders_.back());
  holders_.pop_back();
}

void ProducerBudget::recount(Holder& holder) {
  const auto take = [this](Holder& of) {
    total_ = total_ - of.counted_ + of.producer_count();
    of.counted_ = of.producer_count();
  };
  take(holder);
  if (total_ <= limit_) return;
  Holder& largest = **std::ranges::max_element(holders_, {}, [](const Holder* of) { return of->counted_; });
  largest.forget_silent_producers();
  take(largest);
}

}  // namespace moldau::storage
