#include <algorithm>

#include "storage/commit_log_impl.h"

namespace moldau::storage {

using commit_format::FileHeader;

CommitLog::Impl::Impl(runtime::Executor& executor, runtime::BlockingPool& pool,
                      std::shared_ptr<CommitLogRing> ring, std::shared_ptr<FirstLap> first_lap,
                      FileHeader header, CommitLogOptions options)
    : executor_(executor),
      pool_(pool),
      ring_(std::move(ring)),
      options_(options),
      first_lap_(std::move(first_lap)),
      header_(header),
      reusable_from_(header.start),
      next_(header.start),
      builder_(std::min<std::uint64_t>(options.buffer_bytes, ring_->capacity() / 8),
               options.retained_buffer_bytes),
      round_(std::make_shared<Round>()),
      durable_(header.start),
      space_(executor),
      settled_(executor) {}

CommitLog::Impl::~Impl() { first_lap_->stop(); }

void CommitLog::Impl::start() {
  first_lap_->on_progress([this] {
    space_.notify_all();
    settled_.notify_all();
    if (ready_ && !closing_) first_lap_->keep_ahead(end());
    schedule();
  });
  first_lap_->on_failure([this](Error error) { poison(std::move(error)); });
}

// After this turn of the loop, so that everything appended in it goes along.
void CommitLog::Impl::schedule() {
  if (scheduled_ || round_under_way_ || poison_) return;
  scheduled_ = true;
  executor_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->scheduled_ = false;
    self->start_round();
  });
}

void CommitLog::Impl::start_round() {
  if (round_under_way_ || poison_ || !ready_) return;
  seal();
  const bool closes = close_header_wanted_ && sealed_.empty();
  if (sealed_.empty() && !closes && !header_is_due()) return;
  if (!sealed_.empty() && first_lap_->in_the_way_of(sealed_.back().header.end())) return;  // on_progress
  const bool with_header = closes || header_is_due();
  round_->number = ++rounds_started_;
  round_->records = take_records();
  round_->header = with_header ? std::optional(next_header(closes)) : std::nullopt;
  submit_round();
}

std::vector<SealedRecord> CommitLog::Impl::take_records() {
  std::vector<SealedRecord> records = std::move(round_->records);
  records.clear();
  std::uint64_t bytes = 0;
  while (!sealed_.empty()) {
    SealedRecord& record = sealed_.front();
    bytes += record.memory.size();
    if (!records.empty() && bytes > commit_format::kMaxRoundBytes) break;
    record.header.file_id = header_.file_id;
    record.header.session = header_.session;
    record.header.durable = durable_.value();
    records.push_back(std::move(record));
    sealed_.pop_front();
  }
  return records;
}

void CommitLog::Impl::submit_round() {
  round_under_way_ = true;
  round_->began = executor_.now();
  pool_.submit(
      runtime::Lane::commit, executor_,
      [ring = ring_, round = round_] { round->status = run_round(*ring, *round); },
      [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->round_ended();
      });
}

// On the pool: touches nothing but the round. Its records are one contiguous range.
Status CommitLog::Impl::run_round(CommitLogRing& ring, Round& round) {
  std::vector<ByteView> parts;
  for (SealedRecord& record : round.records) {
    record.header.encode_before(record.memory.first(commit_format::kRecordHeader + record.header.body_bytes));
    parts.push_back(record.memory);
  }
  if (!parts.empty()) TRY(ring.write(round.records.front().header.position, parts));
  if (round.header) TRY(ring.write_header(*round.header));
  return ring.sync();
}

void CommitLog::Impl::round_ended() {
  round_under_way_ = false;
  const runtime::Duration took = executor_.now() - round_->began;
  ++stats_.rounds;
  stats_.sync_time += took;
  stats_.sync_time_max = std::max(stats_.sync_time_max, took);
  if (options_.on_round) options_.on_round(took);
  if (!round_->status || poison_) {
    poison(poison_ ? *poison_ : round_->status.error());
    return;
  }
  if (round_->header) {
    reusable_from_ = header_.start;
    header_ = *round_->header;
    if (header_.closed) close_header_wanted_ = false;
    if (reusable_from_ == needed_from()) space_wanted_ = false;
  }
  for (const SealedRecord& record : round_->records) {
    unsynced_bytes_ -= record.header.body_bytes;
    stats_.bytes_written += record.memory.size();
  }
  if (!round_->records.empty()) durable_.advance(round_->records.back().header.end());
  tell_durable(*round_);
  for (SealedRecord& record : round_->records) record.owner.reset();
  round_->records.clear();
  schedule();
  space_.notify_all();
  settled_.notify_all();
}

// By index: a participant may leave() inside its call.
void CommitLog::Impl::tell_durable(const Round& round) {
  for (std::size_t i = 0; i < round.records.size(); ++i) {
    for (std::size_t j = 0; j < round.records[i].participants.size(); ++j) {
      Participant* const participant = round.records[i].participants[j];
      if (participant == nullptr || participant->told_in_round_ == round.number) continue;
      participant->told_in_round_ = round.number;
      participant->on_durable(durable_.value());
    }
  }
}

void CommitLog::Impl::poison(Error error) {
  if (!poison_) poison_ = std::move(error).within("commit log");
  durable_.close();
  // What a round under way holds is still the pool's to read: everybody is told when it ends.
  if (!round_under_way_) abandon();
  space_.notify_all();
  settled_.notify_all();
}

void CommitLog::Impl::abandon() {
  seal();
  for (SealedRecord& record : sealed_) round_->records.push_back(std::move(record));
  sealed_.clear();
  unsynced_bytes_ = 0;
  tell_poisoned(*round_);
  round_->records.clear();
}

// By index, as above.
void CommitLog::Impl::tell_poisoned(Round& round) {
  round.number = ++rounds_started_;
  for (std::size_t i = 0; i < round.records.size(); ++i) {
    for (std::size_t j = 0; j < round.records[i].participants.size(); ++j) {
      Participant* const participant = round.records[i].participants[j];
      if (participant == nullptr || participant->told_in_round_ == round.number) continue;
      participant->told_in_round_ = round.number;
      participant->on_poisoned(*poison_);
    }
  }
}

}  // namespace moldau::storage
