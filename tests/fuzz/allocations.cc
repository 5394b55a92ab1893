#include "fuzz/allocations.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

std::size_t largest_bytes = 0;
std::size_t total_bytes = 0;

void count(std::size_t size) {
  largest_bytes = std::max(largest_bytes, size);
  total_bytes += size;
}

}  // namespace

#if __has_feature(address_sanitizer)

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {

void on_malloc(const volatile void*, std::size_t size) { count(size); }
void on_free(const volatile void*) {}
const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);

}  // namespace

#else

void* operator new(std::size_t size) {
  count(size);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif

namespace moldau::fuzz {

Allocations::Allocations() { largest_bytes = total_bytes = 0; }
std::size_t Allocations::largest() const { return largest_bytes; }
std::size_t Allocations::total() const { return total_bytes; }

}  // namespace moldau::fuzz
