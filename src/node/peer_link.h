// PeerLink: what one shard's partitions have of other nodes: their leaders, found by the newest image, and
// the active controller. Lives on its shard; close() ends its calls and is awaited before it goes.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>

#include "metadata/image.h"
#include "node/controller_route.h"
#include "peer/peer_client.h"
#include "replication/channels.h"
#include "runtime/world.h"

namespace moldau::node {

class PeerLink final : public replication::LeaderChannel, public replication::IsrChannel {
 public:
  // `listener`: the name of the one that brokers talk to each other by.
  PeerLink(runtime::World& world, unsigned shard, std::string listener);

  runtime::Executor& executor() { return executor_; }
  // Where brokers are found from here on. Before partitions act on the same image.
  void learn(std::shared_ptr<const metadata::Image> image) { image_ = std::move(image); }
  // On shard `home`. Before the first call of alter_partition().
  void set_route(runtime::Executor& home, ControllerRoute& route);
  runtime::Task<void> close();

  // Any request to a broker of the newest image; Errc::unavailable when that does not know it.
  template <class Response, class Request>
  runtime::Task<Result<Response>> ask(NodeId broker, Request request, runtime::MonotonicTime deadline,
                                      peer::Purpose purpose) {
    CO_ASSIGN_OR_RETURN(runtime::Endpoint address, address_of(broker));
    co_return co_await peers_[0]->template call<Response>(std::move(address), std::move(request), deadline,
                                                          purpose);
  }

  runtime::Task<Result<wire::FetchResponse>> fetch(NodeId leader, wire::FetchRequest request,
                                                   runtime::MonotonicTime deadline) override;
  runtime::Task<Result<wire::AlterPartitionResponse>> alter_partition(
      wire::AlterPartitionRequest request, runtime::MonotonicTime deadline) override;
  runtime::Task<Result<wire::AssignReplicasToDirsResponse>> assign_replicas_to_dirs(
      wire::AssignReplicasToDirsRequest request, runtime::MonotonicTime deadline) override;

 private:
  Result<runtime::Endpoint> address_of(NodeId broker) const;
  template <class Request>
  runtime::Task<Result<server::AnswerTo<Request>>> ask_controller(Request request,
                                                                  runtime::MonotonicTime deadline);

  runtime::Executor& executor_;
  const std::string listener_;
  std::shared_ptr<const metadata::Image> image_;
  runtime::Executor* home_ = nullptr;
  ControllerRoute* route_ = nullptr;
  // A leader holds a fetch while there is nothing new: the second one to it has connections of its own.
  std::array<std::unique_ptr<peer::PeerClient>, 2> peers_;
  std::set<NodeId> busy_;  // that the first is waiting for
};

}  // namespace moldau::node
