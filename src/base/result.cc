#include "base/result.h"

#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace moldau {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid argument";
    case Errc::corrupt:
      return "corrupt";
    case Errc::truncated:
      return "truncated";
    case Errc::not_found:
      return "not found";
    case Errc::already_exists:
      return "already exists";
    case Errc::io:
      return "input/output error";
    case Errc::no_space:
      return "no space left";
    case Errc::no_descriptors:
      return "out of file descriptors";
    case Errc::permission:
      return "permission denied";
    case Errc::locked:
      return "locked";
    case Errc::address_in_use:
      return "address in use";
    case Errc::connection_refused:
      return "connection refused";
    case Errc::connection_closed:
      return "connection closed";
    case Errc::timed_out:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::would_block:
      return "would block";
    case Errc::too_large:
      return "too large";
    case Errc::unsupported:
      return "unsupported";
    case Errc::mismatch:
      return "mismatch";
    case Errc::unavailable:
      return "unavailable";
  }
  MOLDAU_UNREACHABLE("Errc");
}

Error Error::within(std::string_view context) && {
  std::string text(context);
  text += ": ";
  text += message;
  return Error{code, std::move(text)};
}

namespace {

Errc code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
      return Errc::already_exists;
    case ENOSPC:
    case EDQUOT:
      return Errc::no_space;
    case EMFILE:
    case ENFILE:
      return Errc::no_descriptors;
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::permission;
    case EADDRINUSE:
      return Errc::address_in_use;
    case ECONNREFUSED:
      return Errc::connection_refused;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
      return Errc::connection_closed;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ECANCELED:
      return Errc::cancelled;
    case EAGAIN:
      return Errc::would_block;
    case EINVAL:
    case ENAMETOOLONG:
      return Errc::invalid_argument;
    case EOPNOTSUPP:
      return Errc::unsupported;
    default:
      return Errc::io;
  }
}

}  // namespace

Error error_from_errno(int error_number, std::string_view what) {
  return Error{code_of_errno(error_number), std::string(what) + ": " + std::strerror(error_number)};
}

}  // namespace moldau
