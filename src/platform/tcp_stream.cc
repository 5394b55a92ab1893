#include "platform/tcp_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "platform/gather.h"

namespace moldau::platform {

using runtime::Endpoint;
using runtime::Task;

namespace {

// System calls of one stream between two looks at the other sockets of the shard. A peer that always has more
// (or always takes more) must not keep the shard to itself.
constexpr unsigned kCallsPerTurn = 16;

ssize_t send_parts(int socket, const Gather<Slice>& parts) {
  Gather<Slice>::Batch batch;
  msghdr message{};
  message.msg_iov = batch.data();
  message.msg_iovlen = parts.fill(batch);
  return retrying([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
}

}  // namespace

// Marks a side as used by the one call that it allows at a time.
class TcpStream::Use {
 public:
  Use(Side& side, const char* rule) : side_(side) {
    MOLDAU_ASSERT(!side.busy, rule);
    side_.busy = true;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { side_.busy = false; }

 private:
  Side& side_;
};

Result<std::unique_ptr<runtime::Stream>> TcpStream::adopt(EventLoop& loop, FileDescriptor socket,
                                                          Endpoint peer, Endpoint local) {
  auto stream = std::make_unique<TcpStream>(loop, std::move(socket), std::move(peer), std::move(local));
  TRY(loop.watch(stream->socket_.get(), *stream));
  return stream;
}

TcpStream::TcpStream(EventLoop& loop, FileDescriptor socket, Endpoint peer, Endpoint local)
    : loop_(loop),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      local_(std::move(local)),
      hung_up_(loop) {}

TcpStream::~TcpStream() {
  MOLDAU_ASSERT(!in_.busy && !out_.busy,
                "a stream was destroyed under a read or write: close and await it first");
}

void TcpStream::close() {
  socket_.close();
  hung_up_.fire();
  wake(in_);
  wake(out_);
}

void TcpStream::on_events(std::uint32_t epoll_events) {
  const bool failed = epoll_events & (EPOLLERR | EPOLLHUP);
  if (failed || epoll_events & EPOLLRDHUP) hung_up_.fire();
  if (failed || epoll_events & (EPOLLIN | EPOLLRDHUP)) wake(in_);
  if (failed || epoll_events & EPOLLOUT) wake(out_);
}

void TcpStream::wake(Side& side) {
  side.ready = true;
  if (side.waiter) loop_.post(std::exchange(side.waiter, nullptr));
}

auto TcpStream::until_ready(Side& side) {
  return runtime::detail::Suspend{[&side](std::coroutine_handle<> suspended) { side.waiter = suspended; }};
}

auto TcpStream::next_turn() {
  return runtime::detail::Suspend{[this](std::coroutine_handle<> suspended) { loop_.post(suspended); }};
}

bool TcpStream::had_its_share() {
  if (std::exchange(turn_, loop_.turn()) != loop_.turn()) calls_ = 0;
  return ++calls_ > kCallsPerTurn;
}

Error TcpStream::cancelled() const { return Error{Errc::cancelled, peer_.to_string() + ": closed here"}; }

Error TcpStream::failed(std::string_view what) const {
  return error_from_errno(errno, std::string(what) + " " + peer_.to_string());
}

Task<Result<std::size_t>> TcpStream::read_some(MutableBytes into) {
  MOLDAU_ASSERT(!into.empty(), "a read into nothing never ends");
  const Use use(in_, "one read at a time");
  if (had_its_share()) co_await next_turn();
  while (socket_) {
    if (!in_.ready) {
      co_await until_ready(in_);
      continue;
    }
    const ssize_t read = retrying([&] { return ::recv(socket_.get(), into.data(), into.size(), 0); });
    if (read < 0 && errno == EAGAIN) {
      in_.ready = false;
      continue;
    }
    if (read < 0) co_return fail(failed("read from"));
    // Less than asked for: the socket is empty, and what comes next is a new event (epoll(7),
    // edge-triggered).
    if (static_cast<std::size_t>(read) < into.size() && !hung_up_.fired()) in_.ready = false;
    co_return static_cast<std::size_t>(read);
  }
  co_return fail(cancelled());
}

Task<Status> TcpStream::write(SliceList slices) {
  const Use use(out_, "one write at a time");
  Gather<Slice> parts(slices);
  while (socket_) {
    if (parts.done()) co_return Status();
    if (!out_.ready) {
      co_await until_ready(out_);
      continue;
    }
    if (had_its_share()) {
      co_await next_turn();
      if (!socket_) break;
    }
    const ssize_t sent = send_parts(socket_.get(), parts);
    if (sent >= 0) {
      parts.advance(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      out_.ready = false;
    } else {
      co_return fail(failed("write to"));
    }
  }
  co_return fail(cancelled());
}

}  // namespace moldau::platform
