// topic analyze: who writes a topic, how fast and how well packed, from the batches in its log.
#include "cli/batch_analysis.h"
#include "cli/batch_scan.h"
#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Plan {
  OffsetRange range;
  std::int64_t batches = 0;  // of each partition at most
  std::vector<PartitionIndex> partitions;
  Format format = Format::table;
};

// A time range with or without its "@", or offsets as consume -o takes them. It always has an end.
Answer<OffsetRange> range_of(const std::string& text, TimestampMs now) {
  auto range = parse_offset_range(text.starts_with('@') ? text : "@" + text, now);
  if (!range) range = parse_offset_range(text, now);
  if (!range)
    return usage_trouble("--time-range: \"" + text + "\" is no range",
                         "for example -1m:end, -24h:-12h, 2024-02-29:end, or offsets: start:end, -1000");
  if (!range->until) range->until = OffsetBound{OffsetBound::Kind::end, 0};
  return range;
}

Answer<Plan> plan_of(const ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  Plan plan;
  Trouble why;
  if (take(format_of(session.session), plan.format, why) &&
      take(range_of(arguments.text("time-range", "-1m:end"), session.world.wall_clock().now_ms()), plan.range,
           why) &&
      take(arguments.number_or("batches", 10'000, 1), plan.batches, why) &&
      take(parse_partitions(arguments.text("partitions")), plan.partitions, why))
    return plan;
  return trouble(std::move(why));
}

class Analysing {
 public:
  Analysing(ClusterSession& session, const Plan& plan)
      : session_(session), plan_(plan), progress_(session.session, session.executor()) {}

  Task<Answer<void>> analyse(std::string topic) {
    auto partitions = co_await partitions_of(session_, {topic}, plan_.partitions);
    if (!partitions) co_return trouble(std::move(partitions).error());
    const auto spans = co_await spans_of(session_, std::move(*partitions), plan_.range);
    if (!spans) co_return trouble(spans.error());
    BatchAnalysis analysis;
    bool cut = false;
    for (const ReadSpan& span : *spans) {
      analysis.note_partition(span.partition.partition);
      const auto whole = co_await scan(span, analysis);
      if (!whole) co_return trouble(whole.error());
      cut |= !*whole;
    }
    progress_.clear();
    if (analysis.batches() == 0)
      session_.session.note("hint: no batches of " + topic +
                            " are in this range; -t -24h:end looks further back");
    else if (cut)
      session_.session.note("hint: only the first " + std::to_string(plan_.batches) +
                            " batches of a partition were read; --batches N reads more");
    co_return show(topic, analysis, cut ? std::nullopt : window_seconds());
  }

  void finish() {
    if (is_machine(plan_.format)) print_items(session_.out(), items_, plan_.format);
  }

 private:
  // False: there were more batches than --batches.
  Task<Answer<bool>> scan(const ReadSpan& span, BatchAnalysis& analysis) {
    std::int64_t batches = 0;
    bool whole = true;
    const auto visit = [&](const record::BatchView& batch) -> Answer<bool> {
      if (batches == plan_.batches) return whole = false;
      if (const Status added = analysis.add(span.partition.partition, batch); !added)
        return trouble(trouble_of(added.error(), "cannot read the batch at offset " +
                                                     std::to_string(batch.base_offset()) + " of " +
                                                     span.partition.to_string()));
      ++batches;
      if (progress_.due())
        progress_.show(span.partition.to_string() + ": " + std::to_string(batches) + " batches, offset " +
                       std::to_string(batch.last_offset()));
      return true;
    };
    const auto scanned = co_await scan_batches(session_, span, visit);
    if (!scanned) co_return trouble(scanned.error());
    co_return whole;
  }

  // Of a range by time, up to now.
  std::optional<double> window_seconds() const {
    using Kind = OffsetBound::Kind;
    if (plan_.range.from.kind != Kind::timestamp) return std::nullopt;
    const OffsetBound& until = *plan_.range.until;
    if (until.kind != Kind::timestamp && until != OffsetBound{Kind::end, 0}) return std::nullopt;
    const TimestampMs end =
        until.kind == Kind::timestamp ? until.value : session_.world.wall_clock().now_ms();
    return static_cast<double>(end - plan_.range.from.value) / 1000;
  }

  Answer<void> show(const std::string& topic, const BatchAnalysis& analysis, std::optional<double> seconds) {
    const Arguments& arguments = session_.arguments();
    constexpr std::string_view kFlags[] = {"summary", "sizes", "codecs", "by-partition", "producers"};
    const bool all = std::ranges::none_of(kFlags, [&](std::string_view flag) { return arguments.has(flag); });
    Sections sections;
    if (all || arguments.has("summary"))
      sections.add({"SUMMARY", "summary", analysis.summary(topic, seconds), Section::Shape::fields});
    if (all || arguments.has("sizes")) sections.add({"SIZES", "sizes", analysis.sizes()});
    if (all || arguments.has("codecs")) sections.add({"CODECS", "codecs", analysis.codecs()});
    if (all || arguments.has("by-partition"))
      sections.add({"PARTITIONS", "partition_list", analysis.partitions()});
    if (all || arguments.has("producers")) sections.add({"PRODUCERS", "producer_list", analysis.producers()});
    const auto some_left = sections.choose(arguments);
    if (!some_left) return std::unexpected(some_left.error());
    if (!*some_left) return {};
    if (!is_machine(plan_.format)) return sections.print(session_.session, plan_.format);
    items_.push_back(sections.to_json());
    return {};
  }

  ClusterSession& session_;
  const Plan& plan_;
  Progress progress_;
  Json::Array items_;
};

}  // namespace

ClusterAnswer topic_analyze(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const auto plan = plan_of(session);
  if (!plan) co_return trouble(plan.error());
  const auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  Analysing analysing(session, *plan);
  for (const std::string& name : *names) {
    if (session.interrupt.raised()) break;
    if (auto done = co_await analysing.analyse(name); !done) co_return trouble(std::move(done).error());
  }
  analysing.finish();
  co_return session.interrupt.raised() ? exit_of(session.interrupt) : Exit::done;
}

}  // namespace moldau::cli
