#include "simulation/stream.h"

#include <algorithm>
#include <cstring>

namespace moldau::simulation {
namespace {

constexpr unsigned kRetriesMax = 30;

// As TCP: doubling from 200 ms, here up to 3.2 s.
Duration retransmission_delay(unsigned retries) { return 200ms * (1 << std::min(retries, 4U)); }

std::unexpected<Error> failure(Errc code, const Connection::End& peer) {
  return fail(code, "connection with " + peer.address.to_string() + ": " + std::string(name_of(code)));
}

}  // namespace

Connection::Connection(Fabric& fabric, End connecting, End accepting)
    : fabric_(fabric), ends_{std::move(connecting), std::move(accepting)} {
  for (End& end : ends_) end.hung_up = std::make_shared<runtime::OneShot>(*end.executor);
  fabric_.connections_.push_back(this);
}

Connection::~Connection() { std::erase(fabric_.connections_, this); }

bool Connection::joins(unsigned a, unsigned b) const {
  const unsigned x = ends_[0].machine();
  const unsigned y = ends_[1].machine();
  return (x == a && y == b) || (x == b && y == a);
}

void Connection::wake(End& end) {
  if (end.reader) end.executor->wake(std::exchange(end.reader, nullptr));
  if (end.writer) end.executor->wake(std::exchange(end.writer, nullptr));
}

// May be called on the other end's shard.
void Connection::hang_up(End& end) {
  end.executor->post_remote([shot = end.hung_up] { shot->fire(); });
}

std::size_t Connection::next_segment(unsigned side, std::size_t wanted) {
  const NetworkOptions& options = fabric_.options_;
  const End& end = ends_[side];
  const std::size_t room = options.window_bytes - std::min(options.window_bytes, end.unread_bytes);
  std::size_t size = std::min({wanted, room, options.segment_bytes_max});
  if (size > 1 && fabric_.roll(options.split_segment)) {
    fabric_.counters_.fire(Fault::split_segment);
    size = 1 + fabric_.random_.below(size - 1);
  }
  return size;
}

void Connection::send(unsigned side, Slice bytes) {
  ends_[side].unread_bytes += bytes.size();
  enqueue(side, End::Segment::Kind::bytes, std::move(bytes));
  if (!fabric_.roll(fabric_.options_.faults.reset)) return;
  fabric_.counters_.fire(Fault::reset);
  reset();
}

void Connection::enqueue(unsigned side, End::Segment::Kind kind, Slice bytes) {
  End& end = ends_[side];
  const unsigned from = end.machine();
  const unsigned to = ends_[1 - side].machine();
  const MonotonicTime now = fabric_.scheduler_.now();
  const std::uint64_t rate = fabric_.link(from, to).bytes_per_second;
  MonotonicTime sent = std::max(now, end.line_free_at);
  if (rate > 0) sent += Duration(static_cast<std::int64_t>(bytes.size() * 1'000'000'000ULL / rate));
  end.line_free_at = sent;
  MonotonicTime arrival = sent + fabric_.latency(from, to);
  if (!end.in_flight.empty()) arrival = std::max(arrival, end.in_flight.back().arrival);
  end.in_flight.push_back({kind, std::move(bytes), arrival});
  if (!end.delivering) schedule(side, arrival);
}

void Connection::schedule(unsigned side, MonotonicTime when) {
  ends_[side].delivering = true;
  fabric_.scheduler_.at(when, fabric_.place_, StepKind::network,
                        [self = shared_from_this(), side] { self->arrive(side); });
}

void Connection::arrive(unsigned side) {
  End& end = ends_[side];
  end.delivering = false;
  if (end.in_flight.empty()) return;
  if (!fabric_.passes(end.machine(), ends_[1 - side].machine())) {
    fabric_.counters_.fire(Fault::held_by_cut);
    return retry(side);
  }
  if (fabric_.roll(fabric_.options_.faults.loss)) {
    fabric_.counters_.fire(Fault::loss);
    return retry(side);
  }
  end.retries = 0;
  const MonotonicTime now = fabric_.scheduler_.now();
  while (!end.in_flight.empty() && end.in_flight.front().arrival <= now) {
    End::Segment segment = std::move(end.in_flight.front());
    end.in_flight.pop_front();
    deliver(side, std::move(segment));
  }
  if (!end.in_flight.empty() && !end.delivering) schedule(side, end.in_flight.front().arrival);
}

void Connection::retry(unsigned side) {
  End& end = ends_[side];
  if (end.retries < kRetriesMax) {
    return schedule(side, fabric_.scheduler_.now() + retransmission_delay(end.retries++));
  }
  end.in_flight.clear();
  fail_end(end, Errc::timed_out);
}

void Connection::deliver(unsigned side, End::Segment segment) {
  End& to = ends_[1 - side];
  switch (segment.kind) {
    case End::Segment::Kind::bytes:
      if (to.failed) return;
      // Nobody is there to read: the answer is a reset.
      if (!to.open) return enqueue(1 - side, End::Segment::Kind::reset, {});
      to.received.push_back(std::move(segment.bytes));
      break;
    case End::Segment::Kind::end:
      to.peer_ended = true;
      hang_up(to);
      break;
    case End::Segment::Kind::reset:
      return fail_end(to, Errc::connection_closed);
  }
  if (to.reader) to.executor->wake(std::exchange(to.reader, nullptr));
}

// What has arrived but was not read may be lost with it, as on Linux.
void Connection::fail_end(End& end, Errc error) {
  if (end.failed) return;
  end.failed = true;
  end.error = error;
  if (fabric_.random_.one_in(2)) end.received.clear();
  end.in_flight.clear();
  hang_up(end);
  wake(end);
}

std::size_t Connection::receive(unsigned side, MutableBytes into) {
  End& end = ends_[side];
  std::size_t limit = into.size();
  if (limit > 1 && fabric_.roll(fabric_.options_.faults.short_read)) {
    limit = 1 + fabric_.random_.below(limit);
    fabric_.counters_.fire(Fault::short_read);
  }
  std::size_t done = 0;
  while (done < limit && !end.received.empty()) {
    Slice& first = end.received.front();
    const std::size_t length = std::min(first.size(), limit - done);
    std::memcpy(into.data() + done, first.data(), length);
    done += length;
    if (length == first.size()) {
      end.received.pop_front();
    } else {
      first = first.from(length);
    }
  }
  End& peer = ends_[1 - side];
  peer.unread_bytes -= std::min(peer.unread_bytes, done);
  if (peer.writer) peer.executor->wake(std::exchange(peer.writer, nullptr));
  return done;
}

void Connection::close(unsigned side) {
  End& end = ends_[side];
  if (!end.open) return;
  end.open = false;
  hang_up(end);
  wake(end);
  if (end.failed) return;
  const bool unread = !end.received.empty();
  end.received.clear();
  enqueue(side, unread ? End::Segment::Kind::reset : End::Segment::Kind::end, {});
}

void Connection::die(unsigned side, bool silently) {
  End& end = ends_[side];
  const bool was_open = std::exchange(end.open, false);
  hang_up(end);
  wake(end);
  end.received.clear();
  drop_some_in_flight(end);
  if (was_open && !silently && !end.failed) enqueue(side, End::Segment::Kind::reset, {});
}

void Connection::reset() {
  for (End& end : ends_) drop_some_in_flight(end);
  for (unsigned side : {0U, 1U}) {
    End& from = ends_[side];
    for (End::Segment& segment : std::exchange(from.in_flight, {})) {
      if (segment.kind == End::Segment::Kind::bytes && ends_[1 - side].open) {
        ends_[1 - side].received.push_back(std::move(segment.bytes));
      }
    }
  }
  for (End& end : ends_) fail_end(end, Errc::connection_closed);
}

// A random number of the last segments, and a part of one: the cut may fall on any byte.
void Connection::drop_some_in_flight(End& end) {
  std::size_t keep = fabric_.random_.below(end.in_flight.size() + 1);
  if (keep == end.in_flight.size()) return;
  Slice& last = end.in_flight[keep].bytes;
  if (!last.empty()) {
    last = last.cut(0, 1 + fabric_.random_.below(last.size()));
    ++keep;
  }
  end.in_flight.erase(end.in_flight.begin() + static_cast<std::ptrdiff_t>(keep), end.in_flight.end());
}

SimulatedStream::SimulatedStream(ConnectionRef connection, unsigned side)
    : connection_(std::move(connection)), side_(side) {
  ++end().process->descriptors().used;
}

SimulatedStream::~SimulatedStream() {
  MOLDAU_ASSERT(!reading_ && !writing_, "a stream was destroyed while a read or a write is under way");
  close();
  --end().process->descriptors().used;
}

void SimulatedStream::close() { connection_->close(side_); }

Status SimulatedStream::usable() {
  if (!end().open) return failure(Errc::cancelled, connection_->end(1 - side_));
  if (end().failed) return failure(end().error, connection_->end(1 - side_));
  return {};
}

runtime::Task<Result<std::size_t>> SimulatedStream::read_some(MutableBytes into) {
  MOLDAU_ASSERT(!reading_ && !into.empty(), "one read at a time, of at least one byte");
  reading_ = true;
  for (;;) {
    if (end().open && !end().received.empty()) {
      reading_ = false;
      co_return connection_->receive(side_, into);
    }
    if (Status status = usable(); !status) {
      reading_ = false;
      co_return fail(std::move(status).error());
    }
    if (end().peer_ended) {
      reading_ = false;
      co_return 0;
    }
    co_await runtime::detail::Suspend{[&](std::coroutine_handle<> self) { end().reader = self; }};
  }
}

runtime::Task<Status> SimulatedStream::write(SliceList slices) {
  MOLDAU_ASSERT(!writing_, "one write at a time");
  writing_ = true;
  Status status = usable();
  for (const Slice& slice : slices) {
    for (std::size_t done = 0; status && done < slice.size();) {
      const std::size_t size = connection_->next_segment(side_, slice.size() - done);
      if (size > 0) {
        connection_->send(side_, Slice::copy_of(slice.view().subspan(done, size)));
        done += size;
      } else {
        co_await runtime::detail::Suspend{[&](std::coroutine_handle<> self) { end().writer = self; }};
      }
      status = usable();
    }
  }
  writing_ = false;
  co_return status;
}

}  // namespace moldau::simulation
