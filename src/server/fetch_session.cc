#include "server/fetch_session.h"

#include <algorithm>
#include <limits>

namespace moldau::server {

using wire::ErrorCode;

namespace {

constexpr std::int32_t kNoSession = 0;
constexpr std::int32_t kFinalEpoch = -1;    // no session, or its end
constexpr std::int32_t kInitialEpoch = 0;   // a new session
constexpr std::int16_t kTopicIdsFrom = 13;  // KIP-516
constexpr runtime::Duration kEvictableAfter = std::chrono::milliseconds(120000);

// Of a partition in a session: its list and map nodes, and the topic's name in both.
std::size_t memory_of(const std::string& topic) { return 320 + 2 * topic.size(); }

std::vector<FetchTarget> targets_of(const wire::FetchRequest& request) {
  std::vector<FetchTarget> targets;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      targets.push_back({topic.topic_id, topic.topic, partition.partition, partition.current_leader_epoch,
                         partition.fetch_offset, partition.last_fetched_epoch, partition.partition_max_bytes,
                         partition.log_start_offset, partition.high_watermark});
    }
  }
  return targets;
}

}  // namespace

std::vector<FetchTarget> FetchSession::targets() const {
  std::vector<FetchTarget> targets;
  targets.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    FetchTarget& target = targets.emplace_back(entry.target);
    if (entry.high_watermark != kNoOffset) target.known_high_watermark = entry.high_watermark;
    target.told_log_start = entry.log_start_offset;
    target.told_error = entry.had_error;
  }
  return targets;
}

void FetchSession::upsert(FetchTarget target) {
  Key key{target.topic_id, target.topic, target.partition};
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    found->second->target = std::move(target);
    return;
  }
  memory_bytes_ += memory_of(key.topic);
  entries_.push_back({std::move(target)});
  by_key_.emplace(std::move(key), std::prev(entries_.end()));
}

void FetchSession::forget(const TopicId& topic_id, const std::string& topic, PartitionIndex partition) {
  const auto found = by_key_.find({topic_id, topic, partition});
  if (found == by_key_.end()) return;
  memory_bytes_ -= memory_of(topic);
  entries_.erase(found->second);
  by_key_.erase(found);
}

void FetchSession::advance_epoch() {
  next_epoch_ = next_epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : next_epoch_ + 1;
}

bool FetchSession::note(const FetchOutcome& outcome, bool always) {
  const auto found = by_key_.find({outcome.topic_id, outcome.topic, outcome.partition.partition_index});
  if (found == by_key_.end()) return always;
  Entry& entry = *found->second;
  const FetchedPartition& told = outcome.partition;
  const bool has_records = told.records && size_of(*told.records) > 0;
  const bool has_error = told.error_code != ErrorCode::none;
  const bool news = has_records || has_error || entry.had_error || told.diverging_epoch.epoch >= 0 ||
                    told.preferred_read_replica >= 0 || entry.high_watermark != told.high_watermark ||
                    entry.log_start_offset != told.log_start_offset;
  // A follower believes no high watermark before its log agrees with this one (KAFKA-14704): it has to be
  // told again.
  entry.high_watermark = told.diverging_epoch.epoch >= 0 ? kNoOffset : told.high_watermark;
  entry.log_start_offset = told.log_start_offset;
  entry.had_error = has_error;
  if (has_records) entries_.splice(entries_.end(), entries_, found->second);
  return news || always;
}

std::expected<FetchContext, ErrorCode> FetchSessionCache::begin(const wire::FetchRequest& request,
                                                                std::int16_t version,
                                                                runtime::MonotonicTime now) {
  const bool uses_topic_ids = version >= kTopicIdsFrom;
  if (request.session_epoch == kFinalEpoch || request.session_epoch == kInitialEpoch) {
    if (const auto ended = sessions_.find(request.session_id); ended != sessions_.end()) erase(ended);
    FetchContext context{nullptr, true, targets_of(request)};
    if (request.session_epoch == kInitialEpoch) {
      context.session = create(context.targets, uses_topic_ids, now);
    }
    return context;
  }
  const auto found = sessions_.find(request.session_id);
  if (found == sessions_.end()) return std::unexpected(ErrorCode::fetch_session_id_not_found);
  FetchSession& session = *found->second;
  if (session.next_epoch() != request.session_epoch) {
    return std::unexpected(ErrorCode::invalid_fetch_session_epoch);
  }
  if (session.uses_topic_ids() != uses_topic_ids) {
    return std::unexpected(ErrorCode::fetch_session_topic_id_error);
  }
  update(session, request);
  if (memory_bytes_ > limits_.memory_bytes) {
    erase(found);  // its client comes again with all that it wants
    return std::unexpected(ErrorCode::fetch_session_id_not_found);
  }
  FetchContext context{found->second, false, session.targets()};
  session.last_used_ = now;
  session.advance_epoch();
  if (session.size() == 0) {
    erase(found);
    context.session = nullptr;
  }
  return context;
}

void FetchSessionCache::update(FetchSession& session, const wire::FetchRequest& request) {
  memory_bytes_ -= session.memory_bytes();
  for (FetchTarget& target : targets_of(request)) session.upsert(std::move(target));
  for (const auto& topic : request.forgotten_topics_data) {
    for (const PartitionIndex partition : topic.partitions)
      session.forget(topic.topic_id, topic.topic, partition);
  }
  memory_bytes_ += session.memory_bytes();
}

void FetchSessionCache::erase(Sessions::iterator session) {
  memory_bytes_ -= session->second->memory_bytes();
  sessions_.erase(session);
}

std::shared_ptr<FetchSession> FetchSessionCache::create(std::vector<FetchTarget> targets, bool uses_topic_ids,
                                                        runtime::MonotonicTime now) {
  std::size_t memory_bytes = 0;
  for (const FetchTarget& target : targets) memory_bytes += memory_of(target.topic);
  if (targets.empty() || !make_room(memory_bytes, now)) return nullptr;
  auto session = std::make_shared<FetchSession>(unused_id(), uses_topic_ids);
  for (FetchTarget& target : targets) session->upsert(std::move(target));
  session->last_used_ = now;
  memory_bytes_ += session->memory_bytes();
  sessions_.emplace(session->id(), session);
  return session;
}

// The sessions that were idle for longest give way, if that was long enough.
bool FetchSessionCache::make_room(std::size_t memory_bytes, runtime::MonotonicTime now) {
  if (memory_bytes > limits_.memory_bytes) return false;
  while (sessions_.size() >= limits_.sessions || memory_bytes_ + memory_bytes > limits_.memory_bytes) {
    const auto stalest = std::ranges::min_element(
        sessions_, {}, [](const auto& entry) { return std::pair(entry.second->last_used_, entry.first); });
    if (stalest == sessions_.end() || now - stalest->second->last_used_ < kEvictableAfter) return false;
    erase(stalest);
  }
  return true;
}

std::int32_t FetchSessionCache::unused_id() {
  for (;;) {
    const auto slots = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()) / shard_count_;
    const auto id = static_cast<std::int32_t>((random_.below(slots - 1) + 1) * shard_count_ + shard_);
    if (id > kNoSession && !sessions_.contains(id)) return id;
  }
}

wire::FetchResponse FetchSessionCache::finish(FetchContext context, std::vector<FetchOutcome> outcomes) {
  wire::FetchResponse response;
  response.session_id = context.session ? context.session->id() : kNoSession;
  for (FetchOutcome& outcome : outcomes) {
    if (context.session && !context.session->note(outcome, context.full)) continue;
    const bool same_topic = !response.responses.empty() &&
                            response.responses.back().topic_id == outcome.topic_id &&
                            response.responses.back().topic == outcome.topic;
    if (!same_topic) {
      response.responses.emplace_back();
      response.responses.back().topic_id = outcome.topic_id;
      response.responses.back().topic = std::move(outcome.topic);
    }
    response.responses.back().partitions.push_back(std::move(outcome.partition));
  }
  return response;
}

}  // namespace moldau::server
