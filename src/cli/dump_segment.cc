#include <algorithm>

#include "cli/dump_log.h"
#include "cli/json.h"
#include "record/control.h"
#include "record/record.h"

namespace moldau::cli {
namespace {

constexpr std::size_t kWindow = 1 << 20;
constexpr std::size_t kMostUncompressed = std::size_t{1} << 30;

// A part of the file that moves forward and grows to hold one whole batch.
class Window {
 public:
  Window(runtime::File& file, std::uint64_t end) : file_(file), end_(end) {}

  // The bytes from `position` on, `wanted` of them unless the file ends before.
  Result<ByteView> at(std::uint64_t position, std::size_t wanted) {
    const std::uint64_t left = end_ - std::min(end_, position);
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
    if (position < start_ || position + wanted > start_ + bytes_.size()) {
      bytes_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, std::max(kWindow, wanted))));
      start_ = position;
      ASSIGN_OR_RETURN(const std::size_t read, file_.read_at(position, bytes_));
      bytes_.resize(read);
    }
    return ByteView(bytes_).subspan(static_cast<std::size_t>(position - start_));
  }

 private:
  runtime::File& file_;
  std::uint64_t end_;
  std::uint64_t start_ = 0;
  std::vector<std::byte> bytes_;
};

std::string yes_no(bool value) { return value ? "true" : "false"; }

std::string time_text(record::TimestampType type, TimestampMs at) {
  return std::string(type == record::TimestampType::log_append_time ? "LogAppendTime: " : "CreateTime: ") +
         std::to_string(at);
}

std::string codec_text(const record::HeaderView& batch) {
  const auto codec = batch.codec();
  return codec ? std::string(record::name_of(*codec)) : "unknown";
}

std::string batch_line(const record::BatchView& batch, std::uint64_t position) {
  const auto horizon = batch.delete_horizon();
  return "baseOffset: " + std::to_string(batch.base_offset()) +
         " lastOffset: " + std::to_string(batch.last_offset()) +
         " count: " + std::to_string(batch.record_count()) +
         " baseSequence: " + std::to_string(batch.base_sequence()) +
         " lastSequence: " + std::to_string(batch.last_sequence()) +
         " producerId: " + std::to_string(batch.producer_id()) +
         " producerEpoch: " + std::to_string(batch.producer_epoch()) +
         " partitionLeaderEpoch: " + std::to_string(batch.partition_leader_epoch()) +
         " isTransactional: " + yes_no(batch.is_transactional()) +
         " isControl: " + yes_no(batch.is_control()) + " deleteHorizonMs: " +
         (horizon ? "OptionalLong[" + std::to_string(*horizon) + "]" : "OptionalLong.empty") +
         " position: " + std::to_string(position) + " " +
         time_text(batch.timestamp_type(), batch.max_timestamp()) + " size: " + std::to_string(batch.size()) +
         " magic: 2 compresscodec: " + codec_text(batch) + " crc: " + std::to_string(batch.crc()) +
         " isvalid: " + yes_no(batch.crc_matches());
}

std::string header_keys(const record::RecordHeaders& headers) {
  std::string out;
  for (const record::HeaderEntry& header : headers) out += (out.empty() ? "" : ",") + std::string(header.key);
  return "[" + out + "]";
}

std::string size_text(const std::optional<ByteView>& bytes) {
  return bytes ? std::to_string(bytes->size()) : "-1";
}

std::string control_text(const record::BatchView& batch) {
  const auto control = record::read_control_record(batch);
  if (!control) return " control record: " + control.error().message;
  switch (control->type) {
    case record::ControlType::abort:
    case record::ControlType::commit: {
      const auto epoch = record::coordinator_epoch_of(*control);
      return std::string(" endTxnMarker: ") +
             (control->type == record::ControlType::commit ? "COMMIT" : "ABORT") +
             " coordinatorEpoch: " + (epoch ? std::to_string(*epoch) : "?");
    }
    case record::ControlType::leader_change:
      return " LeaderChange";
    case record::ControlType::snapshot_header:
      return " SnapshotHeader";
    case record::ControlType::snapshot_footer:
      return " SnapshotFooter";
    case record::ControlType::kraft_version:
      return " KRaftVersion";
    case record::ControlType::kraft_voters:
      return " KRaftVoters";
  }
  return " controlType: " + std::to_string(static_cast<int>(control->type));
}

std::string field_text(const std::optional<ByteView>& bytes, Deserialize deserialize) {
  std::string out;
  if (!bytes) return "null";
  if (!deserialize(out, *bytes)) out = "0x" + hex_of(as_text(*bytes));
  return out;
}

std::string record_line(const record::BatchView& batch, const record::RecordView& record,
                        const DumpOptions& options) {
  std::string line = "|";
  if (options.metadata)
    line += " offset: " + std::to_string(record.offset) + " " +
            time_text(batch.timestamp_type(), record.timestamp) + " keySize: " + size_text(record.key) +
            " valueSize: " + size_text(record.value) + " sequence: " + std::to_string(record.sequence) +
            " headerKeys: " + header_keys(record.headers);
  if (batch.is_control()) return line + control_text(batch);
  if (!options.contents) return line;
  if (record.key) line += " key: " + field_text(record.key, options.key);
  if (!record.value) return line;
  return line + " payload: " +
         (options.cluster_metadata ? metadata_record_text(*record.value)
                                   : field_text(record.value, options.value));
}

// False: the records of the batch are not what its header says.
bool dump_records(const record::BatchView& batch, record::Codecs& codecs, const DumpOptions& options,
                  Printer& out) {
  const auto bytes = record::uncompressed_records(batch, codecs, kMostUncompressed);
  std::string why = bytes ? "" : bytes.error().message;
  if (bytes) {
    record::RecordReader reader(batch, *bytes);
    record::RecordView record;
    for (;;) {
      const auto more = reader.next(record);
      if (!more) why = more.error().message;
      if (!more || !*more) break;
      out.line(record_line(batch, record, options));
    }
  }
  if (!why.empty()) out.line("| records cannot be read: " + why);
  return why.empty();
}

}  // namespace

Result<bool> dump_segment(runtime::File& file, const DumpOptions& options, Printer& out) {
  ASSIGN_OR_RETURN(const Offset base_offset, base_offset_of(file.path()));
  ASSIGN_OR_RETURN(const std::uint64_t size, file.size());
  out.line((file.path().ends_with(".checkpoint") ? "Snapshot end offset: " : "Log starting offset: ") +
           std::to_string(base_offset));
  const std::uint64_t end = std::min(size, static_cast<std::uint64_t>(options.max_bytes));
  Window window(file, size);
  record::Codecs codecs;
  bool sound = true;
  std::uint64_t position = 0;
  while (position < end && !out.broken()) {
    ASSIGN_OR_RETURN(ByteView bytes, window.at(position, record::kHeaderSize));
    const auto header = bytes.size() < record::kHeaderSize
                            ? fail(Errc::truncated, "it ends within a batch's header")
                            : record::HeaderView::at(bytes);
    if (!header) break;
    ASSIGN_OR_RETURN(bytes, window.at(position, header->size()));
    const auto batch = record::BatchView::at(bytes);
    if (!batch) break;
    out.line(batch_line(*batch, position));
    sound &= batch->crc_matches();
    if (options.records) sound &= dump_records(*batch, codecs, options, out);
    position += batch->size();
  }
  if (position >= end || out.broken()) return sound;
  out.line("Found " + std::to_string(size - position) + " invalid bytes at the end of " +
           file.path().substr(file.path().rfind('/') + 1));
  return false;
}

}  // namespace moldau::cli
