import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Printed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;

/** Processors, their stores, and branches. */
final class ProcessorSteps implements Steps {
    @Override
    public boolean add(Context context, JsonNode step) {
        switch (step.get("op").asText()) {
            case "addStateStore" -> context.builder.addStateStore(store(step));
            case "addGlobalStore" -> addGlobalStore(context, step);
            case "process" -> context.put(step, process(context, step));
            case "processValues" -> context.put(step, processValues(context, step));
            case "split" -> split(context, step);
            case "print" -> context.stream(step).print(printed(step));
            default -> {
                return false;
            }
        }
        return true;
    }

    private static StoreBuilder<?> store(JsonNode step) {
        String name = step.get("name").asText();
        Serde<Object> key = Types.serde(step.has("key") ? step.get("key").asText() : "string");
        Serde<Object> value = Types.serde(step.has("value") ? step.get("value").asText() : "string");
        KeyValueBytesStoreSupplier supplier = step.has("maxEntries")
                ? Stores.lruMap(name, step.get("maxEntries").asInt())
                : Stores.inMemoryKeyValueStore(name);
        StoreBuilder<?> builder = step.has("sizeMs")
                ? Stores.windowStoreBuilder(windows(step), key, value)
                : step.has("timestamped")
                ? Stores.timestampedKeyValueStoreBuilder(supplier, key, value)
                : Stores.keyValueStoreBuilder(supplier, key, value);
        return step.has("logging") && !step.get("logging").asBoolean() ? builder.withLoggingDisabled() : builder;
    }

    private static WindowBytesStoreSupplier windows(JsonNode step) {
        Duration retention = Duration.ofMillis(step.get("retentionMs").asLong());
        Duration size = Duration.ofMillis(step.get("sizeMs").asLong());
        return Stores.inMemoryWindowStore(step.get("name").asText(), retention, size, false);
    }

    /** Its processor, which forwards nothing, finds the store by the name in `stores`. */
    private static void addGlobalStore(Context context, JsonNode step) {
        Function<JsonNode, Processors.Base> make = Functions.of(Processors.ALL, step, "fn");
        ProcessorSupplier<Object, Object, Void, Void> supplier = () -> new Filling(make.apply(step));
        context.builder.addGlobalStore(
                store(step.get("brings")), step.get("topic").asText(), StatelessSteps.consumed(step), supplier);
    }

    /** What fills a global store must not say that it forwards something. */
    private record Filling(Processors.Base processor) implements Processor<Object, Object, Void, Void> {
        @Override
        @SuppressWarnings({"unchecked", "rawtypes"})
        public void init(ProcessorContext<Void, Void> context) {
            processor.init((ProcessorContext) context);
        }

        @Override
        public void process(Record<Object, Object> record) {
            processor.process(record);
        }
    }

    private static String[] stores(JsonNode step) {
        List<String> names = new ArrayList<>();
        if (step.has("stores") && !step.has("brings")) {
            step.get("stores").forEach(each -> names.add(each.asText()));
        }
        return names.toArray(String[]::new);
    }

    private static KStream<Object, Object> process(Context context, JsonNode step) {
        Function<JsonNode, Processors.Base> make = Functions.of(Processors.ALL, step, "fn");
        ProcessorSupplier<Object, Object, Object, Object> supplier = step.has("brings")
                ? new Bringing(step, make)
                : () -> make.apply(step);
        return step.has("name")
                ? context.stream(step).process(supplier, Context.named(step), stores(step))
                : context.stream(step).process(supplier, stores(step));
    }

    /** A supplier that says itself which store its processors need. */
    private record Bringing(JsonNode step, Function<JsonNode, Processors.Base> make)
            implements ProcessorSupplier<Object, Object, Object, Object> {
        @Override
        public Processor<Object, Object, Object, Object> get() {
            return make.apply(step);
        }

        @Override
        public Set<StoreBuilder<?>> stores() {
            return Set.of(store(step.get("brings")));
        }
    }

    private static KStream<Object, Object> processValues(Context context, JsonNode step) {
        var make = Functions.of(Processors.FIXED_KEY, step, "fn");
        return step.has("name")
                ? context.stream(step).processValues(() -> make.apply(step), Context.named(step), stores(step))
                : context.stream(step).processValues(() -> make.apply(step), stores(step));
    }

    /** `branches`: a list of pairs of name and predicate; each branch gets the step's id, a dot and its name as its id. */
    private static void split(Context context, JsonNode step) {
        BranchedKStream<Object, Object> branched = step.has("name")
                ? context.stream(step).split(Named.as(step.get("name").asText()))
                : context.stream(step).split();
        String id = step.get("id").asText();
        for (JsonNode branch : step.get("branches")) {
            String name = branch.get(0).asText();
            branched = branched.branch(
                    Functions.of(Functions.PREDICATES, named(branch.get(1)), "fn"),
                    Branched.<Object, Object>withConsumer(stream -> context.put(id + "." + name, stream), name));
        }
        if (step.has("default")) {
            String name = step.get("default").asText();
            branched.defaultBranch(
                    Branched.<Object, Object>withConsumer(stream -> context.put(id + "." + name, stream), name));
        } else {
            branched.noDefaultBranch();
        }
    }

    private static JsonNode named(JsonNode function) {
        return com.fasterxml.jackson.databind.node.JsonNodeFactory.instance.objectNode()
                .put("fn", function.asText());
    }

    private static Printed<Object, Object> printed(JsonNode step) {
        Printed<Object, Object> printed = Printed.toFile("/dev/null");
        return step.has("name") ? printed.withName(step.get("name").asText()) : printed;
    }
}
