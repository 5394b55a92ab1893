// LocalController: the controller that runs in this process, on shard 0, and LocalChannel: a shard's way to
// it. An answer leaves once its records are committed and this broker has applied them on every shard.
#pragma once

#include <memory>

#include "controller/controller.h"
#include "quorum/metadata_quorum.h"
#include "replication/partition_set.h"
#include "server/controller_channel.h"

namespace moldau::node {

class LocalController {
 public:
  LocalController(runtime::World& world, quorum::MetadataQuorum& quorum, controller::Controller controller,
                  NodeId node_id);

  runtime::Executor& executor() { return executor_; }
  // Where applied images appear last: shard 0's holder. Set once, before the first request.
  void set_applied(replication::ImageHolder& applied) { applied_ = &applied; }

  // The node stops: who waits for a change that does not come to pass is answered soon.
  void stop() { stopping_ = true; }

  // Registers this broker under a new epoch, then unfences it once it has applied its registration.
  runtime::Task<Status> register_broker(wire::BrokerRegistrationRequest request);
  runtime::Task<Status> unfence();

  // On shard 0.
  runtime::Task<wire::CreateTopicsResponse> ask(wire::CreateTopicsRequest request);
  runtime::Task<wire::DeleteTopicsResponse> ask(wire::DeleteTopicsRequest request);
  runtime::Task<wire::CreatePartitionsResponse> ask(wire::CreatePartitionsRequest request);
  runtime::Task<wire::AlterConfigsResponse> ask(wire::AlterConfigsRequest request);
  runtime::Task<wire::IncrementalAlterConfigsResponse> ask(wire::IncrementalAlterConfigsRequest request);
  runtime::Task<wire::UpdateFeaturesResponse> ask(wire::UpdateFeaturesRequest request);
  runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request);
  runtime::Task<Result<ProducerId>> next_producer_id();

 private:
  const metadata::Image& judged() const;
  // The response of an outcome once its records are committed and applied here; else its `items` fail.
  template <class Outcome, class Response, class Items>
  runtime::Task<Response> carry_out(Outcome outcome, Items Response::* items);
  // Records of an outcome: committed, then applied here. The error of the whole request otherwise; what was
  // not committed in time (Errc::timed_out), as on a full disk, may be committed later.
  runtime::Task<Status> commit(std::vector<metadata::Record> records);
  runtime::Task<Status> allocate_producer_ids();

  runtime::Executor& executor_;
  quorum::MetadataQuorum& quorum_;
  controller::Controller controller_;
  Random random_;
  NodeId node_id_;
  replication::ImageHolder* applied_ = nullptr;
  metadata::BrokerEpoch broker_epoch_ = metadata::kNoBrokerEpoch;
  ProducerId next_producer_id_ = 0;  // of the block at hand
  ProducerId block_end_ = 0;
  bool stopping_ = false;
  runtime::Semaphore allocation_;  // one block is asked for at a time
};

// The requests of one shard.
class LocalChannel final : public server::ControllerChannel {
  template <class Request>
  auto pass(Request& request) {
    return runtime::on_shard(here_, controller_.executor(),
                             [&controller = controller_, request = std::move(request)]() mutable {
                               return controller.ask(std::move(request));
                             });
  }

 public:
  LocalChannel(runtime::Executor& here, LocalController& controller) : here_(here), controller_(controller) {}

  runtime::Task<wire::CreateTopicsResponse> ask(wire::CreateTopicsRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::DeleteTopicsResponse> ask(wire::DeleteTopicsRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::CreatePartitionsResponse> ask(wire::CreatePartitionsRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::AlterConfigsResponse> ask(wire::AlterConfigsRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::IncrementalAlterConfigsResponse> ask(
      wire::IncrementalAlterConfigsRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::UpdateFeaturesResponse> ask(wire::UpdateFeaturesRequest request) override {
    return pass(request);
  }
  runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request) override {
    return pass(request);
  }
  runtime::Task<Result<ProducerId>> next_producer_id() override;

 private:
  runtime::Executor& here_;
  LocalController& controller_;
};

}  // namespace moldau::node
