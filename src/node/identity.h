// Who this node is: what its settings say, else what its data folder says, else a first choice that is kept.
#pragma once

#include <memory>

#include "base/random.h"
#include "config/settings.h"
#include "runtime/world.h"
#include "storage/data_directory.h"

namespace moldau::node {

// Opens the data folder and locks it; formats it first when it is missing or empty. Errors are those of
// DataDirectory::format and open. Blocks.
Result<std::unique_ptr<storage::DataDirectory>> open_data_directory(const config::Settings& settings,
                                                                    runtime::Disk& disk, Random& random);

}  // namespace moldau::node
