// The network: reliable byte streams. A stream belongs to the shard that accepted or connected it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "runtime/wait.h"

namespace moldau::runtime {

// A host name or address and a port; "host:port" and "[v6]:port" in text.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string to_string() const;
  static Result<Endpoint> parse(std::string_view text);
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

class Stream {
 public:
  // Closes it. REQUIRES: no read or write is under way (close() and await them first).
  virtual ~Stream() = default;

  // At least one byte, or 0 when the peer has ended its side. One read at a time.
  virtual Task<Result<std::size_t>> read_some(MutableBytes into) = 0;
  // All of the slices in order. One write at a time; may run beside a read.
  virtual Task<Status> write(SliceList slices) = 0;
  // Fires once the peer has ended its side, or the stream has failed or is closed: what it has sent before
  // may still be there to read. For those who neither read nor write meanwhile.
  virtual OneShot& hung_up() = 0;
  // Ends both directions; a read or write under way completes with Errc::cancelled. Any number of times.
  virtual void close() = 0;
  virtual const Endpoint& peer() const = 0;
  virtual const Endpoint& local() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // The next connection; Errc::no_descriptors when there are none left (wait, then call again),
  // Errc::cancelled after close().
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual void close() = 0;
  // The bound address, with the real port when port 0 was asked for.
  virtual const Endpoint& local() const = 0;
};

struct ListenOptions {
  int backlog = 1024;
  bool share_port = false;  // several shards listen on one port and the kernel spreads connections
};

// One per shard.
class Network {
 public:
  virtual ~Network() = default;
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& at, ListenOptions options) = 0;
  // Resolves and connects; Errc::timed_out at the deadline.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, MonotonicTime deadline) = 0;
};

}  // namespace moldau::runtime
