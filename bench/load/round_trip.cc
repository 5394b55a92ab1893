#include <unistd.h>

#include "call.h"
#include "echo.h"
#include "modes.h"
#include "placement.h"
#include "program.h"

namespace moldau::load {

namespace {

void produce_rounds(const Socket& socket, const Frame& frame, int rounds, telemetry::HistogramData& ns) {
  std::byte buffer[4096];
  for (int i = 0; i < rounds; ++i) {
    const std::int64_t began = now_ns();
    socket.send_all(frame.bytes);
    // A server may send the size and the rest apart: what is read first decides how much is missing.
    const MutableBytes all(buffer);
    std::size_t got = socket.receive_some(all);
    while (got < 4) got += socket.receive_some(all.subspan(got));
    const auto size = static_cast<std::size_t>(load_be<std::int32_t>(buffer));
    if (size > sizeof buffer - 4) die("a Produce response of an impossible size");
    while (got < size + 4) got += socket.receive_some(all.subspan(got));
    ns.record(static_cast<std::uint64_t>(now_ns() - began));
    check_produced(frame, all.subspan(4, size));
  }
}

struct Pair {
  telemetry::HistogramData echo_ns;
  telemetry::HistogramData produce_ns;
  double ratio() const {
    return static_cast<double>(produce_ns.percentile(0.5)) / static_cast<double>(echo_ns.percentile(0.5));
  }
};

// Echo and broker by turns, so that both see the same moods of the machine.
class Turns {
 public:
  Turns(const Broker& broker, const Frame& frame)
      : frame_(frame), to_echo_(Socket::connect(echo_.port())), to_broker_(Socket::connect(broker.port)) {}

  Pair run(double seconds) const {
    constexpr int kRoundsInTurn = 500;
    Pair pair;
    for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) {
      echo_rounds(to_echo_, frame_.bytes, kRoundsInTurn, pair.echo_ns);
      produce_rounds(to_broker_, frame_, kRoundsInTurn, pair.produce_ns);
    }
    return pair;
  }
  pid_t echo() const { return echo_.pid(); }

 private:
  const EchoServer echo_;
  const Frame& frame_;
  const Socket to_echo_;
  const Socket to_broker_;
};

}  // namespace

// Both servers on one core and the client on another, no core asleep; then all three on one core.
void round_trip(const Broker& broker, const std::string& row, const ProduceShape& shape) {
  const std::vector<int> cores = usable_cores();
  const std::string topic = create_topic(broker.port, 1);
  const Frame frame =
      produce_frame(topic, 0, make_batch(shape.records, static_cast<std::size_t>(shape.value_bytes)),
                    static_cast<std::int16_t>(shape.acks));
  const Turns turns(broker, frame);
  const AwakeCores awake(cores);
  const auto run_with_client_on = [&](int core) {
    confine(::getpid(), core);
    turns.run(shape.warmup_s);
    return turns.run(shape.seconds);
  };
  for (const pid_t server : {turns.echo(), broker.pids.at(0)}) confine(server, cores.front());
  const Pair apart = run_with_client_on(cores.back());
  const Pair together = run_with_client_on(cores.front());
  JsonLine(row)
      .number("request_bytes", static_cast<double>(frame.bytes.size()))
      .number("times_echo", apart.ratio())
      .latency(apart.produce_ns)
      .latency(apart.echo_ns, "echo_")
      .number("one_core_times_echo", together.ratio())
      .latency(together.produce_ns, "one_core_")
      .latency(together.echo_ns, "one_core_echo_")
      .print();
}

}  // namespace moldau::load
