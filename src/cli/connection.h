// Which cluster, and how to reach it: flags, -X, environment, project file, profile and defaults, in this
// order (profile.h); for Kafka's names: flags and their client.properties.
#pragma once

#include "cli/session.h"
#include "client/group_consumer.h"
#include "client/producer.h"

namespace moldau::cli {

// Reads a Java properties file.
Answer<Properties> read_properties_file(const Invocation& invocation, const std::string& path);

// Fills session.properties, session.cluster and session.defaults_used.
Answer<void> resolve_properties(Session& session);
// For Kafka's names: --bootstrap-server, --command-config, --command-property.
Answer<void> resolve_kafka_properties(Session& session);

// Options of the client from properties. A value that cannot be used, and security that the client does not
// have yet, is a usage error.
Answer<client::ClusterOptions> cluster_options(const Properties& properties);
Answer<client::ProducerOptions> producer_options(const Properties& properties);
// The same with --acks, --compression, --max-message-bytes and --delivery-timeout over the properties.
Answer<client::ProducerOptions> producer_options_of_flags(const Session& session);
Answer<client::ConsumerOptions> consumer_options(const Properties& properties);
// Of a member of the group that group.id names.
Answer<client::GroupConsumerOptions> group_consumer_options(const Properties& properties);

}  // namespace moldau::cli
