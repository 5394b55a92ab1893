#include "client/failure.h"

#include "base/assert.h"

namespace moldau::client {
namespace {

bool may_pass(Errc code) {
  switch (code) {
    case Errc::connection_refused:
    case Errc::connection_closed:
    case Errc::timed_out:
    case Errc::unavailable:
    case Errc::no_descriptors:
    case Errc::io:
      return true;
    default:
      return false;
  }
}

std::string hint_for(Errc code, Phase phase, const std::string& address) {
  if (phase == Phase::resolve) return "Check the host name in the bootstrap addresses.";
  if (phase == Phase::connect && code == Errc::connection_refused) {
    return "Is a broker running and listening at " + address + "?";
  }
  if (phase == Phase::connect) return "Check the address, and that no firewall is in between.";
  if (phase == Phase::negotiate && code != Errc::cancelled) {
    return "Is this the Kafka port of a broker, and without TLS or SASL?";
  }
  return {};
}

}  // namespace

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::local:
      return "local";
    case Phase::resolve:
      return "resolve";
    case Phase::connect:
      return "connect";
    case Phase::negotiate:
      return "negotiate";
    case Phase::request:
      return "request";
  }
  MOLDAU_UNREACHABLE();
}

std::string Failure::to_string() const {
  std::string text;
  if (!address.empty()) text += address + ": ";
  if (phase != Phase::local && phase != Phase::request) text += std::string(name_of(phase)) + ": ";
  return text + cause;
}

Failure local_failure(Errc code, std::string cause, std::string hint) {
  return {.code = code,
          .cause = std::move(cause),
          .retriable = code == Errc::unavailable,
          .hint = std::move(hint)};
}

Failure network_failure(Error error, Phase phase, const std::string& address) {
  if (phase == Phase::connect && error.code == Errc::not_found) phase = Phase::resolve;
  Failure failure{.code = error.code, .address = address, .phase = phase, .cause = std::move(error.message)};
  failure.retriable = may_pass(failure.code);
  failure.hint = hint_for(failure.code, phase, address);
  return failure;
}

Errc errc_of(wire::ErrorCode code) {
  using enum wire::ErrorCode;
  switch (code) {
    case unknown_topic_or_partition:
    case unknown_topic_id:
    case resource_not_found:
    case transactional_id_not_found:
      return Errc::not_found;
    case topic_already_exists:
      return Errc::already_exists;
    case topic_authorization_failed:
    case cluster_authorization_failed:
    case group_authorization_failed:
    case transactional_id_authorization_failed:
      return Errc::permission;
    case request_timed_out:
      return Errc::timed_out;
    case unsupported_version:
      return Errc::unsupported;
    case message_too_large:
    case record_list_too_large:
      return Errc::too_large;
    case corrupt_message:
      return Errc::corrupt;
    case kafka_storage_error:
      return Errc::io;
    default:
      return wire::is_retriable(code) ? Errc::unavailable : Errc::invalid_argument;
  }
}

Failure broker_failure(wire::ErrorCode code, std::optional<std::string_view> message,
                       const std::string& address) {
  std::string cause(wire::name_of(code));
  cause += ": ";
  cause += message && !message->empty() ? *message : wire::describe(code);
  return {.code = errc_of(code),
          .broker = code,
          .address = address,
          .phase = Phase::request,
          .cause = std::move(cause),
          .retriable = wire::is_retriable(code)};
}

}  // namespace moldau::client
