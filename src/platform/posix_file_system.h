// syncfs() on the file systems of which it is known to tell every failed write-back: ext4 and XFS, since
// Linux 5.8.
#pragma once

#include "platform/posix.h"
#include "runtime/file_system.h"

namespace moldau::platform {

Result<std::unique_ptr<runtime::FileSystem>> open_posix_file_system(const std::string& directory);

}  // namespace moldau::platform
