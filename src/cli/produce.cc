#include "cli/connection.h"
#include "cli/delivery.h"
#include "cli/handlers.h"
#include "cli/input_reader.h"
#include "cli/kcat_format.h"
#include "cli/record_writer.h"
#include "cli/report.h"
#include "cli/text_file.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kDefaultOutput = "Produced to partition %p at offset %o with timestamp %d.\\n";

// What the flags say about every record.
struct Plan {
  std::optional<RecordParser> format;  // nothing: JSONL
  ParsedRecord defaults;
  bool tombstones = false;
  std::int64_t count = INT64_MAX;
  std::int64_t rate = 0;  // records a second; 0: as fast as it goes
};

Answer<ParsedRecord> defaults_of(const Arguments& arguments) {
  ParsedRecord record;
  if (!arguments.words().empty()) record.topic = arguments.words().front();
  record.key = arguments.find("key");
  for (const std::string& text : arguments.all("header")) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return usage_trouble("--header: \"" + text + "\" is not key:value");
    record.headers.push_back({text.substr(0, colon), text.substr(colon + 1)});
  }
  const auto partition = arguments.number("partition", 0, INT32_MAX);
  if (!partition) return std::unexpected(partition.error());
  if (*partition) record.partition = static_cast<std::int32_t>(**partition);
  return record;
}

Answer<Plan> plan_of(const Arguments& arguments) {
  Plan plan;
  const auto kcat = arguments.find("kcat-format");
  if (kcat && (arguments.has("format") || arguments.text("input") == "jsonl"))
    return usage_trouble("--kcat-format excludes --format and --input jsonl");
  if (arguments.text("input") != "jsonl") {
    auto format = kcat ? RecordParser::of(parse_kcat_format(*kcat))
                       : RecordParser::parse(arguments.text("format", "%v\\n"));
    if (!format) return std::unexpected(std::move(format).error());
    plan.format = std::move(*format);
  }
  auto defaults = defaults_of(arguments);
  if (!defaults) return std::unexpected(std::move(defaults).error());
  plan.defaults = std::move(*defaults);
  plan.tombstones = arguments.has("tombstone");
  const auto count = arguments.number_or("count", INT64_MAX, 1);
  if (!count) return std::unexpected(count.error());
  const auto rate = arguments.number_or("rate", 0, 1);
  if (!rate) return std::unexpected(rate.error());
  plan.count = *count;
  plan.rate = *rate;
  return plan;
}

ParsedRecord completed(ParsedRecord record, const Plan& plan) {
  const ParsedRecord& given = plan.defaults;
  if (!record.topic || given.topic) record.topic = given.topic ? given.topic : record.topic;
  if (given.key) record.key = given.key;
  if (given.partition) record.partition = given.partition;
  record.headers.insert(record.headers.end(), given.headers.begin(), given.headers.end());
  if (plan.tombstones && record.value && record.value->empty()) record.value.reset();
  return record;
}

// The next record of the input; nothing at its end.
Task<Answer<std::optional<ParsedRecord>>> next_record(InputReader& input, const RecordParser& format) {
  for (;;) {
    auto found = format.next(input.buffered(), input.at_end());
    if (!found) co_return trouble(std::move(found).error());
    if (*found) {
      input.consume((*found)->size);
      co_return std::move((*found)->record);
    }
    if (input.at_end()) co_return std::nullopt;
    if (auto more = co_await input.more(); !more)
      co_return trouble(trouble_of(more.error(), "cannot read the input"));
  }
}

Task<Answer<std::optional<ParsedRecord>>> next_json(InputReader& input) {
  for (;;) {
    auto line = co_await input.line();
    if (!line) co_return trouble(trouble_of(line.error(), "cannot read the input"));
    if (!*line) co_return std::nullopt;
    if ((*line)->find_first_not_of(" \t\r") == std::string::npos) continue;
    auto record = record_of_json(**line);
    if (!record) co_return trouble(std::move(record).error());
    co_return std::move(*record);
  }
}

class Producing {
 public:
  Producing(ClusterSession& session, Plan plan, Delivery& delivery)
      : session_(session),
        plan_(std::move(plan)),
        delivery_(delivery),
        started_(session.executor().now()),
        progress_(session.session, session.executor()),
        shows_progress_(session.session.arguments.find("output-format") == "") {}

  Task<Answer<void>> run(Input& input) {
    InputReader reader(session_.world, session_.interrupt, input);
    while (delivery_.sent() < plan_.count && !session_.interrupt.raised()) {
      auto record = plan_.format ? co_await next_record(reader, *plan_.format) : co_await next_json(reader);
      if (!record) co_return trouble(std::move(record).error());
      if (!*record) break;
      if (auto sent = co_await send(std::move(**record)); !sent) co_return sent;
    }
    co_return Answer<void>{};
  }

  Task<Answer<void>> send(ParsedRecord record) {
    record = completed(std::move(record), plan_);
    if (!record.topic) co_return usage_trouble("which topic?", "moldau produce TOPIC, or %t in the format");
    if (plan_.rate > 0) co_await runtime::sleep_until(session_.executor(), due());
    const bool ours_to_tell = co_await delivery_.send(std::move(record));
    if (shows_progress_) progress_.show(std::to_string(delivery_.acknowledged()) + " records acknowledged");
    // A topic that is not there will not come: the rest would fail alike, one time-out after the other.
    if (!ours_to_tell && delivery_.acknowledged() == 0 && delivery_.exit() == Exit::not_found)
      co_return trouble(Exit::not_found, "nothing was delivered");
    co_return Answer<void>{};
  }

 private:
  runtime::MonotonicTime due() const {
    return started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(
                          static_cast<double>(delivery_.sent()) * 1e9 / static_cast<double>(plan_.rate)));
  }

  ClusterSession& session_;
  Plan plan_;
  Delivery& delivery_;
  runtime::MonotonicTime started_;
  Progress progress_;
  bool shows_progress_;
};

// Each file is one record.
Task<Answer<void>> send_files(ClusterSession& session, Producing& producing) {
  for (const std::string& path : session.arguments().all("file")) {
    auto contents = read_text_file(session.session.invocation, path);
    if (!contents) co_return trouble(std::move(contents).error());
    if (auto sent = co_await producing.send(ParsedRecord{.value = std::move(*contents)}); !sent)
      co_return sent;
  }
  co_return Answer<void>{};
}

Task<Answer<void>> create_topic(ClusterSession& session, const std::string& topic) {
  const auto results = co_await session.admin.create_topics({client::NewTopic{.name = topic}});
  if (!results) co_return trouble(trouble_of(results.error(), "cannot create topic " + topic));
  const auto& result = results->front().second;
  if (!result && result.error().broker != wire::ErrorCode::topic_already_exists)
    co_return trouble(trouble_of(result.error(), "cannot create topic " + topic));
  session.session.note("created topic " + topic);
  co_return Answer<void>{};
}

// A topic that a typing error names is not created by itself: asks, or takes --create.
Task<Answer<void>> ensure_topic(ClusterSession& session, const std::string& topic) {
  const auto found = co_await session.cluster.topics({.names = std::vector{topic}});
  if (!found) co_return trouble(trouble_of(found.error(), "cannot look up topic " + topic));
  if (found->empty() || found->front().error != wire::ErrorCode::unknown_topic_or_partition)
    co_return Answer<void>{};
  bool create = session.arguments().has("create");
  const Invocation& invocation = session.session.invocation;
  if (!create && invocation.in_is_terminal && invocation.err_is_terminal) {
    const auto sure = confirmed(session.session, "there is no topic " + topic + ": create it");
    create = sure && *sure;
  }
  if (!create)
    co_return trouble(Exit::not_found, "no topic " + topic, {},
                      "create it: moldau topic create " + topic + ", or produce with --create");
  co_return co_await create_topic(session, topic);
}

Answer<Delivery::OnAcknowledged> acknowledged_printer(Session& session) {
  const std::string format = session.arguments.text("output-format", kDefaultOutput);
  if (format.empty() || session.quiet()) return Delivery::OnAcknowledged{};
  auto writer = RecordWriter::parse(format);
  if (!writer) return std::unexpected(std::move(writer).error());
  return [&session, writer = std::move(*writer), count = std::int64_t{0}](
             const ParsedRecord& sent, const client::RecordMetadata& metadata) mutable {
    record::RecordView record{.offset = metadata.offset, .timestamp = metadata.timestamp};
    if (sent.key) record.key = as_bytes(*sent.key);
    if (sent.value) record.value = as_bytes(*sent.value);
    std::string line;
    writer.append(line, {.topic = *sent.topic, .partition = metadata.partition, .record = record}, ++count);
    session.out.put(line);
    if (session.invocation.out_is_terminal) session.out.flush();
  };
}

}  // namespace

ClusterAnswer produce(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto plan = plan_of(session.arguments());
  if (!plan) co_return trouble(std::move(plan).error());
  auto options = producer_options_of_flags(session.session);
  if (!options) co_return trouble(std::move(options).error());
  options->auto_create_topics = false;
  auto printer = acknowledged_printer(session.session);
  if (!printer) co_return trouble(std::move(printer).error());
  if (plan->defaults.topic) {
    if (auto ready = co_await ensure_topic(session, *plan->defaults.topic); !ready)
      co_return trouble(ready.error());
  }
  auto producer = client::ProducerCore::create(session.cluster, std::move(*options));
  if (!producer) co_return usage_trouble(producer.error().cause, producer.error().hint);
  Delivery delivery(session.session, std::move(*producer), std::move(*printer));
  Producing producing(session, std::move(*plan), delivery);
  const Answer<void> ran = session.arguments().has("file")
                               ? co_await send_files(session, producing)
                               : co_await producing.run(session.session.invocation.in);
  co_return co_await delivery.finish(session, ran);
}

}  // namespace moldau::cli
