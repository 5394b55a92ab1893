#include <algorithm>

#include "storage/commit_log_impl.h"

namespace moldau::storage {

using commit_format::kEntryHeader;
using commit_format::kRecordHeader;

// A quarter leaves room for it while a part of the ring is being given back.
std::size_t CommitLog::Impl::max_batches_bytes() const {
  return ring_->capacity() / 4 - commit_format::kBlock - kRecordHeader - kEntryHeader;
}

Status CommitLog::Impl::admit(const Entry& entry) const {
  MOLDAU_ASSERT(ready_, "the commit log is replayed before the first append");
  MOLDAU_ASSERT(!closing_, "the commit log is closed");
  MOLDAU_ASSERT(entry.partition >= 0 && entry.offset >= 0);
  if (poison_) return fail(Errc::unavailable, poison_->message);
  if (entry.batches.size() > max_batches_bytes()) {
    return fail(Errc::too_large, "an append of " + std::to_string(entry.batches.size()) +
                                     " bytes; the commit log takes at most " +
                                     std::to_string(max_batches_bytes()));
  }
  if (unsynced_bytes_ > 0 && unsynced_bytes_ + entry.batches.size() > options_.max_unsynced_bytes) {
    return fail(Errc::unavailable, ring_->path() + ": the device is behind with syncing");
  }
  return {};
}

Status CommitLog::Impl::refuse_full() {
  space_wanted_ = true;
  if (header_is_due()) schedule();
  press();
  return fail(Errc::unavailable, ring_->path() + " is full until segments are flushed");
}

// Room in the ring for one more entry, and a record that it fits in. Changes nothing on failure.
Status CommitLog::Impl::make_room(std::size_t entry_bytes) {
  const bool extend = builder_.fits(entry_bytes);
  const Position end_after =
      extend ? builder_.end_with(entry_bytes)
             : end() + static_cast<Position>(commit_format::round_up(kRecordHeader + entry_bytes));
  if (end_after > reusable_from_ + static_cast<Position>(ring_->capacity())) return refuse_full();
  TRY(first_lap_->require(end_after));
  first_lap_->keep_ahead(end_after);
  if (extend) return {};
  seal();
  builder_.begin(next_, entry_bytes);
  dirty_.begin_record(next_);
  return {};
}

void CommitLog::Impl::seal() {
  if (!builder_.open()) return;
  sealed_.push_back(builder_.seal());
  next_ = sealed_.back().header.end();
}

void CommitLog::Impl::enlist(Participant& participant) {
  if (participant.enlisted_in_ == builder_.start()) return;
  participant.enlisted_in_ = builder_.start();
  builder_.participants().push_back(&participant);
}

Result<CommitLog::Appended> CommitLog::Impl::append(const Entry& entry, Participant& participant) {
  TRY(admit(entry));
  const std::size_t bytes = kEntryHeader + entry.batches.size();
  TRY(make_room(bytes));
  Appended appended = builder_.add(entry);
  enlist(participant);
  dirty_.note(entry.topic_id_partition(), appended.end);
  unsynced_bytes_ += bytes;
  ++stats_.entries;
  press_if_half_full();
  schedule();
  return appended;
}

void CommitLog::Impl::leave(Participant& participant) {
  const auto drop = [&participant](std::vector<Participant*>& list) {
    std::ranges::replace(list, &participant, static_cast<Participant*>(nullptr));
  };
  drop(builder_.participants());
  for (SealedRecord& record : sealed_) drop(record.participants);
  if (round_) {
    for (SealedRecord& record : round_->records) drop(record.participants);
  }
  participant.enlisted_in_ = -1;
}

// Asks for what keeps three quarters of the ring, so that it is not asked again for every batch.
void CommitLog::Impl::press() {
  if (pressing_ || !pressure_) return;
  pressing_ = true;
  executor_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->pressing_ = false;
    const auto keep = static_cast<Position>(self->ring_->capacity() / 4);
    auto oldest = self->dirty_.before(self->end() - keep);
    if (!oldest.empty() && !self->poison_) self->pressure_(std::move(oldest));
  });
}

void CommitLog::Impl::press_if_half_full() {
  if (used() < ring_->capacity() / 2 || end() < press_again_at_) return;
  press_again_at_ = end() + static_cast<Position>(ring_->capacity() / 16);
  press();
}

}  // namespace moldau::storage
