#include "storage/segment_scan.h"

#include <algorithm>
#include <limits>

#include "record/validate.h"

namespace moldau::storage {
namespace {

constexpr std::size_t kWindow = 1 << 20;
constexpr std::int64_t kSector = 512;

bool is_zero(std::byte byte) { return byte == std::byte{0}; }

// A part of a file in memory that moves forward and grows to hold one whole batch.
class Window {
 public:
  Window(runtime::File& file, std::int64_t end) : file_(file), end_(end) {}

  // The bytes from `position` on: at least `wanted` of them unless the range ends before.
  Result<ByteView> at(std::int64_t position, std::size_t wanted) {
    const auto left = static_cast<std::size_t>(end_ - position);
    wanted = std::min(wanted, left);
    if (position < start_ || position + static_cast<std::int64_t>(wanted) > start_ + size()) {
      bytes_.resize(std::min(left, std::max(kWindow, wanted)));
      start_ = position;
      ASSIGN_OR_RETURN(const std::size_t read, file_.read_at(static_cast<std::uint64_t>(position), bytes_));
      bytes_.resize(read);
    }
    return ByteView(bytes_).subspan(static_cast<std::size_t>(position - start_));
  }

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size()); }

  runtime::File& file_;
  std::int64_t end_;
  std::int64_t start_ = 0;
  std::vector<std::byte> bytes_;
};

// The whole batch at `position`; Errc::truncated or corrupt when there is none, other errors of the file.
Result<record::BatchView> batch_at(Window& window, std::int64_t position) {
  ASSIGN_OR_RETURN(ByteView bytes, window.at(position, record::kHeaderSize));
  if (bytes.size() < record::kHeaderSize) return fail(Errc::truncated, "the file ends within a batch header");
  ASSIGN_OR_RETURN(const auto header, record::HeaderView::at(bytes));
  ASSIGN_OR_RETURN(bytes, window.at(position, header.size()));
  return record::BatchView::at(bytes);
}

bool is_damage(const Error& error) {
  return error.code == Errc::truncated || error.code == Errc::corrupt || error.code == Errc::unsupported;
}

Status check(const record::BatchView& batch, Offset next_offset, Offset contiguous_from) {
  TRY(record::check_stored_batch(batch, next_offset));
  if (next_offset >= contiguous_from && batch.base_offset() != next_offset) {
    return fail(Errc::corrupt, "the batch has base offset " + std::to_string(batch.base_offset()) + ", not " +
                                   std::to_string(next_offset));
  }
  return {};
}

bool fits_segment(const record::BatchView& batch, Offset base_offset) {
  return batch.last_offset() - base_offset <= std::numeric_limits<std::int32_t>::max();
}

// A sector that power loss took reads as zeros from one of its ends on.
Result<bool> lost_sector_between(Window& window, std::int64_t from, std::int64_t to) {
  for (std::int64_t edge = (from + kSector - 1) / kSector * kSector; edge <= to; edge += kSector) {
    const std::int64_t first = std::max(edge - 1, from);
    ASSIGN_OR_RETURN(const ByteView bytes, window.at(first, 2));
    for (std::int64_t i = 0; i < 2 && i < static_cast<std::int64_t>(bytes.size()); ++i) {
      if (bytes[static_cast<std::size_t>(i)] == std::byte{0}) return true;
    }
  }
  return false;
}

// The offset that is due, but for leading bytes that are zeros.
bool lost_its_beginning(Offset stored, Offset due) {
  bool lost = false;
  for (unsigned kept = 0; kept < 64; kept += 8) lost |= stored == (due & ((Offset{1} << kept) - 1));
  return lost && stored != due;
}

// What was written behind a synced batch begins with zeros when its sector is torn the other way, if only
// within its base offset. So do the records, which a write may bring behind their header: no record has the
// length 0, and no codec begins so.
Result<bool> begins_lost(Window& window, std::int64_t position, Offset next_offset) {
  ASSIGN_OR_RETURN(const ByteView bytes, window.at(position, record::kHeaderSize + 1));
  const auto zero = [&](std::size_t from, std::size_t to) {
    return bytes.size() >= to && std::ranges::all_of(bytes.subspan(from, to - from), is_zero);
  };
  const bool offset_lost =
      bytes.size() >= record::kLengthAt &&
      lost_its_beginning(load_be<Offset>(bytes.data() + record::kBaseOffsetAt), next_offset);
  return offset_lost || zero(record::kLengthAt, record::kPeekSize) ||
         zero(record::kHeaderSize, record::kHeaderSize + 1);
}

// A sector that was written several times can be torn twice, with a hole in its middle. More zeros in a row
// than a header has.
Result<bool> hole_between(Window& window, std::int64_t from, std::int64_t to) {
  constexpr int kLongerThanAnyHeaders = 24;
  int zeros = 0;
  for (std::int64_t at = from; at < to; ++at) {
    ASSIGN_OR_RETURN(const ByteView bytes, window.at(at, 1));
    zeros = !bytes.empty() && is_zero(bytes.front()) ? zeros + 1 : 0;
    if (zeros >= kLongerThanAnyHeaders) return true;
  }
  return false;
}

Result<bool> looks_torn(Window& window, std::int64_t from, std::int64_t to, Offset next_offset) {
  ASSIGN_OR_RETURN(const bool lost, lost_sector_between(window, from, to));
  ASSIGN_OR_RETURN(const bool begins, begins_lost(window, from, next_offset));
  ASSIGN_OR_RETURN(const bool hole, hole_between(window, from, to));
  return lost || begins || hole;
}

}  // namespace

Result<SegmentScan> scan_segment(runtime::File& file, std::int64_t position, std::int64_t end,
                                 Offset next_offset, Offset contiguous_from, const VisitBatch& visit) {
  Window window(file, end);
  const Offset first_offset = next_offset;
  while (position < end) {
    auto batch = batch_at(window, position);
    Status status = batch ? check(*batch, next_offset, contiguous_from) : fail(batch.error());
    if (status && !fits_segment(*batch, first_offset))
      status = fail(Errc::corrupt, "the offset is too far off");
    if (!status && !is_damage(status.error())) return fail(status.error());
    if (!status) return SegmentScan{position, next_offset, std::move(status).error().message};
    visit(*batch, position);
    position += static_cast<std::int64_t>(batch->size());
    next_offset = batch->next_offset();
  }
  return SegmentScan{position, next_offset, std::nullopt};
}

Result<bool> is_padding(runtime::File& file, std::int64_t position, std::int64_t end) {
  Window window(file, end);
  while (position < end) {
    ASSIGN_OR_RETURN(const ByteView bytes, window.at(position, 1));
    if (bytes.empty()) return true;
    if (!std::ranges::all_of(bytes, is_zero)) return false;
    position += static_cast<std::int64_t>(bytes.size());
  }
  return true;
}

Result<bool> damage_is_inside(runtime::File& file, std::int64_t position, std::int64_t end,
                              Offset next_offset) {
  Window window(file, end);
  const std::int64_t last = end - static_cast<std::int64_t>(record::kHeaderSize);
  for (std::int64_t at = position + 1; at <= last; ++at) {
    ASSIGN_OR_RETURN(const ByteView bytes, window.at(at, record::kHeaderSize));
    if (bytes.size() < record::kHeaderSize) return false;
    if (bytes[record::kMagicAt] != std::byte{record::kMagic}) continue;
    const auto header = record::HeaderView::at(bytes);
    if (!header || header->base_offset() < next_offset || header->last_offset_delta() < 0) continue;
    const auto batch = batch_at(window, at);
    if (!batch && !is_damage(batch.error())) return fail(batch.error());
    if (!batch || !batch->crc_matches()) continue;
    ASSIGN_OR_RETURN(const bool torn, looks_torn(window, position, at, next_offset));
    return !torn;
  }
  return false;
}

}  // namespace moldau::storage
