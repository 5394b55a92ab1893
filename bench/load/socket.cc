#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "program.h"

namespace moldau::load {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_no_delay(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<Socket> Socket::try_connect(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.descriptor() < 0) die("no more sockets: raise ulimit -n");
  const sockaddr_in to = loopback(port);
  if (::connect(socket.descriptor(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  set_no_delay(socket.descriptor());
  return socket;
}

Socket Socket::connect(std::uint16_t port) {
  auto socket = try_connect(port);
  if (!socket) die("cannot connect to 127.0.0.1:" + std::to_string(port));
  return *std::move(socket);
}

Socket Socket::listen() {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in at = loopback(0);
  if (::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(socket.descriptor(), 16) != 0) {
    die("cannot listen on 127.0.0.1");
  }
  return socket;
}

std::uint16_t Socket::local_port() const {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&at), &size);
  return ntohs(at.sin_port);
}

Socket Socket::accept() const {
  Socket accepted(::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC));
  set_no_delay(accepted.descriptor());
  return accepted;
}

void Socket::set_blocking(bool blocking) const {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  ::fcntl(descriptor_, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void Socket::send_all(ByteView bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) die("the connection broke while sending");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

std::size_t Socket::receive_some(MutableBytes bytes) const {
  while (true) {
    const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    die(got < 0 && errno == EAGAIN ? "no answer in time" : "the peer closed the connection");
  }
}

void Socket::receive_exactly(MutableBytes bytes) const {
  while (!bytes.empty()) bytes = bytes.subspan(receive_some(bytes));
}

void Socket::set_timeout(int seconds) const {
  const timeval limit{.tv_sec = seconds, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace moldau::load
