// Sends ten records and reads them back:
//
//   produce_and_consume localhost:9092 greetings
#include <iostream>
#include <string>

#include "moldau/client.h"

using namespace moldau::sdk;

namespace {

int complain(const Error& error) {
  std::cerr << error.to_string() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "localhost:9092";
  const std::string topic = argc > 2 ? argv[2] : "greetings";

  auto client = Client::connect({.bootstrap_servers = address, .linger = std::chrono::milliseconds(1)});
  if (!client) return complain(client.error());

  auto producer = client->producer();
  if (!producer) return complain(producer.error());
  for (int i = 0; i < 10; ++i) {
    const auto sent = producer->send({.topic = topic, .key = "key-" + std::to_string(i), .value = "hello"});
    if (!sent) return complain(sent.error());
    std::cout << "sent to partition " << sent->partition << " at offset " << sent->offset << '\n';
  }

  Consumer consumer = client->consumer();
  if (const auto assigned = consumer.assign(topic, StartAt::beginning()); !assigned)
    return complain(assigned.error());
  for (int received = 0; received < 10;) {
    const auto records = consumer.poll(std::chrono::seconds(5));
    if (!records) return complain(records.error());
    if (records->empty()) return complain({.cause = "the records did not come back"});
    for (const RecordView& record : *records) {
      std::cout << record.offset << ' ' << record.key.value_or("") << ' ' << record.value.value_or("")
                << '\n';
      ++received;
    }
  }
}
