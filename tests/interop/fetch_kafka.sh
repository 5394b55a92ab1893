#!/usr/bin/env bash
# fetch_kafka.sh [FOLDER]: prints the classpath of the Apache Kafka version pinned in FOLDER/pom.xml (`kafka`, the default:
# clients, broker, commands; `kafka-apps`: Streams, Connect, MirrorMaker 2; each with logging and our
# kafka/log4j2.properties), fetched by Maven into the cache folder on the first call. With the default one
#   java -cp "$(tests/interop/fetch_kafka.sh)" kafka.tools.StorageTool format --standalone -t UUID -c server.properties
#   java -cp "$(tests/interop/fetch_kafka.sh)" kafka.Kafka server.properties
# are a real broker, and org.apache.kafka.tools.TopicCommand and its neighbours are the real commands. Needs Java 17.
# A fetch that failed is tried again after half an hour.
# Exit code 3: it cannot be had here (no Java, no Maven, or the registry was not reached); the reason is on stderr.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
name=${1:-kafka}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/moldau/interop
say_and_skip() { printf '%s\n' "$*" >&2; exit 3; }

command -v java >/dev/null || say_and_skip "java is not installed"
command -v mvn >/dev/null || say_and_skip "mvn (Maven) is not installed"
# The folder is named after the pins, so that changed pins are fetched anew and an unfinished fetch is never used.
jars=$cache/$name-$(sha256sum <"$here/$name/pom.xml" | cut -c1-16)
if [ ! -d "$jars" ]; then
  mkdir -p "$cache"
  exec 8>"$cache/$name.lock"
  flock 8
fi
if [ ! -d "$jars" ]; then
  [ -z "$(find "$jars.failed" -mmin -30 2>/dev/null)" ] ||
    say_and_skip "Maven could not fetch the jars of Apache Kafka ($name) a while ago: $cache/$name.log"
  rm -rf "$jars.part"
  timeout "${MOLDAU_FETCH_SECONDS:-400}" mvn -B -q -f "$here/$name/pom.xml" dependency:copy-dependencies \
    -Dmaven.wagon.http.connectionTimeout=20000 -DoutputDirectory="$jars.part" >"$cache/$name.log" 2>&1 </dev/null ||
    { touch "$jars.failed"; grep -m1 ERROR "$cache/$name.log" >&2 || true; say_and_skip "Maven could not fetch the jars of Apache Kafka: $cache/$name.log"; }
  mv "$jars.part" "$jars"
fi
classpath=$here/kafka
for jar in "$jars"/*.jar; do classpath+=:$jar; done
printf '%s\n' "$classpath"
