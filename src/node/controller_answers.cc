#include "node/controller_answers.h"

namespace moldau::node {

using wire::ErrorCode;

Refused refusal_of(const Error& error) {
  switch (error.code) {
    case Errc::timed_out:
      return {ErrorCode::request_timed_out, error.message};
    case Errc::no_space:
    case Errc::io:
      return {ErrorCode::kafka_storage_error, error.message};
    case Errc::too_large:
      return {ErrorCode::policy_violation, error.message};
    default:
      return {ErrorCode::not_controller, error.message};  // it leads no more, or stops: the client asks again
  }
}

wire::CreateTopicsResponse refuse(const wire::CreateTopicsRequest& request, const Refused& refused) {
  wire::CreateTopicsResponse response;
  for (const auto& topic : request.topics) {
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    answer.error_code = refused.code;
    answer.error_message = refused.message;
  }
  return response;
}

wire::DeleteTopicsResponse refuse(const wire::DeleteTopicsRequest& request, const Refused& refused) {
  wire::DeleteTopicsResponse response;
  const auto add = [&](std::optional<std::string> name, const TopicId& id) {
    auto& answer = response.responses.emplace_back();
    answer.name = std::move(name);
    answer.topic_id = id;
    answer.error_code = refused.code;
    answer.error_message = refused.message;
  };
  for (const auto& topic : request.topics) add(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) add(name, TopicId());
  return response;
}

wire::CreatePartitionsResponse refuse(const wire::CreatePartitionsRequest& request, const Refused& refused) {
  wire::CreatePartitionsResponse response;
  for (const auto& topic : request.topics)
    response.results.push_back(
        {.name = topic.name, .error_code = refused.code, .error_message = refused.message});
  return response;
}

namespace {

template <class Response, class Request>
Response refuse_resources(const Request& request, const Refused& refused) {
  Response response;
  for (const auto& resource : request.resources) {
    auto& answer = response.responses.emplace_back();
    answer.error_code = refused.code;
    answer.error_message = refused.message;
    answer.resource_type = resource.resource_type;
    answer.resource_name = resource.resource_name;
  }
  return response;
}

}  // namespace

wire::AlterConfigsResponse refuse(const wire::AlterConfigsRequest& request, const Refused& refused) {
  return refuse_resources<wire::AlterConfigsResponse>(request, refused);
}

wire::IncrementalAlterConfigsResponse refuse(const wire::IncrementalAlterConfigsRequest& request,
                                             const Refused& refused) {
  return refuse_resources<wire::IncrementalAlterConfigsResponse>(request, refused);
}

bool is_visible(const wire::CreateTopicsRequest& request, const wire::CreateTopicsResponse& response,
                const metadata::Image& image) {
  return request.validate_only || std::ranges::all_of(response.topics, [&](const auto& topic) {
           return topic.error_code != ErrorCode::none || image.topic(topic.name) != nullptr;
         });
}

bool is_visible(const wire::DeleteTopicsRequest&, const wire::DeleteTopicsResponse& response,
                const metadata::Image& image) {
  return std::ranges::all_of(response.responses, [&](const auto& topic) {
    return topic.error_code != ErrorCode::none || image.topic(topic.topic_id) == nullptr;
  });
}

bool is_visible(const wire::CreatePartitionsRequest& request, const wire::CreatePartitionsResponse& response,
                const metadata::Image& image) {
  if (request.validate_only) return true;
  return std::ranges::all_of(request.topics, [&](const auto& asked) {
    const auto refused = std::ranges::any_of(response.results, [&](const auto& result) {
      return result.name == asked.name && result.error_code != ErrorCode::none;
    });
    const metadata::Topic* topic = image.topic(asked.name);
    return refused || topic == nullptr || topic->partition_count() >= asked.count;
  });
}

}  // namespace moldau::node
