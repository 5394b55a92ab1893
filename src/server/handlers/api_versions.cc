#include <algorithm>

#include "server/dispatcher.h"
#include "server/handlers/handlers.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kFeatureMinZeroFrom = 4;  // older Java clients fail to decode a minimum of 0
constexpr std::string_view kKraftVersion = "kraft.version";
constexpr std::size_t kMaxSoftwareText = 256;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
bool is_software_text(const std::string& text) {
  return !text.empty() && text.size() <= kMaxSoftwareText && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

void add_features(const Broker& broker, wire::ApiVersion version, wire::ApiVersionsResponse& response) {
  const auto image = broker.image();
  if (const metadata::Broker* self = image->broker(broker.node_id)) {
    for (const metadata::SupportedFeature& feature : self->features) {
      if (feature.min_level == 0 && version < kFeatureMinZeroFrom) continue;
      response.supported_features.push_back({feature.name, feature.min_level, feature.max_level});
    }
  }
  for (const auto& [name, level] : image->features())
    response.finalized_features.push_back({name, level, level});
  const std::int16_t kraft_version = broker.kraft_version ? broker.kraft_version->load() : std::int16_t{0};
  if (kraft_version > 0)
    response.finalized_features.push_back({std::string(kKraftVersion), kraft_version, kraft_version});
  response.finalized_features_epoch = image->end_offset();
}

wire::ApiVersionsResponse::ApiVersionRange range_of(const wire::ApiInfo& api) {
  return {static_cast<std::int16_t>(api.key), api.advertised_min, api.advertised_max};
}

wire::ApiVersionsResponse respond(Broker& broker, const Request& request,
                                  const wire::ApiVersionsRequest& message) {
  const wire::ApiVersion version = request.header.api_version;
  wire::ApiVersionsResponse response;
  if (version >= 3) {
    if (!is_software_text(message.client_software_name) ||
        !is_software_text(message.client_software_version)) {
      response.error_code = ErrorCode::invalid_request;
      return response;
    }
    request.peer.software_name = message.client_software_name;
    request.peer.software_version = message.client_software_version;
  }
  for (const wire::ApiInfo* api : served_apis(request.peer.controller))
    response.api_keys.push_back(range_of(*api));
  if (version >= 3) add_features(broker, version, response);
  return response;
}

}  // namespace

Task<void> api_versions(Broker& broker, Request request, ResponseQueue::Slot slot) {
  wire::ApiVersion version = request.header.api_version;
  wire::ApiVersionsResponse response;
  if (!serves(wire::api(wire::ApiKey::api_versions), version)) {
    // In the form that every client can read; it names the range to try again with (KIP-511).
    version = 0;
    response.error_code = ErrorCode::unsupported_version;
    response.api_keys.push_back(range_of(wire::api(wire::ApiKey::api_versions)));
  } else {
    auto message = wire::ApiVersionsRequest::decode(request.body, version);
    if (!message) co_return report_undecodable(broker, request, message.error());
    response = respond(broker, request, *message);
  }
  broker.metrics.error(wire::ApiKey::api_versions, response.error_code);
  std::move(slot).complete(wire::encode_response(request.header.correlation_id, version, response));
  broker.metrics.request_done(wire::ApiKey::api_versions,
                              static_cast<std::uint64_t>((broker.executor.now() - request.arrived).count()));
}

}  // namespace moldau::server::handlers
