// topic alter, add-partitions, delete: changes of topics that are there.
#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

Answer<std::vector<client::ConfigChange>> changes_of(const Arguments& arguments) {
  using Operation = client::ConfigOperation;
  std::vector<client::ConfigChange> changes;
  constexpr std::pair<std::string_view, Operation> kFlags[] = {
      {"set", Operation::set}, {"append", Operation::append}, {"subtract", Operation::subtract}};
  for (const auto& [flag, operation] : kFlags) {
    for (const std::string& text : arguments.all(flag)) {
      auto pair = key_value(text, "--" + std::string(flag));
      if (!pair) return std::unexpected(std::move(pair).error());
      changes.push_back({std::move(pair->first), operation, std::move(pair->second)});
    }
  }
  for (const std::string& name : arguments.all("delete"))
    changes.push_back({name, Operation::remove, std::nullopt});
  if (changes.empty())
    return usage_trouble("nothing to change", "use --set k=v, --delete k, --append k=v, --subtract k=v");
  return changes;
}

template <class Results>
runtime::Task<Answer<Exit>> report_of(ClusterSession& session, Results results, std::string what) {
  if (!results) co_return trouble(trouble_of(results.error(), what));
  ItemReport report("topic");
  for (const auto& [name, result] : *results) {
    result ? report.done(name) : report.failed(name, result.error());
  }
  co_return std::move(report).finish(session.session);
}

}  // namespace

ClusterAnswer topic_alter(ClusterSession& session) {
  const auto changes = changes_of(session.arguments());
  if (!changes) co_return trouble(changes.error());
  const auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  std::vector<std::pair<client::ConfigResource, std::vector<client::ConfigChange>>> requests;
  for (const std::string& name : *names)
    requests.push_back({{client::ConfigResourceType::topic, name}, *changes});
  const auto results = co_await session.admin.incremental_alter_configs(std::move(requests),
                                                                        session.arguments().has("dry-run"));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot alter topics"));
  ItemReport report("topic");
  for (const auto& [resource, result] : *results) {
    result ? report.done(resource.name) : report.failed(resource.name, result.error());
  }
  co_return std::move(report).finish(session.session);
}

ClusterAnswer topic_add_partitions(ClusterSession& session) {
  const auto count = session.arguments().number("partitions", 1, INT32_MAX);
  if (!count) co_return trouble(count.error());
  if (!*count) co_return usage_trouble("how many partitions?", "--partitions N adds N partitions");
  const auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  const auto topics = co_await session.cluster.topics({.names = *names});
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot look up topics"));
  std::vector<client::NewPartitions> wanted;
  for (const client::TopicInfo& topic : *topics)
    wanted.push_back({topic.name,
                      static_cast<std::int32_t>(**count + static_cast<std::int64_t>(topic.partitions.size())),
                      {}});
  auto results =
      co_await session.admin.create_partitions(std::move(wanted), session.arguments().has("dry-run"));
  co_return co_await report_of(session, std::move(results), "cannot add partitions");
}

ClusterAnswer topic_delete(ClusterSession& session) {
  const auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  std::string list;
  for (const std::string& name : *names) list += (list.empty() ? "" : ", ") + name;
  if (session.arguments().has("dry-run")) {
    const auto topics = co_await session.admin.describe_topics(*names);
    if (!topics) co_return trouble(trouble_of(topics.error(), "cannot look up topics"));
    ItemReport report("topic");
    for (const auto& [name, topic] : *topics) topic ? report.done(name) : report.failed(name, topic.error());
    co_return std::move(report).finish(session.session);
  }
  const auto sure = confirmed(session.session, "delete " + list);
  if (!sure) co_return trouble(sure.error());
  if (!*sure) co_return usage_trouble("nothing was deleted");
  auto results = co_await session.admin.delete_topics(*names);
  co_return co_await report_of(session, std::move(results), "cannot delete topics");
}

}  // namespace moldau::cli
