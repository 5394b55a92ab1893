// Builds record batches byte by byte from the format's description, so that tests do not lean on the code
// that they check. Fields start out as a producer would send them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace moldau::record::by_hand {

class Bytes {
 public:
  Bytes& integer(std::uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
      bytes_.push_back(std::byte(value >> shift & 0xff));
    return *this;
  }
  Bytes& varint(std::int64_t value) {
    auto raw = static_cast<std::uint64_t>(value < 0 ? ~(value * 2) : value * 2);
    for (; raw >= 0x80; raw >>= 7) bytes_.push_back(std::byte(raw & 0x7f) | std::byte{0x80});
    bytes_.push_back(std::byte(raw));
    return *this;
  }
  Bytes& text(std::string_view text) { return raw(as_bytes(text)); }
  Bytes& raw(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  // A length and the text; null for a text without data.
  Bytes& nullable(std::string_view text) {
    if (text.data() == nullptr) return varint(-1);
    return varint(static_cast<std::int64_t>(text.size())).text(text);
  }
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte>& vector() { return bytes_; }
  operator ByteView() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

inline constexpr std::string_view kNull{};

struct Record {
  std::int64_t timestamp_delta = 0;
  std::int32_t offset_delta = 0;
  std::string_view key = kNull;
  std::string_view value = "value";
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};

  Bytes body() const {
    Bytes body;
    body.integer(0, 1).varint(timestamp_delta).varint(offset_delta).nullable(key).nullable(value);
    body.varint(static_cast<std::int64_t>(headers.size()));
    for (const auto& [name, header_value] : headers) body.nullable(name).nullable(header_value);
    return body;
  }
};

inline Bytes records_of(const std::vector<Record>& records) {
  Bytes bytes;
  for (const Record& record : records) {
    const Bytes body = record.body();
    bytes.varint(static_cast<std::int64_t>(body.size())).raw(body);
  }
  return bytes;
}

struct Batch {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp = 1'700'000'000'000;
  std::int64_t max_timestamp = 1'700'000'000'000;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 1;
  Bytes records = records_of({Record{}});
  std::int32_t length_error = 0;
  std::uint32_t crc_error = 0;

  Slice slice() const {
    Bytes covered;
    covered.integer(static_cast<std::uint16_t>(attributes), 2);
    covered.integer(static_cast<std::uint32_t>(last_offset_delta), 4);
    covered.integer(static_cast<std::uint64_t>(base_timestamp), 8);
    covered.integer(static_cast<std::uint64_t>(max_timestamp), 8);
    covered.integer(static_cast<std::uint64_t>(producer_id), 8);
    covered.integer(static_cast<std::uint16_t>(producer_epoch), 2);
    covered.integer(static_cast<std::uint32_t>(base_sequence), 4);
    covered.integer(static_cast<std::uint32_t>(record_count), 4);
    covered.raw(records);
    Bytes batch;
    batch.integer(static_cast<std::uint64_t>(base_offset), 8);
    batch.integer(static_cast<std::uint32_t>(static_cast<std::int32_t>(covered.size()) + 9 + length_error),
                  4);
    batch.integer(static_cast<std::uint32_t>(leader_epoch), 4);
    batch.integer(static_cast<std::uint8_t>(magic), 1);
    batch.integer(crc32c(covered) ^ crc_error, 4);
    batch.raw(covered);
    return Slice::take(std::move(batch.vector()));
  }
  // With these records, counted and their offsets given out in order.
  Batch& with(std::vector<Record> list) {
    for (std::size_t i = 0; i < list.size(); ++i) list[i].offset_delta = static_cast<std::int32_t>(i);
    records = records_of(list);
    record_count = static_cast<std::int32_t>(list.size());
    last_offset_delta = record_count - 1;
    return *this;
  }
};

}  // namespace moldau::record::by_hand
