// Reads the parts of Metadata responses; what a broker got wrong (a port that is none) is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "client/metadata.h"
#include "wire/messages/metadata.h"

namespace moldau::client {

std::optional<runtime::Endpoint> endpoint_of(std::string_view host, std::int32_t port);
TopicInfo topic_from(const wire::MetadataResponse::Topic& topic);
ClusterInfo cluster_from(const wire::MetadataResponse& response);

}  // namespace moldau::client
