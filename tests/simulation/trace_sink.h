// The nodes' own log lines, in the trace of a world.
#pragma once

#include "simulation/world.h"
#include "telemetry/log_sink.h"

namespace moldau::simulation {

class TraceSink final : public telemetry::Sink {
 public:
  explicit TraceSink(World& world) : world_(world) {}
  bool enabled(telemetry::Level level, std::string_view) const override {
    return level >= telemetry::Level::info;
  }
  void write(const telemetry::Line& line) override {
    const Place* place = world_.scheduler().current();
    const std::string where =
        place == nullptr ? "" : "machine " + std::to_string(place->owner->machine) + ": ";
    world_.note(where + telemetry::format_text(line));
  }

 private:
  World& world_;
};

}  // namespace moldau::simulation
