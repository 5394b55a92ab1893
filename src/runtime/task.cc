#include "runtime/task.h"

#include <array>
#include <new>

namespace moldau::runtime::detail {

// With an address sanitizer every frame is the allocator's, so that it sees a use after the end.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOLDAU_FRAMES_OF_ALLOCATOR
#endif
#endif

#ifdef MOLDAU_FRAMES_OF_ALLOCATOR

void* take_frame(std::size_t bytes) { return ::operator new(bytes); }
void give_frame(void* frame, std::size_t bytes) noexcept { ::operator delete(frame, bytes); }

#else

namespace {

constexpr std::size_t kStep = 64;      // sizes are rounded up to a multiple of it
constexpr std::size_t kSizes = 16;     // larger frames are the allocator's
constexpr unsigned kMostOfASize = 64;  // so that a thread keeps less than 600 KiB

// The thread's store is gone already: statics that hold tasks may outlive it.
thread_local constinit bool ended = false;

// The freed frames of one thread, by size.
class FrameStore {
 public:
  FrameStore() = default;
  FrameStore(const FrameStore&) = delete;
  FrameStore& operator=(const FrameStore&) = delete;
  ~FrameStore() {
    for (std::size_t index = 0; index < kSizes; ++index) {
      while (void* frame = take(index)) ::operator delete(frame, size_of(index));
    }
    ended = true;
  }

  static std::size_t index_of(std::size_t bytes) { return (bytes - 1) / kStep; }
  static std::size_t size_of(std::size_t index) { return (index + 1) * kStep; }

  // Null when none of the size is kept.
  void* take(std::size_t index) {
    Shelf& shelf = shelves_[index];
    if (shelf.first == nullptr) return nullptr;
    --shelf.count;
    return std::exchange(shelf.first, shelf.first->next);
  }

  bool give(void* frame, std::size_t index) {
    Shelf& shelf = shelves_[index];
    if (shelf.count == kMostOfASize) return false;
    shelf.first = new (frame) Freed{shelf.first};
    ++shelf.count;
    return true;
  }

 private:
  struct Freed {
    Freed* next;
  };
  struct Shelf {
    Freed* first = nullptr;
    unsigned count = 0;
  };
  std::array<Shelf, kSizes> shelves_ = {};
};

thread_local FrameStore store;

}  // namespace

void* take_frame(std::size_t bytes) {
  const std::size_t index = FrameStore::index_of(bytes);
  if (index >= kSizes) return ::operator new(bytes);
  if (void* frame = ended ? nullptr : store.take(index)) return frame;
  return ::operator new(FrameStore::size_of(index));
}

void give_frame(void* frame, std::size_t bytes) noexcept {
  const std::size_t index = FrameStore::index_of(bytes);
  if (index >= kSizes) return ::operator delete(frame, bytes);
  if (ended || !store.give(frame, index)) ::operator delete(frame, FrameStore::size_of(index));
}

#endif

}  // namespace moldau::runtime::detail
