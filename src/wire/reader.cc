#include "wire/reader.h"

#include <string>

namespace moldau::wire {

Status Reader::finish(bool to_the_end) const {
  if (!ok()) return moldau::fail(code_, std::string(failure_) + " at byte " + std::to_string(failed_at_));
  if (to_the_end && remaining() != 0)
    return moldau::fail(Errc::corrupt, std::to_string(remaining()) + " bytes after the end of the message");
  return {};
}

void Reader::fail(Errc code, const char* what) {
  if (failure_ != nullptr) return;
  code_ = code;
  failure_ = what;
  failed_at_ = static_cast<std::size_t>(at_ - source_->data());
  at_ = end_;
}

void Reader::fail_truncated() { fail(Errc::truncated, "the bytes end before the value does"); }

void Reader::adopt(const Reader& field) {
  if (!field.ok()) {
    fail(field.code_, field.failure_);
    failed_at_ = field.failed_at_;
    return;
  }
  if (field.remaining() != 0) fail(Errc::corrupt, "a tagged field is longer than its value");
}

std::uint32_t Reader::long_uvarint() {
  ByteView bytes(at_, end_);
  const auto value = read_uvarint(bytes);
  if (!value) {
    const bool too_wide = bytes.size() >= kMaxVarint32Size;
    fail(too_wide ? Errc::corrupt : Errc::truncated, "an unsigned varint ends early or is too wide");
    return 0;
  }
  at_ = bytes.data();
  return *value;
}

std::optional<std::size_t> Reader::string_size(bool compact) {
  const std::int64_t size = compact ? std::int64_t{uvarint()} - 1 : number<std::int16_t>();
  if (!ok() || size == -1) return std::nullopt;
  if (size < 0 || size > static_cast<std::int64_t>(kMaxStringSize))
    return fail(Errc::corrupt, "a string's length is outside its domain"), std::nullopt;
  if (static_cast<std::size_t>(size) > remaining()) return fail_truncated(), std::nullopt;
  return static_cast<std::size_t>(size);
}

std::optional<std::size_t> Reader::size32(bool compact) {
  const std::int64_t size = compact ? std::int64_t{uvarint()} - 1 : number<std::int32_t>();
  if (!ok() || size == -1) return std::nullopt;
  if (size < 0) return fail(Errc::corrupt, "a negative length"), std::nullopt;
  if (static_cast<std::size_t>(size) > remaining()) return fail_truncated(), std::nullopt;
  return static_cast<std::size_t>(size);
}

std::optional<std::size_t> Reader::count(bool compact, std::size_t min_element_size) {
  const std::int64_t count = compact ? std::int64_t{uvarint()} - 1 : number<std::int32_t>();
  if (!ok() || count == -1) return std::nullopt;
  if (count < 0) return fail(Errc::corrupt, "a negative array length"), std::nullopt;
  if (static_cast<std::size_t>(count) > remaining() / min_element_size) return fail_truncated(), std::nullopt;
  return static_cast<std::size_t>(count);
}

void Reader::records(SliceList& out, bool compact) {
  out.clear();
  if (auto slice = slice_of(required(size32(compact))); slice && !slice->empty())
    out.push_back(*std::move(slice));
}

void Reader::records(std::optional<SliceList>& out, bool compact, bool nullable) {
  out.reset();
  auto slice = slice_of(required(size32(compact), nullable));
  if (!slice) return;
  out.emplace();
  if (!slice->empty()) out->push_back(*std::move(slice));
}

}  // namespace moldau::wire
