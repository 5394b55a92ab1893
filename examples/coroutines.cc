// The same operations as awaitables, futures and callbacks, one that is cancelled, and a hook that watches:
//
//   coroutines localhost:9092 a-topic
#include <atomic>
#include <chrono>
#include <future>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>

#include "moldau/client.h"

using namespace moldau::sdk;
using namespace std::chrono_literals;

namespace {

// A coroutine that returns a Future runs on until it has to wait, and goes on on the client's I/O thread.
Future<std::int64_t> write_and_count(Admin& admin, Producer& producer, std::string topic) {
  const auto created = co_await admin.create_topics({{.name = topic, .partitions = 1}});
  if (!created) co_return std::unexpected(created.error());
  for (int i = 0; i < 3; ++i) {
    const auto sent = co_await producer.send_async({.topic = topic, .value = "number " + std::to_string(i)});
    if (!sent) co_return std::unexpected(sent.error());
  }
  const auto ends = co_await admin.end_offsets({{topic, 0}});
  if (!ends) co_return std::unexpected(ends.error());
  co_return ends->front().second;
}

int complain(const Error& error) {
  std::cerr << error.to_string() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "localhost:9092";
  const std::string topic = argc > 2 ? argv[2] : "numbers";
  std::atomic<int> batches = 0;  // it outlives the client, whose thread counts
  Config config{.bootstrap_servers = address};
  config.hooks.on_batch = [&](const BatchReport& batch) { batches += batch.error ? 0 : 1; };
  auto client = Client::connect(config);
  if (!client) return complain(client.error());
  auto producer = client->producer();
  if (!producer) return complain(producer.error());
  Admin admin = client->admin();

  const auto end = write_and_count(admin, *producer, topic).get();
  if (!end) return complain(end.error());
  std::cout << topic << " ends at " << *end << '\n';

  std::promise<std::string> told;
  admin.describe_cluster().then([&](Expected<ClusterDescription> cluster) {
    told.set_value(cluster ? std::to_string(cluster->brokers.size()) + " brokers"
                           : cluster.error().to_string());
  });
  std::cout << told.get_future().get() << '\n';

  Consumer consumer = client->consumer();
  if (const auto assigned = consumer.assign(topic, StartAt::end()); !assigned)
    return complain(assigned.error());
  std::stop_source stop;
  auto polling = consumer.poll_async(1h).cancelled_by(stop.get_token());
  std::this_thread::sleep_for(100ms);
  stop.request_stop();
  const auto polled = polling.get();
  if (polled || polled.error().kind != ErrorKind::cancelled)
    return complain({.cause = "it was not cancelled"});
  std::cout << "cancelled\n";

  if (const auto closed = producer->close_async().get(); !closed) return complain(closed.error());
  std::cout << batches << " batches\n";
}
