#include "cli/batch_scan.h"

#include "cli/topic_names.h"
#include "wire/messages/fetch.h"

namespace moldau::cli {
namespace {

using runtime::Task;
using PartitionResponse = wire::FetchResponse::TopicResponse::PartitionResponse;

constexpr std::int32_t kFetchBytes = 8 << 20;
constexpr wire::ApiVersion kTopicIdsFrom = 13;

wire::FetchRequest request_for(const TopicPartition& partition, const TopicId& id, LeaderEpoch epoch,
                               Offset from) {
  wire::FetchRequest request;
  request.max_wait_ms = 100;
  request.min_bytes = 1;
  request.max_bytes = kFetchBytes;
  request.session_epoch = -1;  // no session
  auto& topic = request.topics.emplace_back();
  topic.topic = partition.topic;
  topic.topic_id = id;
  topic.partitions.push_back({.partition = partition.partition,
                              .current_leader_epoch = epoch,
                              .fetch_offset = from,
                              .partition_max_bytes = kFetchBytes});
  return request;
}

Task<client::Outcome<PartitionResponse>> fetch_once(ClusterSession& session, const TopicPartition& partition,
                                                    Offset from) {
  client::ClusterClient& cluster = session.cluster;
  const auto deadline = session.executor().now() + cluster.options().api_timeout;
  const auto leader = co_await cluster.leader_of(partition.topic, partition.partition, deadline);
  if (!leader) co_return client::fail(leader.error());
  const client::TopicInfo* topic = cluster.metadata().topic(partition.topic);
  const client::PartitionInfo* info = cluster.metadata().partition(partition.topic, partition.partition);
  if (!topic || !info)
    co_return client::fail(client::broker_failure(wire::ErrorCode::unknown_topic_or_partition));
  client::CallOptions call;
  if (topic->id.is_zero()) call.max_version = kTopicIdsFrom - 1;
  auto response = co_await cluster.call_node<wire::FetchResponse>(
      *leader, request_for(partition, topic->id, info->leader_epoch, from), call);
  if (!response) co_return client::fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none)
    co_return client::fail(client::broker_failure(response->error_code));
  if (response->responses.empty() || response->responses.front().partitions.empty())
    co_return client::fail(client::local_failure(Errc::corrupt, "the broker left the partition out"));
  PartitionResponse& found = response->responses.front().partitions.front();
  if (found.error_code != wire::ErrorCode::none)
    co_return client::fail(client::broker_failure(found.error_code));
  co_return std::move(found);
}

Task<client::Outcome<PartitionResponse>> fetch(ClusterSession& session, TopicPartition partition,
                                               Offset from) {
  client::ClusterClient& cluster = session.cluster;
  const auto deadline = session.executor().now() + cluster.options().api_timeout;
  client::Backoff backoff = cluster.new_backoff();
  for (;;) {
    auto fetched = co_await fetch_once(session, partition, from);
    const bool again = !fetched && fetched.error().retriable && !session.interrupt.raised();
    if (!again || !co_await cluster.pause(backoff.next(), deadline)) co_return fetched;
    // A failure here shows in the next try.
    (void)co_await cluster.refresh({partition.topic});
  }
}

// Where to go on; nothing at the end of the scan.
Answer<std::optional<Offset>> visit_all(const ReadSpan& span, Offset from, const Slice& bytes,
                                        const VisitBatch& visit) {
  const auto wrong = [&](std::string cause) {
    return trouble(Exit::failed,
                   "cannot read a batch of " + span.partition.to_string() + " at or after offset " +
                       std::to_string(from),
                   std::move(cause));
  };
  record::BatchReader reader(bytes.view());
  const Offset asked = from;
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    if (!more) return wrong(more.error().message);
    if (!*more) break;
    if (span.until && batch.base_offset() >= *span.until) return std::nullopt;
    if (batch.next_offset() <= asked) continue;  // before what was asked for
    if (batch.next_offset() <= from || batch.base_offset() < 0) return wrong("its offsets run backwards");
    if (!batch.crc_matches()) return wrong("it does not match its checksum");
    from = batch.next_offset();
    const auto go_on = visit(batch);
    if (!go_on) return std::unexpected(go_on.error());
    if (!*go_on) return std::nullopt;
  }
  if (from == asked) return wrong("it came incomplete");
  return from;
}

}  // namespace

Task<Answer<void>> scan_batches(ClusterSession& session, ReadSpan span, VisitBatch visit) {
  Offset from = span.from;
  while (!session.interrupt.raised() && (!span.until || from < *span.until)) {
    const auto fetched = co_await fetch(session, span.partition, from);
    if (!fetched && session.interrupt.raised()) break;
    if (!fetched) co_return trouble(trouble_of(fetched.error(), "cannot read " + span.partition.to_string()));
    if (!fetched->records || size_of(*fetched->records) == 0) break;
    const auto next = visit_all(span, from, joined(*fetched->records), visit);
    if (!next) co_return trouble(next.error());
    if (!*next) break;
    from = **next;
  }
  co_return Answer<void>{};
}

}  // namespace moldau::cli
