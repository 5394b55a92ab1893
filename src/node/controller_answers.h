// Answers that say of a whole request that the active controller did not serve it, in the form of each API;
// and whether an answer says so.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "base/result.h"
#include "metadata/image.h"
#include "server/controller_channel.h"
#include "wire/error_code.h"

namespace moldau::node {

struct Refused {
  wire::ErrorCode code;
  std::string message;
};
// What went wrong on the way to the log: REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR, POLICY_VIOLATION, or
// NOT_CONTROLLER, after which it is asked again.
Refused refusal_of(const Error& error);

// Every item of the request failed alike. Items without a message in their form carry the code alone.
wire::CreateTopicsResponse refuse(const wire::CreateTopicsRequest&, const Refused&);
wire::DeleteTopicsResponse refuse(const wire::DeleteTopicsRequest&, const Refused&);
wire::CreatePartitionsResponse refuse(const wire::CreatePartitionsRequest&, const Refused&);
wire::AlterConfigsResponse refuse(const wire::AlterConfigsRequest&, const Refused&);
wire::IncrementalAlterConfigsResponse refuse(const wire::IncrementalAlterConfigsRequest&, const Refused&);

// The others have a code for the whole answer, and most of them a message.
template <class Request>
server::AnswerTo<Request> refuse(const Request&, const Refused& refused) {
  server::AnswerTo<Request> response;
  response.error_code = refused.code;
  if constexpr (requires { response.error_message; }) response.error_message = refused.message;
  return response;
}

// Whether an image already shows what an answer says was done; true for what makes no difference to clients
// that go on at once.
bool is_visible(const wire::CreateTopicsRequest&, const wire::CreateTopicsResponse&, const metadata::Image&);
bool is_visible(const wire::DeleteTopicsRequest&, const wire::DeleteTopicsResponse&, const metadata::Image&);
bool is_visible(const wire::CreatePartitionsRequest&, const wire::CreatePartitionsResponse&,
                const metadata::Image&);
template <class Request, class Response>
bool is_visible(const Request&, const Response&, const metadata::Image&) {
  return true;
}

// The first error of an answer whose items all failed for one reason that lies outside of them.
template <class Response>
bool says_not_controller(const Response& response) {
  using wire::ErrorCode;
  const auto is = [](ErrorCode code) {
    return code == ErrorCode::not_controller || code == ErrorCode::not_leader_or_follower;
  };
  const auto any = [&](const auto& items) {
    return std::ranges::any_of(items, [&](const auto& item) { return is(item.error_code); });
  };
  if constexpr (requires { response.error_code; }) {
    if (is(response.error_code)) return true;
  }
  if constexpr (std::is_same_v<Response, wire::DescribeQuorumResponse>) {
    return std::ranges::any_of(response.topics, [&](const auto& topic) { return any(topic.partitions); });
  } else if constexpr (std::is_same_v<Response, wire::CreateTopicsResponse>) {
    return any(response.topics);
  } else if constexpr (std::is_same_v<Response, wire::CreatePartitionsResponse>) {
    return any(response.results);
  } else if constexpr (std::is_same_v<Response, wire::DeleteTopicsResponse> ||
                       std::is_same_v<Response, wire::AlterConfigsResponse> ||
                       std::is_same_v<Response, wire::IncrementalAlterConfigsResponse>) {
    return any(response.responses);
  }
  return false;
}

}  // namespace moldau::node
