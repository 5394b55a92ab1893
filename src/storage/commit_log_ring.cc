#include "storage/commit_log_ring.h"

#include <algorithm>

namespace moldau::storage {

using commit_format::FileHeader;
using commit_format::kBlock;
using commit_format::kRingOffset;

namespace {

constexpr std::size_t kZeros = 64 << 10;
constexpr std::array<std::byte, kZeros> kZeroBytes{};

// Fills what lies beyond the end of the file with zeros: the first lap has not come there yet.
Status read_or_zero(runtime::File& file, std::uint64_t offset, MutableBytes into) {
  while (!into.empty()) {
    ASSIGN_OR_RETURN(const std::size_t read, file.read_at(offset, into));
    if (read == 0) break;
    offset += read;
    into = into.subspan(read);
  }
  std::ranges::fill(into, std::byte{0});
  return {};
}

// Cuts the first `bytes` off the front of `parts`; what remains stays in it.
std::vector<ByteView> take_front(std::vector<ByteView>& parts, std::uint64_t bytes) {
  std::vector<ByteView> front;
  std::size_t used = 0;
  while (bytes > 0 && used < parts.size()) {
    const std::size_t taken = std::min<std::uint64_t>(bytes, parts[used].size());
    front.push_back(parts[used].first(taken));
    parts[used] = parts[used].subspan(taken);
    bytes -= taken;
    if (parts[used].empty()) ++used;
  }
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(used));
  return front;
}

}  // namespace

Status CommitLogRing::read(Position at, MutableBytes into) const {
  const std::uint64_t offset = ring_offset(at);
  const std::size_t first = std::min<std::uint64_t>(into.size(), capacity_ - offset);
  TRY(read_or_zero(*file_, kRingOffset + offset, into.first(first)));
  if (first == into.size()) return {};
  return read_or_zero(*file_, kRingOffset, into.subspan(first));
}

Status CommitLogRing::write(Position at, std::span<const ByteView> parts) {
  std::uint64_t total = 0;
  for (const ByteView part : parts) total += part.size();
  MOLDAU_ASSERT(total <= capacity_);
  const std::uint64_t offset = ring_offset(at);
  const std::uint64_t to_ring_end = capacity_ - offset;
  if (total <= to_ring_end) return file_->write_at(kRingOffset + offset, parts);
  std::vector<ByteView> rest(parts.begin(), parts.end());
  const std::vector<ByteView> front = take_front(rest, to_ring_end);
  TRY(file_->write_at(kRingOffset + offset, front));
  return file_->write_at(kRingOffset, rest);
}

Status CommitLogRing::write_zeros(Position at, std::uint64_t length) {
  std::vector<ByteView> parts;
  for (std::uint64_t left = length; left > 0; left -= parts.back().size()) {
    parts.push_back(ByteView(kZeroBytes).first(std::min<std::uint64_t>(left, kZeros)));
  }
  return write(at, parts);
}

Result<std::uint64_t> CommitLogRing::reserved() const {
  ASSIGN_OR_RETURN(const std::uint64_t size, file_->size());
  return std::min(capacity_, size > kRingOffset ? (size - kRingOffset) / kBlock * kBlock : 0);
}

Status CommitLogRing::reserve(std::uint64_t from, std::uint64_t to) {
  MOLDAU_ASSERT(from < to && to <= capacity_);
  return file_->allocate(kRingOffset + from, to - from);
}

Status CommitLogRing::write_header(const FileHeader& header) {
  return file_->write_at(header.sequence % 2 * kBlock, header.encode());
}

Result<FileHeader> CommitLogRing::read_header(runtime::File& file) {
  std::optional<FileHeader> newest;
  for (std::uint64_t copy = 0; copy < 2; ++copy) {
    std::array<std::byte, kBlock> block{};
    TRY(read_or_zero(file, copy * kBlock, block));
    const auto header = FileHeader::decode(block);
    if (header && (!newest || header->sequence > newest->sequence)) newest = header;
  }
  if (newest) return *newest;
  return fail(Errc::corrupt, file.path() +
                                 ": neither copy of the header is valid. The file holds acknowledged records "
                                 "that may not be in segments yet: restore it, or remove it to go on without "
                                 "them");
}

}  // namespace moldau::storage
