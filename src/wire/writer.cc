#include "wire/writer.h"

#include <algorithm>
#include <limits>

#include "wire/reader.h"

namespace moldau::wire {
namespace {

std::string_view cut_to_limit(std::string_view text) {
  if (text.size() <= kMaxStringSize) return text;
  std::size_t size = kMaxStringSize;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (size > 0 && continues(size)) --size;
  return text.substr(0, size);
}

}  // namespace

Writer::Writer(std::size_t capacity)
    : buffer_(std::make_shared_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

void Writer::grow(std::size_t size) {
  capacity_ = std::max(capacity_ * 2, used_ + size);
  auto larger = std::make_shared_for_overwrite<std::byte[]>(capacity_);
  std::copy_n(buffer_.get(), used_, larger.get());
  buffer_ = std::move(larger);
}

SliceList Writer::finish() && {
  SliceList out;
  out.reserve(splices_.size() * 2 + 1);
  const Slice whole(buffer_, {buffer_.get(), used_});
  std::size_t done = 0;
  for (Splice& splice : splices_) {
    if (splice.position > done) out.push_back(whole.cut(done, splice.position - done));
    out.push_back(std::move(splice.slice));
    done = splice.position;
  }
  if (done < used_) out.push_back(whole.from(done));
  buffer_.reset();
  splices_.clear();
  capacity_ = used_ = spliced_ = 0;
  return out;
}

void Writer::string(std::string_view text, bool compact) {
  text = cut_to_limit(text);
  compact ? uvarint(static_cast<std::uint32_t>(text.size() + 1))
          : number<std::int16_t>(static_cast<std::int16_t>(text.size()));
  if (!text.empty()) raw(as_bytes(text));
}

void Writer::bytes(const Slice& bytes, bool compact) {
  length32(bytes.size(), compact);
  splice(bytes);
}

void Writer::records(const SliceList& slices, bool compact) {
  length32(size_of(slices), compact);
  for (const Slice& slice : slices) splice(slice);
}

void Writer::splice(const Slice& slice) {
  if (slice.empty()) return;
  if (slice.size() < kSpliceSize || open_tags_ > 0) return raw(slice);
  splices_.push_back({used_, slice});
  spliced_ += slice.size();
}

void Writer::patch_int32(std::size_t position, std::int32_t value) {
  MOLDAU_ASSERT(splices_.empty() || position + 4 <= splices_.front().position);
  store_be<std::int32_t>(buffer_.get() + position, value);
}

void Writer::insert_length(std::size_t start) {
  MOLDAU_ASSERT(splices_.empty() || splices_.back().position <= start);
  const std::size_t size = used_ - start;
  const std::size_t prefix = uvarint_size(size);
  extend(prefix);
  std::byte* at = buffer_.get() + start;
  std::memmove(at + prefix, at, size);
  write_uvarint(at, size);
}

}  // namespace moldau::wire
