// A bare echo server in a process of its own, and round trips with one message in flight.
#pragma once

#include "process.h"
#include "socket.h"
#include "telemetry/metrics.h"

namespace moldau::load {

class EchoServer {
 public:
  EchoServer();
  std::uint16_t port() const { return port_; }
  pid_t pid() const { return child_.pid(); }

 private:
  EchoServer(const Socket& listener);
  std::uint16_t port_;
  Child child_;
};

// `rounds` times: `message` out, the same number of bytes back.
void echo_rounds(const Socket& socket, ByteView message, int rounds, telemetry::HistogramData& ns);

}  // namespace moldau::load
