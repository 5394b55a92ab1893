#!/usr/bin/env bash
# vectors.sh WIRE_LINES [--write]: messages as Apache Kafka's own Java classes read and write them, beside ours. Both sides
# make random messages, headers too, of every message and version; the other reads them and writes them again: the bytes
# and the values must be the same. tests/vectors/messages.tsv is checked by Kafka's classes too; --write makes it anew.
# Exit code 3: Kafka's jars cannot be had here.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
lines=$(readlink -f "$1")
vectors=$here/../vectors/messages.tsv
seed=${MOLDAU_VECTOR_SEED:-1}
count=${MOLDAU_VECTOR_COUNT:-40}

classpath=$("$here/../interop/fetch_kafka.sh")
command -v javac >/dev/null || { echo "javac is not installed" >&2; exit 3; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
javac -nowarn -d "$work" -cp "$classpath" "$here/Vectors.java"
kafka() { timeout 500 java -Xmx512m -XX:TieredStopAtLevel=1 -cp "$work:$classpath" Vectors "$@"; }

echo "ours, read by Kafka (seed $seed):"
"$lines" random "$seed" "$count" >"$work/ours"
kafka check <"$work/ours"

# generated SEED COUNT OUT: Kafka's random messages, read and written again by ours; the bytes must be the same.
generated() {
  kafka generate "$1" "$2" <"$work/ours" >"$work/kafkas"
  "$lines" decode <"$work/kafkas" >"$3"
  cut -f1-3 "$work/kafkas" | cmp - <(cut -f1-3 "$3") || { echo "FAILED: ours writes other bytes than Kafka"; exit 1; }
  kafka check <"$3"
}
echo "Kafka's, read by ours (seed $seed):"
generated "$seed" "$count" "$work/read"

if [ "${2:-}" = --write ]; then
  generated 43 2 "$work/vectors" >/dev/null
  grep -v '^Re[a-z]*Header\.' "$work/vectors" >"$vectors"
fi
echo "tests/vectors/messages.tsv, read by Kafka:"
kafka check <"$vectors"
