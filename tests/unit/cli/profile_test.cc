// Profiles: which source names the cluster, what is refused, and what the commands make of the file.
#include "cli/profile.h"

#include "base/random.h"
#include "cli/cluster_guard.h"
#include "cli/command.h"
#include "cli/profile_commands.h"
#include "unit/cli/fake_process.h"

namespace moldau::cli {
namespace {

constexpr const char* kFile = "/home/me/.config/moldau/config.yaml";

class ProfileTest : public FakeProcess {
 protected:
  void SetUp() override { environment.world = &world; }
  // Of a command that is given these words.
  ClusterChoice choice(std::vector<std::string> flags) {
    Invocation invocation = invocation_of({"moldau"});
    Session session(invocation, environment);
    for (std::size_t i = 0; i + 1 < flags.size(); i += 2) session.arguments.add(flags[i], flags[i + 1]);
    const auto sources = cluster_sources(session);
    EXPECT_TRUE(sources) << sources.error().to_string();
    return sources ? choose_cluster(*sources) : ClusterChoice();
  }
  std::string brokers(std::vector<std::string> flags = {}) {
    const ClusterChoice found = choice(std::move(flags));
    const auto at = found.values.find("brokers");
    return at == found.values.end() ? "" : at->second;
  }
  std::string written() {
    const auto text = read_from_disk(kFile);
    EXPECT_TRUE(text) << text.error().message;
    return text.value_or("");
  }
  simulation::World world{5};
};

TEST_F(ProfileTest, EverySourceHasItsRank) {
  EXPECT_EQ(choice({}).from, "");
  files[kFile] =
      "current: local\nprofiles:\n  local: {brokers: [current:1]}\n  other: {brokers: [other:1, other:2]}\n";
  EXPECT_EQ(brokers(), "current:1");
  files["/project/.moldau.yaml"] = "profile: other\n";
  EXPECT_EQ(brokers(), "other:1,other:2");
  files["/project/.moldau.yaml"] = "profile: other\nbrokers: [project:1]\n";
  EXPECT_EQ(brokers(), "project:1");
  variables["MOLDAU_PROFILE"] = "local";
  EXPECT_EQ(brokers(), "current:1");
  variables["MOLDAU_BROKERS"] = "variable:1";
  EXPECT_EQ(brokers(), "variable:1");
  EXPECT_EQ(brokers({"profile", "other"}), "other:1,other:2");
  files["/project/client.properties"] = "bootstrap.servers=java:1\n";
  EXPECT_EQ(brokers({"profile", "other", "command-config", "client.properties"}), "java:1");
  EXPECT_EQ(brokers({"command-config", "client.properties", "X", "brokers=x:1"}), "x:1");
  EXPECT_EQ(brokers({"command-config", "client.properties", "X", "bootstrap.servers=x:2"}), "x:2");
  EXPECT_EQ(brokers({"X", "brokers=x:1", "brokers", "flag:1"}), "flag:1");
  EXPECT_EQ(choice({"brokers", "flag:1"}).from, "--brokers");
}

TEST_F(ProfileTest, WhoNamesTheBrokersSaysHowTheyAreTrusted) {
  files[kFile] =
      "current: prod\nprofiles:\n"
      "  prod: {brokers: [p:1], tls: {ca: /ca.pem}, confirm: always, color: red, properties: {acks: all, "
      "linger.ms: 7}}\n";
  EXPECT_EQ(choice({}).profile, "prod");
  EXPECT_EQ(properties_of(choice({}).values).at("security.protocol"), "SSL");
  const ClusterChoice elsewhere = choice({"brokers", "l:1", "X", "linger.ms=9"});
  EXPECT_EQ(elsewhere.values,
            (Profile{{"brokers", "l:1"}, {"properties.acks", "all"}, {"properties.linger.ms", "9"}}));
  EXPECT_EQ(elsewhere.profile, "");
  const ClusterChoice named = choice({"brokers", "l:1", "profile", "prod"});
  EXPECT_EQ(named.values.at("tls.ca"), "/ca.pem");
  EXPECT_EQ(named.values.at("confirm"), "always");
  EXPECT_EQ(named.values.at("brokers"), "l:1");
  files["/project/.moldau.yaml"] = "tls: {insecure_skip_verify: true}\nproperties: {acks: 1}\n";
  EXPECT_FALSE(choice({}).values.contains("tls.insecure_skip_verify")) << "a folder from elsewhere";
  EXPECT_EQ(choice({}).values.at("properties.acks"), "1");
}

TEST_F(ProfileTest, SecurityIsReadAndRefused) {
  files[kFile] =
      "profiles:\n  a: {brokers: [p:1], tls: {}}\n  b: {brokers: [p:1], sasl: {user: me}}\n"
      "  c: {brokers: [p:1], tls: {ca: x}, sasl: {user: me}}\n  d: {brokers: [p:1], tls: {enabled: false, "
      "ca: x}}\n";
  EXPECT_EQ(run({"moldau", "topic", "list", "--profile", "a"}), 1);
  EXPECT_TRUE(told("security.protocol=SSL needs TLS, not in this build yet")) << err.text;
  EXPECT_EQ(run({"moldau", "topic", "list", "--profile", "b"}), 1);
  EXPECT_TRUE(told("needs SASL, not in this build yet"));
  EXPECT_EQ(run({"moldau", "topic", "list", "--profile", "c"}), 1);
  EXPECT_TRUE(told("SASL_SSL needs TLS and SASL, not in this build yet"));
  EXPECT_EQ(properties_of(choice({"profile", "d"}).values).count("security.protocol"), 0U);
  variables["MOLDAU_USER"] = "me";
  EXPECT_EQ(run({"moldau", "topic", "list", "-b", "h:1"}), 1);
  variables.clear();
  EXPECT_EQ(run({"moldau", "topic", "list", "-b", "h:1"}), 3);
  EXPECT_EQ(run({"moldau", "topic", "list", "-b", "h:1", "-X", "tls.ca=/ca.pem"}), 1);
}

TEST_F(ProfileTest, UnknownKeysGetTheNearestKnownOne) {
  files[kFile] =
      "profiles:\n  a:\n    brokrs: [p:1]\n    properties: {linger: 5}\n    color: pink\n    tls: {cert_: "
      "x}\n"
      "globals: {comand_timeout: 1s}\ncurent: a\n";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 7);
  EXPECT_TRUE(told("config.yaml:3: profiles.a.brokrs: unknown key brokrs; did you mean brokers?"))
      << err.text;
  EXPECT_EQ(run({"moldau", "profile", "validate"}), 7);
  EXPECT_EQ(std::ranges::count(out.text, '\n'), 6) << out.text;
  EXPECT_TRUE(printed("did you mean properties.linger.ms?")) << out.text;
  EXPECT_TRUE(printed("\"pink\" is not one of red,"));
  EXPECT_TRUE(printed("did you mean tls.cert?"));
  EXPECT_TRUE(printed("did you mean command_timeout?"));
  EXPECT_TRUE(printed("did you mean current?"));
  files.clear();
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "lingr.ms=5"}), 2);
  EXPECT_TRUE(told("did you mean linger.ms?"));
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "tls.cq=5"}), 2);
  EXPECT_TRUE(told("did you mean tls.ca?"));
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "linger.ms"}), 2);
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "brokers=here:port"}), 2);
}

TEST_F(ProfileTest, BrokenFilesAreTold) {
  files[kFile] = "profiles: [";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 7);
  files[kFile] = "current: b\nprofiles: {a: {brokers: [a:1]}}\n";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 7);
  EXPECT_TRUE(told("there is no profile b; there are: a"));
  files[kFile] = "profiles: {a: {brokers: [a:1]}}\n";
  EXPECT_EQ(run({"moldau", "topic", "list", "--profile", "none"}), 2);
  EXPECT_TRUE(told("has: a"));
  files[kFile] = "profiles: {a: text, 'b c': {brokers: [a:1]}}\n";
  EXPECT_EQ(run({"moldau", "profile", "validate"}), 7);
  EXPECT_EQ(std::ranges::count(out.text, '\n'), 2) << out.text;
  files.clear();
  files["/project/.moldau.yaml"] = "profile: prod\n";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 2);
  EXPECT_EQ(run({"moldau", "profile", "validate"}), 7);
  files["/project/.moldau.yaml"] = "brokers: 'nowhere:port'\n";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 7);
}

TEST_F(ProfileTest, TheProjectsFileIsLookedForUpToTheTopOfItsRepository) {
  directory = "/home/me/code/deep/er";
  files["/home/me/.moldau.yaml"] = "brokers: [home:1]\n";
  EXPECT_EQ(brokers(), "") << "outside of a repository only the folder itself counts";
  files["/home/me/code/.git/HEAD"] = "ref: x\n";
  EXPECT_EQ(brokers(), "") << "not beyond the repository";
  files["/home/me/code/.moldau.yaml"] = "brokers: [top:1]\n";
  EXPECT_EQ(brokers(), "top:1");
  files["/home/me/code/deep/.moldau.yaml"] = "brokers: [deep:1]\n";
  EXPECT_EQ(brokers(), "deep:1");
  EXPECT_EQ(choice({}).from, "/home/me/code/deep/.moldau.yaml");
  files.erase("/home/me/code/.git/HEAD");
  files["/home/me/code/deep/.git"] = "gitdir: /elsewhere\n";
  EXPECT_EQ(brokers(), "deep:1") << "a worktree";
}

TEST_F(ProfileTest, PlacesAndPlaceholders) {
  variables["XDG_CONFIG_HOME"] = "/xdg";
  variables["HERE"] = "h:1";
  files["/xdg/moldau/config.yaml"] = "current: a\nprofiles: {a: {brokers: ['${env:HERE}', i:1]}}\n";
  EXPECT_EQ(brokers(), "h:1,i:1");
  variables.erase("HERE");
  EXPECT_EQ(run({"moldau", "topic", "list"}), 7);
  EXPECT_TRUE(told("the environment has no HERE"));
  files["/project/.moldau.yaml"] = "brokers: ['${env:HOME}:1']\n";
  EXPECT_EQ(run({"moldau", "topic", "list", "--profile", "a"}), 7);
  variables["XDG_CONFIG_HOME"] = "/nothing";
  variables["HOME"] = "/home/me";
  EXPECT_EQ(brokers(), "${env:HOME}:1") << "a project's file is taken as it is";
}

TEST_F(ProfileTest, GlobalsAreDefaults) {
  files[kFile] =
      "current: a\nprofiles: {a: {brokers: [a:1], properties: {socket.connection.setup.timeout.ms: 5}}}\n"
      "globals: {command_timeout: 2s, dial_timeout: 1s}\n";
  const Properties properties = properties_of(choice({}).values);
  EXPECT_EQ(properties.at("default.api.timeout.ms"), "2000");
  EXPECT_EQ(properties.at("socket.connection.setup.timeout.ms"), "5");
  files[kFile] = "globals: {no_default_cluster: true}\n";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 2);
  EXPECT_TRUE(told("no cluster is named"));
  EXPECT_EQ(run({"moldau", "topic", "list", "-b", "h:1"}), 3)
      << "nobody is there in this world: " << err.text;
}

TEST_F(ProfileTest, CreateUseRenameDelete) {
  EXPECT_EQ(run({"moldau", "profile", "create", "local"}), 0) << err.text;
  EXPECT_EQ(written(), "current: local\nprofiles:\n  local:\n    brokers: [localhost:9092]\n");
  EXPECT_EQ(
      run({"moldau", "profile", "create", "prod", "-b", "k1:9092,k2:9092", "-X", "color=red", "-X",
           "confirm=always", "-X", "acks=all", "-X", "tls.ca=/etc/my ca.pem", "-d", "the real \"one\": #1"}),
      0)
      << err.text;
  const std::string text = written();
  EXPECT_TRUE(text.starts_with("current: prod\nprevious: local\n")) << text;
  const auto parsed = parse_profiles(text, "f");
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.value.profiles.at("prod"), (Profile{{"brokers", "k1:9092,k2:9092"},
                                                       {"color", "red"},
                                                       {"confirm", "always"},
                                                       {"description", "the real \"one\": #1"},
                                                       {"properties.acks", "all"},
                                                       {"tls.ca", "/etc/my ca.pem"}}));
  EXPECT_EQ(run({"moldau", "profile", "create", "prod"}), 6);
  EXPECT_EQ(run({"moldau", "profile", "create", "a.b"}), 2);
  EXPECT_EQ(run({"moldau", "profile", "create", "-"}), 2);
  EXPECT_EQ(run({"moldau", "profile", "create", "x", "-X", "sasl.password=secret"}), 2);
  EXPECT_EQ(run({"moldau", "profile", "create", "copy", "--from", "prod", "-b", "c:1", "--no-use"}), 0);
  EXPECT_EQ(run({"moldau", "profile", "list", "--format", "csv"}), 0);
  EXPECT_EQ(out.text,
            "name,current,brokers,security,confirm,color,description\n"
            "copy,false,c:1,SSL,always,red,\"the real \"\"one\"\": #1\"\n"
            "local,false,localhost:9092,PLAINTEXT,,,\n"
            "prod,true,\"k1:9092,k2:9092\",SSL,always,red,\"the real \"\"one\"\": #1\"\n");
  EXPECT_EQ(run({"moldau", "profile", "use", "-"}), 0);
  EXPECT_EQ(brokers(), "localhost:9092");
  EXPECT_EQ(run({"moldau", "profile", "use", "-"}), 0);
  EXPECT_EQ(choice({}).profile, "prod");
  EXPECT_EQ(run({"moldau", "profile", "use", "prd"}), 5);
  EXPECT_TRUE(told("did you mean prod?"));
  EXPECT_EQ(run({"moldau", "profile", "rename", "prod", "live"}), 0);
  EXPECT_EQ(run({"moldau", "profile", "rename", "live", "local"}), 6);
  EXPECT_EQ(choice({}).profile, "live");
  EXPECT_EQ(run({"moldau", "profile", "delete", "live"}), 2) << "nobody can be asked";
  EXPECT_EQ(run({"moldau", "profile", "delete", "live", "none", "-y"}), 5);
  EXPECT_EQ(run({"moldau", "profile", "delete", "live", "copy", "-y"}), 0);
  EXPECT_EQ(written(), "previous: local\nprofiles:\n  local:\n    brokers: [localhost:9092]\n");
  EXPECT_EQ(run({"moldau", "profile", "print"}), 5);
  EXPECT_EQ(run({"moldau", "profile", "print", "local"}), 0);
  EXPECT_EQ(out.text, "# local\nbrokers: [localhost:9092]\n");
}

TEST_F(ProfileTest, AnyTextSurvivesTheFile) {
  constexpr std::string_view kLetters[] = {"a",  "Z", "0", " ",  ":",    "#",    "-",   "'",    "\"",
                                           "\\", "{", "}", "[",  "]",    ",",    "&",   "*",    "!",
                                           "|",  ">", "%", "@",  "`",    "\n",   "\t",  "\x01", "é",
                                           "~",  "?", "=", "<<", "null", "true", "---", "..."};
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (std::int64_t left = random.between(1, 6); left > 0; --left)
      text += kLetters[random.below(std::size(kLetters))];
    ProfileFile file;
    file.profiles["p"] = {{"description", text}, {"sasl.user", text}, {"brokers", "a:1,b:2"}};
    const auto again = parse_profiles(text_of(file), "f");
    ASSERT_TRUE(again.problems.empty()) << text << "\n" << again.problems.front().to_string();
    ASSERT_EQ(again.value, file) << text_of(file);
  }
}

TEST_F(ProfileTest, UseAndClearKeepTheFilesComments) {
  runtime::Disk& disk = world.disk();
  ASSERT_TRUE(disk.create_directories("/home/me/.config/moldau"));
  const std::string rest = "# mine\nprofiles:\n  a: {brokers: [a:1]}  # first\n  b:\n    brokers: [b:1]\n";
  ASSERT_TRUE(runtime::write_file_atomically(disk, kFile, as_bytes(rest)));
  EXPECT_EQ(run({"moldau", "profile", "use", "b"}), 0);
  EXPECT_EQ(written(), "current: b\n" + rest);
  EXPECT_EQ(run({"moldau", "profile", "use", "a"}), 0);
  EXPECT_EQ(written(), "current: a\nprevious: b\n" + rest);
  EXPECT_EQ(run({"moldau", "profile", "clear"}), 0);
  EXPECT_EQ(written(), "previous: a\n" + rest);
  const std::string flow = "{current: a, profiles: {a: {brokers: [a:1]}, b: {brokers: [b:1]}}}\n";
  ASSERT_TRUE(runtime::write_file_atomically(disk, kFile, as_bytes(flow)));
  EXPECT_EQ(run({"moldau", "profile", "use", "b"}), 0) << err.text;
  EXPECT_EQ(parse_profiles(written(), "").value.current, "b") << "a form that is written anew";
}

TEST_F(ProfileTest, AFullDiskLeavesTheFileAsItWas) {
  EXPECT_EQ(run({"moldau", "profile", "create", "local"}), 0);
  const std::string before = written();
  world.drive().set_capacity(0);
  EXPECT_EQ(run({"moldau", "profile", "create", "more"}), 1);
  EXPECT_TRUE(told("cannot write")) << err.text;
  EXPECT_EQ(written(), before);
}

TEST_F(ProfileTest, PrintHidesPasswords) {
  files[kFile] = "profiles: {a: {sasl: {user: me, password: secret}}, b: {sasl: {password: '${env:PW}'}}}\n";
  EXPECT_EQ(run({"moldau", "profile", "print", "a"}), 0);
  EXPECT_EQ(out.text, "# a\nsasl:\n  password: \"[hidden]\"\n  user: me\n");
  EXPECT_EQ(run({"moldau", "profile", "print", "b"}), 0);
  EXPECT_EQ(out.text, "# b\nsasl:\n  password: \"${env:PW}\"\n");
}

TEST_F(ProfileTest, EditChecksWhatWasTyped) {
  EXPECT_EQ(run({"moldau", "profile", "edit"}), 2) << "no editor";
  variables["EDITOR"] = "vi -u NONE";
  std::string typed = "profiles: {a: {brokers: [a:1]}}  # typed\n";
  environment.program = [&](const std::vector<std::string>& words) {
    EXPECT_EQ(words.front(), "/bin/sh");
    EXPECT_TRUE(words[2].starts_with("vi -u NONE"));
    EXPECT_TRUE(runtime::write_file_atomically(world.disk(), words.back(), as_bytes(typed)));
    return 0;
  };
  EXPECT_EQ(run({"moldau", "profile", "edit"}), 0) << err.text;
  EXPECT_EQ(written(), typed);
  const std::string good = typed;
  typed = "profiles: {a: {brokrs: [a:1]}}\n";
  EXPECT_EQ(run({"moldau", "profile", "edit"}), 7);
  EXPECT_TRUE(told("did you mean brokers?"));
  EXPECT_TRUE(told("config.yaml.edit"));
  EXPECT_EQ(written(), good);
  environment.program = [](const auto&) { return 3; };
  EXPECT_EQ(run({"moldau", "profile", "edit"}), 1);
  EXPECT_EQ(written(), good);
  EXPECT_FALSE(*world.disk().exists(std::string(kFile) + ".edit"));
}

TEST_F(ProfileTest, ConfirmAlwaysAsksBeforeChanges) {
  files[kFile] = "current: prod\nprofiles: {prod: {brokers: [p:1], confirm: always, color: red}}\n";
  environment.world = nullptr;  // what is let through does nothing and fails
  EXPECT_EQ(run({"moldau", "topic", "create", "t"}), 2);
  EXPECT_TRUE(told("topic create on p:1 needs a yes")) << err.text;
  EXPECT_EQ(run({"moldau", "topic", "create", "t", "--yes"}), 1);
  EXPECT_EQ(run({"moldau", "-y", "topic", "create", "t"}), 1);
  EXPECT_EQ(run({"moldau", "topic", "create", "t", "--dry-run"}), 1);
  EXPECT_EQ(run({"moldau", "topic", "list"}), 1);
  at_terminal = true;
  in.text = "n\n";
  EXPECT_EQ(run({"moldau", "produce", "t"}), 2);
  EXPECT_TRUE(told("\x1b[1;31m[prod]\x1b[0m produce on p:1? [y/N] ")) << err.text;
  in.text = "y\n";
  EXPECT_EQ(run({"moldau", "produce", "t"}), 1);
  EXPECT_FALSE(told("nothing was changed"));
  EXPECT_EQ(run({"moldau", "topic", "list"}), 1);
  EXPECT_TRUE(told("[prod]")) << "a profile with a colour is shown";
  EXPECT_EQ(run({"moldau", "topic", "list", "--color", "never"}), 1);
  EXPECT_TRUE(err.text.starts_with("[prod]")) << err.text;
  variables["NO_COLOR"] = "1";
  EXPECT_EQ(run({"moldau", "topic", "list"}), 1);
  EXPECT_TRUE(err.text.starts_with("[prod]")) << err.text;
  EXPECT_EQ(run({"moldau", "topic", "list", "-q"}), 1);
  EXPECT_FALSE(told("[prod]"));
}

TEST_F(ProfileTest, CommandsThatAskAreThere) {
  for (const char* name :
       {"topic create", "topic alter", "produce", "cluster config set", "perf produce", "perf mix"}) {
    EXPECT_TRUE(changes_cluster(name));
    EXPECT_NE(std::ranges::find(moldau_commands(), name, &Command::name), moldau_commands().end()) << name;
  }
  for (const char* name : {"topic list", "consume", "topic delete"})
    EXPECT_FALSE(changes_cluster(name)) << name;
}

TEST_F(ProfileTest, Prompt) {
  EXPECT_EQ(run({"moldau", "profile", "prompt"}), 0);
  EXPECT_EQ(out.text, "");
  files[kFile] = "current: prod\nprofiles: {prod: {brokers: [p:1], color: red}, a: {brokers: [p:1]}}\n";
  EXPECT_EQ(run({"moldau", "profile", "prompt"}), 0);
  EXPECT_EQ(out.text, "\x1b[1;31mprod\x1b[0m");
  EXPECT_EQ(run({"moldau", "profile", "prompt", "--shell", "bash"}), 0);
  EXPECT_EQ(out.text, "\x01\x1b[1;31m\x02prod\x01\x1b[0m\x02");
  EXPECT_EQ(run({"moldau", "profile", "prompt", "--color", "never"}), 0);
  EXPECT_EQ(out.text, "prod");
  variables["MOLDAU_PROFILE"] = "a";
  EXPECT_EQ(run({"moldau", "profile", "prompt", "--shell", "zsh"}), 0);
  EXPECT_EQ(out.text, "a");
  files[kFile] = "broken: [";
  EXPECT_EQ(run({"moldau", "profile", "prompt"}), 0) << "a prompt must not fail";
  EXPECT_EQ(out.text + err.text, "");
}

TEST_F(ProfileTest, ImportFromRpk) {
  files["/home/me/.config/rpk/rpk.yaml"] =
      "version: 5\ncurrent_profile: cloud eu\nprofiles:\n"
      "  - name: local\n    description: at home\n    kafka_api: {brokers: ['127.0.0.1:9092']}\n"
      "    admin_api: {addresses: ['127.0.0.1:9644']}\n"
      "  - name: cloud eu\n    kafka_api:\n      brokers: ['c1:9092', 'c2:9092']\n      tls: {}\n"
      "      sasl: {user: me, password: secret, mechanism: SCRAM-SHA-256}\n"
      "cloud_auth:\n  - name: default\n";
  EXPECT_EQ(run({"moldau", "profile", "import"}), 0) << err.text;
  EXPECT_EQ(out.text, "cloud-eu\nlocal\n");
  EXPECT_TRUE(told("passwords are not copied"));
  const auto file = parse_profiles(written(), "").value;
  EXPECT_EQ(file.current, "cloud-eu");
  EXPECT_EQ(file.profiles.at("local"), (Profile{{"admin", "http://127.0.0.1:9644"},
                                                {"brokers", "127.0.0.1:9092"},
                                                {"description", "at home"}}));
  EXPECT_EQ(file.profiles.at("cloud-eu"), (Profile{{"brokers", "c1:9092,c2:9092"},
                                                   {"sasl.mechanism", "SCRAM-SHA-256"},
                                                   {"sasl.user", "me"},
                                                   {"tls.enabled", "true"}}));
  EXPECT_EQ(run({"moldau", "profile", "import"}), 6);
  EXPECT_EQ(run({"moldau", "profile", "import", "--overwrite"}), 0);
}

TEST_F(ProfileTest, ImportFromJavaAndKafkactl) {
  files["/project/client.properties"] =
      "bootstrap.servers=j:1\nlinger.ms=5\nkey.serializer=x.Y\nsecurity.protocol=SASL_SSL\nsasl.mechanism="
      "PLAIN\n"
      "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"al\" "
      "password=\"s\";\n"
      "ssl.truststore.location=/t.pem\nssl.truststore.password=s\n";
  EXPECT_EQ(run({"moldau", "profile", "import", "client.properties"}), 0) << err.text;
  EXPECT_EQ(out.text, "client\n");
  EXPECT_TRUE(told("key.serializer"));
  EXPECT_EQ(parse_profiles(written(), "").value.profiles.at("client"),
            (Profile{{"brokers", "j:1"},
                     {"properties.linger.ms", "5"},
                     {"properties.security.protocol", "SASL_SSL"},
                     {"sasl.mechanism", "PLAIN"},
                     {"sasl.user", "al"},
                     {"tls.ca", "/t.pem"}}));
  files["/project/plain.properties"] = "bootstrap.servers=j:1\nsasl.mechanism=PLAIN\n";
  EXPECT_EQ(run({"moldau", "profile", "import", "plain.properties", "--name", "p"}), 0);
  EXPECT_EQ(parse_profiles(written(), "").value.profiles.at("p"), (Profile{{"brokers", "j:1"}}));
  files["/project/config.yml"] =
      "contexts:\n  default:\n    brokers: [d:9092]\n  prod:\n    brokers: [p:9092]\n"
      "    tls: {enabled: true, ca: ca.pem, certKey: k.pem}\n    sasl: {enabled: false, username: me}\n"
      "current-context: prod\n";
  EXPECT_EQ(run({"moldau", "profile", "import", "config.yml"}), 0) << err.text;
  EXPECT_EQ(
      parse_profiles(written(), "").value.profiles.at("prod"),
      (Profile{{"brokers", "p:9092"}, {"tls.ca", "ca.pem"}, {"tls.enabled", "true"}, {"tls.key", "k.pem"}}));
  files["/project/other.yaml"] = "a: 1\n";
  EXPECT_EQ(run({"moldau", "profile", "import", "other.yaml"}), 7);
  EXPECT_EQ(run({"moldau", "profile", "import", "missing.yaml"}), 7);
}

TEST_F(ProfileTest, AssignmentsAreListed) {
  EXPECT_EQ(run({"moldau", "-X", "list"}), 0);
  EXPECT_TRUE(out.text.starts_with("brokers\nadmin\n"));
  EXPECT_TRUE(printed("\nlinger.ms\n"));
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "help"}), 0);
  EXPECT_TRUE(printed("sasl.user=NAME"));
  EXPECT_EQ(environment.tasks, 0);
}

// What the help shows is a file that can be used.
TEST_F(ProfileTest, HelpShowsAFile) {
  EXPECT_EQ(run({"moldau", "help", "profile"}), 0);
  EXPECT_TRUE(printed("profile import"));
  const std::size_t from = out.text.find("  current: prod");
  ASSERT_NE(from, std::string::npos);
  const auto shown =
      parse_profiles(out.text.substr(from, out.text.find("\n\nA .moldau.yaml", from) - from), "help");
  EXPECT_TRUE(shown.problems.empty()) << shown.problems.front().to_string();
  EXPECT_EQ(shown.value.profiles.size(), 2U);
  EXPECT_EQ(shown.value.globals.size(), global_keys().size());
}

TEST_F(ProfileTest, CompletionKnowsProfiles) {
  files[kFile] = "profiles: {prod: {brokers: [p:1]}, prog: {brokers: [p:1]}, a: {brokers: [p:1]}}\n";
  run({"moldau", "__complete", "--", "profile", "use", "pro"});
  EXPECT_EQ(out.text, "prod\nprog\n");
  run({"moldau", "__complete", "--", "topic", "list", "--profile", "prod"});
  EXPECT_EQ(out.text, "prod\n");
}

}  // namespace
}  // namespace moldau::cli
