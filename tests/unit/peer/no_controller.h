// A controller that is never the active one.
#pragma once

#include "node/controller_answers.h"
#include "server/controller_channel.h"

namespace moldau::peer {

class NoController final : public server::PassEach<NoController> {
 public:
  template <class Request>
  runtime::Task<server::AnswerTo<Request>> pass(Request request) {
    using node::refuse;
    co_return refuse(request, {wire::ErrorCode::not_controller, "never"});
  }
  runtime::Task<Result<ProducerId>> next_producer_id() override {
    co_return fail(Errc::unavailable, "never the active controller");
  }
};

}  // namespace moldau::peer
