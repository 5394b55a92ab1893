// TCP sockets on 127.0.0.1.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"

namespace moldau::load {

class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket();

  // Blocking, TCP_NODELAY. Nothing when nobody listens.
  static std::optional<Socket> try_connect(std::uint16_t port);
  static Socket connect(std::uint16_t port);
  static Socket listen();  // at a free port

  int descriptor() const { return descriptor_; }
  std::uint16_t local_port() const;
  Socket accept() const;
  void set_blocking(bool blocking) const;
  // Blocking; the program ends when the peer closes or `timeout` passes.
  void send_all(ByteView bytes) const;
  std::size_t receive_some(MutableBytes bytes) const;  // at least one byte
  void receive_exactly(MutableBytes bytes) const;
  void set_timeout(int seconds) const;

 private:
  int descriptor_;
};

}  // namespace moldau::load
