#include "telemetry/log_sink.h"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <cerrno>

namespace moldau::telemetry {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    default:
      return spdlog::level::err;
  }
}

spdlog::sink_ptr output_of(const std::string& path) {
  if (path.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
}

class QueuedSink final : public Sink {
 public:
  QueuedSink(LogOptions options, spdlog::sink_ptr output)
      : options_(std::move(options)),
        writer_(std::make_shared<spdlog::details::thread_pool>(options_.queue_lines, 1)),
        logger_(std::make_shared<spdlog::async_logger>("moldau", std::move(output), writer_,
                                                       spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(spdlog::level::info);
    // JSON: the line's own opening brace is dropped in write(), after the time.
    const bool json = options_.format == LogFormat::json;
    logger_->set_pattern(json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v",
                         spdlog::pattern_time_type::utc);
  }

  bool enabled(Level level, std::string_view component) const override {
    return options_.filter.enabled(level, component);
  }
  void write(const Line& line) override {
    const bool json = options_.format == LogFormat::json;
    const std::string text = json ? format_json(line).substr(1) : format_text(line);
    logger_->log(to_spdlog(line.level), spdlog::string_view_t(text));
  }

 private:
  LogOptions options_;
  std::shared_ptr<spdlog::details::thread_pool> writer_;  // its destructor writes what is queued
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

bool LogFilter::enabled(Level at, std::string_view component) const {
  if (levels.empty()) return at >= level;
  const auto own = levels.find(component);
  return at >= (own == levels.end() ? level : own->second);
}

Result<std::unique_ptr<Sink>> open_log_sink(LogOptions options) {
  try {
    auto output = output_of(options.path);
    options.queue_lines = std::max<std::size_t>(options.queue_lines, 1);
    return std::make_unique<QueuedSink>(std::move(options), std::move(output));
  } catch (const spdlog::spdlog_ex& failure) {
    return fail(Errc::io, std::string("open the log file: ") + failure.what());
  }
}

MemorySink::MemorySink(Level level, std::size_t capacity) : level_(level), capacity_(capacity) {}

bool MemorySink::enabled(Level level, std::string_view) const { return level >= level_; }

void MemorySink::write(const Line& line) {
  std::string text = format_text(line);
  const std::lock_guard lock(mutex_);
  if (lines_.size() == capacity_) lines_.pop_front();
  lines_.push_back(std::move(text));
}

std::vector<std::string> MemorySink::lines() const {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

bool MemorySink::contains(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(lines_,
                             [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void MemorySink::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

}  // namespace moldau::telemetry
