#include "node/controller_registrar.h"

#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kPatience = std::chrono::seconds(10);
constexpr runtime::Duration kRetry = std::chrono::seconds(1);

}  // namespace

void ControllerRegistrar::look(const metadata::Image& image) {
  const metadata::ControllerNode* known = image.controller(self_.controller_id);
  const bool registered = known != nullptr && known->incarnation_id == self_.incarnation_id;
  if (registered) telling_ = false;
  if (registered || gate_.closing() || std::exchange(telling_, true)) return;
  tell().detach();
}

Task<void> ControllerRegistrar::tell() {
  const runtime::Gate::Pass pass(gate_);
  ErrorCode last = ErrorCode::none;
  while (!stopping_.fired()) {
    const auto response = co_await route_.ask(self_, executor_.now() + kPatience);
    if (response.error_code == ErrorCode::none) co_return;
    if (std::exchange(last, response.error_code) != response.error_code)
      telemetry::log_warn(
          "node", "this controller is not registered yet",
          {{"error", wire::name_of(response.error_code)}, {"message", response.error_message.value_or("")}});
    co_await stopping_.wait(executor_.now() + kRetry);
  }
}

Task<void> ControllerRegistrar::stop() {
  stopping_.fire();
  if (!gate_.closing()) co_await gate_.close();
}

}  // namespace moldau::node
