// The coordinator of transactions on a log of its own: what it tells whom, and what it does when nobody
// listens.
#include "coordinator/transaction_coordinator.h"

#include "hosted.h"

namespace moldau::coordinator::testing {
namespace {

using transaction::Producer;

const TopicPartition kData{"data", 0};

// Brokers as the test wants them.
class Links final : public TransactionLinks {
 public:
  Task<Result<ProducerId>> next_producer_id() override { co_return next_id++; }
  Task<Result<wire::WriteTxnMarkersResponse>> write_markers(NodeId broker,
                                                            wire::WriteTxnMarkersRequest request,
                                                            runtime::MonotonicTime) override {
    sent.push_back({broker, request});
    if (slow_on != nullptr) co_await runtime::sleep_for(*slow_on, takes);
    if (unreachable) co_return fail(Errc::unavailable, "cut off");
    wire::WriteTxnMarkersResponse response;
    for (const auto& marker : request.markers) {
      auto& answer = response.markers.emplace_back();
      answer.producer_id = marker.producer_id;
      for (const auto& topic : marker.topics) {
        answer.topics.push_back({topic.name, {}});
        for (const PartitionIndex index : topic.partition_indexes)
          answer.topics.back().partitions.push_back({index, code});
      }
    }
    co_return response;
  }

  struct Sent {
    NodeId broker;
    wire::WriteTxnMarkersRequest request;
  };
  std::vector<Sent> sent;
  ErrorCode code = ErrorCode::none;
  bool unreachable = false;
  runtime::Executor* slow_on = nullptr;
  runtime::Duration takes = 10ms;
  ProducerId next_id = 100;
};

class TransactionHost : public Hosted {
 protected:
  TransactionHost() {
    open();
    create_topic_named(std::string(metadata::kTransactionStateTopic), kTopicId, kPartitions);
    create_topic_named("data", {9, 9}, 2);
    make();
    wait_until_loaded();
  }
  ~TransactionHost() override { unmake(); }

  void wait_until_loaded() {
    EXPECT_TRUE(world.run_until([&] { return transactions->state_hashes().size() == kPartitions; }, 10s));
  }
  void make() {
    transaction_settings = Settings::of(settings_.broker);
    transactions = std::make_unique<TransactionCoordinator>(TransactionCoordinator::Parts{
        world.shard(0), world.wall_clock(), partitions(), transaction_settings, links});
    transactions->apply(image());
  }
  void unmake() {
    if (!transactions) return;
    world.run(transactions->stop());
    transactions.reset();
  }
  // Another coordinator reads the log.
  void take_over() {
    unmake();
    make();
    wait_until_loaded();
  }

  Producer init(const std::string& id = "t", std::int32_t timeout_ms = 60'000) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    const auto answer = world.run(transactions->init_producer_id(at(id), request));
    EXPECT_TRUE(answer && answer->error_code == ErrorCode::none);
    return answer ? Producer{answer->producer_id, answer->producer_epoch} : Producer{};
  }
  ErrorCode add(Producer producer, std::set<TopicPartition> partitions = {kData}) {
    const auto answer = world.run(transactions->add_partitions(at("t"), "t", producer, partitions, 2));
    return answer ? *answer : answer.error();
  }
  ErrorCode end(Producer producer, bool commits) {
    const auto answer = world.run(
        transactions->end(at("t"), wire::EndTxnRequest{"t", producer.id, producer.epoch, commits}, 2));
    return answer ? answer->error_code : answer.error();
  }
  std::string state() {
    const auto answer = world.run(transactions->describe(at("t"), "t"));
    return answer ? answer->transaction_state : std::string(wire::name_of(answer.error()));
  }
  bool comes_to(const std::string& wanted, runtime::Duration within = 60s) {
    return world.run_until([&] { return state() == wanted; }, within);
  }

  Links links;
  Settings transaction_settings;
  std::unique_ptr<TransactionCoordinator> transactions;
};

TEST_F(TransactionHost, TellsEveryPartitionOfTheEnd) {
  const Producer producer = init();
  ASSERT_EQ(add(producer, {kData, {"data", 1}}), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  ASSERT_TRUE(comes_to("CompleteCommit"));
  ASSERT_EQ(links.sent.size(), 1U);
  EXPECT_EQ(links.sent[0].broker, kSelf);
  const auto& marker = links.sent[0].request.markers.at(0);
  EXPECT_TRUE(marker.transaction_result);
  EXPECT_EQ(marker.producer_id, producer.id);
  EXPECT_EQ(marker.producer_epoch, producer.epoch + 1);
  EXPECT_EQ(marker.transaction_version, 2);
  EXPECT_EQ(marker.coordinator_epoch, 0);
  EXPECT_EQ(marker.topics.at(0).partition_indexes, (std::vector<PartitionIndex>{0, 1}));
}

TEST_F(TransactionHost, TX20_TellsThemUntilTheyHaveHeard) {
  const Producer producer = init();
  ASSERT_EQ(add(producer), ErrorCode::none);
  links.unreachable = true;
  ASSERT_EQ(end(producer, false), ErrorCode::none);
  world.run_for(5s);
  EXPECT_EQ(state(), "PrepareAbort");
  EXPECT_GT(links.sent.size(), 3U);
  links.unreachable = false;
  links.code = ErrorCode::not_leader_or_follower;
  const auto before = links.sent.size();
  world.run_for(5s);
  EXPECT_EQ(state(), "PrepareAbort");
  EXPECT_GT(links.sent.size(), before);
  EXPECT_LT(links.sent.size(), 30U) << "and gives them time between";
  links.code = ErrorCode::none;
  EXPECT_TRUE(comes_to("CompleteAbort"));
}

TEST_F(TransactionHost, StopsAlthoughABrokerThatIsToWriteMarkersHangs) {
  const Producer producer = init();
  ASSERT_EQ(add(producer), ErrorCode::none);
  links.slow_on = &world.shard(0);
  links.takes = 10s;
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  ASSERT_TRUE(world.run_until([&] { return !links.sent.empty(); }, 5s));
  const auto before = world.shard(0).now();
  unmake();
  EXPECT_LT(world.shard(0).now() - before, 1s);
  world.run_for(20s);  // what it answers at last reaches nobody
  links.takes = 10ms;
  make();
  wait_until_loaded();
  EXPECT_TRUE(comes_to("CompleteCommit"));
}

TEST_F(TransactionHost, TX05_ADecisionIsCarriedOutByWhoeverComesNext) {
  const Producer producer = init();
  ASSERT_EQ(add(producer), ErrorCode::none);
  links.unreachable = true;
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  take_over();
  EXPECT_EQ(state(), "PrepareCommit");
  EXPECT_EQ(end(producer, false), ErrorCode::invalid_txn_state) << "it does not flip";
  links.unreachable = false;
  EXPECT_TRUE(comes_to("CompleteCommit"));
  EXPECT_TRUE(links.sent.back().request.markers.at(0).transaction_result);
}

TEST_F(TransactionHost, TX18_IsNotHeldUpByTopicsThatAreGone) {
  const Producer producer = init();
  ASSERT_EQ(add(producer), ErrorCode::none);
  links.code = ErrorCode::unknown_topic_or_partition;
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  world.run_for(1s);
  EXPECT_EQ(state(), "PrepareCommit") << "one that is only not there yet";
  commit({metadata::RemoveTopicRecord{{9, 9}}});
  transactions->apply(image());
  EXPECT_TRUE(comes_to("CompleteCommit"));
}

TEST_F(TransactionHost, AbortsWhatTakesTooLong) {
  const Producer producer = init("t", 1'000);
  ASSERT_EQ(add(producer), ErrorCode::none);
  EXPECT_TRUE(comes_to("CompleteAbort", 30s));
  EXPECT_EQ(add(producer), ErrorCode::producer_fenced);
  EXPECT_EQ(init().epoch, producer.epoch + 2);
}

TEST_F(TransactionHost, ForgetsIdsThatNobodyUses) {
  unmake();
  settings_.broker.insert({"transactional.id.expiration.ms", "1000"});
  settings_.broker.insert({"transaction.remove.expired.transaction.cleanup.interval.ms", "5000"});
  make();
  wait_until_loaded();
  init();
  EXPECT_EQ(state(), "Empty");
  ASSERT_TRUE(comes_to(""));
  EXPECT_EQ(init().epoch, 0) << "as one that is new";
}

TEST_F(TransactionHost, SendsMarkersOfManyTogether) {
  std::vector<Producer> producers;
  const std::string ids[] = {"a", "b", "c", "d"};
  links.slow_on = &world.shard(0);
  for (const std::string& id : ids) {
    producers.push_back(init(id));
    ASSERT_TRUE(world.run(transactions->add_partitions(at(id), id, producers.back(), {kData}, 2)));
  }
  auto end_all = [&]() -> Task<int> {
    for (std::size_t i = 0; i < producers.size(); ++i) {
      auto later = [](TransactionCoordinator& to, PartitionIndex at,
                      wire::EndTxnRequest request) -> Task<void> {
        static_cast<void>(co_await to.end(at, std::move(request), 2));
      };
      later(*transactions, at(ids[i]), {ids[i], producers[i].id, producers[i].epoch, true}).detach();
    }
    co_return 0;
  };
  world.run(end_all());
  std::size_t markers = 0;
  const auto all_sent = [&] {
    markers = 0;
    for (const auto& sent : links.sent) markers += sent.request.markers.size();
    return markers == producers.size();
  };
  ASSERT_TRUE(world.run_until(all_sent, 10s));
  EXPECT_LT(links.sent.size(), producers.size()) << "what comes while one is under way goes together";
}

TEST_F(TransactionHost, IsNoCoordinatorOfWhatItDoesNotLead) {
  const Producer producer = init();
  elect(at("t"), kOther);
  transactions->apply(image());
  EXPECT_EQ(add(producer), ErrorCode::not_coordinator);
  EXPECT_EQ(state(), wire::name_of(ErrorCode::not_coordinator));
}

TEST_F(TransactionHost, RecordsAreInTheFormThatTheClusterAllows) {
  init();
  const auto format = [&] {
    const auto read = world.run(partition(at("t")).log()->read(0, 1 << 20, 100, true));
    record::BatchReader batches(read->batches.back());
    record::BatchView batch;
    EXPECT_TRUE(*batches.next(batch));
    record::RecordReader records(batch, batch.records());
    record::RecordView view;
    EXPECT_TRUE(*records.next(view));
    return load_be<std::int16_t>(view.value->data());
  };
  EXPECT_EQ(format(), 0) << "no transaction.version is finalized";
}

}  // namespace
}  // namespace moldau::coordinator::testing
