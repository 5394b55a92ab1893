// kcat's format language, as the parts of ours (format_language.h): what --kcat-format takes.
//
//   %s value   %S its length   %R its length as 4 bytes, big-endian   %k key   %K its length   %h headers
//   name=value,name=value   %t topic   %p partition   %o offset   %T timestamp in milliseconds   %% itself
//   \n \r \t \xNN and \NNN (decimal); lengths of null are -1, a null header is NULL
#pragma once

#include "cli/format_language.h"

namespace moldau::cli {

Answer<std::vector<FormatPart>> parse_kcat_format(std::string_view format);

}  // namespace moldau::cli
