#include "replication/partition_leader.h"

#include <algorithm>

#include "replication/replica_selector.h"
#include "telemetry/log.h"

namespace moldau::replication {

using wire::ErrorCode;

namespace {

// A request that nobody has answered may be heard so much later, at most.
constexpr runtime::Duration kHeardUntil = std::chrono::seconds(10);

}  // namespace

PartitionLeader::PartitionLeader(storage::Log& log, const PartitionContext& context, Offset high_watermark,
                                 std::int32_t min_insync_replicas)
    : log_(log),
      context_(context),
      tracker_(context.self),
      rules_{min_insync_replicas, context.lag_max, context.rules},
      high_watermark_(high_watermark),
      durable_end_(log.durable_end_offset().value()),
      low_watermark_(0) {}

void PartitionLeader::lead(const metadata::Partition& state) {
  if (state.leader_epoch != state_.leader_epoch || state_.leader == kNoNode) {
    log_.assign_epoch_start(state.leader_epoch);
    tracker_.begin_epoch(state, log_.end_offset().value(), context_.executor.now());
  } else if (state.partition_epoch == state_.partition_epoch) {
    return;  // known from the controller's own answer; what was asked since then is still open
  } else {
    tracker_.update(state, context_.executor.now());
  }
  state_ = state;
  unanswered_at_.reset();
  on_durable_end();
  note_log_start();
  if (damaged_from_) give_up();
}

void PartitionLeader::resign() {
  high_watermark_.close();
  durable_end_.close();
  low_watermark_.close();
}

void PartitionLeader::on_durable_end() {
  const runtime::Watermark& durable = log_.durable_end_offset();
  durable_end_.advance(durable.value());
  tracker_.set_durable_end(durable.value());
  update_high_watermark();
  if (durable.closed()) resign();
}

void PartitionLeader::update_high_watermark() {
  const Offset current = high_watermark_.value();
  high_watermark_.advance(tracker_.high_watermark(current, rules_, *context_.image, context_.executor.now()));
}

void PartitionLeader::set_min_insync_replicas(std::int32_t count) {
  rules_.min_insync_replicas = count;
  update_high_watermark();
}

PartitionResult<void> PartitionLeader::check_in_sync() const {
  if (enough_in_sync()) return {};
  return refuse(ErrorCode::not_enough_replicas,
                "the in-sync replicas are " + std::to_string(tracker_.isr().size()) +
                    ", fewer than min.insync.replicas=" + std::to_string(rules_.min_insync_replicas));
}

bool PartitionLeader::may_be_replaced() const {
  if (context_.registration == nullptr || tracker_.replicas().size() < 2) return false;
  const auto now = context_.executor.now();
  const auto confirmed_at = context_.registration->confirmed_at();
  const bool confirmed = now <= confirmed_at || now - confirmed_at <= context_.session_timeout;
  if (confirmed && !context_.scarce) return false;
  IsrTracker::Rules rules = rules_;
  if (confirmed) rules.min_insync_replicas = 1;  // who is alone in sync has handed over to nobody
  return !tracker_.is_followed(rules, context_.fetches_within, now);
}

PartitionResult<storage::AppendInfo> PartitionLeader::append(const Slice& records, const ProduceRules& rules,
                                                             TimestampMs now_ms) {
  if (rules.acks == -1) TRY(check_in_sync());
  storage::AppendOptions options;
  options.leader_epoch = state_.leader_epoch;
  options.now_ms = now_ms;
  options.produce_version = rules.version;
  options.origin = rules.origin;
  options.transaction_version = rules.transaction_version;
  auto appended = log_.append_as_leader(records, options);
  if (!appended) return refuse(std::move(appended).error());
  return *appended;
}

PartitionResult<void> PartitionLeader::note_fetch(NodeId replica, const FollowerReport& report) {
  const auto now = context_.executor.now();
  if (!tracker_.note_fetch(replica, report, log_.end_offset().value(), now)) {
    return refuse(ErrorCode::not_leader_or_follower);
  }
  if (context_.ask_controller && !tracker_.asking() &&
      tracker_.may_join(replica, high_watermark_.value(), rules_, *context_.image)) {
    tracker_.ask_to_add(replica);
    ask();
  }
  update_high_watermark();
  if (low_watermark_.value() < log_.log_start_offset()) note_log_start();
  return {};
}

void PartitionLeader::scan() {
  update_high_watermark();
  if (!context_.ask_controller) return;
  if (damaged_from_) give_up();
  if (tracker_.asking()) return ask();  // in case that it was lost
  std::vector<NodeId> lagging = tracker_.laggards(log_.end_offset().value(), rules_, context_.executor.now());
  if (lagging.empty()) return;
  telemetry::log_info("replication",
                      "replicas lag behind: the controller is asked to take them out of the ISR",
                      {{"topic", log_.identity().topic_partition.topic},
                       {"partition", state_.partition},
                       {"replica", lagging.front()},
                       {"replicas", lagging.size()}});
  tracker_.ask_to_remove(std::move(lagging));
  ask();
}

void PartitionLeader::note_damage(Offset from) {
  if (!damaged_from_) {
    telemetry::log_error(
        "replication",
        tracker_.isr().size() < 2
            ? "the log is damaged, and no other replica is in sync: what can be read is served"
            : "the log is damaged: leadership is given up",
        {{"topic", log_.identity().topic_partition.topic},
         {"partition", state_.partition},
         {"offset", from}});
  }
  damaged_from_ = std::min(from, damaged_from_.value_or(from));
  give_up();
}

void PartitionLeader::give_up() {
  if (tracker_.isr().size() > 1 && context_.report_damage) context_.report_damage(log_.identity().id());
}

void PartitionLeader::ask() { context_.ask_controller(log_.identity().id()); }

std::optional<IsrQuestion> PartitionLeader::isr_question() const {
  if (!tracker_.asking() || context_.registration == nullptr) return std::nullopt;
  return IsrQuestion{state_.leader_epoch, state_.partition_epoch,
                     tracker_.asked_isr(context_.registration->epoch())};
}

PartitionLeader::Settled PartitionLeader::settle(const IsrQuestion& asked, const IsrAnswer& answer) {
  const bool current =
      asked.leader_epoch == state_.leader_epoch && asked.partition_epoch == state_.partition_epoch;
  if (!current) return {.state = {}, .again = tracker_.asking()};
  switch (answer.error_code) {
    case ErrorCode::none: {
      if (answer.leader_epoch != state_.leader_epoch || answer.partition_epoch < state_.partition_epoch)
        return {};
      // Who is to leave counts until metadata say so here: min.insync.replicas may have been raised just
      // before, of which this broker has not heard, and then those that stay are not enough to acknowledge
      // anything.
      const bool shrinks = std::ranges::any_of(
          state_.isr, [&](NodeId id) { return std::ranges::find(answer.isr, id) == answer.isr.end(); });
      if (shrinks) return {};
      metadata::Partition state = state_;
      state.isr = answer.isr;
      state.partition_epoch = answer.partition_epoch;
      state.recovery_state = static_cast<metadata::LeaderRecoveryState>(answer.leader_recovery_state);
      return {std::move(state), false};
    }
    // Refused for certain, unless an earlier request of the same words is still under way to be granted:
    // until that is out of the question, the replica counts.
    case ErrorCode::ineligible_replica:
    case ErrorCode::operation_not_attempted:
    case ErrorCode::invalid_request:
      if (unanswered_at_ && context_.executor.now() - *unanswered_at_ < kHeardUntil)
        return {.state = {}, .again = true};
      tracker_.withdraw();
      update_high_watermark();
      return {};
    // The state has changed: metadata tells how.
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_update_version:
    case ErrorCode::new_leader_elected:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::unknown_topic_or_partition:
      return {};
    default:
      return {.state = {}, .again = true};
  }
}

std::optional<NodeId> PartitionLeader::preferred_read_replica(std::string_view rack, Offset from) const {
  if (!context_.rack_aware || rack.empty()) return std::nullopt;
  return select_replica(tracker_, *context_.image, context_.self, rack, from);
}

void PartitionLeader::note_log_start() {
  low_watermark_.advance(tracker_.low_watermark(log_.log_start_offset(), *context_.image));
}

}  // namespace moldau::replication
