// topic copy: the records of a topic into another one, of the same cluster or another.
#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/other_cluster.h"
#include "cli/record_copy.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;
using Parts = std::map<PartitionIndex, CopiedPart>;

Answer<CopyPlan> plan_of(const ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (arguments.words().size() != 2)
    return usage_trouble("from which topic to which?", "moldau topic copy FROM TO [--to-brokers HOST:PORT]");
  CopyPlan plan{.from = arguments.words()[0], .to = arguments.words()[1]};
  if (plan.from == plan.to && !arguments.has("to-brokers"))
    return usage_trouble("a topic cannot be copied into itself", "name another topic, or --to-brokers");
  plan.create = arguments.has("create");
  plan.dry_run = arguments.has("dry-run");
  // What an aborted transaction wrote would come to life in the copy.
  Properties reading = session.session.properties;
  reading["isolation.level"] = "read_committed";
  reading.emplace("auto.offset.reset", "none");
  Properties writing = session.session.properties;
  if (const auto codec = arguments.find("compression")) writing["compression.type"] = *codec;
  writing["acks"] = "all";
  writing["enable.idempotence"] = "true";
  // What FROM holds was small enough for its broker; TO's says what is too large.
  writing.emplace("max.request.size", std::to_string(32 << 20));
  writing.emplace("buffer.memory", std::to_string(64 << 20));
  writing.emplace("batch.size", std::to_string(128 << 10));
  Trouble why;
  if (!take(parse_offset_range(arguments.text("offset", "start"), session.world.wall_clock().now_ms()),
            plan.range, why) ||
      !take(parse_partitions(arguments.text("partitions")), plan.partitions, why) ||
      !take(arguments.number("replicas", 1, INT16_MAX), plan.replicas, why) ||
      !take(producer_options(writing), plan.producing, why) ||
      !take(consumer_options(reading), plan.consuming, why))
    return trouble(std::move(why));
  if (!plan.range.until) plan.range.until = OffsetBound{OffsetBound::Kind::end, 0};
  plan.producing.auto_create_topics = false;
  return plan;
}

Task<Answer<client::TopicInfo>> described(ClusterSession& session, std::string name) {
  auto topics = co_await session.admin.describe_topics({name});
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot describe topic " + name));
  auto& topic = topics->front().second;
  if (!topic) co_return trouble(co_await topic_trouble(session, name, topic.error()));
  co_return std::move(*topic);
}

Task<Answer<void>> note_ends(ClusterSession& target, const CopyPlan& plan, Parts& parts,
                             Offset CopiedPart::* into) {
  std::vector<client::OffsetQuery> queries;
  for (const auto& [index, part] : parts)
    queries.push_back({{plan.to, index}, static_cast<std::int64_t>(client::OffsetSpec::latest)});
  const auto results = co_await target.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look up the ends of " + plan.to));
  for (const auto& [partition, listed] : *results) {
    if (!listed)
      co_return trouble(trouble_of(listed.error(), "cannot look up the end of " + partition.to_string()));
    parts.at(partition.partition).*into = listed->offset;
  }
  co_return Answer<void>{};
}

// TO has grown by what was read; by more when others write to it, too.
std::string_view status_of(const CopiedPart& part) {
  const std::int64_t grown = part.end_after - part.end_before;
  if (part.acknowledged != part.read || grown < part.read) return "INCOMPLETE";
  return "OK";
}

Answer<Exit> report(Session& session, const Parts& parts) {
  Table table({{"partition", true},
               {"from", true},
               {"until", true},
               {"records", true},
               {"to_first_offset", true},
               {"to_end", true},
               {.name = "status", .state = true}});
  bool complete = true;
  for (const auto& [index, part] : parts) {
    const std::string_view status = status_of(part);
    complete &= status == "OK";
    table.add({index, part.span.from, *part.span.until, part.acknowledged,
               part.first_offset ? Json(*part.first_offset) : Json(), part.end_after, status});
  }
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return complete ? Exit::done : Exit::failed;
}

Answer<Exit> report_plan(Session& session, const std::vector<ReadSpan>& spans) {
  Table table({{"partition", true}, {"from", true}, {"until", true}, {"records_at_most", true}});
  for (const ReadSpan& span : spans)
    table.add({span.partition.partition, span.from, *span.until,
               std::max<std::int64_t>(0, *span.until - span.from)});
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return Exit::done;
}

Task<Answer<Exit>> copy(ClusterSession& source, ClusterSession& target, const CopyPlan& plan) {
  const auto from = co_await described(source, plan.from);
  if (!from) co_return trouble(from.error());
  auto partitions = co_await partitions_of(source, {plan.from}, plan.partitions);
  if (!partitions) co_return trouble(std::move(partitions).error());
  const auto spans = co_await spans_of(source, std::move(*partitions), plan.range);
  if (!spans) co_return trouble(spans.error());
  const auto ready = co_await prepare_target(source, target, *from, plan);
  if (!ready) co_return trouble(ready.error());
  if (plan.dry_run) co_return report_plan(source.session, *spans);
  auto producer = client::ProducerCore::create(target.cluster, plan.producing);
  if (!producer) co_return usage_trouble(producer.error().cause, producer.error().hint);
  RecordCopy copying(source, plan, **producer, *spans);
  Answer<void> noted = co_await note_ends(target, plan, copying.parts(), &CopiedPart::end_before);
  if (!noted) {
    co_await (*producer)->close();
    co_return trouble(std::move(noted).error());
  }
  const auto end = co_await copying.run();
  if (!end) co_return trouble(end.error());
  noted = co_await note_ends(target, plan, copying.parts(), &CopiedPart::end_after);
  if (!noted) co_return trouble(std::move(noted).error());
  const auto reported = report(source.session, copying.parts());
  if (source.interrupt.raised()) co_return exit_of(source.interrupt);
  co_return reported;
}

}  // namespace

ClusterAnswer topic_copy(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const auto plan = plan_of(session);
  if (!plan) co_return trouble(plan.error());
  const auto onto = [&](ClusterSession& target) { return copy(session, target, *plan); };
  const auto brokers = session.arguments().find("to-brokers");
  co_return brokers ? co_await with_other_cluster(session, *brokers, onto)
                    : co_await with_own_connections(session, onto);
}

}  // namespace moldau::cli
