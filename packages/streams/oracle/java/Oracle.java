import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * Runs scenarios on Kafka Streams itself: a file with one on each line in, a file with what came of each out.
 * What a scenario and a golden hold says oracle/scenario.ts.
 */
public final class Oracle {
    /** Where the wall clock stands when a scenario starts; run-scenario.ts has the same. */
    static final long NOW_MS = 1_000_000;

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        // The fork-join pool: as many at once as there are processors. A driver stays with the thread that made it.
        List<String> outcomes = Files.readAllLines(Path.of(args[0])).parallelStream()
                .map(line -> outcome(json, line))
                .toList();
        Files.write(Path.of(args[1]), outcomes);
    }

    private static String outcome(ObjectMapper json, String line) {
        try {
            return json.writeValueAsString(run(json, json.readTree(line)));
        } catch (JsonProcessingException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static ObjectNode run(ObjectMapper json, JsonNode scenario) {
        ObjectNode golden = json.createObjectNode();
        golden.put("name", scenario.get("name").asText());
        Running running = new Running(golden);
        try {
            running.start(scenario);
            int at = 0;
            for (JsonNode input : scenario.get("input")) {
                running.at = String.valueOf(at++);
                running.take(input);
            }
        } catch (Throwable error) {
            ObjectNode described = golden.putObject("error");
            if (running.at.equals("build")) {
                described.put("at", "build");
            } else {
                described.put("at", Integer.parseInt(running.at));
            }
            Throwable root = error;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            described.put("class", root.getClass().getSimpleName());
            if (System.getenv("ORACLE_ERRORS") != null) {
                System.err.println(scenario.get("name").asText());
                error.printStackTrace();
            }
        } finally {
            running.finish();
        }
        return golden;
    }

    /** One scenario under way. */
    private static final class Running {
        private static final AtomicInteger count = new AtomicInteger();
        private final ObjectNode golden;
        private TopologyTestDriver driver;
        /** What an error would belong to: 'build', or the index of an input. */
        String at = "build";

        Running(ObjectNode golden) {
            this.golden = golden;
        }

        void start(JsonNode scenario) {
            Context context = new Context();
            for (JsonNode step : scenario.get("steps")) {
                Families.add(context, step);
            }
            Properties config = config(scenario);
            Topology topology = context.builder.build(config);
            ArrayNode lines = golden.putArray("describe");
            for (String line : topology.describe().toString().split("\n", -1)) {
                lines.add(line);
            }
            driver = new TopologyTestDriver(topology, config, Instant.ofEpochMilli(NOW_MS));
        }

        void take(JsonNode input) throws Exception {
            if (input.has("advanceMs")) {
                driver.advanceWallClockTime(Duration.ofMillis(input.get("advanceMs").asLong()));
            } else {
                Driven.pipe(driver, input);
            }
        }

        void finish() {
            if (driver == null) {
                return;
            }
            golden.put("dropped", Driven.dropped(driver));
            Driven.writeTo(driver, golden.putObject("written"));
            try {
                driver.close();
            } catch (RuntimeException error) {
                // A task that failed cannot be closed in order; what it did is known.
                if (!golden.has("error")) {
                    throw error;
                }
            }
        }

        /** Application id `oracle`, no caches, everything in memory; `config` of the scenario on top, in Kafka's names. */
        private static Properties config(JsonNode scenario) {
            Properties config = new Properties();
            config.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle");
            config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "nowhere:1");
            config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
            config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
            config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
            config.put(
                    StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
                    BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
            config.put(
                    StreamsConfig.STATE_DIR_CONFIG,
                    System.getProperty("java.io.tmpdir") + "/oracle-" + ProcessHandle.current().pid() + "/" + count.incrementAndGet());
            if (scenario.has("config")) {
                scenario.get("config").properties().forEach(
                        each -> config.put(each.getKey(), each.getValue().asText()));
            }
            return config;
        }
    }
}
