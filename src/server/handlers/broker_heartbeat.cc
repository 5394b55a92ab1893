// BrokerHeartbeat: to this node's controller, which is also told when the connection ends that they come by.
#include "server/handlers/handlers.h"

namespace moldau::server::handlers {

Task<wire::BrokerHeartbeatResponse> broker_heartbeat(Broker& broker, const Request& request,
                                                     wire::BrokerHeartbeatRequest message) {
  request.peer.broker = message.broker_id;
  return broker.own_controller->ask(std::move(message));
}

}  // namespace moldau::server::handlers
