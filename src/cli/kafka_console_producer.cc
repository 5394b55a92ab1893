#include "cli/connection.h"
#include "cli/delivery.h"
#include "cli/handlers.h"
#include "cli/input_reader.h"
#include "cli/line_reader.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Answer<LineReader> line_reader_of(Session& session) {
  Properties properties;
  for (const std::string& text : session.arguments.all("property")) {
    auto pair = key_value(text, "--reader-property");
    if (!pair) return std::unexpected(std::move(pair).error());
    properties.insert_or_assign(std::move(pair->first), std::move(pair->second));
  }
  if (const auto path = session.arguments.find("reader-config")) {
    auto file = read_properties_file(session.invocation, *path);
    if (!file) return std::unexpected(std::move(file).error());
    properties.merge(std::move(*file));
  }
  return LineReader::create(properties);
}

// The tool's flags as properties of the producer; properties that were given win, as in Kafka.
Answer<client::ProducerOptions> options_of(Session& session) {
  const Arguments& arguments = session.arguments;
  Properties properties = session.properties;
  constexpr std::pair<std::string_view, std::string_view> kFlags[] = {{"request-required-acks", "acks"},
                                                                      {"batch-size", "batch.size"},
                                                                      {"timeout", "linger.ms"},
                                                                      {"max-block-ms", "max.block.ms"},
                                                                      {"max-memory-bytes", "buffer.memory"}};
  for (const auto& [flag, property] : kFlags) {
    if (const auto value = arguments.find(flag)) properties.try_emplace(std::string(property), *value);
  }
  if (arguments.has("compression-codec"))
    properties.try_emplace("compression.type", arguments.text("compression-codec", "gzip"));
  properties.try_emplace("linger.ms", "1000");
  return producer_options(properties);
}

class Typing {
 public:
  Typing(ClusterSession& session, LineReader reader, Delivery& delivery)
      : session_(session),
        reader_(std::move(reader)),
        delivery_(delivery),
        input_(session.world, session.interrupt, session.session.invocation.in) {}

  Task<Answer<void>> run() {
    const std::string topic = session_.arguments().text("topic");
    for (std::int64_t number = 1; !session_.interrupt.raised(); ++number) {
      prompt();
      auto line = co_await input_.line();
      if (!line) co_return trouble(trouble_of(line.error(), "cannot read the input"));
      if (!*line) break;
      auto record = reader_.read(**line, number);
      if (!record) co_return trouble(std::move(record).error());
      record->topic = topic;
      co_await delivery_.send(std::move(*record));
    }
    co_return Answer<void>{};
  }

 private:
  void prompt() {
    if (!session_.session.invocation.in_is_terminal) return;
    session_.out().put(">");
    session_.out().flush();
  }

  ClusterSession& session_;
  LineReader reader_;
  Delivery& delivery_;
  InputReader input_;
};

}  // namespace

ClusterAnswer kafka_console_producer(ClusterSession& session) {
  session.session.handles_interrupt = true;
  if (!session.arguments().has("topic")) co_return usage_trouble("Missing required option(s) [topic]");
  auto reader = line_reader_of(session.session);
  if (!reader) co_return trouble(std::move(reader).error());
  auto options = options_of(session.session);
  if (!options) co_return trouble(std::move(options).error());
  if (session.arguments().has("sync")) options->linger = runtime::Duration::zero();
  auto producer = client::ProducerCore::create(session.cluster, std::move(*options));
  if (!producer) co_return usage_trouble(producer.error().cause);
  Delivery delivery(session.session, std::move(*producer));
  Typing typing(session, std::move(*reader), delivery);
  const auto typed = co_await typing.run();
  co_return co_await delivery.finish(session, typed);
}

}  // namespace moldau::cli
