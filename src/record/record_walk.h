// Internal to validation: the walk over all records of a batch that every append pays for, so it takes no
// memory and looks at nothing but what the rules need. Record form as in record.h.
#pragma once

#include <cstdint>

#include "record/cursor.h"

namespace moldau::record {

struct RecordFacts {
  std::int64_t timestamp_delta;
  std::int32_t offset_delta;
  bool has_key;
};

// Lengths: -1 is null, whatever is below lies.
[[gnu::always_inline]] inline bool skip_nullable(Cursor& body, std::int32_t& length) {
  if (!body.read_varint(length)) [[unlikely]]
    return false;
  if (length >= 0) [[likely]]
    return body.skip(static_cast<std::size_t>(length));
  return length == -1;
}

inline bool skip_headers(Cursor& body, std::int32_t count) {
  // A header takes at least two bytes: a count beyond that lies.
  if (count < 0 || static_cast<std::size_t>(count) > body.left() / 2) return false;
  for (std::int32_t i = 0, length = 0; i < count; ++i) {
    if (!skip_nullable(body, length) || length < 0 || !skip_nullable(body, length)) return false;
  }
  return true;
}

// False when the record at the cursor is malformed.
[[gnu::always_inline]] inline bool walk_record(Cursor& records, RecordFacts& facts) {
  constexpr std::size_t kAttributesSize = 1;
  std::int32_t length = 0;
  std::int32_t header_count = 0;
  Cursor body(ByteView{});
  if (!records.read_varint(length) || length < 0) [[unlikely]]
    return false;
  if (!records.cut(static_cast<std::size_t>(length), body) || !body.skip(kAttributesSize)) [[unlikely]]
    return false;
  if (!body.read_varlong(facts.timestamp_delta) || !body.read_varint(facts.offset_delta)) [[unlikely]]
    return false;
  if (!skip_nullable(body, length)) [[unlikely]]
    return false;
  facts.has_key = length >= 0;
  if (!skip_nullable(body, length) || !body.read_varint(header_count)) [[unlikely]]
    return false;
  if (header_count != 0 && !skip_headers(body, header_count)) [[unlikely]]
    return false;
  return body.at_end();
}

}  // namespace moldau::record
