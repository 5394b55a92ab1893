// What it costs to decode and encode the messages of the data path, as a broker and a client see them.
// items_per_second counts messages; batches are shared, not copied, in both directions.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "wire/frame.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace moldau::wire {
namespace {

constexpr ApiVersion kByName = 12;
const std::string kTopic = "orders-by-customer";

Slice batch() { return Slice::take(std::vector<std::byte>(16 << 10, std::byte{7})); }
// The batch of a request that carries one record of 100 bytes.
Slice small_batch() { return Slice::take(std::vector<std::byte>(170, std::byte{7})); }

ProduceRequest produce_request(std::int64_t partitions) {
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30'000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = kTopic;
  for (int i = 0; i < partitions; ++i) {
    topic.partition_data.push_back(
        {.index = i, .records = SliceList{partitions == 1 ? small_batch() : batch()}});
  }
  return request;
}

ProduceResponse produce_response(std::int64_t partitions) {
  ProduceResponse response;
  auto& topic = response.responses.emplace_back();
  topic.name = kTopic;
  for (int i = 0; i < partitions; ++i) topic.partition_responses.push_back({.index = i, .base_offset = 1000});
  return response;
}

FetchRequest fetch_request(std::int64_t partitions) {
  FetchRequest request;
  request.max_wait_ms = 500;
  request.min_bytes = 1;
  auto& topic = request.topics.emplace_back();
  topic.topic = kTopic;
  for (int i = 0; i < partitions; ++i) {
    topic.partitions.push_back({.partition = i, .fetch_offset = 1000, .partition_max_bytes = 1 << 20});
  }
  return request;
}

FetchResponse fetch_response(std::int64_t partitions) {
  FetchResponse response;
  auto& topic = response.responses.emplace_back();
  topic.topic = kTopic;
  for (int i = 0; i < partitions; ++i) {
    topic.partitions.push_back({.partition_index = i, .high_watermark = 2000, .records = SliceList{batch()}});
  }
  return response;
}

MetadataRequest metadata_request(std::int64_t topics) {
  MetadataRequest request;
  request.topics.emplace();
  for (int i = 0; i < topics; ++i) request.topics->emplace_back().name = kTopic + std::to_string(i);
  return request;
}

// Ten partitions on three brokers each.
MetadataResponse metadata_response(std::int64_t topics) {
  MetadataResponse response;
  for (int i = 0; i < 3; ++i) {
    auto& broker = response.brokers.emplace_back();
    broker.node_id = i;
    broker.host = "broker-" + std::to_string(i) + ".example.org";
    broker.port = 9092;
  }
  for (int i = 0; i < topics; ++i) {
    auto& topic = response.topics.emplace_back();
    topic.name = kTopic + std::to_string(i);
    topic.topic_id = {1, static_cast<std::uint64_t>(i)};
    for (int j = 0; j < 10; ++j) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition_index = j;
      partition.leader_id = j % 3;
      partition.replica_nodes = {0, 1, 2};
      partition.isr_nodes = {0, 1, 2};
    }
  }
  return response;
}

template <class Message>
void decode(benchmark::State& state, Message (*make)(std::int64_t)) {
  Writer out;
  make(state.range(0)).encode(out, kByName);
  const Slice body = std::move(out).finish_contiguous();
  for (auto _ : state) {
    auto message = Message::decode(body, kByName);
    if (!message) return state.SkipWithError(message.error().message.c_str());
    benchmark::DoNotOptimize(*message);
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Message>
void encode(benchmark::State& state, Message (*make)(std::int64_t)) {
  const Message message = make(state.range(0));
  for (auto _ : state) {
    Writer out;
    message.encode(out, kByName);
    benchmark::DoNotOptimize(std::move(out).finish());
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(decode, produce_request, produce_request)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(encode, produce_request, produce_request)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(decode, produce_response, produce_response)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(encode, produce_response, produce_response)->Arg(1)->Arg(16);
BENCHMARK_CAPTURE(decode, fetch_request, fetch_request)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(encode, fetch_request, fetch_request)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(decode, fetch_response, fetch_response)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(encode, fetch_response, fetch_response)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(decode, metadata_request, metadata_request)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(encode, metadata_request, metadata_request)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(decode, metadata_response, metadata_response)->Arg(1)->Arg(100);
BENCHMARK_CAPTURE(encode, metadata_response, metadata_response)->Arg(1)->Arg(100);

// A whole frame as the broker meets it: header and body of a request with one record.
void decode_frame(benchmark::State& state) {
  const Slice whole = joined(encode_request(
      {.api_key = ApiKey::produce, .api_version = kByName, .client_id = "producer-1"}, produce_request(1)));
  const Slice frame = whole.from(4);
  for (auto _ : state) {
    auto request = decode_request_frame(frame);
    if (!request) return state.SkipWithError(request.error().message.c_str());
    benchmark::DoNotOptimize(ProduceRequest::decode(request->body, kByName));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_frame);

void encode_frame(benchmark::State& state) {
  const ProduceResponse response = produce_response(1);
  for (auto _ : state) benchmark::DoNotOptimize(encode_response(42, kByName, response));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_frame);

}  // namespace
}  // namespace moldau::wire
