// A small command line on librdkafka's C API, driven by the tests of this folder: one command per run, records
// as lines of text. Exit code 0: done, 1: refused by the broker or timed out (stderr says why), 2: wrong usage,
// 3: the producer failed for good (librdkafka's "fatal error").
//
//   create-topic    BOOTSTRAP TOPIC PARTITIONS [config=value]…
//                   with as many replicas as MOLDAU_TEST_REPLICAS says, one if it does not
//   delete-topic    BOOTSTRAP TOPIC
//   delete-records  BOOTSTRAP TOPIC PARTITION BEFORE_OFFSET
//                   prints the new log start offset
//   end-offset      BOOTSTRAP TOPIC PARTITION
//   produce         BOOTSTRAP TOPIC PARTITION [property=value]…
//                   records from stdin; prints "ok OFFSET" or "failed ERROR" for each, in the order of stdin
//   consume         BOOTSTRAP TOPIC PARTITION START [property=value]…
//                   to the end; START is an offset, or @ and a timestamp
//   load            BOOTSTRAP TOPIC PARTITIONS NAME PER_SECOND [property=value]…
//                   until stdin ends; prints "acked PARTITION SEQUENCE OFFSET" as it happens
//
// A record is one line of five words: OFFSET TIMESTAMP KEY VALUE HEADERS. Bytes are hexadecimal, "-" is null,
// "." is empty; HEADERS is "." or name=bytes,name=bytes with the names as they are. OFFSET is ignored by
// produce.
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kAdminTimeoutMs = 15000 };

static void die(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(rd_kafka_resp_err_t error, const char* what) {
  if (error) die(what, rd_kafka_err2name(error));
}

// ---- handles
// ------------------------------------------------------------------------------------------------

static void set_property(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return;
  fprintf(stderr, "%s\n", why);
  exit(2);
}

static void set_properties(rd_kafka_conf_t* conf, int count, char** assignments) {
  for (int i = 0; i < count; ++i) {
    char* equals = strchr(assignments[i], '=');
    if (!equals) die(assignments[i], "is no property=value");
    *equals = 0;
    set_property(conf, assignments[i], equals + 1);
  }
}

static rd_kafka_t* new_handle(rd_kafka_type_t type, rd_kafka_conf_t* conf, const char* bootstrap) {
  set_property(conf, "bootstrap.servers", bootstrap);
  set_property(conf, "log.connection.close", "false");
  char why[256];
  rd_kafka_t* handle = rd_kafka_new(type, conf, why, sizeof why);
  if (!handle) die("rd_kafka_new", why);
  return handle;
}

// ---- the text form of records
// -------------------------------------------------------------------------------

typedef struct {
  unsigned char* data;  // null: null
  size_t size;
} Bytes;

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static Bytes parse_bytes(const char* word) {
  if (strcmp(word, "-") == 0) return (Bytes){NULL, 0};
  const size_t size = strcmp(word, ".") == 0 ? 0 : strlen(word) / 2;
  unsigned char* data = malloc(size + 1);
  for (size_t i = 0; i < size; ++i)
    data[i] = (unsigned char)(nibble(word[2 * i]) << 4 | nibble(word[2 * i + 1]));
  return (Bytes){data, size};
}

static void print_bytes(const void* data, size_t size) {
  static const char digits[] = "0123456789abcdef";
  const unsigned char* bytes = data;
  if (!data) putchar('-');
  if (data && size == 0) putchar('.');
  for (size_t i = 0; data && i < size; ++i) {
    putchar(digits[bytes[i] >> 4]);
    putchar(digits[bytes[i] & 15]);
  }
}

static rd_kafka_headers_t* parse_headers(char* word) {
  if (strcmp(word, ".") == 0) return NULL;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(4);
  char* rest = NULL;
  for (char* item = strtok_r(word, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
    char* equals = strchr(item, '=');
    if (!equals) die(item, "is no header");
    *equals = 0;
    Bytes value = parse_bytes(equals + 1);
    check(rd_kafka_header_add(headers, item, -1, value.data, (ssize_t)value.size), "header");
    free(value.data);
  }
  return headers;
}

static void print_headers(const rd_kafka_message_t* message) {
  rd_kafka_headers_t* headers = NULL;
  if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_cnt(headers) == 0) {
    putchar('.');
    return;
  }
  const char* name;
  const void* value;
  size_t size;
  for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); ++i) {
    printf("%s%s=", i ? "," : "", name);
    print_bytes(value, size);
  }
}

static void print_record(const rd_kafka_message_t* message) {
  rd_kafka_timestamp_type_t type;
  printf("%lld %lld ", (long long)message->offset, (long long)rd_kafka_message_timestamp(message, &type));
  print_bytes(message->key, message->key_len);
  putchar(' ');
  print_bytes(message->payload, message->len);
  putchar(' ');
  print_headers(message);
  putchar('\n');
}

// ---- produce
// ------------------------------------------------------------------------------------------------

typedef struct {
  rd_kafka_resp_err_t error;
  int64_t offset;
} Outcome;

typedef struct {
  Outcome* outcomes;
  size_t count;
  size_t capacity;
} Outcomes;

static void on_delivered(rd_kafka_t* producer, const rd_kafka_message_t* message, void* opaque) {
  (void)producer;
  Outcomes* all = opaque;
  all->outcomes[(size_t)message->_private] = (Outcome){message->err, message->offset};
}

static size_t next_place(Outcomes* all) {
  if (all->count == all->capacity) {
    all->capacity = all->capacity ? 2 * all->capacity : 256;
    all->outcomes = realloc(all->outcomes, all->capacity * sizeof *all->outcomes);
  }
  all->outcomes[all->count] = (Outcome){RD_KAFKA_RESP_ERR__TIMED_OUT, -1};
  return all->count++;
}

static rd_kafka_resp_err_t send_record(rd_kafka_t* producer, const char* topic, int32_t partition, char* line,
                                       size_t place) {
  char* rest = NULL;
  char* words[5];
  for (int i = 0; i < 5; ++i) {
    words[i] = strtok_r(i ? NULL : line, " \n", &rest);
    if (!words[i]) die("stdin", "a record has five words");
  }
  Bytes key = parse_bytes(words[2]);
  Bytes value = parse_bytes(words[3]);
  rd_kafka_headers_t* headers = parse_headers(words[4]);
  rd_kafka_resp_err_t error;
  do {
    error = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_TIMESTAMP(strtoll(words[1], NULL, 10)),
                              RD_KAFKA_V_KEY(key.data, key.size), RD_KAFKA_V_VALUE(value.data, value.size),
                              RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_OPAQUE((void*)place), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(producer, 100);
  } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
  if (error && headers) rd_kafka_headers_destroy(headers);
  free(key.data);
  free(value.data);
  return error;
}

static int produce(int argc, char** argv) {
  Outcomes all = {0};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set_properties(conf, argc - 3, argv + 3);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
  rd_kafka_conf_set_opaque(conf, &all);
  rd_kafka_t* producer = new_handle(RD_KAFKA_PRODUCER, conf, argv[0]);

  char* line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, stdin) > 0) {
    const size_t place = next_place(&all);
    const rd_kafka_resp_err_t error = send_record(producer, argv[1], atoi(argv[2]), line, place);
    if (error) all.outcomes[place].error = error;
    rd_kafka_poll(producer, 0);
  }
  free(line);
  rd_kafka_flush(producer, 60000);
  bool failed = false;
  for (size_t i = 0; i < all.count; ++i) {
    const Outcome outcome = all.outcomes[i];
    failed |= outcome.error != 0;
    if (outcome.error) printf("failed %s\n", rd_kafka_err2name(outcome.error));
    if (!outcome.error) printf("ok %lld\n", (long long)outcome.offset);
  }
  rd_kafka_destroy(producer);
  free(all.outcomes);
  return failed;
}

// ---- load
// ---------------------------------------------------------------------------------------------------

typedef struct {
  int32_t partition;
  int64_t sequence;
} Place;

static void on_load_delivered(rd_kafka_t* producer, const rd_kafka_message_t* message, void* opaque) {
  (void)producer;
  (void)opaque;
  Place* place = message->_private;
  if (message->err) {
    printf("failed %d %lld %s\n", place->partition, (long long)place->sequence,
           rd_kafka_err2name(message->err));
  } else {
    printf("acked %d %lld %lld\n", place->partition, (long long)place->sequence, (long long)message->offset);
  }
  free(place);
}

static bool stdin_ended(int wait_ms) {
  struct pollfd in = {STDIN_FILENO, POLLIN, 0};
  char byte;
  return poll(&in, 1, wait_ms) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

// The record's value names its producer, partition and place there: NAME:PARTITION:SEQUENCE and some filling.
static rd_kafka_resp_err_t send_next(rd_kafka_t* producer, const char* topic, const char* name,
                                     int32_t partition, int64_t sequence) {
  char value[160];
  const int size = snprintf(value, sizeof value, "%s:%d:%lld:%0*d", name, partition, (long long)sequence,
                            (int)(sequence % 97) + 1, 0);
  Place* place = malloc(sizeof *place);
  *place = (Place){partition, sequence};
  const rd_kafka_resp_err_t error =
      rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_VALUE(value, (size_t)size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_OPAQUE(place), RD_KAFKA_V_END);
  if (error) free(place);
  return error;
}

static int load(int argc, char** argv) {
  const char* topic = argv[1];
  const int partitions = atoi(argv[2]);
  const int per_tick = atoi(argv[4]) / 200 + 1;  // a tick is 5 ms
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set_properties(conf, argc - 5, argv + 5);
  rd_kafka_conf_set_dr_msg_cb(conf, on_load_delivered);
  rd_kafka_t* producer = new_handle(RD_KAFKA_PRODUCER, conf, argv[0]);

  int64_t* next = calloc((size_t)partitions, sizeof *next);
  int turn = 0;
  char why[256];
  while (!rd_kafka_fatal_error(producer, why, sizeof why) && !stdin_ended(5)) {
    for (int i = 0; i < per_tick; ++i, turn = (turn + 1) % partitions) {
      if (send_next(producer, topic, argv[3], turn, next[turn])) break;
      ++next[turn];
    }
    rd_kafka_poll(producer, 0);
    fflush(stdout);
  }
  const rd_kafka_resp_err_t unfinished = rd_kafka_flush(producer, 120000);
  for (int i = 0; i < partitions; ++i) printf("sent %d %lld\n", i, (long long)next[i]);
  const bool fatal = rd_kafka_fatal_error(producer, why, sizeof why);
  free(next);
  rd_kafka_destroy(producer);
  if (fatal) fprintf(stderr, "fatal: %s\n", why);
  if (fatal) return 3;
  check(unfinished, "flush");
  return 0;
}

// ---- consume
// ------------------------------------------------------------------------------------------------

static int64_t first_offset(rd_kafka_t* consumer, const char* topic, int32_t partition, const char* start) {
  if (start[0] != '@') return strtoll(start, NULL, 10);
  rd_kafka_topic_partition_list_t* wanted = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(wanted, topic, partition)->offset = strtoll(start + 1, NULL, 10);
  check(rd_kafka_offsets_for_times(consumer, wanted, kAdminTimeoutMs), "offsets_for_times");
  check(wanted->elems[0].err, "offsets_for_times");
  const int64_t offset = wanted->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(wanted);
  return offset;
}

static void consume_to_end(rd_kafka_t* consumer) {
  for (bool ended = false; !ended;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 30000);
    if (!message) die("consume", "nothing came for 30 s");
    ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (!ended && message->err) die("consume", rd_kafka_message_errstr(message));
    if (!ended) print_record(message);
    rd_kafka_message_destroy(message);
  }
}

static int consume(int argc, char** argv) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set_property(conf, "group.id",
               "unused");  // librdkafka wants one; with assign() nothing is asked of a group
  set_property(conf, "enable.auto.commit", "false");
  set_property(conf, "enable.partition.eof", "true");
  set_property(conf, "auto.offset.reset", "error");
  set_property(conf, "check.crcs", "true");
  set_properties(conf, argc - 4, argv + 4);
  rd_kafka_t* consumer = new_handle(RD_KAFKA_CONSUMER, conf, argv[0]);
  rd_kafka_poll_set_consumer(consumer);
  const int32_t partition = atoi(argv[2]);
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(assigned, argv[1], partition)->offset =
      first_offset(consumer, argv[1], partition, argv[3]);
  check(rd_kafka_assign(consumer, assigned), "assign");
  rd_kafka_topic_partition_list_destroy(assigned);
  consume_to_end(consumer);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return 0;
}

static int end_offset(int argc, char** argv) {
  (void)argc;
  rd_kafka_t* consumer = new_handle(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), argv[0]);
  int64_t low, high;
  check(rd_kafka_query_watermark_offsets(consumer, argv[1], atoi(argv[2]), &low, &high, kAdminTimeoutMs),
        "query_watermark_offsets");
  printf("%lld\n", (long long)high);
  rd_kafka_destroy(consumer);
  return 0;
}

// ---- admin
// --------------------------------------------------------------------------------------------------

typedef struct {
  rd_kafka_t* client;
  rd_kafka_queue_t* queue;
  rd_kafka_AdminOptions_t* options;
} Admin;

static Admin new_admin(const char* bootstrap, rd_kafka_admin_op_t operation) {
  Admin admin;
  admin.client = new_handle(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), bootstrap);
  admin.queue = rd_kafka_queue_new(admin.client);
  admin.options = rd_kafka_AdminOptions_new(admin.client, operation);
  char why[256];
  check(rd_kafka_AdminOptions_set_operation_timeout(admin.options, kAdminTimeoutMs, why, sizeof why),
        "options");
  return admin;
}

static rd_kafka_event_t* answer_of(const Admin* admin) {
  rd_kafka_event_t* event = rd_kafka_queue_poll(admin->queue, 2 * kAdminTimeoutMs);
  if (!event) die("admin", "no answer");
  if (rd_kafka_event_error(event)) die("admin", rd_kafka_event_error_string(event));
  return event;
}

static void end_admin(Admin* admin, rd_kafka_event_t* event) {
  rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(admin->options);
  rd_kafka_queue_destroy(admin->queue);
  rd_kafka_destroy(admin->client);
}

static void check_topics(const rd_kafka_topic_result_t** results, size_t count) {
  for (size_t i = 0; i < count; ++i)
    check(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_name(results[i]));
}

static int create_topic(int argc, char** argv) {
  Admin admin = new_admin(argv[0], RD_KAFKA_ADMIN_OP_CREATETOPICS);
  char why[256];
  const char* replicas = getenv("MOLDAU_TEST_REPLICAS");
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(argv[1], atoi(argv[2]), replicas ? atoi(replicas) : 1, why, sizeof why);
  if (!topic) die(argv[1], why);
  for (int i = 3; i < argc; ++i) {
    char* equals = strchr(argv[i], '=');
    if (!equals) die(argv[i], "is no config=value");
    *equals = 0;
    check(rd_kafka_NewTopic_set_config(topic, argv[i], equals + 1), argv[i]);
  }
  rd_kafka_CreateTopics(admin.client, &topic, 1, admin.options, admin.queue);
  rd_kafka_event_t* event = answer_of(&admin);
  size_t count;
  check_topics(rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count), count);
  rd_kafka_NewTopic_destroy(topic);
  end_admin(&admin, event);
  return 0;
}

static int delete_topic(int argc, char** argv) {
  (void)argc;
  Admin admin = new_admin(argv[0], RD_KAFKA_ADMIN_OP_DELETETOPICS);
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(argv[1]);
  rd_kafka_DeleteTopics(admin.client, &topic, 1, admin.options, admin.queue);
  rd_kafka_event_t* event = answer_of(&admin);
  size_t count;
  check_topics(rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count), count);
  rd_kafka_DeleteTopic_destroy(topic);
  end_admin(&admin, event);
  return 0;
}

static int delete_records(int argc, char** argv) {
  (void)argc;
  Admin admin = new_admin(argv[0], RD_KAFKA_ADMIN_OP_DELETERECORDS);
  rd_kafka_topic_partition_list_t* before = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(before, argv[1], atoi(argv[2]))->offset = strtoll(argv[3], NULL, 10);
  rd_kafka_DeleteRecords_t* wish = rd_kafka_DeleteRecords_new(before);
  rd_kafka_DeleteRecords(admin.client, &wish, 1, admin.options, admin.queue);
  rd_kafka_event_t* event = answer_of(&admin);
  const rd_kafka_topic_partition_list_t* done =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
  check(done->elems[0].err, "delete-records");
  printf("%lld\n", (long long)done->elems[0].offset);
  rd_kafka_DeleteRecords_destroy(wish);
  rd_kafka_topic_partition_list_destroy(before);
  end_admin(&admin, event);
  return 0;
}

// -------------------------------------------------------------------------------------------------------------

typedef struct {
  const char* name;
  int (*run)(int argc, char** argv);
  int least_arguments;
} Command;

static const Command kCommands[] = {
    {"create-topic", create_topic, 3},
    {"delete-topic", delete_topic, 2},
    {"delete-records", delete_records, 4},
    {"end-offset", end_offset, 3},
    {"produce", produce, 3},
    {"consume", consume, 4},
    {"load", load, 5},
};

int main(int argc, char** argv) {
  for (size_t i = 0; argc > 1 && i < sizeof kCommands / sizeof *kCommands; ++i) {
    if (strcmp(argv[1], kCommands[i].name) != 0) continue;
    if (argc - 2 < kCommands[i].least_arguments) break;
    return kCommands[i].run(argc - 2, argv + 2);
  }
  fprintf(
      stderr,
      "usage: rdkafka_client COMMAND BOOTSTRAP TOPIC …; the commands are told at the top of the source\n");
  return 2;
}
