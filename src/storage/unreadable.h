// What the device cannot read is damage to the one log that it belongs to, like a wrong checksum: one bad
// sector must not take every other partition away, at every start. That a device fails as a whole is told by
// writes and syncs, which keep Errc::io and take the data folder offline (KIP-112).
#pragma once

#include <utility>

#include "base/result.h"

namespace moldau::storage {

// Of a call that only reads: Errc::io becomes Errc::corrupt.
inline Error unreadable(Error error) {
  if (error.code == Errc::io) error.code = Errc::corrupt;
  return error;
}

template <class T>
Result<T> or_unreadable(Result<T> read) {
  if (!read) return fail(unreadable(std::move(read).error()));
  return read;
}

}  // namespace moldau::storage
