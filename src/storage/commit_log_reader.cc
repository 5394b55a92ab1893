#include "storage/commit_log_reader.h"

#include <algorithm>

namespace moldau::storage {

using commit_format::kBlock;
using commit_format::RecordHeader;

namespace {

constexpr std::uint64_t kWindow = 4ULL << 20;
constexpr std::uint64_t kSearchWindow = 1ULL << 20;

}  // namespace

Result<Slice> CommitLogReader::read_window(Position at, std::uint64_t wanted) const {
  const auto behind_start = static_cast<std::uint64_t>(at - header_.start);
  const std::uint64_t left = ring_.capacity() - std::min(behind_start, ring_.capacity());
  std::vector<std::byte> bytes(std::min(wanted, left));
  TRY(ring_.read(at, bytes));
  return Slice::take(std::move(bytes));
}

bool CommitLogReader::belongs(const RecordHeader& header) const {
  return header.file_id == header_.file_id && header.position == next_ && header.session >= session_ &&
         header.durable <= header.position &&
         header.end() <= header_.start + static_cast<Position>(ring_.capacity());
}

Result<std::vector<CommitLogReader::Record>> CommitLogReader::read_some() {
  std::vector<Record> records;
  if (ended_in_order()) return records;
  ASSIGN_OR_RETURN(Slice window, read_window(next_, kWindow));
  while (!ended_in_order() && window.size() >= kBlock) {
    const auto header = RecordHeader::decode(window);
    if (!header || !belongs(*header)) break;
    if (header->size() > window.size()) {
      if (!records.empty()) break;  // the next call begins with it
      ASSIGN_OR_RETURN(window, read_window(next_, header->size()));
    }
    if (!commit_format::body_is_valid(window)) break;
    records.push_back({*header, window.cut(0, header->size())});
    window = window.from(header->size());
    next_ = header->end();
    session_ = header->session;
    seen_session_ = std::max(seen_session_, session_);
  }
  return records;
}

std::unexpected<Error> CommitLogReader::damaged() const {
  return fail(Errc::corrupt, ring_.path() + " at position " + std::to_string(next_) +
                                 ": damaged, and what stood there had been acknowledged");
}

bool CommitLogReader::claims_durable(Position window_at, ByteView window) {
  for (std::size_t at = 0; at + kBlock <= window.size(); at += kBlock) {
    const auto header = RecordHeader::decode(window.subspan(at, kBlock));
    if (!header || header->file_id != header_.file_id) continue;
    if (header->position != window_at + static_cast<Position>(at)) continue;  // of an earlier lap
    seen_session_ = std::max(seen_session_, header->session);
    if (header->durable > next_) return true;
  }
  return false;
}

// A record's round is synced before the first record of the next round is written, and that one says so. It
// begins at most one round behind the end, so no more needs to be looked at.
Status CommitLogReader::check_end() {
  if (next_ < header_.durable) return damaged();
  if (ended_in_order()) return {};
  const std::uint64_t longest = std::max<std::uint64_t>(commit_format::kMaxRoundBytes, ring_.capacity() / 4);
  const auto limit = next_ + static_cast<Position>(std::min(longest + kBlock, ring_.capacity()));
  for (Position at = next_; at < limit;) {
    const auto wanted = std::min<std::uint64_t>(kSearchWindow, static_cast<std::uint64_t>(limit - at));
    ASSIGN_OR_RETURN(const Slice window, read_window(at, wanted));
    if (window.empty()) break;
    if (claims_durable(at, window)) return damaged();
    at += static_cast<Position>(window.size());
  }
  return {};
}

}  // namespace moldau::storage
