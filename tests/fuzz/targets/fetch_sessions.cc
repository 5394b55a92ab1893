// Fetch sessions under any requests in any order: bounded, and each keeps to what its client has said.
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "server/fetch_session.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 192;
constexpr std::size_t kMostSessions = 3;
constexpr std::size_t kMostMemory = 2'000;

using Partition = wire::FetchRequest::Topic::Partition;

wire::FetchRequest request_of(Input& in, const std::vector<std::int32_t>& ids) {
  wire::FetchRequest request;
  request.session_id = ids.empty() || in.below(4) == 3 ? in.byte() : ids[in.below(ids.size())];
  request.session_epoch = in.between(-1, 6);
  for (std::size_t topics = in.below(3); topics > 0; --topics) {
    auto& topic = request.topics.emplace_back();
    topic.topic = std::string(1, static_cast<char>('a' + in.below(3)));
    for (std::size_t partitions = in.below(3); partitions > 0; --partitions) {
      Partition& partition = topic.partitions.emplace_back();
      partition.partition = static_cast<PartitionIndex>(in.below(3));
      partition.fetch_offset = in.byte();
    }
  }
  if (in.flag()) {
    auto& forgotten = request.forgotten_topics_data.emplace_back();
    forgotten.topic = std::string(1, static_cast<char>('a' + in.below(3)));
    forgotten.partitions = {static_cast<PartitionIndex>(in.below(3))};
  }
  return request;
}

std::vector<server::FetchOutcome> outcomes_of(Input& in, const server::FetchContext& context) {
  std::vector<server::FetchOutcome> outcomes;
  for (const server::FetchTarget& target : context.targets) {
    server::FetchOutcome outcome{target.topic_id, target.topic, {}};
    outcome.partition.partition_index = target.partition;
    const unsigned choice = in.byte();
    outcome.partition.high_watermark = choice % 4;
    if ((choice & 16) != 0) outcome.partition.records = SliceList{Slice::borrow(as_bytes("x"))};
    if ((choice & 32) != 0) outcome.partition.error_code = wire::ErrorCode::not_leader_or_follower;
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

std::size_t count(const wire::FetchResponse& response) {
  std::size_t all = 0;
  for (const auto& topic : response.responses) all += topic.partitions.size();
  return all;
}

void run(ByteView bytes) {
  Input in(bytes);
  server::FetchSessionCache cache(0, 1, {kMostSessions, kMostMemory}, Random(1));
  std::vector<std::int32_t> ids;
  runtime::MonotonicTime now{};
  while (!in.empty()) {
    now += runtime::milliseconds(in.byte() * 1000);
    const wire::FetchRequest request = request_of(in, ids);
    auto context = cache.begin(request, 12, now);
    MOLDAU_ASSERT(cache.size() <= kMostSessions, "more sessions than there may be");
    MOLDAU_ASSERT(cache.memory_bytes() <= kMostMemory, "sessions take more memory than they may");
    if (!context) continue;
    if (context->full) MOLDAU_ASSERT(request.session_epoch <= 0, "a full answer to an incremental fetch");
    if (context->session) MOLDAU_ASSERT(context->session->size() <= 9, "a partition is kept twice");
    auto outcomes = outcomes_of(in, *context);
    const std::size_t asked = outcomes.size();
    const bool full = context->full;
    const wire::FetchResponse response = cache.finish(std::move(*context), std::move(outcomes));
    MOLDAU_ASSERT(count(response) <= asked && (!full || count(response) == asked),
                  "partitions that nobody asked for");
    if (response.session_id != 0) ids.push_back(response.session_id);
    if (ids.size() > 8) ids.erase(ids.begin());
  }
}

void seeds(Seeds& seeds) {
  seeds.add(std::string_view("\x00\x00\x01\x01\x00\x01\x01\x05\x00\x11", 10));
  seeds.add(std::string_view(
      "\x00\x00\x01\x01\x00\x02\x00\x05\x01\x06\x00\x11\x12\x00\x00\x02\x00\x01\x00\x00\x13\x14", 22));
  seeds.add(std::string_view(
      "\x00\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x00\xff\x00\x01\x00\x00", 20));
}

MOLDAU_FUZZ_TARGET(fetch_sessions, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
