// Records as programs give and get them.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moldau::sdk {

// To be sent; owns its bytes.
struct Record {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<std::int32_t> partition;     // else by the key, as Java's client does, else spread
  std::optional<std::int64_t> timestamp_ms;  // else now
};

struct RecordMetadata {
  std::int32_t partition = 0;
  std::int64_t offset = -1;  // -1 with acks none
  std::int64_t timestamp_ms = -1;
};

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct Header {
  std::string_view key;
  std::optional<std::string_view> value;
};

// A received record: views into the memory of its Records.
struct RecordView {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::int32_t leader_epoch = -1;  // of the leader that wrote it; -1 unknown
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<Header> headers;
};

// The records of one poll. Views into it live as long as it does; it may be moved.
class Records {
 public:
  Records() = default;
  Records(std::vector<RecordView> records, std::shared_ptr<const void> memory)
      : records_(std::move(records)), memory_(std::move(memory)) {}

  auto begin() const { return records_.begin(); }
  auto end() const { return records_.end(); }
  std::size_t size() const { return records_.size(); }
  bool empty() const { return records_.empty(); }
  const RecordView& operator[](std::size_t index) const { return records_[index]; }

 private:
  std::vector<RecordView> records_;
  std::shared_ptr<const void> memory_;
};

}  // namespace moldau::sdk
