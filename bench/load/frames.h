// The frames that the load is made of, built once and sent again and again, and the checks of their answers.
#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "record/batch.h"
#include "record/codec.h"
#include "wire/error_code.h"
#include "wire/frame.h"

namespace moldau::load {

inline constexpr wire::ApiVersion kProduceVersion = 12;  // the last that names topics
inline constexpr wire::ApiVersion kFetchVersion = 12;
inline constexpr wire::ApiVersion kApiVersionsVersion = 3;
inline constexpr wire::ApiVersion kMetadataVersion = 12;
inline constexpr wire::ApiVersion kCreateTopicsVersion = 7;

// A whole request frame. The same one is sent many times with the same correlation id: answers come in order.
struct Frame {
  std::vector<std::byte> bytes;
  std::int32_t correlation_id = 0;
  std::size_t partition = 0;
  std::size_t batch_at = 0;  // where a Produce frame's batch begins
};

// One batch of records with random letters for values, without keys. With a codec the second half of each
// value is the same in all, so that there is something to compress.
Slice make_batch(int records, std::size_t value_bytes, record::Codec codec = record::Codec::none);

Frame produce_frame(const std::string& topic, PartitionIndex partition, const Slice& batch,
                    std::int16_t acks);
Frame api_versions_frame();
Frame metadata_frame(const std::string& topic);

// Gives the frame's batch a producer and a place in its sequence.
void set_producer(Frame& frame, ProducerId id, Sequence base_sequence);
// Dies unless every partition of the answer says NONE. `answer` is what follows the size. The base offset.
Offset check_produced(const Frame& request, ByteView answer);
// The answer's error, for those who may ask again.
wire::ErrorCode error_of_produced(const Frame& request, ByteView answer);

// What a consumer asks for and learns, one entry for each of its partitions.
struct Position {
  PartitionIndex partition = 0;
  Offset next = 0;
  Offset high_watermark = 0;
};
struct FetchLimits {
  std::int32_t max_wait_ms = 500;
  std::int32_t min_bytes = 1;
  std::int32_t max_bytes = 50 << 20;           // fetch.max.bytes of Kafka's consumer
  std::int32_t partition_max_bytes = 1 << 20;  // max.partition.fetch.bytes
};
Frame fetch_frame(const std::string& topic, const std::vector<Position>& positions,
                  const FetchLimits& limits);

struct Fetched {
  std::int64_t records = 0;
  std::size_t bytes = 0;
};
// Moves the positions past what came. Walks batch headers only, as a consumer that hands batches on.
using OnBatch = std::function<void(PartitionIndex, const record::BatchView&)>;
Fetched take_fetched(const Frame& request, ByteView answer, std::vector<Position>& positions,
                     const OnBatch& on_batch = nullptr);

}  // namespace moldau::load
