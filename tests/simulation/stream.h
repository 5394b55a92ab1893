// The inside of the simulated network: connections, and the streams, listeners and networks that processes
// hold.
#pragma once

#include <deque>
#include <memory>

#include "simulation/machine.h"
#include "simulation/network.h"

namespace moldau::simulation {

class Connection;
using ConnectionRef = std::shared_ptr<Connection>;

// A connection and the bytes on their way. End 0 connected, end 1 accepted.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct End {
    Process* process = nullptr;
    ShardExecutor* executor = nullptr;
    runtime::Endpoint address;
    bool open = true;
    Errc error{};  // with `failed`
    bool failed = false;
    bool peer_ended = false;
    std::deque<Slice> received;
    std::coroutine_handle<> reader;
    std::coroutine_handle<> writer;
    std::shared_ptr<runtime::OneShot> hung_up;
    // Sent by this end and not yet delivered.
    struct Segment {
      enum class Kind : std::uint8_t { bytes, end, reset } kind;
      Slice bytes;
      MonotonicTime arrival;
    };
    std::deque<Segment> in_flight;
    bool delivering = false;
    unsigned retries = 0;
    std::size_t unread_bytes = 0;  // sent by this end and not yet read by the peer
    MonotonicTime line_free_at;

    unsigned machine() const { return process->machine().index(); }
  };

  Connection(Fabric& fabric, End connecting, End accepting);
  ~Connection();
  Connection(const Connection&) = delete;

  End& end(unsigned side) { return ends_[side]; }
  Fabric& fabric() { return fabric_; }

  void send(unsigned side, Slice bytes);
  // How many of `wanted` bytes the next segment takes; 0: the window is full.
  std::size_t next_segment(unsigned side, std::size_t wanted);
  std::size_t receive(unsigned side, MutableBytes into);
  void close(unsigned side);
  // The program of this side has died.
  void die(unsigned side, bool silently);
  // Both ends fail at once; part of what is on its way may still arrive.
  void reset();
  bool joins(unsigned a, unsigned b) const;

  static void wake(End& end);
  static void hang_up(End& end);

 private:
  void enqueue(unsigned side, End::Segment::Kind kind, Slice bytes);
  void schedule(unsigned side, MonotonicTime when);
  void arrive(unsigned side);
  void retry(unsigned side);
  void deliver(unsigned side, End::Segment segment);
  void fail_end(End& end, Errc error);
  void drop_some_in_flight(End& end);

  Fabric& fabric_;
  End ends_[2];
};

class SimulatedStream final : public runtime::Stream {
 public:
  SimulatedStream(ConnectionRef connection, unsigned side);
  ~SimulatedStream() override;

  runtime::Task<Result<std::size_t>> read_some(MutableBytes into) override;
  runtime::Task<Status> write(SliceList slices) override;
  runtime::OneShot& hung_up() override { return *end().hung_up; }
  void close() override;
  const runtime::Endpoint& peer() const override { return connection_->end(1 - side_).address; }
  const runtime::Endpoint& local() const override { return connection_->end(side_).address; }

 private:
  Connection::End& end() { return connection_->end(side_); }
  // Why neither bytes nor an end will come.
  Status usable();

  ConnectionRef connection_;
  unsigned side_;
  bool reading_ = false;
  bool writing_ = false;
};

class SimulatedListener final : public runtime::Listener {
 public:
  SimulatedListener(Fabric& fabric, Process& process, ShardExecutor& executor, runtime::Endpoint local,
                    runtime::ListenOptions options, bool any_address, bool loopback);
  ~SimulatedListener() override;

  runtime::Task<Result<std::unique_ptr<runtime::Stream>>> accept() override;
  void close() override;
  const runtime::Endpoint& local() const override { return local_; }

  bool full() const { return backlog_.size() >= static_cast<std::size_t>(options_.backlog); }
  void offer(ConnectionRef connection);
  bool listens_at(unsigned machine, bool loopback, std::uint16_t port) const;
  bool shares() const { return options_.share_port; }
  Process& process() { return process_; }
  ShardExecutor& executor() { return executor_; }

 private:
  Fabric& fabric_;
  Process& process_;
  ShardExecutor& executor_;
  runtime::Endpoint local_;
  runtime::ListenOptions options_;
  bool any_address_;
  bool loopback_;
  bool closed_ = false;
  std::deque<ConnectionRef> backlog_;
  std::coroutine_handle<> acceptor_;
  bool accepting_ = false;
};

class ProcessNetwork final : public runtime::Network {
 public:
  ProcessNetwork(Fabric& fabric, Process& process, ShardExecutor& executor)
      : fabric_(fabric), process_(process), executor_(executor) {}

  Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint& at,
                                                    runtime::ListenOptions options) override;
  runtime::Task<Result<std::unique_ptr<runtime::Stream>>> connect(runtime::Endpoint to,
                                                                  MonotonicTime deadline) override;

 private:
  struct Attempt;
  using AttemptRef = std::shared_ptr<Attempt>;
  static void knock(AttemptRef attempt);
  static void refuse(AttemptRef attempt);
  static void greet(AttemptRef attempt, ConnectionRef connection);
  static void again(AttemptRef attempt, void (*step)(AttemptRef));

  Fabric& fabric_;
  Process& process_;
  ShardExecutor& executor_;
};

}  // namespace moldau::simulation
