#include "call.h"
#include "echo.h"
#include "modes.h"
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

}  // namespace

void round_trip(const Broker& broker, const std::string& row, const ProduceShape& shape) {
  constexpr int kRoundsInTurn = 500;
  const EchoServer echo;
  const std::string topic = create_topic(broker.port, 1);
  const Frame frame =
      produce_frame(topic, 0, make_batch(shape.records, static_cast<std::size_t>(shape.value_bytes)),
                    static_cast<std::int16_t>(shape.acks));
  const Socket to_echo = Socket::connect(echo.port());
  const Socket to_broker = Socket::connect(broker.port);
  telemetry::HistogramData echo_ns;
  telemetry::HistogramData produce_ns;
  const auto run = [&](double seconds) {
    echo_ns = {};
    produce_ns = {};
    for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) {
      echo_rounds(to_echo, frame.bytes, kRoundsInTurn, echo_ns);
      produce_rounds(to_broker, frame, kRoundsInTurn, produce_ns);
    }
  };
  run(shape.warmup_s);
  run(shape.seconds);
  const auto p50 = [](const telemetry::HistogramData& ns) { return static_cast<double>(ns.percentile(0.5)); };
  JsonLine(row)
      .number("request_bytes", static_cast<double>(frame.bytes.size()))
      .number("times_echo", p50(produce_ns) / p50(echo_ns))
      .latency(produce_ns)
      .latency(echo_ns, "echo_")
      .print();
}

}  // namespace moldau::load
