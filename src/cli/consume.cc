#include <re2/re2.h>

#include <algorithm>

#include "cli/connection.h"
#include "cli/expression.h"
#include "cli/field_form.h"
#include "cli/handlers.h"
#include "cli/kcat_format.h"
#include "cli/reading.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;
// So soon a group hears of new topics and partitions.
constexpr runtime::Duration kLookInterval = std::chrono::seconds(5);

using Print = std::function<void(std::string&, const PrintedRecord&, std::int64_t)>;

Answer<FieldForm> field_form(const Arguments& arguments, std::string_view flag) {
  const std::string text = arguments.text(flag, "utf8");
  if (const auto form = parse_field_form(text)) return *form;
  return usage_trouble("--" + std::string(flag) + ": unknown form \"" + text + "\"",
                       "one of: " + std::string(kFieldForms));
}

void set(Json& object, std::string_view name, Json value) {
  Json::Object changed;
  for (const auto& [key, old] : *object.as_object()) {
    if (key == std::string(name) + "_encoding") continue;
    changed.emplace_back(key, key == name ? value : old);
  }
  object = std::move(changed);
}

Answer<Print> json_print(const Arguments& arguments, bool pretty) {
  const auto key_form = field_form(arguments, "key-format");
  if (!key_form) return std::unexpected(key_form.error());
  const auto value_form = field_form(arguments, "value-format");
  if (!value_form) return std::unexpected(value_form.error());
  return [=, meta_only = arguments.has("meta-only")](std::string& out, const PrintedRecord& printed,
                                                     std::int64_t) {
    Json object = json_of(printed, meta_only);
    if (!meta_only && *key_form != FieldForm::utf8)
      set(object, "key", json_of_field(printed.record.key, *key_form));
    if (!meta_only && *value_form != FieldForm::utf8)
      set(object, "value", json_of_field(printed.record.value, *value_form));
    out += (pretty ? object.to_pretty() : object.to_line()) + "\n";
  };
}

void print_raw(std::string& out, const PrintedRecord& printed, std::int64_t) {
  if (printed.record.value) out += as_text(*printed.record.value);
}

void print_hex(std::string& out, const PrintedRecord& printed, std::int64_t) {
  if (printed.record.value) out += hex_of(as_text(*printed.record.value));
  out += '\n';
}

Answer<Print> written_by(Answer<RecordWriter> writer) {
  if (!writer) return std::unexpected(std::move(writer).error());
  return [writer = std::move(*writer)](std::string& out, const PrintedRecord& printed, std::int64_t count) {
    writer.append(out, printed, count);
  };
}

Answer<Print> print_of(const Session& session) {
  const Arguments& arguments = session.arguments;
  const auto format = arguments.find("format");
  if (const auto kcat = arguments.find("kcat-format")) {
    if (format) return usage_trouble("--format and --kcat-format exclude each other");
    return written_by(RecordWriter::of(parse_kcat_format(*kcat)));
  }
  if (!format) return json_print(arguments, session.invocation.out_is_terminal);
  if (*format == "json") return json_print(arguments, true);
  if (*format == "jsonl") return json_print(arguments, false);
  if (*format == "raw") return print_raw;
  if (*format == "hex") return print_hex;
  if (parse_format(*format))
    return usage_trouble("consume does not print " + *format,
                         "json, jsonl, raw, hex, or a format like '%k %v\\n'");
  return written_by(RecordWriter::parse(*format));
}

using Filter = std::function<bool(const PrintedRecord&)>;

bool all_pass(const PrintedRecord&) { return true; }

Json parsed_or_text(const std::optional<ByteView>& bytes) { return json_of_field(bytes, FieldForm::json); }

// What --where sees: like the JSON that is printed, but key and value are what their JSON says, and headers
// are found by name.
Json where_view(const PrintedRecord& printed) {
  Json object = json_of(printed, false);
  set(object, "key", parsed_or_text(printed.record.key));
  set(object, "value", parsed_or_text(printed.record.value));
  Json::Object headers;
  for (const record::HeaderEntry& header : printed.record.headers)
    headers.emplace_back(header.key, parsed_or_text(header.value));
  set(object, "headers", std::move(headers));
  return object;
}

Answer<Filter> where_of(const Arguments& arguments) {
  const auto text = arguments.find("where");
  if (!text) return all_pass;
  auto condition = Expression::parse(*text, "--where");
  if (!condition) return std::unexpected(std::move(condition).error());
  constexpr std::string_view kFields =
      "topic,partition,offset,timestamp,timestamp_type,key,value,headers,"
      "leader_epoch,producer_id,control";
  const auto known = split(kFields, ',');
  for (const std::string& field : condition->fields()) {
    if (std::ranges::find(known, field) == known.end())
      return usage_trouble("--where: records have no field \"" + field + "\"",
                           "the fields are " + std::string(kFields));
  }
  return [condition = std::move(*condition)](const PrintedRecord& printed) {
    return condition.matches(where_view(printed));
  };
}

Answer<Filter> grep_of(const Arguments& arguments) {
  const auto pattern = arguments.find("grep");
  if (!pattern) return all_pass;
  auto expression = std::make_shared<RE2>(*pattern, RE2::Quiet);
  if (!expression->ok()) return usage_trouble("--grep: bad pattern: " + expression->error());
  return [expression](const PrintedRecord& printed) {
    if (!printed.record.value) return false;
    const std::string_view value = as_text(*printed.record.value);
    return RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *expression);
  };
}

Answer<Filter> filter_of(const Arguments& arguments) {
  auto grep = grep_of(arguments);
  if (!grep) return grep;
  auto where = where_of(arguments);
  if (!where) return where;
  return [grep = std::move(*grep), where = std::move(*where)](const PrintedRecord& printed) {
    return grep(printed) && where(printed);
  };
}

Answer<OffsetRange> range_of(const ClusterSession& session) {
  auto range =
      parse_offset_range(session.arguments().text("offset", "start"), session.world.wall_clock().now_ms());
  if (range && session.arguments().has("exit-at-end") && !range->until)
    range->until = OffsetBound{OffsetBound::Kind::end, 0};
  return range;
}

Answer<client::ConsumerOptions> options_of(const Session& session) {
  Properties properties = session.properties;
  if (session.arguments.has("read-committed")) properties["isolation.level"] = "read_committed";
  if (const auto rack = session.arguments.find("rack")) properties["client.rack"] = *rack;
  properties.try_emplace("auto.offset.reset", "earliest");
  auto options = consumer_options(properties);
  if (options) options->control_records = session.arguments.has("print-control-records");
  return options;
}

struct Plan {
  Print print;
  Filter filter;
  OffsetRange range;
  ReadLimits limits;
  client::ConsumerOptions options;
  std::int64_t count = INT64_MAX;
  std::vector<PartitionIndex> partitions;
};

Answer<Plan> plan_of(const ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  Plan plan;
  Trouble why;
  if (take(print_of(session.session), plan.print, why) && take(filter_of(arguments), plan.filter, why) &&
      take(range_of(session), plan.range, why) &&
      take(arguments.duration("idle-exit"), plan.limits.idle, why) &&
      take(options_of(session.session), plan.options, why) &&
      take(arguments.number_or("num", INT64_MAX, 1), plan.count, why) &&
      take(parse_partitions(arguments.text("partitions")), plan.partitions, why))
    return plan;
  return trouble(std::move(why));
}

// Of a member of --group: -o says where it begins in partitions that the group has not committed for.
Answer<client::GroupConsumerOptions> group_options_of(const Session& session, const Plan& plan) {
  if (session.arguments.has("partitions"))
    return usage_trouble("--partitions and --group exclude each other", "the group gives out the partitions");
  const bool whole = plan.range.from.value == 0 && !session.arguments.text("offset").contains(':');
  const bool from_start = plan.range.from.kind == OffsetBound::Kind::start;
  const bool from_end = plan.range.from.kind == OffsetBound::Kind::end;
  if (!whole || (!from_start && !from_end))
    return usage_trouble("with --group -o is start or end: where nothing is committed",
                         "moldau group seek gives a group other offsets");
  Properties properties = session.properties;
  properties["group.id"] = session.arguments.text("group");
  properties["auto.offset.reset"] = from_start ? "earliest" : "latest";
  if (const auto balancer = session.arguments.find("balancer"))
    properties["partition.assignment.strategy"] = *balancer;
  auto options = group_consumer_options(properties);
  if (!options) return options;
  options->consumer.isolation = plan.options.isolation;
  options->consumer.rack = plan.options.rack;
  options->consumer.control_records = plan.options.control_records;
  options->group.look_interval = kLookInterval;
  return options;
}

Task<Answer<ReadEnd>> consume_as_member(ClusterSession& session, Plan& plan, VisitRecord visit) {
  auto options = group_options_of(session.session, plan);
  if (!options) co_return trouble(std::move(options).error());
  const bool at_end = session.arguments().has("exit-at-end");
  const client::Membership::Subscription subscription =
      [&session]() -> Task<client::Outcome<std::vector<std::string>>> {
    auto names = co_await topics_of_words(session);
    if (!names) co_return client::fail(client::local_failure(Errc::not_found, names.error().one_line()));
    co_return std::move(*names);
  };
  co_return co_await read_as_member(session, std::move(*options), subscription, at_end,
                                    std::move(plan.limits), std::move(visit), [&] { session.out().flush(); });
}

Task<Answer<ReadEnd>> consume_alone(ClusterSession& session, Plan& plan,
                                    const std::vector<TopicPartition>& partitions, VisitRecord visit) {
  auto spans = co_await spans_of(session, partitions, plan.range);
  if (!spans) co_return trouble(std::move(spans).error());
  const PartitionsNow partitions_now = [&]() -> Task<Answer<std::vector<TopicPartition>>> {
    auto names = co_await topics_of_words(session);
    if (!names) co_return trouble(std::move(names).error());
    co_return co_await partitions_of(session, std::move(*names), {});
  };
  if (plan.partitions.empty()) plan.limits.partitions_now = partitions_now;
  if (plan.range.from.kind == OffsetBound::Kind::end && !plan.range.until)
    plan.limits.on_silence = co_await silence_hint(session, *spans, "-o start shows them");
  co_return co_await read_records(session, plan.options, std::move(*spans), std::move(plan.limits),
                                  std::move(visit), [&] { session.out().flush(); });
}

}  // namespace

ClusterAnswer consume(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto plan = plan_of(session);
  if (!plan) co_return trouble(std::move(plan).error());
  const auto topics = co_await topics_of_words(session);
  if (!topics) co_return trouble(topics.error());
  const auto partitions = co_await partitions_of(session, *topics, plan->partitions);
  if (!partitions) co_return trouble(partitions.error());
  std::int64_t count = 0;
  std::string text;
  const auto visit = [&](const PrintedRecord& printed) {
    if (!plan->filter(printed)) return Visit::go_on;
    plan->print(text, printed, ++count);
    session.out().put(text);
    text.clear();
    return go_on_if(count < plan->count && !session.out().broken());
  };
  const bool as_member = session.arguments().has("group");
  const auto end = as_member ? co_await consume_as_member(session, *plan, visit)
                             : co_await consume_alone(session, *plan, *partitions, visit);
  if (!end) co_return trouble(end.error());
  if (*end == ReadEnd::interrupted) co_return exit_of(session.interrupt);
  co_return Exit::done;
}

}  // namespace moldau::cli
