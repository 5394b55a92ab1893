#include "survivor.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "call.h"
#include "cluster.h"
#include "producers.h"

namespace moldau::load {

namespace {

// Shorter than clients wait by themselves (retry.backoff.ms 100): it is the brokers that are measured.
constexpr std::int64_t kBackOffNs = kSecondNs / 50;
constexpr int kTimeoutSeconds = 60;

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

Survivor::Survivor(const std::vector<Member>& brokers, std::string topic, const ProduceShape& shape,
                   double rate)
    : topic_(std::move(topic)),
      records_(shape.records),
      id_(init_producer_id(brokers.front().port)),
      period_ns_(ns_of(shape.partitions / rate)) {
  const Slice batch = make_batch(shape.records, static_cast<std::size_t>(shape.value_bytes), shape.codec);
  for (Frame& frame : produce_frames(topic_, shape, batch))
    partitions_.emplace_back().frame = std::move(frame);
  for (const Member& broker : brokers) links_.emplace_back().broker = broker;
  find_leaders();
}

bool Survivor::leads(std::int32_t id) const {
  return std::ranges::any_of(partitions_, [&](const Partition& partition) {
    const auto link =
        std::ranges::find_if(links_, [&](const Link& one) { return one.broker.port == partition.leader; });
    return link != links_.end() && link->broker.id == id;
  });
}

std::int64_t Survivor::acknowledged_records() const {
  std::int64_t sum = 0;
  for (const Partition& partition : partitions_) sum += partition.next;
  return sum;
}

// --- its life

void Survivor::run(double seconds) {
  for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) turn(end);
}

void Survivor::kill(std::int32_t id) {
  const auto link = std::ranges::find_if(links_, [&](const Link& one) { return one.broker.id == id; });
  for (Partition& partition : partitions_) partition.was_led_by_dead = partition.leader == link->broker.port;
  link->dead = true;
  killed_ns_ = now_ns();
  if (::kill(link->broker.pid, SIGKILL) != 0) die("the broker was gone before it was killed");
  break_off(*link);
}

void Survivor::recover(double seconds) {
  const std::int64_t deadline = now_ns() + ns_of(seconds);
  const auto waits = [](const Partition& partition) { return partition.again_ns == 0; };
  while (std::ranges::any_of(partitions_, waits)) {
    if (now_ns() > deadline) die("partitions are not acknowledged again");
    turn(deadline);
  }
}

void Survivor::finish(double seconds) {
  filling_ = false;
  const std::int64_t deadline = now_ns() + ns_of(seconds);
  while (std::ranges::any_of(partitions_, &Partition::in_flight)) {
    if (now_ns() > deadline) die("batches are unanswered at the end");
    turn(deadline);
  }
}

void Survivor::turn(std::int64_t until_ns) {
  const std::int64_t now = now_ns();
  std::int64_t next = until_ns;
  bool waits = false;  // for a leader
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    Partition& partition = partitions_[i];
    if (filling_ && !partition.in_flight && partition.due_ns <= now) begin(partition, now);
    if (partition.in_flight && !partition.sent && !send(i)) waits = true;
    if (filling_ && !partition.in_flight) next = std::min(next, partition.due_ns);
  }
  if (waits && now >= ask_again_ns_) {
    find_leaders();
    ask_again_ns_ = now_ns() + kBackOffNs;
    return;
  }
  wait(waits ? std::min(next, ask_again_ns_) : next);
}

// What is late is not made up for.
void Survivor::begin(Partition& partition, std::int64_t now) {
  set_producer(partition.frame, id_, partition.next);
  partition.in_flight = true;
  partition.asked_ns = now;
  partition.due_ns = std::max(partition.due_ns, now - period_ns_) + period_ns_;
}

// --- to the leaders

Survivor::Link* Survivor::link_to(std::uint16_t port) {
  const auto link = std::ranges::find_if(links_, [&](const Link& one) { return one.broker.port == port; });
  return link == links_.end() || link->dead ? nullptr : &*link;
}

std::uint16_t Survivor::living_port() const {
  return std::ranges::find(links_, false, &Link::dead)->broker.port;
}

void Survivor::find_leaders() {
  const Socket socket = Socket::connect(living_port());
  socket.set_timeout(kTimeoutSeconds);
  const auto ports = leaders_now(socket, topic_, static_cast<int>(partitions_.size()), 0);
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (!partitions_[i].sent) partitions_[i].leader = ports[i];
  }
}

// Whether it is under way. What is sent is little: it fits into the socket.
bool Survivor::send(std::size_t number) {
  Partition& partition = partitions_[number];
  Link* const link = link_to(partition.leader);
  if (link == nullptr) return false;
  if (!link->socket) {
    link->socket = Socket::try_connect(link->broker.port);
    if (!link->socket) return false;
    link->socket->set_timeout(kTimeoutSeconds);
  }
  const auto& bytes = partition.frame.bytes;
  const ssize_t sent = ::send(link->socket->descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != std::ssize(bytes)) {
    break_off(*link);
    return false;
  }
  link->asked.push_back(number);
  partition.sent = true;
  return true;
}

void Survivor::break_off(Link& link) {
  link.socket.reset();
  link.in.clear();
  for (const std::size_t number : link.asked) {
    partitions_[number].sent = false;
    partitions_[number].leader = 0;
  }
  link.asked.clear();
}

// --- and back

void Survivor::wait(std::int64_t until_ns) {
  std::vector<pollfd> ready;
  std::vector<Link*> to;
  for (Link& link : links_) {
    if (!link.socket) continue;
    ready.push_back({.fd = link.socket->descriptor(), .events = POLLIN, .revents = 0});
    to.push_back(&link);
  }
  const std::int64_t left = std::max<std::int64_t>(0, until_ns - now_ns());
  const timespec timeout{.tv_sec = left / kSecondNs, .tv_nsec = left % kSecondNs};
  ::ppoll(ready.data(), ready.size(), &timeout, nullptr);
  for (std::size_t i = 0; i < ready.size(); ++i) {
    if (ready[i].revents != 0) receive(*to[i]);
  }
}

void Survivor::receive(Link& link) {
  std::array<std::byte, 16 << 10> buffer;
  const ssize_t got = ::recv(link.socket->descriptor(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return break_off(link);
  link.in.insert(link.in.end(), buffer.begin(), buffer.begin() + got);
  while (link.in.size() >= 4) {
    const auto size = static_cast<std::size_t>(load_be<std::int32_t>(link.in.data()));
    if (link.in.size() < 4 + size) return;
    answered(link, ByteView(link.in).subspan(4, size));
    link.in.erase(link.in.begin(), link.in.begin() + static_cast<std::ptrdiff_t>(4 + size));
  }
}

void Survivor::answered(Link& link, ByteView answer) {
  if (link.asked.empty()) die("an answer that nobody asked for");
  Partition& partition = partitions_[link.asked.front()];
  link.asked.pop_front();
  const wire::ErrorCode error = error_of_produced(partition.frame, answer);
  if (error == wire::ErrorCode::none || error == wire::ErrorCode::duplicate_sequence_number)
    return acknowledged(partition, now_ns());
  if (!wire::is_retriable(error)) die("Produce: " + std::string(wire::name_of(error)));
  partition.sent = false;
  partition.leader = 0;
}

void Survivor::acknowledged(Partition& partition, std::int64_t now) {
  latency_ns_.record(static_cast<std::uint64_t>(now - partition.asked_ns));
  partition.in_flight = partition.sent = false;
  partition.next += records_;
  // What was sent to a living broker before the kill may have been replicated already.
  const bool counts = killed_ns_ != 0 && (partition.was_led_by_dead || partition.asked_ns >= killed_ns_);
  if (counts && partition.again_ns == 0) partition.again_ns = now;
}

Survivor::Recovery Survivor::recovery() const {
  Recovery recovery;
  for (const Partition& partition : partitions_) {
    const double after = ms(partition.again_ns - killed_ns_);
    recovery.all_ms = std::max(recovery.all_ms, after);
    if (!partition.was_led_by_dead) continue;
    recovery.first_ms = recovery.led == 0 ? after : std::min(recovery.first_ms, after);
    recovery.led_ms = std::max(recovery.led_ms, after);
    ++recovery.led;
  }
  return recovery;
}

// --- what became of it

Survivor::Audit Survivor::audit() const {
  const Leaders leaders = Leaders::find(living_port(), topic_, static_cast<int>(partitions_.size()), 2);
  Audit sum;
  for (std::size_t leader = 0; leader < leaders.count(); ++leader) {
    for (const std::size_t partition : leaders.partitions_of(leader)) {
      const Audit found = audit(partition, leaders.port(leader));
      sum.lost += found.lost;
      sum.repeated += found.repeated;
    }
  }
  return sum;
}

Survivor::Audit Survivor::audit(std::size_t number, std::uint16_t leader) const {
  const Socket socket = Socket::connect(leader);
  socket.set_timeout(kTimeoutSeconds);
  std::vector<Position> positions{{.partition = static_cast<PartitionIndex>(number)}};
  std::vector<int> seen(static_cast<std::size_t>(partitions_[number].next / records_), 0);
  Audit found;
  const auto note = [&](PartitionIndex, const record::BatchView& batch) {
    const auto place = static_cast<std::size_t>(batch.base_sequence() / records_);
    if (place >= seen.size()) die("the log holds what was not sent");
    if (++seen[place] > 1) found.repeated += records_;
  };
  do {
    const Frame request = fetch_frame(topic_, positions, {});
    take_fetched(request, ask(socket, request.bytes), positions, note);
  } while (positions[0].next < positions[0].high_watermark);
  found.lost = std::ranges::count(seen, 0) * records_;
  return found;
}

}  // namespace moldau::load
