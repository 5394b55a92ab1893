// Errors that pass by themselves: the device is full, the process has no descriptor left, what is needed is
// busy. Whoever meets one may try again; damage and a device that fails stay until the log is opened anew.
#pragma once

#include "base/result.h"

namespace moldau::storage {

inline bool passes(Errc code) {
  return code == Errc::no_space || code == Errc::no_descriptors || code == Errc::unavailable;
}

}  // namespace moldau::storage
