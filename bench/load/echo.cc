#include "echo.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <vector>

#include "program.h"

namespace moldau::load {

namespace {

// One connection, level-triggered epoll as a server of many would have it.
void serve(const Socket& listener) {
  const Socket socket = listener.accept();
  const Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {}};
  ::epoll_ctl(epoll.descriptor(), EPOLL_CTL_ADD, socket.descriptor(), &event);
  std::vector<std::byte> buffer(1 << 20);
  while (::epoll_wait(epoll.descriptor(), &event, 1, -1) > 0) {
    const ssize_t got = ::recv(socket.descriptor(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    socket.send_all(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
}

}  // namespace

EchoServer::EchoServer() : EchoServer(Socket::listen()) {}

EchoServer::EchoServer(const Socket& listener)
    : port_(listener.local_port()), child_(Child::run([&] { serve(listener); })) {}

void echo_rounds(const Socket& socket, ByteView message, int rounds, telemetry::HistogramData& ns) {
  std::vector<std::byte> back(message.size());
  for (int i = 0; i < rounds; ++i) {
    const std::int64_t began = now_ns();
    socket.send_all(message);
    socket.receive_exactly(back);
    ns.record(static_cast<std::uint64_t>(now_ns() - began));
  }
}

}  // namespace moldau::load
