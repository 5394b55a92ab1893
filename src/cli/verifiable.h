// kafka-verifiable-producer and kafka-verifiable-consumer: what they share. They tell each thing that happens
// as a line of JSON, for tests that look on.
#pragma once

#include "cli/command.h"
#include "cli/json.h"

namespace moldau::cli {

std::vector<Command> verifiable_commands();

Answer<Exit> kafka_verifiable_producer(Session& session);
Answer<Exit> kafka_verifiable_consumer(Session& session);

// Runs the task once all of these flags are there.
Answer<Exit> run_verifiable(Session& session, std::span<const std::string_view> required, ClusterTask task);

// One line on stdout, at once: {"timestamp":…,"name":…} and the fields.
void tell_event(ClusterSession& session, std::string_view name, Json::Object fields = {});
// Of a key or value: as Java's StringDeserializer would have it, or base64 where that is no text.
Json text_json(const std::optional<ByteView>& bytes);

}  // namespace moldau::cli
