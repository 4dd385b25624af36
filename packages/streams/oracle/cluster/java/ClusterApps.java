import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * Kafka Streams on a cluster: runs all applications of a file of jobs until its standard input ends, then closes them, so that
 * their groups are empty at once. What a job holds says oracle/cluster/job.ts. An application that fails ends the process.
 */
public final class ClusterApps {
    private ClusterApps() {
    }

    public static void main(String[] args) throws Exception {
        List<KafkaStreams> running = new ArrayList<>();
        for (JsonNode job : new ObjectMapper().readTree(Path.of(args[0]).toFile())) {
            running.add(start(job));
        }
        System.out.println("started");
        System.out.flush();
        while (System.in.read() >= 0) {
            // Only the end says something.
        }
        CloseOptions leaving = CloseOptions
                .groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(Duration.ofSeconds(60));
        boolean areClosed = running.parallelStream().allMatch(streams -> streams.close(leaving));
        System.exit(areClosed ? 0 : 3);
    }

    private static KafkaStreams start(JsonNode job) {
        Context context = new Context();
        for (JsonNode step : job.get("steps")) {
            Families.add(context, step);
        }
        Properties config = config(job);
        KafkaStreams streams = new KafkaStreams(context.builder.build(config), config);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(2);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        return streams;
    }

    private static Properties config(JsonNode job) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("applicationId").asText());
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("broker").asText());
        config.put(StreamsConfig.STATE_DIR_CONFIG, job.get("stateDir").asText());
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.get("commitIntervalMs").asLong());
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, job.get("threads").asInt());
        config.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, job.get("maxTaskIdleMs").asLong());
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, job.get("cacheMaxBytes").asLong());
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // Many applications on a small machine: by default a transaction that takes 10 s is aborted.
        config.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), 60_000);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        if (job.get("stores").asText().equals("memory")) {
            config.put(
                    StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG,
                    BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
        }
        return config;
    }
}
