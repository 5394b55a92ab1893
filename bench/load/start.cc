#include <unistd.h>

#include "call.h"
#include "modes.h"
#include "process.h"
#include "program.h"

namespace moldau::load {

namespace {

Socket await_listener(std::uint16_t port, Child& broker) {
  for (const std::int64_t deadline = now_ns() + kPatienceSeconds * kSecondNs; now_ns() < deadline;
       ::usleep(100)) {
    if (auto socket = Socket::try_connect(port)) return *std::move(socket);
    if (!broker.running()) die("the broker ended before it listened");
  }
  die("the broker does not listen");
}

double ms_since(std::int64_t began) { return static_cast<double>(now_ns() - began) / 1e6; }

}  // namespace

void start(std::uint16_t port, const std::string& row, const std::string& output_path,
           const std::vector<std::string>& command, const Existing& existing) {
  const std::int64_t began = now_ns();
  Child broker = Child::execute(command, output_path);
  const Socket socket = await_listener(port, broker);
  socket.set_timeout(kPatienceSeconds);
  const double listening_ms = ms_since(began);
  static_cast<void>(ask(socket, api_versions_frame().bytes));
  const double answering_ms = ms_since(began);
  const std::string topic = existing.name.empty() ? "first" : existing.name;
  if (existing.name.empty()) create_topics(port, {{.name = topic}});
  produce_until_acknowledged(socket, produce_frame(topic, 0, make_batch(1, 100), -1));
  const double first_ack_ms = ms_since(began);
  const auto records = count_records(port, topic, existing.partitions);
  const double resident_mib = resident_mib_of({broker.pid()});
  const std::int64_t stopping = now_ns();
  if (!broker.terminate(kPatienceSeconds)) die("the broker does not end on SIGTERM");
  JsonLine(row)
      .number("listening_ms", listening_ms)
      .number("answering_ms", answering_ms)
      .number("first_ack_ms", first_ack_ms)
      .number("records", static_cast<double>(records))
      .number("rss_mib", resident_mib)
      .number("stop_ms", ms_since(stopping))
      .print();
}

}  // namespace moldau::load
