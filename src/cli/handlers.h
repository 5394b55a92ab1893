// What the commands do; one function each, in a file of its name.
#pragma once

#include "cli/command.h"

namespace moldau::cli {

using ClusterAnswer = runtime::Task<Answer<Exit>>;

// moldau …
Answer<Exit> start(Session& session);
Answer<Exit> stop(Session& session);
Answer<Exit> status(Session& session);
ClusterAnswer topic_list(ClusterSession& session);
ClusterAnswer topic_create(ClusterSession& session);
ClusterAnswer topic_describe(ClusterSession& session);
ClusterAnswer topic_alter(ClusterSession& session);
ClusterAnswer topic_add_partitions(ClusterSession& session);
ClusterAnswer topic_delete(ClusterSession& session);
ClusterAnswer topic_trim(ClusterSession& session);
ClusterAnswer topic_offsets(ClusterSession& session);
ClusterAnswer topic_storage(ClusterSession& session);
ClusterAnswer topic_copy(ClusterSession& session);
ClusterAnswer topic_analyze(ClusterSession& session);
ClusterAnswer produce(ClusterSession& session);
ClusterAnswer consume(ClusterSession& session);
ClusterAnswer cluster_info(ClusterSession& session);
ClusterAnswer cluster_health(ClusterSession& session);
ClusterAnswer cluster_brokers(ClusterSession& session);
ClusterAnswer cluster_reassign(ClusterSession& session);
ClusterAnswer cluster_balance(ClusterSession& session);
ClusterAnswer cluster_elect(ClusterSession& session);
ClusterAnswer cluster_config_get(ClusterSession& session);
ClusterAnswer cluster_config_set(ClusterSession& session);
ClusterAnswer cluster_config_reset(ClusterSession& session);
ClusterAnswer cluster_config_list(ClusterSession& session);
ClusterAnswer cluster_quorum(ClusterSession& session);
ClusterAnswer cluster_logdirs(ClusterSession& session);
ClusterAnswer cluster_features(ClusterSession& session);
ClusterAnswer quorum_add_voter(ClusterSession& session);
ClusterAnswer quorum_remove_voter(ClusterSession& session);
ClusterAnswer node_drain(ClusterSession& session);
ClusterAnswer node_resume(ClusterSession& session);
ClusterAnswer node_unregister(ClusterSession& session);
ClusterAnswer node_restart_check(ClusterSession& session);
ClusterAnswer group_list(ClusterSession& session);
ClusterAnswer group_describe(ClusterSession& session);
ClusterAnswer group_seek(ClusterSession& session);
ClusterAnswer group_delete(ClusterSession& session);
ClusterAnswer group_offset_delete(ClusterSession& session);
ClusterAnswer group_remove_member(ClusterSession& session);
Answer<Exit> doctor(Session& session);
Answer<Exit> dev(Session& session);
Answer<Exit> dev_stop(Session& session);
Answer<Exit> dev_purge(Session& session);
Answer<Exit> dev_status(Session& session);
Answer<Exit> config_check(Session& session);
Answer<Exit> config_explain(Session& session);
Answer<Exit> config_print_defaults(Session& session);
Answer<Exit> config_convert(Session& session);
ClusterAnswer perf_produce(ClusterSession& session);
ClusterAnswer perf_consume(ClusterSession& session);
ClusterAnswer perf_e2e(ClusterSession& session);
ClusterAnswer perf_mix(ClusterSession& session);
ClusterAnswer perf_compare(ClusterSession& session);
Answer<Exit> dump_log(Session& session);
Answer<Exit> explain(Session& session);
Answer<Exit> completion(Session& session);
Answer<Exit> version(Session& session);
Answer<Exit> install_links(Session& session);

// Kafka's names.
Answer<Exit> kafka_storage_random_uuid(Session& session);
Answer<Exit> kafka_storage_format(Session& session);
Answer<Exit> kafka_storage_info(Session& session);
Answer<Exit> kafka_storage_version_mapping(Session& session);
Answer<Exit> kafka_storage_feature_dependencies(Session& session);
Answer<Exit> kafka_server_start(Session& session);
Answer<Exit> kafka_server_stop(Session& session);
ClusterAnswer kafka_topics(ClusterSession& session);
ClusterAnswer kafka_console_producer(ClusterSession& session);
ClusterAnswer kafka_console_consumer(ClusterSession& session);
ClusterAnswer kafka_configs(ClusterSession& session);
ClusterAnswer kafka_broker_api_versions(ClusterSession& session);
ClusterAnswer kafka_get_offsets(ClusterSession& session);
ClusterAnswer kafka_delete_records(ClusterSession& session);
ClusterAnswer kafka_log_dirs(ClusterSession& session);
Answer<Exit> kafka_dump_log(Session& session);
ClusterAnswer kafka_cluster_id(ClusterSession& session);
ClusterAnswer kafka_cluster_list_endpoints(ClusterSession& session);
ClusterAnswer kafka_cluster_unregister(ClusterSession& session);
ClusterAnswer kafka_features_describe(ClusterSession& session);
ClusterAnswer kafka_features_update(ClusterSession& session);
ClusterAnswer kafka_metadata_quorum(ClusterSession& session);
ClusterAnswer kafka_metadata_quorum_add(ClusterSession& session);
ClusterAnswer kafka_metadata_quorum_remove(ClusterSession& session);
ClusterAnswer kafka_reassign_partitions(ClusterSession& session);
ClusterAnswer kafka_leader_election(ClusterSession& session);
ClusterAnswer kafka_groups(ClusterSession& session);
Answer<Exit> kafka_consumer_groups(Session& session);
ClusterAnswer kafka_producer_perf_test(ClusterSession& session);
ClusterAnswer kafka_consumer_perf_test(ClusterSession& session);
Answer<Exit> kafka_e2e_latency(Session& session);

}  // namespace moldau::cli
