// Prints records: by a format of the percent language, as JSON, raw or in hexadecimal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/format_language.h"
#include "cli/json.h"
#include "record/batch.h"
#include "record/record.h"

namespace moldau::cli {

// One record and where it was found. Borrows.
struct PrintedRecord {
  std::string_view topic;
  PartitionIndex partition = 0;
  const record::RecordView& record;
  LeaderEpoch leader_epoch = kNoEpoch;
  Offset log_start_offset = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  Offset high_watermark = kNoOffset;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int16_t attributes = 0;  // of its batch

  bool log_append_time() const { return (attributes & record::kLogAppendTimeBit) != 0; }
  bool is_control() const { return (attributes & record::kControlBit) != 0; }
};

class RecordWriter {
 public:
  static Answer<RecordWriter> parse(std::string_view format);
  // Of parts that were made elsewhere. REQUIRES: what parse_record_format or parse_kcat_format gives.
  static Answer<RecordWriter> of(Answer<std::vector<FormatPart>> parts);
  // `count`: for %i, from 1.
  void append(std::string& out, const PrintedRecord& printed, std::int64_t count) const;

 private:
  explicit RecordWriter(std::vector<FormatPart> parts) : parts_(std::move(parts)) {}
  std::vector<FormatPart> parts_;
};

// {"topic","partition","offset","timestamp","timestamp_type","key","value","headers":[{"key","value"}],
//  "leader_epoch", "control"?, "producer_id"?}; null is null, bytes that are not UTF-8 are base64 with
//  "key_encoding":"base64" beside.
// `meta_only`: sizes instead of key, value and headers.
Json json_of(const PrintedRecord& printed, bool meta_only);

// What unpack[pattern] makes of bytes (Python's struct letters; ends with an error message where the bytes do
// not fit).
std::string unpacked(std::string_view pattern, std::string_view bytes);

}  // namespace moldau::cli
