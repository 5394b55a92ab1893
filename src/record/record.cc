#include "record/record.h"

#include <string>

#include "record/cursor.h"

namespace moldau::record {
namespace {

bool read_nullable(Cursor& cursor, std::optional<ByteView>& field) {
  std::int32_t length = 0;
  if (!cursor.read_varint(length)) return false;
  if (length < 0) {
    field.reset();
    return length == -1;
  }
  field.emplace(cursor.at(), static_cast<std::size_t>(length));
  return cursor.skip(static_cast<std::size_t>(length));
}

// A header's key has no null form.
bool read_header(Cursor& cursor, HeaderEntry& entry) {
  std::optional<ByteView> key;
  if (!read_nullable(cursor, key) || !key) return false;
  entry.key = as_text(*key);
  return read_nullable(cursor, entry.value);
}

bool read_headers(Cursor& cursor, RecordHeaders& headers) {
  std::int32_t count = 0;
  // A header takes at least two bytes: a count beyond that lies.
  if (!cursor.read_varint(count) || count < 0 || static_cast<std::size_t>(count) > cursor.left() / 2)
    return false;
  headers = RecordHeaders(count, cursor.rest());
  HeaderEntry entry;
  for (std::int32_t i = 0; i < count; ++i) {
    if (!read_header(cursor, entry)) return false;
  }
  return cursor.at_end();
}

// Reads all of `cursor` as the body of one record, whatever stands before the length field left out.
bool read_body(Cursor& cursor, RecordView& record) {
  return cursor.skip(1) && cursor.read_varlong(record.timestamp_delta) &&
         cursor.read_varint(record.offset_delta) && read_nullable(cursor, record.key) &&
         read_nullable(cursor, record.value) && read_headers(cursor, record.headers);
}

}  // namespace

RecordHeaders::Iterator::Iterator(std::int32_t left, ByteView rest) : left_(left), rest_(rest) {
  if (left_ > 0) decode();
}

RecordHeaders::Iterator& RecordHeaders::Iterator::operator++() {
  if (--left_ > 0) decode();
  return *this;
}

void RecordHeaders::Iterator::decode() {
  Cursor cursor(rest_);
  MOLDAU_ASSERT(read_header(cursor, entry_), "the headers were checked when the record was read");
  rest_ = cursor.rest();
}

RecordReader::RecordReader(const HeaderView& batch, ByteView records)
    : base_offset_(batch.base_offset()),
      base_timestamp_(batch.base_timestamp()),
      base_sequence_(batch.base_sequence()),
      last_offset_delta_(batch.last_offset_delta()),
      left_(batch.record_count()),
      rest_(records) {
  if (batch.timestamp_type() == TimestampType::log_append_time) append_time_ = batch.max_timestamp();
}

Result<bool> RecordReader::next(RecordView& record) {
  if (left_ <= 0) {
    if (left_ < 0) return fail(Errc::corrupt, "negative number of records");
    if (rest_.empty()) return false;
    return fail(Errc::corrupt, std::to_string(rest_.size()) + " bytes left over behind the last record");
  }
  Cursor cursor(rest_);
  Cursor body(ByteView{});
  std::int32_t length = 0;
  if (!cursor.read_varint(length) || length < 0 || !cursor.cut(static_cast<std::size_t>(length), body)) {
    return fail(Errc::corrupt, "a record is longer than what is left of its batch");
  }
  if (!read_body(body, record)) return fail(Errc::corrupt, "malformed record");
  if (record.offset_delta <= offset_delta_ || record.offset_delta > last_offset_delta_) {
    return fail(Errc::corrupt, "offset deltas of a batch do not rise up to the last");
  }
  offset_delta_ = record.offset_delta;
  record.bytes = rest_.first(rest_.size() - cursor.left());
  record.offset = wrapping_add(base_offset_, record.offset_delta);
  record.timestamp = append_time_ ? *append_time_ : wrapping_add(base_timestamp_, record.timestamp_delta);
  record.sequence = base_sequence_ < 0 ? kNoSequence : sequence_after(base_sequence_, record.offset_delta);
  rest_ = cursor.rest();
  --left_;
  return true;
}

Result<ByteView> uncompressed_records(const BatchView& batch, Codecs& codecs, std::size_t max_size_bytes) {
  const auto codec = batch.codec();
  if (!codec)
    return fail(Errc::unsupported,
                "unknown compression type " + std::to_string(batch.attributes() & kCodecMask));
  return codecs.decompress(*codec, batch.records(), max_size_bytes);
}

}  // namespace moldau::record
