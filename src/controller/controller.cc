#include "controller/controller.h"

#include <algorithm>
#include <iterator>

namespace moldau::controller {

std::vector<std::vector<metadata::Record>> in_pieces(std::vector<metadata::Record> records,
                                                     std::size_t max_records) {
  MOLDAU_ASSERT(max_records > 0);
  std::vector<std::vector<metadata::Record>> out;
  for (auto from = records.begin(); from != records.end();) {
    const auto left = static_cast<std::size_t>(records.end() - from);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(left, max_records));
    out.emplace_back(std::make_move_iterator(from), std::make_move_iterator(to));
    from = to;
  }
  return out;
}

}  // namespace moldau::controller
