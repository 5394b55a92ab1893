// A simulated world with fake brokers and a client.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/admin.h"
#include "client/cluster.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "fake_broker.h"

namespace moldau::client {

using namespace std::chrono_literals;

class ClientTest : public testing::Test {
 protected:
  ClientTest() : world_(testing::UnitTest::GetInstance()->random_seed() + 1) { add_broker(); }
  ~ClientTest() override {
    world_.run(client_ ? client_->close() : nothing());
    client_.reset();
    for (const auto& broker : brokers_) world_.run(broker->stop());
    world_.run_until_idle(10min);
  }

  FakeBroker& add_broker() {
    const auto id = static_cast<NodeId>(brokers_.size());
    brokers_.push_back(std::make_unique<FakeBroker>(world_, cluster_, id,
                                                    static_cast<std::uint16_t>(9092 + brokers_.size())));
    return *brokers_.back();
  }
  FakeBroker& broker(std::size_t index = 0) { return *brokers_.at(index); }

  ClusterClient& client() {
    if (!client_) {
      if (options_.bootstrap.empty()) options_.bootstrap = {broker().endpoint()};
      client_ = std::make_unique<ClusterClient>(world_, 0, options_);
    }
    return *client_;
  }
  std::unique_ptr<ProducerCore> producer(ProducerOptions options = {}) {
    return std::move(*ProducerCore::create(client(), options));
  }
  MonotonicTime in(Duration duration) { return world_.shard(0).now() + duration; }

  static Task<void> nothing() { co_return; }
  static NewRecord record(std::string_view topic, std::string_view value, PartitionIndex partition = 0) {
    return {.topic = topic, .partition = partition, .value = as_bytes(value)};
  }

  // The values in a partition of the fake cluster, in order.
  std::vector<std::string> values_in(const std::string& topic, PartitionIndex partition = 0) {
    std::vector<std::string> values;
    record::Codecs codecs;
    for (const Slice& bytes : cluster_.partition(topic, partition).batches) {
      const auto batch = record::BatchView::trusted(bytes);
      record::RecordReader reader(batch, *record::uncompressed_records(batch, codecs, 1 << 26));
      for (record::RecordView one; *reader.next(one);) values.emplace_back(as_text(*one.value));
    }
    return values;
  }

  simulation::World world_;
  FakeCluster cluster_;
  std::vector<std::unique_ptr<FakeBroker>> brokers_;
  ClusterOptions options_;
  std::unique_ptr<ClusterClient> client_;
};

}  // namespace moldau::client
