// Whether memory that was handed out may be written again.
#pragma once

#include <memory>

namespace moldau {

// True when nobody else holds the object: what others did with it, on whatever thread, has then happened
// before. use_count() alone does not say that: it is a load without an order.
template <class T>
bool sole_owner(const std::shared_ptr<T>& held) {
  if (held.use_count() != 1) return false;
  std::shared_ptr<T>(held).reset();  // lowers the same count as they did: an acquire of their releases
  return true;
}

}  // namespace moldau
