#include "cli/process_streams.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace moldau::cli {
namespace {

// True when the descriptor became ready within `wait_ms` (-1: any time); errors count as ready, so that the
// call that follows reports them.
bool ready(int descriptor, short events, int wait_ms) {
  pollfd waited{descriptor, events, 0};
  return ::poll(&waited, 1, wait_ms) != 0;
}

}  // namespace

Result<std::optional<std::size_t>> DescriptorInput::read(MutableBytes into, runtime::Duration wait) {
  const auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  if (!ready(descriptor_, POLLIN, static_cast<int>(wait_ms))) return std::nullopt;
  const ssize_t got = ::read(descriptor_, into.data(), into.size());
  if (got >= 0) return static_cast<std::size_t>(got);
  if (errno == EINTR || errno == EAGAIN) return std::nullopt;
  return fail(error_from_errno(errno, "read standard input"));
}

Status DescriptorOutput::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      ready(descriptor_, POLLOUT, -1);
    } else if (errno == EPIPE) {
      return fail(Errc::connection_closed, "the reader of the output has gone");
    } else if (errno != EINTR) {
      return fail(error_from_errno(errno, "write output"));
    }
  }
  return {};
}

}  // namespace moldau::cli
