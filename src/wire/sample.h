// Random values for round-trip tests and for the corpora of fuzzers: small, and now and then at an edge.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"
#include "wire/error_code.h"

namespace moldau::wire {

class Sampler {
 public:
  Sampler(Random& random, std::int16_t version) : random_(random), version_(version) {}

  bool one_in(std::uint64_t n) { return random_.one_in(n); }

  void fill(bool& out) { out = random_.one_in(2); }
  template <std::integral T>
  void fill(T& out) {
    out = random_.one_in(8)   ? std::numeric_limits<T>::max()
          : random_.one_in(8) ? std::numeric_limits<T>::min()
                              : static_cast<T>(random_.next() >> random_.below(64));
  }
  void fill(double& out) { out = random_.unit() * 1e6 - 1e3; }
  void fill(ErrorCode& out);
  void fill(Uuid& out) { out = random_.one_in(4) ? kZeroUuid : random_.uuid(); }
  void fill(std::string& out);
  void fill(Slice& out);
  void fill(SliceList& out);
  template <class T>
    requires requires(Random& random) { T::random(random, std::int16_t{}); }
  void fill(T& out) {
    out = T::random(random_, version_);
  }
  template <class T>
  void fill(std::vector<T>& out) {
    out.resize(random_.below(4));
    for (T& element : out) fill(element);
  }
  template <class T>
  void fill(std::optional<T>& out, bool nullable) {
    if (nullable && random_.one_in(3)) return out.reset();
    fill(out.emplace());
  }

 private:
  Random& random_;
  std::int16_t version_;
};

}  // namespace moldau::wire
