// What libFuzzer calls: the one target that is linked into this program.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.h"

namespace {

constexpr std::string_view kLimitFlag = "-max_len=";

const moldau::fuzz::Target& only_target() {
  MOLDAU_ASSERT(moldau::fuzz::targets().size() == 1);
  return moldau::fuzz::targets().front();
}

}  // namespace

// Adds the target's own limit of an input's size, unless the caller gave one.
extern "C" int LLVMFuzzerInitialize(int* count, char*** words) {
  static std::string limit = std::string(kLimitFlag) + std::to_string(only_target().max_size);
  static std::vector<char*> all(*words, *words + *count);
  for (const std::string_view word : all)
    if (word.starts_with(kLimitFlag)) return 0;
  all.insert(all.begin() + 1, limit.data());
  *count = static_cast<int>(all.size());
  all.push_back(nullptr);
  *words = all.data();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto run = only_target().run;
  run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
