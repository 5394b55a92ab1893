#include "client/embedded.h"

#include <thread>

#include "wire/api.h"

namespace moldau::sdk {

std::string Error::to_string() const {
  std::string text = address.empty() ? cause : address + ": " + cause;
  return hint.empty() ? text : text + " (" + hint + ")";
}

namespace {
thread_local bool is_io_thread = false;
}

Client::Core::Core(Config with, std::unique_ptr<client::EmbeddedWorld> in, client::ClusterOptions options)
    : config(std::move(with)), embedded(std::move(in)) {
  call([&]() -> runtime::Task<void> {
    is_io_thread = true;
    cluster.emplace(embedded->world(), 0, options);
    started.emplace(executor());
    co_return;
  });
}

Client::Core::~Core() {
  call([this]() -> runtime::Task<void> {
    runtime::Task<void> ended = started->close();
    co_await cluster->close();
    co_await std::move(ended);
    started.reset();
    cluster.reset();
  });
}

Client::Client(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

}  // namespace moldau::sdk

namespace moldau::client {

bool on_io_thread() { return sdk::is_io_thread; }

namespace {

sdk::ErrorKind kind_of(Errc code) {
  using enum sdk::ErrorKind;
  switch (code) {
    case Errc::invalid_argument:
    case Errc::mismatch:
      return invalid_argument;
    case Errc::not_found:
      return not_found;
    case Errc::already_exists:
      return already_exists;
    case Errc::permission:
      return not_authorized;
    case Errc::too_large:
      return too_large;
    case Errc::unsupported:
      return unsupported;
    case Errc::corrupt:
    case Errc::truncated:
      return corrupt;
    case Errc::connection_refused:
    case Errc::connection_closed:
    case Errc::io:
      return unreachable;
    case Errc::timed_out:
      return timed_out;
    case Errc::cancelled:
      return closed;
    case Errc::no_space:
    case Errc::no_descriptors:
    case Errc::locked:
    case Errc::address_in_use:
    case Errc::would_block:
    case Errc::unavailable:
      return unavailable;
  }
  return unavailable;
}

std::function<void(const ConnectionEvent&)> observer_of(const sdk::ClientHooks& hooks) {
  if (!hooks.on_request && !hooks.on_connection) return nullptr;
  return [on_request = hooks.on_request, on_connection = hooks.on_connection](const ConnectionEvent& event) {
    if (!event.request) {
      const bool open = event.kind == ConnectionEvent::Kind::connected;
      if (on_connection)
        on_connection({.address = event.address, .open = open, .took = event.took, .why = event.why});
    } else if (on_request) {
      on_request({.address = event.address,
                  .api = wire::name_of(*event.request),
                  .version = event.version,
                  .response_bytes = event.bytes,
                  .took = event.took,
                  .failure = event.why});
    }
  };
}

// Who lets go of it last may be on its I/O thread, as a coroutine's last step: that cannot wait for its own
// end.
void end_of_core(sdk::Client::Core* core) {
  if (!on_io_thread()) {
    delete core;
  } else {
    std::thread([core] { delete core; }).detach();
  }
}

}  // namespace

sdk::Error to_public(Failure failure) {
  const bool fenced = failure.broker == wire::ErrorCode::producer_fenced ||
                      failure.broker == wire::ErrorCode::fenced_instance_id ||
                      failure.broker == wire::ErrorCode::unreleased_instance_id;
  return {.kind = fenced ? sdk::ErrorKind::fenced : kind_of(failure.code),
          .broker = static_cast<std::int16_t>(failure.broker),
          .address = std::move(failure.address),
          .phase = static_cast<sdk::Phase>(failure.phase),
          .cause = std::move(failure.cause),
          .retriable = failure.retriable,
          .hint = std::move(failure.hint)};
}

sdk::Expected<sdk::Client> connect(sdk::Config config, std::unique_ptr<EmbeddedWorld> world) {
  if (auto wrong = config.check(); !wrong) return std::unexpected(std::move(wrong).error());
  auto bootstrap = parse_bootstrap(config.bootstrap_servers);
  if (!bootstrap) {
    return std::unexpected(
        to_public(local_failure(Errc::invalid_argument, "bootstrap.servers: " + bootstrap.error().message)));
  }
  ClusterOptions options{.bootstrap = std::move(*bootstrap),
                         .metadata_max_age = config.metadata_max_age,
                         .retry_backoff = config.retry_backoff,
                         .retry_backoff_max = config.retry_backoff_max,
                         .api_timeout = config.api_timeout};
  options.connection.client_id = config.client_id;
  options.connection.request_timeout = config.request_timeout;
  options.connection.connect_timeout = config.connect_timeout;
  options.connection.observer = observer_of(config.hooks);
  const std::shared_ptr<sdk::Client::Core> core(
      new sdk::Client::Core(std::move(config), std::move(world), std::move(options)), end_of_core);
  const auto asked = core->call([&] { return core->cluster->refresh({}); });
  if (!asked) return std::unexpected(to_public(asked.error()));
  return sdk::Client(core);
}

}  // namespace moldau::client
