import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;

/** Sources, steps without state, sinks. stateless-steps.ts is its twin. */
final class StatelessSteps implements Steps {
    @Override
    public boolean add(Context context, JsonNode step) {
        switch (step.get("op").asText()) {
            case "stream" -> context.put(step, source(context, step));
            case "filter" -> context.put(step, context.stream(step)
                    .filter(Functions.of(Functions.PREDICATES, step, "fn"), Context.named(step)));
            case "filterNot" -> context.put(step, context.stream(step)
                    .filterNot(Functions.of(Functions.PREDICATES, step, "fn"), Context.named(step)));
            case "map" -> context.put(step, context.stream(step)
                    .map(Functions.of(Functions.MAPPERS, step, "fn"), Context.named(step)));
            case "mapValues" -> context.put(step, context.stream(step)
                    .mapValues(Functions.of(Functions.VALUE_MAPPERS, step, "fn"), Context.named(step)));
            case "flatMap" -> context.put(step, context.stream(step)
                    .flatMap(Functions.of(Functions.FLAT_MAPPERS, step, "fn"), Context.named(step)));
            case "flatMapValues" -> context.put(step, context.stream(step)
                    .flatMapValues(Functions.of(Functions.FLAT_VALUE_MAPPERS, step, "fn"), Context.named(step)));
            case "selectKey" -> context.put(step, context.stream(step)
                    .selectKey(Functions.of(Functions.SELECTORS, step, "fn"), Context.named(step)));
            case "peek" -> context.put(step, context.stream(step)
                    .peek(Functions.of(Functions.ACTIONS, step, "fn"), Context.named(step)));
            case "forEach" -> context.stream(step)
                    .foreach(Functions.of(Functions.ACTIONS, step, "fn"), Context.named(step));
            case "merge" -> context.put(step, context.stream(step)
                    .merge(context.<KStream<Object, Object>>at(step, "other"), Context.named(step)));
            case "repartition" -> context.put(step, context.stream(step).repartition(repartitioned(step)));
            case "to" -> sink(context, step);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static KStream<Object, Object> source(Context context, JsonNode step) {
        if (step.has("pattern")) {
            return context.builder.stream(Pattern.compile(step.get("pattern").asText()), consumed(step));
        }
        JsonNode topic = step.get("topic");
        List<String> topics = new ArrayList<>();
        if (topic.isArray()) {
            topic.forEach(each -> topics.add(each.asText()));
        } else {
            topics.add(topic.asText());
        }
        return context.builder.stream(topics, consumed(step));
    }

    /** How a step reads its topic: `key`, `value`, `name`, `extractor`. */
    static Consumed<Object, Object> consumed(JsonNode step) {
        Consumed<Object, Object> consumed = Consumed.with(Context.serde(step, "key"), Context.serde(step, "value"));
        if (step.has("extractor")) {
            consumed = consumed.withTimestampExtractor(Functions.of(Functions.EXTRACTORS, step, "extractor"));
        }
        return step.has("name") ? consumed.withName(step.get("name").asText()) : consumed;
    }

    private static Repartitioned<Object, Object> repartitioned(JsonNode step) {
        Repartitioned<Object, Object> repartitioned =
                Repartitioned.with(Context.serde(step, "key"), Context.serde(step, "value"));
        if (step.has("partitions")) {
            repartitioned = repartitioned.withNumberOfPartitions(step.get("partitions").asInt());
        }
        return step.has("name") ? repartitioned.withName(step.get("name").asText()) : repartitioned;
    }

    private static void sink(Context context, JsonNode step) {
        Produced<Object, Object> produced = Produced.with(Context.serde(step, "key"), Context.serde(step, "value"));
        if (step.has("name")) {
            produced = produced.withName(step.get("name").asText());
        }
        if (step.has("topic")) {
            context.stream(step).to(step.get("topic").asText(), produced);
        } else {
            context.stream(step).to(Functions.of(Functions.TOPIC_SELECTORS, step, "fn"), produced);
        }
    }
}
