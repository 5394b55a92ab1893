#include "frames.h"

#include <algorithm>
#include <chrono>

#include "base/crc32c.h"
#include "base/random.h"
#include "framing.h"
#include "program.h"
#include "record/batch.h"
#include "record/builder.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace moldau::load {

Slice make_batch(int records, std::size_t value_bytes, record::Codec codec) {
  Random random(1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const TimestampMs now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const record::BatchFields fields{.compression = {.codec = codec, .level = {}}};
  record::BatchBuilder builder(fields, static_cast<std::size_t>(records) * (value_bytes + 16) + 64);
  std::string value(value_bytes, 'x');
  const std::span<char> changing(value.data(), codec == record::Codec::none ? value_bytes : value_bytes / 2);
  for (int i = 0; i < records; ++i) {
    for (char& letter : changing) letter = static_cast<char>('a' + random.below(26));
    builder.append(now_ms, std::nullopt, as_bytes(value));
  }
  record::Codecs codecs;
  return or_die(std::move(builder).build(codecs), "building a batch");
}

void set_producer(Frame& frame, ProducerId id, Sequence base_sequence) {
  // Places of batch v2: kafka-protocol.md 3.1.
  constexpr std::size_t kCrc = 17, kChecked = 21, kProducerId = 43, kEpoch = 51, kSequence = 53;
  std::byte* batch = frame.bytes.data() + frame.batch_at;
  const auto size = static_cast<std::size_t>(load_be<std::int32_t>(batch + 8)) + 12;
  store_be<std::int64_t>(batch + kProducerId, id);
  store_be<std::int16_t>(batch + kEpoch, 0);
  store_be<std::int32_t>(batch + kSequence, base_sequence);
  store_be<std::uint32_t>(batch + kCrc, crc32c(ByteView(batch + kChecked, size - kChecked)));
}

Frame produce_frame(const std::string& topic, PartitionIndex partition, const Slice& batch,
                    std::int16_t acks) {
  wire::ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 30'000;
  auto& data = request.topic_data.emplace_back();
  data.name = topic;
  auto& only = data.partition_data.emplace_back();
  only.index = partition;
  only.records = SliceList{batch};
  Frame frame = frame_of(request, kProduceVersion, partition + 1);
  frame.partition = static_cast<std::size_t>(partition);
  const ByteView bytes = batch;
  const auto found = std::ranges::search(frame.bytes, bytes);
  frame.batch_at = static_cast<std::size_t>(found.begin() - frame.bytes.begin());
  return frame;
}

Frame api_versions_frame() {
  wire::ApiVersionsRequest request;
  request.client_software_name = "moldau_load";
  request.client_software_version = "1";
  return frame_of(request, kApiVersionsVersion, 1);
}

Frame metadata_frame(const std::string& topic) {
  wire::MetadataRequest request;
  request.topics.emplace();
  request.topics->emplace_back().name = topic;
  return frame_of(request, kMetadataVersion, 2);
}

namespace {

wire::ProduceResponse::TopicResponse::PartitionResponse produced(const Frame& request, ByteView answer) {
  const auto response = decode_answer<wire::ProduceResponse>(request, answer, kProduceVersion);
  if (response.responses.empty() || response.responses[0].partition_responses.empty()) {
    die("a Produce response without partitions");
  }
  return response.responses[0].partition_responses[0];
}

}  // namespace

Offset check_produced(const Frame& request, ByteView answer) {
  const auto only = produced(request, answer);
  check(only.error_code, "Produce");
  return only.base_offset;
}

wire::ErrorCode error_of_produced(const Frame& request, ByteView answer) {
  return produced(request, answer).error_code;
}

Frame fetch_frame(const std::string& topic, const std::vector<Position>& positions,
                  const FetchLimits& limits) {
  wire::FetchRequest request;
  request.max_wait_ms = limits.max_wait_ms;
  request.min_bytes = limits.min_bytes;
  request.max_bytes = limits.max_bytes;
  auto& asked = request.topics.emplace_back();
  asked.topic = topic;
  for (const Position& position : positions) {
    auto& partition = asked.partitions.emplace_back();
    partition.partition = position.partition;
    partition.fetch_offset = position.next;
    partition.partition_max_bytes = limits.partition_max_bytes;
  }
  return frame_of(request, kFetchVersion, 1);
}

Fetched take_fetched(const Frame& request, ByteView answer, std::vector<Position>& positions,
                     const OnBatch& on_batch) {
  const auto response = decode_answer<wire::FetchResponse>(request, answer, kFetchVersion);
  check(response.error_code, "Fetch");
  Fetched fetched;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      check(partition.error_code, "Fetch");
      const auto position = std::ranges::find(positions, partition.partition_index, &Position::partition);
      if (position == positions.end()) die("a Fetch response with a partition that was not asked for");
      position->high_watermark = partition.high_watermark;
      if (!partition.records || partition.records->empty()) continue;
      const Slice bytes = joined(*partition.records);
      record::BatchReader reader(bytes);
      for (record::BatchView batch; or_die(reader.next(batch), "batches of a Fetch response");) {
        fetched.records += batch.record_count();
        position->next = batch.next_offset();
        if (on_batch) on_batch(position->partition, batch);
      }
      fetched.bytes += bytes.size();
    }
  }
  return fetched;
}

}  // namespace moldau::load
