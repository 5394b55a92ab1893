// The settings of a node on machine 0 of a simulated world, small enough for a test.
#pragma once

#include <string>

#include "config/settings.h"
#include "simulation/network.h"

namespace moldau::simulation {

inline constexpr std::uint16_t kNodePort = 9092;

inline config::Settings node_settings(const std::string& data_dir = "/data") {
  config::Settings settings;
  settings.data_dir = data_dir;
  settings.node_id = 1;
  settings.listeners.push_back({.name = "PLAINTEXT",
                                .bind = {"0.0.0.0", kNodePort},
                                .advertise = {Fabric::address_of(0), kNodePort},
                                .inter_broker = true});
  settings.commit_log_size_bytes = 1 << 20;
  settings.memory_bytes = 64 << 20;
  return settings;
}

}  // namespace moldau::simulation
