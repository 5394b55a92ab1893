// Records with keys, and a reader that sees a log as consumers do: what compaction may change, and what not.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log_fixture.h"
#include "record/control.h"

namespace moldau::storage::testing {

struct Keyed {
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const Keyed&, const Keyed&) = default;
};

struct KeyedBatch {
  std::vector<Keyed> records;
  TimestampMs timestamp = 1'000;
  Producer producer = {};
  record::Codec codec = record::Codec::none;
  Offset base_offset = 0;
  LeaderEpoch epoch = kNoEpoch;
};

inline Slice make_keyed(const KeyedBatch& spec) {
  record::BatchFields fields;
  fields.base_offset = spec.base_offset;
  fields.partition_leader_epoch = spec.epoch;
  fields.compression.codec = spec.codec;
  if (spec.producer.id >= 0) {
    fields.producer_id = spec.producer.id;
    fields.producer_epoch = spec.producer.epoch;
    fields.base_sequence = spec.producer.sequence;
    fields.transactional = spec.producer.transactional;
  }
  record::BatchBuilder builder(fields);
  TimestampMs timestamp = spec.timestamp;
  for (const Keyed& record : spec.records) {
    std::optional<ByteView> value;
    if (record.value) value = as_bytes(*record.value);
    builder.append(timestamp++, as_bytes(record.key), value);
  }
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

struct Seen {
  Offset offset = 0;
  TimestampMs timestamp = 0;
  Keyed record;
  friend bool operator==(const Seen&, const Seen&) = default;
};

// Everything that read_committed sees, from the log start on.
inline std::vector<Seen> visible(LogHarness& node) {
  std::vector<Seen> all;
  record::Codecs codecs;
  Log& log = *node.log;
  std::set<ProducerId> aborting;
  Offset expected = 0;
  for (Offset at = log.log_start_offset(); at < log.end_offset().value();) {
    auto piece = node.read(at, 4096);
    if (!node.world.machine(0).running()) return all;
    EXPECT_TRUE(piece) << (piece ? "" : piece.error().message);
    if (!piece || piece->batches.empty()) break;
    auto aborted = node.world.run(log.aborted_transactions(at, piece->next_offset));
    if (!node.world.machine(0).running()) return all;
    EXPECT_TRUE(aborted);
    if (!aborted) return all;
    std::size_t next_aborted = 0;
    for (const Slice& slice : piece->batches) {
      record::BatchReader reader(slice);
      for (record::BatchView batch; *reader.next(batch);) {
        EXPECT_GE(batch.base_offset(), expected);
        EXPECT_TRUE(record::check_stored_batch(batch, expected));
        expected = batch.next_offset();
        for (; next_aborted < aborted->size() && (*aborted)[next_aborted].first_offset <= batch.last_offset();
             ++next_aborted)
          aborting.insert((*aborted)[next_aborted].producer_id);
        if (batch.is_control()) {
          if (batch.record_count() > 0 &&
              record::read_control_record(batch)->type == record::ControlType::abort)
            aborting.erase(batch.producer_id());
          continue;
        }
        if (batch.is_transactional() && aborting.contains(batch.producer_id())) continue;
        record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 26));
        for (record::RecordView record; *records.next(record);) {
          Keyed keyed{std::string(as_text(record.key.value_or(ByteView{}))), std::nullopt};
          if (record.value) keyed.value = std::string(as_text(*record.value));
          if (record.offset >= log.log_start_offset())
            all.push_back({record.offset, record.timestamp, std::move(keyed)});
        }
      }
    }
    at = piece->next_offset;
  }
  return all;
}

// A log that is compacted when the test says so.
struct CompactingLog {
  explicit CompactingLog(simulation::World& on, Durability durability = Durability::synced)
      : world(on), node(on, config_of(durability)) {}

  static LogConfig config_of(Durability durability) {
    LogConfig config;
    config.durability = durability;
    config.cleanup_delete = false;
    config.cleanup_compact = true;
    config.segment_bytes = 1500;
    config.index_interval_bytes = 200;
    config.retention_ms = -1;
    config.file_delete_delay_ms = 1;
    config.delete_retention_ms = 1000;
    config.min_cleanable_dirty_ratio = 0;
    return config;
  }

  Status flush() { return world.run(node.log->flush()); }
  // Closes the active segment, flushes, compacts all that may be.
  Result<CompactionReport> compact() {
    TRY(node.log->roll(node.now));
    TRY(flush());
    return compact_again();
  }
  Result<CompactionReport> compact_again() {
    ASSIGN_OR_RETURN(const CleanableRange range, world.run(node.log->cleanable(high_watermark, node.now)));
    return world.run(node.log->compact(range, tools, node.now));
  }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : world.disk().list(kLogFolder).value()) names.push_back(entry.name);
    return names;
  }

  simulation::World& world;
  LogHarness node;
  record::Codecs codecs;
  CompactionTools tools{.codecs = codecs, .io_buffer_bytes = 700};
  Offset high_watermark = 1LL << 60;
};

}  // namespace moldau::storage::testing
