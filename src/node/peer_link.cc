#include "node/peer_link.h"

namespace moldau::node {

using runtime::Task;

PeerLink::PeerLink(runtime::World& world, unsigned shard, std::string listener)
    : executor_(world.shard(shard)), listener_(std::move(listener)) {
  for (auto& peers : peers_)
    peers = std::make_unique<peer::PeerClient>(executor_, world.network(shard), Random(world.entropy()));
}

void PeerLink::set_route(runtime::Executor& home, ControllerRoute& route) {
  home_ = &home;
  route_ = &route;
}

Task<void> PeerLink::close() {
  for (auto& peers : peers_) co_await peers->close();
}

Result<runtime::Endpoint> PeerLink::address_of(NodeId id) const {
  const metadata::Broker* broker = image_ ? image_->broker(id) : nullptr;
  if (broker == nullptr)
    return fail(Errc::unavailable, "broker " + std::to_string(id) + " is not registered");
  for (const auto& endpoint : broker->endpoints)
    if (endpoint.listener == listener_) return runtime::Endpoint{endpoint.host, endpoint.port};
  return fail(Errc::unavailable, "broker " + std::to_string(id) + " has no listener " + listener_);
}

Task<Result<wire::FetchResponse>> PeerLink::fetch(NodeId leader, wire::FetchRequest request,
                                                  runtime::MonotonicTime deadline) {
  CO_ASSIGN_OR_RETURN(runtime::Endpoint address, address_of(leader));
  const bool first = busy_.insert(leader).second;
  auto response = co_await peers_[first ? 0 : 1]->call<wire::FetchResponse>(
      std::move(address), std::move(request), deadline, peer::Purpose::replication);
  if (first) busy_.erase(leader);
  co_return response;
}

template <class Request>
Task<Result<server::AnswerTo<Request>>> PeerLink::ask_controller(Request request,
                                                                 runtime::MonotonicTime deadline) {
  if (route_ == nullptr) co_return fail(Errc::unavailable, "the node has not joined its cluster yet");
  co_return co_await runtime::on_shard(executor_, *home_,
                                       [&route = *route_, request = std::move(request), deadline]() mutable {
                                         return route.ask(std::move(request), deadline);
                                       });
}

Task<Result<wire::AlterPartitionResponse>> PeerLink::alter_partition(wire::AlterPartitionRequest request,
                                                                     runtime::MonotonicTime deadline) {
  return ask_controller(std::move(request), deadline);
}

Task<Result<wire::AssignReplicasToDirsResponse>> PeerLink::assign_replicas_to_dirs(
    wire::AssignReplicasToDirsRequest request, runtime::MonotonicTime deadline) {
  return ask_controller(std::move(request), deadline);
}

}  // namespace moldau::node
