// Counts what the code under test takes from the heap, to hold it against the size of its input. Under
// AddressSanitizer every allocation counts, those of libraries too, otherwise those of operator new.
#pragma once

#include <cstddef>

namespace moldau::fuzz {

class Allocations {
 public:
  // From here on. One at a time.
  Allocations();

  std::size_t largest() const;  // bytes of one allocation
  std::size_t total() const;    // bytes of all of them, freed or not
};

}  // namespace moldau::fuzz
