#include "replication/partition.h"

#include <algorithm>

#include "base/assert.h"
#include "replication/damage.h"

namespace moldau::replication {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr int kFailedReads = 3;                // in a row: bad luck no more
constexpr Offset kHighWatermarkSentinel = -1;  // of DeleteRecords

// Of what may be a batch; nothing of what is none.
std::optional<record::HeaderView> header_of(const Slice& records) {
  if (records.size() < record::kHeaderSize) return std::nullopt;
  const auto header = record::HeaderView::at(records);
  return header ? std::optional(*header) : std::nullopt;
}

// The sequence that comes next from a batch's producer, by what the log holds of its epoch.
std::optional<Sequence> expected_of(const storage::Log& log, const record::HeaderView& batch) {
  const auto& producers = log.producers().producers();
  const auto found = producers.find(batch.producer_id());
  if (found == producers.end() || found->second.epoch != batch.producer_epoch()) return std::nullopt;
  const Sequence last = found->second.last_sequence();
  return last == kNoSequence ? std::nullopt : std::optional(record::sequence_after(last, 1));
}

// Where a producer does have to be told of a gap, it loses no more time than this after a change of leader.
constexpr runtime::Duration kLately = std::chrono::seconds(10);

bool is_open_here(const storage::ProducerState* state, ProducerEpoch epoch) {
  return state != nullptr && state->in_transaction() && state->epoch == epoch;
}

const storage::ProducerState* producer_of(const storage::Log& log, ProducerId producer_id) {
  const auto& producers = log.producers().producers();
  const auto found = producers.find(producer_id);
  return found == producers.end() ? nullptr : &found->second;
}

// It needs no guard: its transaction is open, or it is in the log already.
bool needs_none(const storage::ProducerState* state, const record::HeaderView& batch) {
  return is_open_here(state, batch.producer_epoch()) ||
         (state != nullptr && batch.base_sequence() >= 0 && state->find_duplicate(batch) != nullptr);
}

TransactionalBatch identity_of(const record::HeaderView& batch) {
  return {batch.producer_id(), batch.producer_epoch(), batch.base_sequence()};
}

// What is refused so is sent again as it was.
bool comes_again(ErrorCode code) {
  return code == ErrorCode::not_leader_or_follower || code == ErrorCode::not_enough_replicas ||
         code == ErrorCode::kafka_storage_error;
}

std::unexpected<PartitionError> out_of_range(const storage::Log& log) {
  PartitionError error;
  error.code = ErrorCode::offset_out_of_range;
  error.log_start = log.log_start_offset();
  return std::unexpected(std::move(error));
}

}  // namespace

Partition::Partition(storage::Log& log, const PartitionContext& context, Offset high_watermark,
                     std::int32_t min_insync_replicas)
    : log_(&log), context_(context), min_insync_replicas_(min_insync_replicas) {
  const Offset known = std::clamp(high_watermark, log.log_start_offset(), log.end_offset().value());
  following_ = std::make_shared<PartitionFollower>(log, context, known);
  log.on_durable_end([this] { on_durable_end(); });
}

Partition::~Partition() {
  if (log_ != nullptr) log_->on_durable_end(nullptr);
}

// --- which of them it is

Task<void> Partition::apply(metadata::Partition state, bool here) {
  if (closed() || !fence_.admit(state)) co_return;
  if (!here) state.leader = kNoNode;
  leader_id_ = state.leader;
  if (offline_) co_return;
  if (state.leader != context_.self) {
    if (leading_) step_down();
    following_->follow(state);
    co_return;
  }
  if (following_) {
    co_await following_->stop();
    if (closed() || offline_) co_return;
    take_over();
  }
  leading_->lead(state);
}

void Partition::take_over() {
  leading_ = std::make_unique<PartitionLeader>(*log_, context_, following_->high_watermark().value(),
                                               min_insync_replicas_);
  if (const auto& damage = following_->damaged_from()) leading_->note_damage(*damage);
  following_.reset();
  guards_.clear();
  ++leadership_;
  leads_since_ = context_.executor.now();
}

void Partition::step_down() {
  following_ = std::make_shared<PartitionFollower>(*log_, context_, leading_->high_watermark().value());
  if (const auto& damage = leading_->damaged_from()) following_->note_damage(*damage);
  leading_->resign();
  leading_.reset();
  ++leadership_;
}

void Partition::on_durable_end() {
  if (leading_) leading_->on_durable_end();
}

void Partition::close() {
  if (closed()) return;
  if (leading_) leading_->resign();
  if (following_) following_->abandon();
  log_->on_durable_end(nullptr);
  log_ = nullptr;
}

void Partition::go_offline() {
  offline_ = true;
  if (closed()) return;
  if (leading_) leading_->resign();
  if (following_) following_->abandon();
  log_->durable_end_offset().close();
}

void Partition::set_min_insync_replicas(std::int32_t count) {
  min_insync_replicas_ = count;
  if (leading_) leading_->set_min_insync_replicas(count);
}

void Partition::set_throttled(ThrottledReplicas by_leader, ThrottledReplicas by_follower) {
  throttled_by_leader_ = std::move(by_leader);
  throttled_by_follower_ = std::move(by_follower);
}

// Only who is not in sync: the others hold up the high watermark.
bool Partition::leader_throttles(const Fetcher& fetcher) const {
  return leading_ && fetcher.is_replica() && context_.leader_throttle != nullptr &&
         throttled_by_leader_.contains(fetcher.replica) &&
         !leading_->tracker().in_maximal_isr(fetcher.replica);
}

bool Partition::throttles_self() const {
  return following_ && context_.follower_throttle != nullptr &&
         throttled_by_follower_.contains(context_.self) && !following_->is_in_sync();
}

bool Partition::follower_is_throttled() const {
  return throttles_self() && context_.follower_throttle->is_closed(context_.executor.now());
}

void Partition::note_fetched(std::size_t bytes) const {
  if (throttles_self()) context_.follower_throttle->note(bytes, context_.executor.now());
}

runtime::Watermark& Partition::high_watermark() {
  return leading_ ? leading_->high_watermark() : following_->high_watermark();
}

runtime::Watermark& Partition::visible_watermark(bool replica) {
  MOLDAU_ASSERT(log_ != nullptr);
  return replica ? log_->end_offset() : high_watermark();
}

Offset Partition::visible_end(Isolation isolation) {
  const Offset high_watermark = this->high_watermark().value();
  return isolation == Isolation::read_committed ? log_->last_stable_offset(high_watermark) : high_watermark;
}

// --- who may ask

PartitionResult<void> Partition::check_open() const {
  if (log_ == nullptr) return refuse(ErrorCode::unknown_topic_or_partition);
  if (offline_) return refuse(ErrorCode::kafka_storage_error);
  return {};
}

std::unexpected<PartitionError> Partition::not_leader() const {
  PartitionError error;
  error.code = ErrorCode::not_leader_or_follower;
  if (leading_ && leading_->may_be_replaced())
    return std::unexpected(std::move(error));  // others know by whom
  error.leader = leader_id_;
  error.leader_epoch = fence_.leader_epoch();
  return std::unexpected(std::move(error));
}

PartitionResult<void> Partition::check_leads(LeaderEpoch current_leader_epoch) const {
  TRY(check_open());
  TRY(fence_.check(current_leader_epoch));
  if (!leading_ || leading_->may_be_replaced()) return not_leader();
  return {};
}

PartitionResult<void> Partition::check_serves(LeaderEpoch current_leader_epoch,
                                              const Fetcher& fetcher) const {
  TRY(check_open());
  TRY(fence_.check(current_leader_epoch));
  if (!leading_ && (fetcher.is_replica() || !fetcher.follower_reads)) return not_leader();
  // Without room and out of the ISR it does not go on: whoever takes it for the leader would wait for ever.
  if (!leading_ && context_.scarce && !following_->is_in_sync()) return not_leader();
  if (leading_ && !fetcher.is_replica() && leading_->may_be_replaced()) return not_leader();
  return {};
}

// --- producing

PartitionResult<Appended> Partition::append(const Slice& records, const ProduceRules& rules,
                                            TimestampMs now_ms) {
  const auto header = header_of(records);
  // The broker's own records come in the order in which it writes them.
  if (rules.origin != storage::AppendOrigin::client) return append_guarded(records, rules, now_ms, header);
  if (header) {
    if (auto error = refused_before(*header)) return std::unexpected(*std::move(error));
  }
  auto appended = append_guarded(records, rules, now_ms, header);
  if (!header) return appended;
  if (!appended && appended.error().code == ErrorCode::out_of_order_sequence_number && leads_lately())
    return not_leader();
  if (appended)
    refused_.forget(*header);
  else if (comes_again(appended.error().code))
    refused_.note(*header, appended.error().code, log_ ? expected_of(*log_, *header) : std::nullopt,
                  context_.executor.now());
  return appended;
}

// Producers may send a second batch here while the answer is still on its way that the last leader has
// refused the first one: of two threads of librdkafka that see to both, the one for the new leader may be
// ahead. It takes OUT_OF_ORDER_SEQUENCE_NUMBER for the end; told to ask again, it sends both in their order.
bool Partition::leads_lately() const {
  return leading_ && fence_.leader_epoch() > 0 && leading_->tracker().replicas().size() > 1 &&
         context_.executor.now() - leads_since_ <= kLately;
}

PartitionResult<TransactionGuard> Partition::guard_for(const record::HeaderView& batch, bool strict) {
  TRY(check_leads(kNoEpoch));
  if (needs_none(producer_of(*log_, batch.producer_id()), batch)) return kNoGuard;
  return guards_.begin(identity_of(batch), strict);
}

PartitionResult<TransactionGuard> Partition::guard_for(ProducerId producer_id, ProducerEpoch epoch) {
  TRY(check_leads(kNoEpoch));
  if (is_open_here(producer_of(*log_, producer_id), epoch)) return kNoGuard;
  return guards_.begin({producer_id, epoch, kNoSequence}, false);
}

PartitionResult<Appended> Partition::append_guarded(const Slice& records, const ProduceRules& rules,
                                                    TimestampMs now_ms,
                                                    const std::optional<record::HeaderView>& header) {
  const bool transactional = header && header->is_transactional();
  if (transactional) {
    TRY(check_leads(kNoEpoch));  // who does not lead knows nothing of guards
    TRY(check_guard(*header, rules));
  }
  auto appended = append_next(records, rules, now_ms);
  if (appended && transactional) guards_.forget(header->producer_id());
  return appended;
}

PartitionResult<void> Partition::check_guard(const record::HeaderView& batch,
                                             const ProduceRules& rules) const {
  if (!rules.wants_guard || log_ == nullptr) return {};
  const storage::ProducerState* state = producer_of(*log_, batch.producer_id());
  if (needs_none(state, batch)) return {};
  if (rules.guard == kNotAsked) return not_leader();
  switch (guards_.check(identity_of(batch), rules.guard, state != nullptr)) {
    case TransactionGuards::Verdict::passes:
      return {};
    case TransactionGuards::Verdict::unverified:
      // It was given out in an earlier leadership here, or may have been: whoever comes again asks again.
      if (rules.guard != kNoGuard && leads_lately()) return not_leader();
      return refuse(ErrorCode::invalid_txn_state, "Record was not part of an ongoing transaction");
    case TransactionGuards::Verdict::out_of_order:
      return refuse(ErrorCode::out_of_order_sequence_number,
                    "a batch before this one is on its way, or this is not the producer's first");
  }
  MOLDAU_UNREACHABLE("verdict");
}

PartitionResult<Appended> Partition::append_marker(const record::EndTransaction& marker,
                                                   std::int16_t transaction_version, TimestampMs now_ms) {
  ProduceRules rules;
  rules.origin = storage::AppendOrigin::coordinator;
  rules.transaction_version = transaction_version;
  auto appended = append_next(record::end_transaction_batch(marker, fence_.leader_epoch()), rules, now_ms);
  // The marker of version 2 has the epoch that comes next, that of version 1 the transaction's own.
  const std::int32_t next = marker.producer_epoch + (transaction_version >= 2 ? 0 : 1);
  if (appended) guards_.forget_before(marker.producer_id, next);
  return appended;
}

std::optional<PartitionError> Partition::refused_before(const record::HeaderView& batch) const {
  if (refused_.empty() || log_ == nullptr) return std::nullopt;
  const auto code = refused_.answer_to(batch, expected_of(*log_, batch), context_.executor.now());
  if (!code) return std::nullopt;
  if (code == ErrorCode::not_leader_or_follower) return not_leader().error();
  PartitionError error;
  error.code = *code;
  error.message = "a batch before this one was refused: it comes first";
  return error;
}

PartitionResult<Appended> Partition::append_next(const Slice& records, const ProduceRules& rules,
                                                 TimestampMs now_ms) {
  TRY(check_leads(kNoEpoch));
  if (context_.scarce)
    return refuse(ErrorCode::kafka_storage_error,
                  "the device has less free space than is to be left (storage.disk_reserve)");
  auto appended = leading_->append(records, rules, now_ms);
  if (!appended) return std::unexpected(std::move(appended).error());
  return Appended{*appended, leadership_};
}

Task<void> Partition::wait_for_space(runtime::MonotonicTime deadline) {
  if (log_ != nullptr && !offline_ && context_.commit_log.poisoned() == nullptr)
    co_await context_.commit_log.wait_for_space(deadline);
}

bool Partition::is_acknowledged(Offset until, std::int16_t acks, Leadership leadership) {
  if (!leading_ || leadership != leadership_ || closed()) return false;
  return (acks == -1 ? leading_->high_watermark() : leading_->durable_end()).value() >= until;
}

Task<PartitionResult<void>> Partition::acknowledged(Offset until, std::int16_t acks, Leadership leadership,
                                                    runtime::MonotonicTime deadline) {
  if (const auto open = check_open(); !open) co_return std::unexpected(open.error());
  if (!leading_ || leadership != leadership_) co_return not_leader();
  runtime::Watermark& mark = acks == -1 ? leading_->high_watermark() : leading_->durable_end();
  if (co_await mark.reaches(context_.executor, until, deadline)) co_return PartitionResult<void>();
  if (const auto open = check_open(); !open) co_return std::unexpected(open.error());
  if (const Error* poison = log_->poisoned())
    co_return refuse(ErrorCode::kafka_storage_error, poison->message);
  if (!leading_ || leadership != leadership_) co_return not_leader();
  if (leading_->may_be_replaced()) co_return not_leader();
  if (acks == -1 && !leading_->enough_in_sync())
    co_return refuse(ErrorCode::not_enough_replicas_after_append);
  co_return refuse(ErrorCode::request_timed_out);
}

// --- reading

// What Kafka's leader compares when a fetch names the epoch of the last record that the client has (KIP-320,
// KIP-595).
std::optional<storage::LeaderEpochCache::EpochEnd> Partition::divergence(
    const FetchPosition& position) const {
  const auto end = log_->offset_for_leader_epoch(position.last_fetched_epoch);
  if (end.epoch < position.last_fetched_epoch || end.end_offset < position.offset) return end;
  return std::nullopt;
}

// The answer to a position beyond the end. Where the leader's log ends a follower does not know, least of all
// one that has just come back with an empty disk; a client that still takes it for the leader, and names no
// epoch to be fenced by, would begin anew. So it is sent to the leader.
std::unexpected<PartitionError> Partition::beyond_end() const {
  return leading_ ? out_of_range(*log_) : not_leader();
}

// Whether there is anything at the position; fills in where the histories part when it is of another one.
PartitionResult<void> Partition::check_range(const FetchPosition& position, const Fetcher& fetcher,
                                             Fetched& fetched) const {
  if (position.offset < fetched.log_start_offset) return out_of_range(*log_);
  // Before the end is looked at: who is beyond it is told where its epoch ended.
  if (position.last_fetched_epoch != kNoEpoch) {
    const auto known = log_->offset_for_leader_epoch(position.last_fetched_epoch);
    if (known.epoch == kNoEpoch) return beyond_end();
    const bool is_known = known.epoch == position.last_fetched_epoch;
    if (is_known || context_.rules.answers_unknown_epochs) fetched.diverging_epoch = divergence(position);
    if (fetched.diverging_epoch) return {};
  } else if (fetcher.is_replica() && position.offset > fetched.log_start_offset) {
    return out_of_range(*log_);  // a replica that cannot say whose records it has (RP-06)
  }
  if (position.offset > log_->end_offset().value()) return beyond_end();
  const bool too_early = leading_ && !fetcher.is_replica() && !leading_->high_watermark_is_known() &&
                         position.offset > fetched.high_watermark;
  if (too_early) return refuse(ErrorCode::offset_not_available);
  return {};
}

Task<PartitionResult<Fetched>> Partition::fetch(FetchPosition position, FetchLimits limits, Fetcher fetcher) {
  if (const auto fit = check_serves(position.current_leader_epoch, fetcher); !fit)
    co_return std::unexpected(fit.error());
  Fetched fetched;
  fetched.log_start_offset = log_->log_start_offset();
  fetched.high_watermark = std::min(high_watermark().value(), log_->end_offset().value());
  if (const auto in_range = check_range(position, fetcher, fetched); !in_range)
    co_return std::unexpected(in_range.error());
  if (fetcher.is_replica() && fetcher.reports && !fetched.diverging_epoch) {
    const FollowerReport report{position.offset, fetcher.log_start, fetcher.broker_epoch};
    if (const auto noted = leading_->note_fetch(fetcher.replica, report); !noted)
      co_return std::unexpected(noted.error());
    fetched.high_watermark = high_watermark().value();
  }
  fetched.last_stable_offset = log_->last_stable_offset(fetched.high_watermark);
  const bool committed = limits.isolation == Isolation::read_committed && !fetcher.is_replica();
  fetched.visible_end = fetcher.is_replica() ? log_->end_offset().value()
                        : committed          ? fetched.last_stable_offset
                                             : fetched.high_watermark;
  if (fetched.diverging_epoch) co_return fetched;
  if (leading_ && !fetcher.is_replica() && fetcher.follower_reads) {
    fetched.preferred_read_replica = leading_->preferred_read_replica(fetcher.rack, position.offset);
    if (fetched.preferred_read_replica) co_return fetched;
  }
  if (committed) fetched.aborted.emplace();
  if (position.offset >= fetched.visible_end) co_return fetched;
  if (limits.max_bytes == 0 && !limits.at_least_one_batch) co_return fetched;
  const bool throttled = leader_throttles(fetcher);
  if (throttled && context_.leader_throttle->is_closed(context_.executor.now())) co_return fetched;

  storage::Log& log = *log_;
  auto read =
      co_await log.read(position.offset, limits.max_bytes, fetched.visible_end, limits.at_least_one_batch);
  if (!read) {
    note_read_error(read.error(), position.offset);
    co_return refuse(std::move(read).error());
  }
  if (position.offset == failed_at_) failed_reads_ = 0;
  fetched.batches = std::move(read->batches);
  if (throttled) context_.leader_throttle->note(size_of(fetched.batches), context_.executor.now());
  if (fetcher.is_replica()) {
    if (const auto damaged = cut_at_damage(fetched.batches)) {
      if (leading_ && !closed()) leading_->note_damage(*damaged);
      if (fetched.batches.empty()) co_return refuse(ErrorCode::corrupt_message);
    }
  }
  if (committed && !fetched.batches.empty() && log_ != nullptr) {
    auto aborted = co_await log.aborted_transactions(position.offset, read->next_offset);
    if (!aborted) co_return refuse(std::move(aborted).error());
    fetched.aborted = std::move(*aborted);
  }
  co_return fetched;
}

bool Partition::has_nothing_new(const FetchPosition& position, const Fetcher& fetcher,
                                const FollowerReport& report, Offset known_high_watermark,
                                Offset known_log_start) {
  if (!leading_ || offline_ || closed() || position.current_leader_epoch != leader_epoch()) return false;
  const Offset end = log_->end_offset().value();
  const Offset start = log_->log_start_offset();
  if (position.offset != end || known_log_start != start) return false;
  const LeaderEpoch last_epoch = end > start ? log_->epochs().epoch_of(end - 1) : kNoEpoch;
  if (position.last_fetched_epoch != last_epoch) return false;
  if (fetcher.reports && !leading_->note_fetch(fetcher.replica, report)) return false;
  return high_watermark().value() == known_high_watermark;
}

// Damage is not served; whoever may have a better copy is asked for it, or to serve in this one's place. What
// the device cannot read, again and again, is not there either.
void Partition::note_read_error(const storage::LogError& error, Offset from) {
  if (closed()) return;
  const bool fails =
      error.code == storage::LogErrorCode::kafka_storage_error && error.cause == Errc::io && !offline_;
  if (fails) {
    failed_at_ = from;
    if (++failed_reads_ < kFailedReads) return;
  } else if (error.code != storage::LogErrorCode::corrupt_message) {
    return;
  }
  if (leading_) leading_->note_damage(from);
  if (following_) following_->note_damage(from);
}

Task<PartitionResult<OffsetAnswer>> Partition::list_offset(TimestampMs timestamp,
                                                           LeaderEpoch current_leader_epoch,
                                                           Isolation isolation, bool replica) {
  if (const auto fit = check_leads(current_leader_epoch); !fit) co_return std::unexpected(fit.error());
  const Offset visible = replica ? log_->end_offset().value() : visible_end(isolation);
  const Offset start = log_->log_start_offset();
  const bool is_known = replica || leading_->high_watermark_is_known();
  switch (timestamp) {
    case list_offsets::kLatest:
      if (!is_known) co_return refuse(ErrorCode::offset_not_available);
      co_return OffsetAnswer{kNoTimestamp, visible, leader_epoch()};
    case list_offsets::kEarliest:
    case list_offsets::kEarliestLocal:
      co_return OffsetAnswer{kNoTimestamp, start, log_->epochs().epoch_of(start)};
    case list_offsets::kLatestTiered:
    case list_offsets::kEarliestPendingUpload:
      co_return OffsetAnswer{};  // nothing is tiered
    default:
      co_return co_await by_timestamp(timestamp, visible, is_known);
  }
}

// What is found beyond the end of what is visible counts as not there; as long as that end is not known,
// nobody can say.
Task<PartitionResult<OffsetAnswer>> Partition::by_timestamp(TimestampMs timestamp, Offset visible_end,
                                                            bool is_known) {
  auto found = timestamp == list_offsets::kMaxTimestamp ? co_await log_->offset_of_max_timestamp()
                                                        : co_await log_->offset_for_timestamp(timestamp);
  if (!found) co_return refuse(std::move(found).error());
  const bool visible = *found && (*found)->offset < visible_end;
  if (!visible && !is_known) co_return refuse(ErrorCode::offset_not_available);
  if (!visible) co_return OffsetAnswer{};
  co_return OffsetAnswer{(*found)->timestamp, (*found)->offset, (*found)->leader_epoch};
}

PartitionResult<storage::LeaderEpochCache::EpochEnd> Partition::offset_for_leader_epoch(
    LeaderEpoch current_leader_epoch, LeaderEpoch requested) {
  TRY(check_leads(current_leader_epoch));
  // The leader's own epoch ends at the end of its log, also before its first record.
  if (requested == leader_epoch()) {
    return storage::LeaderEpochCache::EpochEnd{leader_epoch(), log_->end_offset().value()};
  }
  return log_->offset_for_leader_epoch(requested);
}

Task<PartitionResult<Offset>> Partition::delete_records(Offset before, runtime::MonotonicTime deadline) {
  if (const auto fit = check_leads(kNoEpoch); !fit) co_return std::unexpected(fit.error());
  if (!log_->config().cleanup_delete) {
    co_return refuse(ErrorCode::policy_violation,
                     "records of a topic without cleanup.policy=delete are not deleted");
  }
  const Offset high_watermark = this->high_watermark().value();
  const Offset start = before == kHighWatermarkSentinel ? high_watermark : before;
  if (start < 0 || start > high_watermark) co_return refuse(ErrorCode::offset_out_of_range);
  if (auto set = log_->set_log_start_offset(start); !set) co_return refuse(std::move(set).error());
  leading_->note_log_start();
  const Leadership leadership = leadership_;
  const bool everywhere = co_await leading_->low_watermark().reaches(context_.executor, start, deadline);
  if (const auto fit = check_leads(kNoEpoch); !fit) co_return std::unexpected(fit.error());
  if (leadership != leadership_) co_return not_leader();
  if (!everywhere) co_return refuse(ErrorCode::request_timed_out);
  co_return leading_->low_watermark().value();
}

}  // namespace moldau::replication
