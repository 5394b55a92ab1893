// interop HOST:PORT PREFIX: franz-go against one broker; a line for each scenario.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func play(s *session, name string, scenario func(*session)) {
	if only := os.Getenv("MOLDAU_TEST_ONLY"); only != "" && !slices.Contains(strings.Split(only, ","), name) {
		return
	}
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Printf("fail %s: %s\n", name, strings.ReplaceAll(fmt.Sprint(reason), "\n", " "))
			return
		}
		fmt.Println("pass", name)
	}()
	scenario(s)
}

func main() {
	s := newSession(os.Args[1], os.Args[2])
	defer s.close()
	for _, codec := range codecs {
		for _, acks := range []string{"0", "1", "all"} {
			play(s, "produce-"+codec+"-acks-"+acks, func(s *session) { produceWith(s, codec, acks) })
		}
	}
	play(s, "idempotent", idempotent)
	play(s, "headers", headers)
	play(s, "nulls", nulls)
	play(s, "one-mib-records", oneMibRecords)
	play(s, "record-too-large", recordTooLarge)
	play(s, "fetch-from-beginning", fetchFromBeginning)
	play(s, "fetch-by-offset", fetchByOffset)
	play(s, "fetch-by-timestamp", fetchByTimestamp)
	play(s, "fetch-after-end", fetchAfterEnd)
	play(s, "create-topic", createTopic)
	play(s, "create-topic-refused", createTopicRefused)
	play(s, "create-partitions", createPartitions)
	play(s, "delete-records", deleteRecords)
	play(s, "delete-topic", deleteTopic)
	play(s, "alter-configs", alterConfigs)
	play(s, "alter-configs-whole", alterConfigsWhole)
	play(s, "list-offsets", listOffsets)
	play(s, "metadata", metadata)
	play(s, "describe-log-dirs", describeLogDirs)
	play(s, "describe-producers", describeProducers)
	play(s, "offset-for-leader-epoch", offsetForLeaderEpoch)
	play(s, "api-versions", apiVersions)
	play(s, "raw-admin-calls", rawAdminCalls)
	for _, protocol := range protocols {
		play(s, "group-shares-and-resumes-"+protocol, func(s *session) { groupSharesAndResumes(s, protocol) })
	}
	play(s, "transactions", transactions)
	for _, protocol := range protocols {
		play(s, "exactly-once-"+protocol, func(s *session) { exactlyOnce(s, protocol) })
	}
	if faultSeconds > 0 {
		play(s, "leader-killed", leaderKilled)
		play(s, "exactly-once-leader-killed", exactlyOnceLeaderKilled)
	}
	fmt.Println("end")
}
