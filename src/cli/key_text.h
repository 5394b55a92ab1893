// What `explain` and `config explain` tell about names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moldau::cli {

// Of a configuration key under any of its names: type, default, range, how it is changed. "" when there is
// none.
std::string explain_key(std::string_view name);
// Of an error by number or name, a configuration key, or a state ("ISR", "under-replicated"). "" when there
// is none.
std::string explain_name(std::string_view name);
// Everything that can be explained.
std::vector<std::string> explainable_names();

}  // namespace moldau::cli
