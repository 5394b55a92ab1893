// A fuzz target: one function that gives bytes of nobody's making to the code under test and checks what must
// hold of the result, whatever the bytes are. Each is a file of targets/ and becomes a libFuzzer executable
// in the build preset `fuzz`; the same functions run over tests/fuzz/corpus in every build (replay_test.cc).
// A property that does not hold ends the process (MOLDAU_ASSERT), as the sanitizers do.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace moldau::fuzz {

// Takes the first inputs of a corpus: what our own encoders write.
class Seeds {
 public:
  void add(ByteView bytes) { all_.emplace_back(bytes.begin(), bytes.end()); }
  void add(std::string_view text) { add(as_bytes(text)); }
  const std::vector<std::vector<std::byte>>& all() const { return all_; }

 private:
  std::vector<std::vector<std::byte>> all_;
};

struct Target {
  std::string_view name;
  std::size_t max_size;  // of an input
  void (*run)(ByteView input);
  void (*seeds)(Seeds& seeds);
};

// All that are linked into this program, by name.
const std::vector<Target>& targets();

struct Registration {
  explicit Registration(const Target& target);
};

}  // namespace moldau::fuzz

// Once in each file of targets/: MOLDAU_FUZZ_TARGET(gzip, 512, run, seeds);
#define MOLDAU_FUZZ_TARGET(name, max_size, run, ...) \
  static const ::moldau::fuzz::Registration registration({#name, max_size, run, __VA_ARGS__})
