#!/usr/bin/env bash
# all.sh WIRE_LINES [PART…]: Moldau beside Apache Kafka. Parts: vectors (messages), requests (answers), files (segments and
# indexes), compacted (what compaction leaves of the same records), tools (outputs of the commands). Needs MOLDAU_BINARY.
# Where Kafka cannot be had the parts count as skipped.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
lines=$1
shift
parts=${*:-vectors requests files compacted tools}
passed=0 failed=0 skipped=0
for part in $parts; do
  case $part in
    vectors) command=("$here/vectors.sh" "$lines") ;;
    requests) command=(/usr/bin/python3 "$here/run.py") ;;
    files | compacted | tools) command=(/usr/bin/python3 "$here/$part.py") ;;
    *) echo "there is no part $part" >&2; exit 2 ;;
  esac
  echo "== $part"
  timeout 2400 "${command[@]}"
  case $? in
    0) passed=$((passed + 1)) ;;
    3) echo "skipped: $part" && skipped=$((skipped + 1)) ;;
    *) failed=$((failed + 1)) ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
