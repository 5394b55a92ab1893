// Members of one consumer group, each on a connection of its own, which do what clients do by themselves:
// join, say that they are alive, give up and take over partitions, leave. One request of each is in flight at
// most. An error of the broker that a client would not expect ends the program.
#pragma once

#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/random.h"
#include "connections.h"
#include "cooperative.h"
#include "ownership.h"
#include "telemetry/metrics.h"

namespace moldau::load {

class Members {
 public:
  struct Shape {
    std::uint16_t port = 0;
    std::string topic;
    std::size_t partitions = 0;
    std::size_t most = 0;  // so many may ever join; each has a connection from the beginning
    std::int64_t heartbeat_ns = 0;
  };
  virtual ~Members() = default;
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  // So many new ones begin to join; so many of those that have been members longest begin to leave.
  void join(std::size_t count);
  // REQUIRES: looks_stable().
  void leave(std::size_t count);
  void turn(std::int64_t until_ns);
  void run(std::int64_t until_ns);
  // Whoever has joined is a member and has what it is to have, in one and the same generation or epoch;
  // whoever leaves has left; each partition has one owner, if there are members.
  bool looks_stable() const;
  // The broker shows the group so, too. Blocks.
  bool is_stable_there() const { return state_of_group() == "Stable"; }
  // What keeps it from looking stable.
  std::string describe() const;

  std::size_t size() const { return joined_ - left_; }
  std::size_t joined() const { return joined_; }  // ever; members are numbered in that order
  std::size_t left() const { return left_; }      // the first ones
  Ownership& ownership() { return ownership_; }
  // Requests that were answered, and how long the broker took over heartbeats.
  std::int64_t answers() const { return answers_; }
  const telemetry::HistogramData& heartbeat_latency_ns() const { return heartbeat_latency_ns_; }
  // How long all of them waited for the broker, none of them for its next heartbeat.
  std::int64_t all_waited_ns() const { return all_waited_ns_; }

 protected:
  enum class Step : std::uint8_t { joining, agreeing, member, leaving, gone };
  struct Member {
    std::string id;
    Step step = Step::joining;
    std::int32_t epoch = 0;  // its generation, in the classic protocol
    PartitionList owned;     // ascending
    Frame frame;             // asked now, or once it is due
    bool in_flight = false;
    bool must_leave = false;  // after what is in flight
    std::int64_t asked_ns = 0;
    std::int64_t due_ns = 0;
  };

  explicit Members(Shape shape);

  // The first request of a new member, and the last one, of a member that has given up all that it had.
  virtual void begin_to_join(std::size_t number) = 0;
  virtual void begin_to_leave(std::size_t number) = 0;
  virtual void take_answer(std::size_t number, const Connections::Answer& answer) = 0;
  virtual std::string state_of_group() const = 0;

  const Shape& shape() const { return shape_; }
  const std::string& group() const { return group_; }
  Member& member(std::size_t number) { return members_[number]; }
  Random& random() { return random_; }
  const Socket& control() const { return control_; }  // for what is asked beside

  void ask(std::size_t number, Frame frame);
  void ask_at(std::size_t number, Frame frame, std::int64_t due_ns);
  // True for an error that passes by itself: the same is asked again soon.
  bool asks_again(std::size_t number, wire::ErrorCode error);
  // Whether something had to be given up.
  bool own(std::size_t number, PartitionList partitions, std::int64_t now_ns);
  void has_left(std::size_t number);
  // A part of the interval, another one for each member: all parts lie evenly, however many there are.
  static std::int64_t part_of(std::int64_t interval_ns, std::size_t number);
  // It came with the first ones, who came all together.
  bool is_of_the_first(std::size_t number) const { return number < first_; }

 private:
  void answered(const Connections::Answer& answer);
  void send(std::size_t number);
  void start_leaving(std::size_t number);
  void await_coordinator() const;

  using Due = std::pair<std::int64_t, std::size_t>;
  const Shape shape_;
  const std::string group_;
  const Socket control_;
  Random random_;
  Connections connections_;
  std::vector<Member> members_;  // those that have joined ever; never moves
  Ownership ownership_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t first_ = 0;
  std::size_t joined_ = 0;
  std::size_t left_ = 0;
  std::size_t leaving_ = 0;
  std::int64_t answers_ = 0;
  std::int64_t all_waited_ns_ = 0;
  telemetry::HistogramData heartbeat_latency_ns_;
};

// JoinGroup, SyncGroup, Heartbeat, LeaveGroup: cooperative, with what the leader's assignor makes of it.
// Where clients send their first heartbeats all at once after a rebalance, these spread them over the
// interval, so that a rebalance takes as long whenever it begins.
std::unique_ptr<Members> classic_members(Members::Shape shape);
// ConsumerGroupHeartbeat (KIP-848), as often as the broker says. Those that have joined first are spread over
// the interval, too.
std::unique_ptr<Members> consumer_members(Members::Shape shape);

}  // namespace moldau::load
