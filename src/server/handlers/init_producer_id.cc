// InitProducerId: an id that no producer has had.
#include "server/handlers/handlers.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

Task<wire::InitProducerIdResponse> init_producer_id(Broker& broker, const Request&,
                                                    wire::InitProducerIdRequest message) {
  wire::InitProducerIdResponse response;
  response.producer_id = kNoProducerId;
  response.producer_epoch = kNoProducerEpoch;
  const bool has_id = message.producer_id != kNoProducerId;
  const bool has_epoch = message.producer_epoch != kNoProducerEpoch;
  if (has_id != has_epoch) {
    response.error_code = ErrorCode::invalid_request;
  } else if (message.transactional_id) {
    // No transaction coordinator is served yet, as FindCoordinator says too.
    response.error_code =
        message.transactional_id->empty() ? ErrorCode::invalid_request : ErrorCode::coordinator_not_available;
  } else if (const auto id = co_await broker.controller.next_producer_id()) {
    response.producer_id = *id;
    response.producer_epoch = 0;
  } else {
    response.error_code = ErrorCode::coordinator_load_in_progress;
  }
  broker.metrics.error(wire::ApiKey::init_producer_id, response.error_code);
  co_return response;
}

}  // namespace moldau::server::handlers
