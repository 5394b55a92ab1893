#include "members.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "call.h"
#include "framing.h"
#include "wire/messages/find_coordinator.h"

namespace moldau::load {

namespace {

constexpr wire::ApiVersion kFindCoordinatorVersion = 4;
constexpr std::int64_t kBackOffNs = kSecondNs / 50;
constexpr int kTimeoutSeconds = 60;

// While a coordinator comes to be one.
bool passes(wire::ErrorCode error) {
  using enum wire::ErrorCode;
  return error == coordinator_load_in_progress || error == coordinator_not_available ||
         error == not_coordinator;
}

Socket connected(std::uint16_t port) {
  Socket socket = Socket::connect(port);
  socket.set_timeout(kTimeoutSeconds);
  return socket;
}

}  // namespace

Members::Members(Shape shape)
    : shape_(std::move(shape)),
      group_("load-group-" + std::to_string(now_ns())),
      control_(connected(shape_.port)),
      random_(static_cast<std::uint64_t>(now_ns())),
      connections_(shape_.port, [this](const Connections::Answer& answer) { answered(answer); }),
      members_(shape_.most),
      ownership_(shape_.most, shape_.partitions) {
  await_coordinator();
  connections_.open(shape_.most);
}

void Members::await_coordinator() const {
  wire::FindCoordinatorRequest request;
  request.coordinator_keys = {group_};
  for (const std::int64_t deadline = now_ns() + kTimeoutSeconds * kSecondNs;; ::usleep(10'000)) {
    const auto response = call<wire::FindCoordinatorResponse>(control_, request, kFindCoordinatorVersion);
    if (response.coordinators.empty()) die("FindCoordinator names nobody");
    const auto& found = response.coordinators.front();
    if (found.error_code == wire::ErrorCode::none && found.port == shape_.port) return;
    if (found.error_code == wire::ErrorCode::none) die("the group's coordinator is another broker");
    if (!passes(found.error_code) || now_ns() > deadline) check(found.error_code, "FindCoordinator");
  }
}

// --- who comes and goes

void Members::join(std::size_t count) {
  if (joined_ + count > members_.size()) die("more members than there are connections for");
  if (joined_ == 0) first_ = count;
  for (std::size_t i = 0; i < count; ++i) begin_to_join(joined_++);
}

void Members::leave(std::size_t count) {
  const std::size_t first = left_ + leaving_;
  if (first + count > joined_) die("more members leave than there are");
  leaving_ += count;
  for (std::size_t number = first; number < first + count; ++number) {
    if (members_[number].in_flight)
      members_[number].must_leave = true;
    else
      start_leaving(number);
  }
}

// What it has is free from here on, for all that it knows.
void Members::start_leaving(std::size_t number) {
  Member& member = members_[number];
  member.must_leave = false;
  own(number, {}, now_ns());
  member.step = Step::leaving;
  begin_to_leave(number);
}

void Members::has_left(std::size_t number) {
  members_[number].step = Step::gone;
  ++left_;
  --leaving_;
}

bool Members::own(std::size_t number, PartitionList partitions, std::int64_t now_ns) {
  Member& member = members_[number];
  PartitionList less;
  PartitionList more;
  std::ranges::set_difference(member.owned, partitions, std::back_inserter(less));
  std::ranges::set_difference(partitions, member.owned, std::back_inserter(more));
  for (const PartitionIndex one : less) ownership_.give_up(number, one, now_ns);
  for (const PartitionIndex one : more) ownership_.take(number, one, now_ns);
  member.owned = std::move(partitions);
  return !less.empty();
}

// Fractions of multiples of the golden ratio lie evenly.
std::int64_t Members::part_of(std::int64_t interval_ns, std::size_t number) {
  const double turns = static_cast<double>(number + 1) * 0.618033988749895;
  return static_cast<std::int64_t>(static_cast<double>(interval_ns) * (turns - std::floor(turns)));
}

// --- requests and answers

void Members::ask(std::size_t number, Frame frame) {
  members_[number].frame = std::move(frame);
  send(number);
}

void Members::ask_at(std::size_t number, Frame frame, std::int64_t due_ns) {
  members_[number].frame = std::move(frame);
  members_[number].due_ns = due_ns;
  due_.emplace(due_ns, number);
}

void Members::send(std::size_t number) {
  Member& member = members_[number];
  member.in_flight = true;
  member.due_ns = 0;
  member.asked_ns = now_ns();
  connections_.send(number, member.frame, member.asked_ns);
}

bool Members::asks_again(std::size_t number, wire::ErrorCode error) {
  if (!passes(error)) return false;
  ask_at(number, std::move(members_[number].frame), now_ns() + kBackOffNs);
  return true;
}

void Members::answered(const Connections::Answer& answer) {
  Member& member = members_[answer.connection];
  member.in_flight = false;
  ++answers_;
  if (member.step == Step::member)
    heartbeat_latency_ns_.record(static_cast<std::uint64_t>(answer.now_ns - answer.asked_ns));
  if (member.must_leave) return start_leaving(answer.connection);
  take_answer(answer.connection, answer);
}

void Members::turn(std::int64_t until_ns) {
  const std::int64_t now = now_ns();
  while (!due_.empty() && due_.top().first <= now) {
    const auto [when, number] = due_.top();
    due_.pop();
    if (members_[number].due_ns == when && !members_[number].in_flight) send(number);
  }
  const bool all_wait = size() > 0 && connections_.in_flight() >= size();
  connections_.turn(due_.empty() ? until_ns : std::min(until_ns, due_.top().first));
  if (all_wait) all_waited_ns_ += now_ns() - now;
}

void Members::run(std::int64_t until_ns) {
  while (now_ns() < until_ns) turn(until_ns);
}

// --- what is seen of them

bool Members::looks_stable() const {
  if (leaving_ > 0 || (size() > 0 && !ownership_.complete())) return false;
  return std::all_of(members_.begin() + static_cast<std::ptrdiff_t>(left_),
                     members_.begin() + static_cast<std::ptrdiff_t>(joined_), [&](const Member& each) {
                       return each.step == Step::member && each.epoch == members_[left_].epoch;
                     });
}

std::string Members::describe() const {
  std::size_t settled = 0;
  for (std::size_t number = left_; number < joined_; ++number)
    if (members_[number].step == Step::member) ++settled;
  return fmt::format(
      "{} of {} members have their assignment, {} have still to leave, {} of {} partitions have one "
      "owner, the broker says {}",
      settled, size(), leaving_, ownership_.owned_once(), shape_.partitions, state_of_group());
}

}  // namespace moldau::load
