#include "quorum/snapshot_file.h"

#include <algorithm>
#include <charconv>

#include "quorum/batches.h"
#include "quorum/voter_records.h"
#include "record/builder.h"
#include "record/control.h"
#include "wire/messages/control_records.h"
#include "wire/writer.h"

namespace moldau::quorum {

namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::size_t kEpochDigits = 10;
constexpr std::uint64_t kMaxSnapshotBytes = 2ULL << 30;
constexpr std::size_t kBatchBytes = 1 << 20;
constexpr std::size_t kRecordsApplied = 10'000;

std::string padded(std::int64_t value, std::size_t digits) {
  const std::string text = std::to_string(value);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

template <class Number>
std::optional<Number> number_of(std::string_view digits) {
  Number value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

template <class Message>
Slice control(record::ControlType type, const Message& message, Offset offset, LeaderEpoch epoch,
              TimestampMs now_ms) {
  wire::Writer writer;
  message.encode(writer, 0);
  return record::control_batch(type, std::move(writer).finish_contiguous(), epoch, now_ms, offset);
}

// Collects batches and gives each its offset.
class SnapshotWriter {
 public:
  SnapshotWriter(LeaderEpoch epoch, TimestampMs now_ms) : epoch_(epoch), now_ms_(now_ms) {
    wire::SnapshotHeaderRecord header;
    header.last_contained_log_timestamp = now_ms;
    add(control(record::ControlType::snapshot_header, header, next_offset_, epoch_, now_ms_), 1);
  }
  void add(const raft::Configuration& configuration) {
    if (configuration.kraft_version == 0) return;
    add(kraft_version_batch(configuration.kraft_version, epoch_, now_ms_, next_offset_), 1);
    add(voters_batch(configuration.voters, epoch_, now_ms_, next_offset_), 1);
  }
  void add(const metadata::Record& record) {
    values_.push_back(metadata::serialize(record));
    value_bytes_ += values_.back().size();
    if (value_bytes_ >= kBatchBytes) flush();
  }
  Slice finish() && {
    flush();
    add(control(record::ControlType::snapshot_footer, wire::SnapshotFooterRecord(), next_offset_, epoch_,
                now_ms_),
        1);
    return std::move(out_).to_slice();
  }

 private:
  void flush() {
    if (values_.empty()) return;
    add(data_batch(values_, next_offset_, epoch_, now_ms_), static_cast<Offset>(values_.size()));
    values_.clear();
    value_bytes_ = 0;
  }
  void add(const Slice& batch, Offset records) {
    out_.append(batch.view());
    next_offset_ += records;
  }

  const LeaderEpoch epoch_;
  const TimestampMs now_ms_;
  Buffer out_;
  Offset next_offset_ = 0;
  std::vector<Slice> values_;
  std::size_t value_bytes_ = 0;
};

std::unexpected<Error> damaged(std::string what) {
  return fail(Errc::corrupt, "snapshot " + std::move(what));
}

// The bytes between header and footer, once the frame has been found whole.
Result<ByteView> unframed(ByteView bytes, LeaderEpoch epoch) {
  const ByteView whole = bytes;
  record::BatchReader reader(bytes);
  record::BatchView batch;
  std::size_t begin = 0;
  bool footer = false;
  for (Offset next = 0;;) {
    const std::size_t at = whole.size() - reader.rest().size();
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) break;
    if (footer) return damaged("goes on after its footer");
    if (!batch.crc_matches())
      return damaged("has a batch with a wrong checksum at position " + std::to_string(at));
    if (batch.partition_leader_epoch() != epoch)
      return damaged("has a batch of another epoch at position " + std::to_string(at));
    if (batch.base_offset() != next)
      return damaged("has a batch out of turn at position " + std::to_string(at));
    next = batch.next_offset();
    if (!batch.is_control()) {
      if (at == 0) return damaged("has no header");
      continue;
    }
    ASSIGN_OR_RETURN(const record::ControlRecord record, record::read_control_record(batch));
    if (at == 0 && record.type != record::ControlType::snapshot_header) return damaged("has no header");
    if (at == 0) begin = batch.size();
    if (record.type == record::ControlType::snapshot_footer) {
      footer = true;
      bytes = whole.subspan(begin, at - begin);
    }
  }
  if (!footer || !reader.rest().empty()) return damaged("is cut off");
  return bytes;
}

Result<raft::Configuration> configuration_of(ByteView batches) {
  raft::Configuration out;
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) return out;
    ASSIGN_OR_RETURN(auto record, voter_record_of(batch));
    if (!record) continue;
    if (auto* version = std::get_if<std::int16_t>(&*record)) out.kraft_version = *version;
    if (auto* voters = std::get_if<raft::VoterSet>(&*record)) out.voters = std::move(*voters);
  }
}

}  // namespace

std::string snapshot_name(const raft::OffsetAndEpoch& id) {
  return padded(id.offset, kOffsetDigits) + "-" + padded(id.epoch, kEpochDigits) +
         std::string(kSnapshotSuffix);
}

std::optional<raft::OffsetAndEpoch> snapshot_of_name(std::string_view name) {
  constexpr std::size_t kStem = kOffsetDigits + 1 + kEpochDigits;
  if (name.size() != kStem + kSnapshotSuffix.size() || name.substr(kStem) != kSnapshotSuffix)
    return std::nullopt;
  const auto offset = number_of<Offset>(name.substr(0, kOffsetDigits));
  const auto epoch = number_of<LeaderEpoch>(name.substr(kOffsetDigits + 1, kEpochDigits));
  if (!offset || !epoch || name[kOffsetDigits] != '-') return std::nullopt;
  return raft::OffsetAndEpoch{*offset, *epoch};
}

Slice encode_snapshot(const metadata::Image& image, TimestampMs now_ms,
                      const raft::Configuration& configuration) {
  SnapshotWriter writer(image.end_epoch(), now_ms);
  writer.add(configuration);
  image.to_records([&](const metadata::Record& record) { writer.add(record); });
  return std::move(writer).finish();
}

Result<Snapshot> decode_snapshot(ByteView bytes, const raft::OffsetAndEpoch& id) {
  ASSIGN_OR_RETURN(const ByteView batches, unframed(bytes, id.epoch));
  ASSIGN_OR_RETURN(const std::vector<metadata::Record> records, records_of(batches, id.epoch));
  Snapshot out;
  ASSIGN_OR_RETURN(out.configuration, configuration_of(batches));
  if (out.configuration.kraft_version < 0 ||
      (out.configuration.kraft_version == 0 && !out.configuration.voters.empty()))
    return damaged("has voters, but static ones by its kraft.version");
  for (std::span<const metadata::Record> rest = records; !rest.empty();) {
    const std::size_t count = std::min(rest.size(), kRecordsApplied);
    ASSIGN_OR_RETURN(metadata::Applied applied, metadata::apply_records(out.image, rest.first(count)));
    out.image = std::move(applied.image);
    rest = rest.subspan(count);
  }
  out.image = out.image.at(id.offset, id.epoch);
  return out;
}

Result<std::vector<raft::OffsetAndEpoch>> list_snapshots(runtime::Disk& disk, const std::string& directory) {
  std::vector<raft::OffsetAndEpoch> out;
  auto entries = disk.list(directory);
  if (!entries && entries.error().code == Errc::not_found) return out;
  if (!entries) return fail(std::move(entries.error()));
  for (const runtime::DirectoryEntry& entry : *entries)
    if (const auto id = snapshot_of_name(entry.name)) out.push_back(*id);
  return out;  // the names sort like the offsets
}

Status remove_partial_snapshots(runtime::Disk& disk, const std::string& directory) {
  ASSIGN_OR_RETURN(const auto entries, disk.list(directory));
  for (const runtime::DirectoryEntry& entry : entries)
    if (entry.name.ends_with(kPartialSuffix)) TRY(disk.remove_file(directory + "/" + entry.name));
  return {};
}

namespace {

Status publish(runtime::Disk& disk, const std::string& directory, const std::string& name) {
  TRY(disk.rename(directory + "/" + name + ".part", directory + "/" + name));
  return disk.sync_directory(directory);
}

Status write_bytes(runtime::Disk& disk, const std::string& directory, const std::string& name,
                   ByteView bytes) {
  ASSIGN_OR_RETURN(const auto file, disk.open(directory + "/" + name + ".part", runtime::OpenMode::create));
  TRY(file->truncate(0));
  TRY(file->write_at(0, bytes));
  TRY(file->sync_data());
  return publish(disk, directory, name);
}

}  // namespace

Status write_snapshot(runtime::Disk& disk, const std::string& directory, const metadata::Image& image,
                      const raft::Configuration& configuration, TimestampMs now_ms) {
  return write_bytes(disk, directory, snapshot_name({image.end_offset(), image.end_epoch()}),
                     encode_snapshot(image, now_ms, configuration));
}

Status write_initial_voters(runtime::Disk& disk, const std::string& directory, const raft::VoterSet& voters,
                            TimestampMs now_ms) {
  MOLDAU_ASSERT(!voters.empty());
  ASSIGN_OR_RETURN(const auto snapshots, list_snapshots(disk, directory));
  if (!snapshots.empty())
    return fail(Errc::already_exists, directory + "/" + snapshot_name(snapshots.back()) + " exists");
  ASSIGN_OR_RETURN(const bool exists, disk.exists(directory));
  if (!exists) {
    TRY(disk.create_directories(directory));
    TRY(disk.sync_directory(runtime::directory_of(directory)));
  }
  return write_snapshot(disk, directory, metadata::Image().at(0, 0), {1, voters}, now_ms);
}

Result<Snapshot> read_snapshot(runtime::Disk& disk, const std::string& directory,
                               const raft::OffsetAndEpoch& id) {
  const std::string path = directory + "/" + snapshot_name(id);
  auto bytes = runtime::read_file(disk, path, kMaxSnapshotBytes);
  if (!bytes) return fail(std::move(bytes.error()).within(path));
  auto snapshot = decode_snapshot(*bytes, id);
  if (!snapshot) return fail(std::move(snapshot.error()).within(path));
  return snapshot;
}

Status remove_older_snapshots(runtime::Disk& disk, const std::string& directory,
                              std::span<const raft::OffsetAndEpoch> used) {
  constexpr std::size_t kKept = 2;
  ASSIGN_OR_RETURN(const auto snapshots, list_snapshots(disk, directory));
  for (std::size_t i = 0; i + kKept < snapshots.size(); ++i)
    if (std::ranges::find(used, snapshots[i]) == used.end())
      TRY(disk.remove_file(directory + "/" + snapshot_name(snapshots[i])));
  return {};
}

Status write_partial(runtime::Disk& disk, const std::string& directory, const raft::OffsetAndEpoch& id,
                     std::int64_t position, ByteView bytes) {
  const std::string path = directory + "/" + snapshot_name(id) + ".part";
  ASSIGN_OR_RETURN(const auto file, disk.open(path, runtime::OpenMode::create));
  if (position == 0) TRY(file->truncate(0));
  return file->write_at(static_cast<std::uint64_t>(position), bytes);
}

Result<Snapshot> finish_partial(runtime::Disk& disk, const std::string& directory,
                                const raft::OffsetAndEpoch& id) {
  const std::string name = snapshot_name(id);
  const std::string path = directory + "/" + name + ".part";
  ASSIGN_OR_RETURN(const auto file, disk.open(path, runtime::OpenMode::read_write));
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMaxSnapshotBytes));
  auto snapshot = decode_snapshot(bytes, id);
  if (!snapshot) return fail(std::move(snapshot.error()).within(path));
  TRY(file->sync_data());
  TRY(publish(disk, directory, name));
  return snapshot;
}

Status remove_partial(runtime::Disk& disk, const std::string& directory, const raft::OffsetAndEpoch& id) {
  const std::string path = directory + "/" + snapshot_name(id) + ".part";
  ASSIGN_OR_RETURN(const bool exists, disk.exists(path));
  return exists ? disk.remove_file(path) : Status();
}

}  // namespace moldau::quorum
