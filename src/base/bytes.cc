#include "base/bytes.h"

namespace moldau {

Slice Slice::copy_of(ByteView bytes) {
  if (bytes.empty()) return Slice();
  std::shared_ptr<std::byte[]> memory = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  const ByteView view(memory.get(), bytes.size());
  return Slice(std::move(memory), view);
}

Slice Slice::take(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  const ByteView view(*owner);
  return Slice(std::move(owner), view);
}

Slice joined(const SliceList& slices) {
  if (slices.size() == 1) return slices.front();
  Buffer buffer(size_of(slices));
  for (const Slice& slice : slices) buffer.append(slice.view());
  return std::move(buffer).to_slice();
}

}  // namespace moldau
