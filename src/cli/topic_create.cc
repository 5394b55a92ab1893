#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

bool leads_everywhere(const client::TopicInfo& topic) {
  return topic.error == wire::ErrorCode::none &&
         std::ranges::all_of(topic.partitions, [](const auto& partition) { return partition.leader >= 0; });
}

// Until every partition of the topic has a leader.
runtime::Task<Answer<Exit>> wait_for(ClusterSession& session, std::vector<std::string> names) {
  const auto deadline = session.executor().now() + session.cluster.options().api_timeout;
  for (;;) {
    const auto topics = co_await session.cluster.topics({.names = names});
    if (topics && std::ranges::all_of(*topics, leads_everywhere)) co_return Exit::done;
    if (!co_await session.cluster.pause(std::chrono::milliseconds(50), deadline))
      co_return trouble(Exit::unreachable, "the topics were created, but have no leader yet");
  }
}

}  // namespace

ClusterAnswer topic_create(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.words().empty()) co_return usage_trouble("which topic?", "moldau topic create NAME");
  auto topic = new_topic(arguments, {}, "replicas", "assign");
  if (!topic) co_return trouble(topic.error());
  std::vector<client::NewTopic> topics;
  for (const std::string& name : arguments.words()) {
    topic->name = name;
    topics.push_back(*topic);
  }
  const auto results = co_await session.admin.create_topics(std::move(topics), arguments.has("dry-run"));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot create topics"));
  ItemReport report("topic", {{"topic_id", false, true}});
  std::vector<std::string> created;
  for (const auto& [name, result] : *results) {
    if (result) {
      created.push_back(name);
      report.done(name, {result->id.is_zero() ? Json() : Json(result->id.to_string())});
    } else if (result.error().broker == wire::ErrorCode::topic_already_exists &&
               arguments.has("if-not-exists")) {
      report.done(name);
    } else {
      report.failed(name, result.error());
    }
  }
  const auto exit = std::move(report).finish(session.session);
  if (!exit || *exit != Exit::done || !arguments.has("wait") || arguments.has("dry-run")) co_return exit;
  co_return co_await wait_for(session, std::move(created));
}

}  // namespace moldau::cli
