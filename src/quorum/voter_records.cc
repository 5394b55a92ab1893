#include "quorum/voter_records.h"

#include <algorithm>

#include "record/control.h"
#include "wire/messages/control_records.h"
#include "wire/writer.h"

namespace moldau::quorum {

namespace {

template <class Message>
Slice batch_of(record::ControlType type, const Message& message, LeaderEpoch epoch, TimestampMs now_ms,
               Offset base_offset) {
  wire::Writer writer;
  message.encode(writer, 0);
  return record::control_batch(type, std::move(writer).finish_contiguous(), epoch, now_ms, base_offset);
}

Result<raft::VoterSet> voters_of(const wire::VotersRecord& record) {
  std::vector<raft::Voter> voters;
  for (const auto& each : record.voters) {
    const auto same = [&](const raft::Voter& voter) { return voter.key.id == each.voter_id; };
    if (each.voter_id < 0 || std::ranges::any_of(voters, same))
      return fail(Errc::corrupt, "a VOTERS record names voter " + std::to_string(each.voter_id) + " twice");
    raft::Voter& voter = voters.emplace_back();
    voter.key = {each.voter_id, each.voter_directory_id};
    voter.kraft_versions = {each.kraft_version_feature.min_supported_version,
                            each.kraft_version_feature.max_supported_version};
    for (const auto& at : each.endpoints) voter.endpoints.push_back({at.name, at.host, at.port});
  }
  if (voters.empty()) return fail(Errc::corrupt, "a VOTERS record names no voter");
  return raft::VoterSet(std::move(voters));
}

}  // namespace

Slice kraft_version_batch(std::int16_t version, LeaderEpoch epoch, TimestampMs now_ms, Offset base_offset) {
  wire::KraftVersionRecord record;
  record.kraft_version = version;
  return batch_of(record::ControlType::kraft_version, record, epoch, now_ms, base_offset);
}

Slice voters_batch(const raft::VoterSet& voters, LeaderEpoch epoch, TimestampMs now_ms, Offset base_offset) {
  wire::VotersRecord record;
  for (const raft::Voter& voter : voters) {
    auto& out = record.voters.emplace_back();
    out.voter_id = voter.key.id;
    out.voter_directory_id = voter.key.directory;
    out.kraft_version_feature.min_supported_version = voter.kraft_versions.min;
    out.kraft_version_feature.max_supported_version = voter.kraft_versions.max;
    for (const raft::Endpoint& at : voter.endpoints) out.endpoints.push_back({at.name, at.host, at.port});
  }
  return batch_of(record::ControlType::kraft_voters, record, epoch, now_ms, base_offset);
}

Result<std::optional<VoterRecord>> voter_record_of(const record::BatchView& batch) {
  if (!batch.is_control()) return std::nullopt;
  ASSIGN_OR_RETURN(const record::ControlRecord control, record::read_control_record(batch));
  const Slice value = Slice::copy_of(control.value);
  if (control.type == record::ControlType::kraft_version) {
    ASSIGN_OR_RETURN(const auto record, wire::KraftVersionRecord::decode(value, 0));
    return VoterRecord(record.kraft_version);
  }
  if (control.type != record::ControlType::kraft_voters) return std::nullopt;
  ASSIGN_OR_RETURN(const auto record, wire::VotersRecord::decode(value, 0));
  ASSIGN_OR_RETURN(raft::VoterSet voters, voters_of(record));
  return VoterRecord(std::move(voters));
}

}  // namespace moldau::quorum
