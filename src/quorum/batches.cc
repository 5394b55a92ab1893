#include "quorum/batches.h"

#include "record/builder.h"
#include "record/control.h"
#include "record/record.h"
#include "wire/messages/control_records.h"
#include "wire/writer.h"

namespace moldau::quorum {

namespace {

constexpr std::size_t kMaxBatchBytes = 256 << 20;

template <class Voter>
std::vector<Voter> voters_of(const std::vector<raft::ReplicaKey>& keys) {
  std::vector<Voter> out;
  for (const raft::ReplicaKey& key : keys)
    out.push_back({.voter_id = key.id, .voter_directory_id = key.directory});
  return out;
}

Status add_records(const record::BatchView& batch, record::Codecs& codecs,
                   std::vector<metadata::Record>& out) {
  if (!batch.crc_matches())
    return fail(Errc::corrupt, "the checksum of the batch at offset " + std::to_string(batch.base_offset()) +
                                   " does not match");
  if (batch.is_control()) return {};
  ASSIGN_OR_RETURN(const ByteView records, record::uncompressed_records(batch, codecs, kMaxBatchBytes));
  record::RecordReader reader(batch, records);
  for (record::RecordView view;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(view));
    if (!more) return {};
    auto parsed = metadata::parse(view.value.value_or(ByteView()));
    if (!parsed) return fail(std::move(parsed.error()).within("offset " + std::to_string(view.offset)));
    out.push_back(std::move(*parsed));
  }
}

}  // namespace

Slice data_batch(std::span<const Slice> values, Offset base_offset, LeaderEpoch epoch, TimestampMs now_ms) {
  MOLDAU_ASSERT(!values.empty());
  record::BatchBuilder builder({.base_offset = base_offset, .partition_leader_epoch = epoch});
  for (const Slice& value : values) builder.append(now_ms, std::nullopt, value.view());
  return std::move(builder).build_uncompressed();
}

Slice leader_change_batch(const raft::AppendLeaderChange& change, TimestampMs now_ms) {
  wire::LeaderChangeMessage message;
  message.record_version = 1;
  message.leader_id = change.leader_id;
  message.voters = voters_of<decltype(message.voters)::value_type>(change.voters);
  message.granting_voters = voters_of<decltype(message.granting_voters)::value_type>(change.granting_voters);
  wire::Writer writer;
  message.encode(writer, 1);
  const Slice value = std::move(writer).finish_contiguous();
  return record::control_batch(record::ControlType::leader_change, value, change.epoch, now_ms);
}

Result<std::vector<metadata::Record>> records_of(ByteView batches, LeaderEpoch epoch_before) {
  std::vector<metadata::Record> out;
  record::Codecs codecs;
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) break;
    if (batch.partition_leader_epoch() < epoch_before)
      return fail(Errc::corrupt, "the batch at offset " + std::to_string(batch.base_offset()) +
                                     " has leader epoch " + std::to_string(batch.partition_leader_epoch()) +
                                     " after " + std::to_string(epoch_before));
    epoch_before = batch.partition_leader_epoch();
    TRY(add_records(batch, codecs, out));
  }
  if (!reader.rest().empty()) return fail(Errc::truncated, "a batch is cut off");
  return out;
}

}  // namespace moldau::quorum
