#include "simulation/options.h"

#include <algorithm>

namespace moldau::simulation {
namespace {

// Off in half of the draws, else up to `most`.
double draw(Random& random, double most, double intensity) {
  return random.one_in(2) ? 0 : std::min(1.0, random.unit() * most * intensity);
}

}  // namespace

void Options::draw_faults(Random& random, double intensity) {
  job_time_max = Duration(random.between(0, 20'000));
  any_order = !random.one_in(4);

  disk.faults = {.write_error = draw(random, 0.002, intensity),
                 .sync_error = draw(random, 0.002, intensity),
                 .read_error = draw(random, 0.002, intensity),
                 .no_space = draw(random, 0.002, intensity),
                 .open_no_descriptors = draw(random, 0.01, intensity),
                 .cache_miss = random.unit(),
                 .short_cached_read = random.unit() / 2};
  disk.power_loss.names =
      random.one_in(2) ? PowerLossOptions::Names::prefix : PowerLossOptions::Names::any_subset;
  disk.power_loss.torn_sector = random.unit() / 2;

  pool.slow_io = draw(random, 0.002, intensity);
  network.latency.most = Duration(random.between(20'000, 20'000'000));
  network.window_bytes = std::size_t{1} << random.between(10, 20);
  network.segment_bytes_max = std::size_t{1} << random.between(6, 17);
  network.split_segment = random.unit() / 2;
  network.faults = {.delay = draw(random, 0.01, intensity),
                    .loss = draw(random, 0.02, intensity),
                    .reset = draw(random, 0.002, intensity),
                    .refused_connect = draw(random, 0.05, intensity),
                    .accept_no_descriptors = draw(random, 0.05, intensity),
                    .short_read = random.unit() / 2};
}

}  // namespace moldau::simulation
