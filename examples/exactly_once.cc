// Takes every record of one topic to another exactly once, as a member of a group, until nothing comes any
// more for a while:
//
//   exactly_once localhost:9092 from to my-group my-transactional-id [classic|consumer] [seconds of silence]
//
// What was read is committed in the transaction of what was written: whoever reads the other topic with
// isolation.level=read_committed sees each record once, whatever dies meanwhile.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "moldau/client.h"

using namespace moldau::sdk;

namespace {

void tell(const char* what, const std::vector<TopicPartition>& partitions) {
  std::cout << what;
  for (const TopicPartition& one : partitions) std::cout << ' ' << one.topic << '-' << one.partition;
  std::cout << std::endl;
}

// One transaction: the records to the other topic, and that they are done.
Expected<void> take_over(TransactionalProducer& producer, Consumer& consumer, const Records& records,
                         const std::string& to) {
  auto transaction = producer.begin();
  if (!transaction) return std::unexpected(transaction.error());
  for (const RecordView& record : records) {
    Record copy{.topic = to};
    if (record.key) copy.key = std::string(*record.key);
    if (record.value) copy.value = std::string(*record.value);
    transaction->send(std::move(copy), nullptr);  // a failure is told by commit()
  }
  if (auto sent = transaction->send_offsets(consumer); !sent) return sent;
  return transaction->commit();
}  // not committed: aborted here

int complain(const Error& error) {
  std::cerr << error.to_string() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::cerr << "usage: exactly_once SERVERS FROM TO GROUP TRANSACTIONAL_ID [classic|consumer] [SECONDS]\n";
    return 2;
  }
  const std::string from = argv[2], to = argv[3];
  const auto silence = std::chrono::seconds(argc > 7 ? std::atoi(argv[7]) : 10);
  auto config = Config::from_properties({{"bootstrap.servers", argv[1]},
                                         {"group.id", argv[4]},
                                         {"transactional.id", argv[5]},
                                         {"group.protocol", argc > 6 ? argv[6] : "classic"},
                                         {"enable.auto.commit", "false"},
                                         {"auto.offset.reset", "earliest"},
                                         {"isolation.level", "read_committed"},
                                         {"session.timeout.ms", "10000"},
                                         {"transaction.timeout.ms", "30000"}});
  if (!config) return complain(config.error());
  auto client = Client::connect(*config);
  if (!client) return complain(client.error());
  auto producer = client->transactional_producer(*config);
  if (!producer) return complain(producer.error());

  Consumer consumer = client->consumer();
  const auto subscribed =
      consumer.subscribe({from}, {
                                     .on_assigned = [](auto& all) { tell("assigned", all); },
                                     .on_revoked = [](auto& all) { tell("revoked", all); },
                                     .on_lost = [](auto& all) { tell("lost", all); },
                                 });
  if (!subscribed) return complain(subscribed.error());

  std::size_t taken = 0;
  auto last = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - last < silence) {
    const auto records = consumer.poll(std::chrono::milliseconds(200));
    if (!records && !records.error().retriable) return complain(records.error());
    if (!records || records->empty()) continue;
    last = std::chrono::steady_clock::now();
    const auto done = take_over(*producer, consumer, *records, to);
    if (done) {
      taken += records->size();
      std::cout << "committed " << records->size() << std::endl;
      continue;
    }
    std::cout << "aborted: " << done.error().to_string() << std::endl;
    if (done.error().kind == ErrorKind::fenced) return complain(done.error());
    while (!consumer.seek_to_committed()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  consumer.close();
  std::cout << "took over " << taken << std::endl;
}
