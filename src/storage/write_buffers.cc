#include "storage/write_buffers.h"

#include <algorithm>
#include <new>

namespace moldau::storage {

struct WriteBuffers::Block {
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t(kAlignment)); }
  };

  explicit Block(std::size_t bytes)
      : size(bytes), memory(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(kAlignment)))) {}

  std::size_t size;
  std::unique_ptr<std::byte, Free> memory;
  // Set back by whoever drops the last slice, on any thread.
  std::atomic<bool> leased = false;
};

WriteBuffers::Lease WriteBuffers::acquire(std::size_t size) {
  const std::size_t wanted = std::max(buffer_bytes_, size);
  std::shared_ptr<Block> best;
  for (const auto& block : blocks_) {
    if (block->size < wanted || block->leased.load(std::memory_order_acquire)) continue;
    if (!best || block->size < best->size) best = block;
  }
  if (!best) {
    trim();
    best = std::make_shared<Block>((wanted + kAlignment - 1) / kAlignment * kAlignment);
    blocks_.push_back(best);
    total_bytes_ += best->size;
  }
  best->leased.store(true, std::memory_order_relaxed);
  const MutableBytes bytes(best->memory.get(), best->size);
  Block* const block = best.get();
  auto give_back = [kept = std::move(best)](const void*) {
    kept->leased.store(false, std::memory_order_release);
  };
  return {std::shared_ptr<const void>(block, std::move(give_back)), bytes};
}

void WriteBuffers::trim() {
  std::size_t retained = 0;
  std::erase_if(blocks_, [&](const std::shared_ptr<Block>& block) {
    if (block->leased.load(std::memory_order_acquire)) return false;
    if (retained + block->size <= retained_bytes_) {
      retained += block->size;
      return false;
    }
    total_bytes_ -= block->size;
    return true;
  });
}

}  // namespace moldau::storage
