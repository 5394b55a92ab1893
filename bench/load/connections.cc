#include "connections.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "program.h"

namespace moldau::load {

namespace {

constexpr std::size_t kFirstBuffer = 4 << 10;
constexpr std::size_t kMaxGathered = 64;

}  // namespace

Connections::Connections(std::uint16_t port, OnAnswer on_answer)
    : port_(port), on_answer_(std::move(on_answer)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Connections::~Connections() { ::close(epoll_); }

std::size_t Connections::open_to(std::uint16_t port) {
  const std::size_t number = peers_.size();
  Peer& peer = peers_.emplace_back();
  peer.socket = Socket::connect(port);
  peer.socket.set_blocking(false);
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = number}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.socket.descriptor(), &event);
  return number;
}

void Connections::open(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) open();
}

void Connections::send(std::size_t connection, const Frame& frame, std::int64_t asked_ns) {
  Peer& peer = peers_[connection];
  peer.unanswered.push_back({&frame, asked_ns});
  ++peer.unsent;
  ++in_flight_;
  if (!std::exchange(peer.dirty, true)) dirty_.push_back(connection);
}

void Connections::flush() {
  for (const std::size_t number : dirty_) {
    peers_[number].dirty = false;
    write(peers_[number]);
  }
  dirty_.clear();
}

void Connections::write(Peer& peer) {
  while (peer.unsent > 0) {
    std::array<iovec, kMaxGathered> parts;
    const std::size_t count = std::min(peer.unsent, kMaxGathered);
    const auto first = peer.unanswered.end() - static_cast<std::ptrdiff_t>(peer.unsent);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& bytes = first[static_cast<std::ptrdiff_t>(i)].frame->bytes;
      const std::size_t skip = i == 0 ? peer.sent_of_first : 0;
      parts[i] = {const_cast<std::byte*>(bytes.data()) + skip, bytes.size() - skip};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(peer.socket.descriptor(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;  // EPOLLOUT comes
    if (sent < 0) die("the connection broke while sending");
    auto left = static_cast<std::size_t>(sent);
    for (std::size_t i = 0; i < count; ++i) {
      if (left < parts[i].iov_len) {
        peer.sent_of_first = (i == 0 ? peer.sent_of_first : 0) + left;
        break;
      }
      left -= parts[i].iov_len;
      peer.sent_of_first = 0;
      --peer.unsent;
    }
  }
}

void Connections::read(std::size_t number) {
  while (true) {
    Peer& peer = peers_[number];
    if (peer.in.size() - peer.in_size < kFirstBuffer / 2) {
      peer.in.resize(std::max(kFirstBuffer, peer.in.size() * 2));
    }
    const std::size_t room = peer.in.size() - peer.in_size;
    const ssize_t got = ::recv(peer.socket.descriptor(), peer.in.data() + peer.in_size, room, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("the broker closed a connection");
    peer.in_size += static_cast<std::size_t>(got);
    bytes_received_ += got;
    take_answers(number, now_ns());
    if (static_cast<std::size_t>(got) < room) return;
  }
}

void Connections::take_answers(std::size_t number, std::int64_t now) {
  std::size_t at = 0;
  while (true) {
    Peer& peer = peers_[number];
    if (peer.in_size - at < 4) break;
    const auto size = static_cast<std::size_t>(load_be<std::int32_t>(peer.in.data() + at));
    if (size > (std::size_t{256} << 20)) die("a response frame of an impossible size");
    if (peer.in_size - at - 4 < size) {
      if (peer.in.size() < size + 4) peer.in.resize(size + 4);
      break;
    }
    if (peer.unanswered.size() == peer.unsent) die("an answer that nobody asked for");
    const Pending asked = peer.unanswered.front();
    peer.unanswered.pop_front();
    --in_flight_;
    on_answer_({number, *asked.frame, asked.asked_ns, now, ByteView(peer.in).subspan(at + 4, size)});
    at += 4 + size;
  }
  Peer& peer = peers_[number];
  std::copy(peer.in.begin() + static_cast<std::ptrdiff_t>(at),
            peer.in.begin() + static_cast<std::ptrdiff_t>(peer.in_size), peer.in.begin());
  peer.in_size -= at;
}

void Connections::turn(std::int64_t until_ns) {
  flush();
  std::array<epoll_event, 128> ready;
  const std::int64_t wait = std::max<std::int64_t>(0, until_ns - now_ns());
  const timespec timeout{.tv_sec = wait / kSecondNs, .tv_nsec = wait % kSecondNs};
  const int count = ::epoll_pwait2(epoll_, ready.data(), static_cast<int>(ready.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    if ((event.events & EPOLLOUT) != 0) write(peers_[event.data.u64]);
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(event.data.u64);
  }
  flush();
}

void Connections::drain(double seconds) {
  const std::int64_t deadline = now_ns() + ns_of(seconds);
  while (in_flight_ > 0) {
    if (now_ns() > deadline) die("requests are unanswered at the end: " + std::to_string(in_flight_));
    turn(deadline);
  }
}

}  // namespace moldau::load
