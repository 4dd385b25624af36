import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;

/** Joins of two streams. stream-join-steps.ts is its twin. */
final class StreamJoinSteps implements Steps {
    private static final Map<String, ValueJoinerWithKey<Object, Object, Object, Object>> JOINERS = Map.of(
            "pair", (key, left, right) -> Functions.text(left) + "+" + Functions.text(right),
            "withKey", (key, left, right) ->
                    Functions.text(key) + ":" + Functions.text(left) + "+" + Functions.text(right),
            "left", (key, left, right) -> left,
            "toNull", (key, left, right) -> null,
            "throwOnX", (key, left, right) -> {
                Functions.throwOnX(left);
                Functions.throwOnX(right);
                return Functions.text(left) + "+" + Functions.text(right);
            });

    @Override
    public boolean add(Context context, JsonNode step) {
        if (!step.get("op").asText().equals("streamJoin")) {
            return false;
        }
        KStream<Object, Object> left = context.stream(step);
        KStream<Object, Object> right = context.at(step, "other");
        ValueJoinerWithKey<Object, Object, Object, Object> joiner = Functions.of(JOINERS, step, "fn");
        JoinWindows windows = windows(step);
        StreamJoined<Object, Object, Object> joined = joined(step);
        context.put(step, switch (step.get("kind").asText()) {
            case "inner" -> left.join(right, joiner, windows, joined);
            case "left" -> left.leftJoin(right, joiner, windows, joined);
            case "outer" -> left.outerJoin(right, joiner, windows, joined);
            default -> throw new IllegalArgumentException("No such join: " + step);
        });
        return true;
    }

    /** `withinMs`, or `beforeMs` and `afterMs`; and `graceMs`. */
    private static JoinWindows windows(JsonNode step) {
        Duration grace = Duration.ofMillis(step.get("graceMs").asLong());
        if (step.has("withinMs")) {
            return JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(step.get("withinMs").asLong()), grace);
        }
        // One after the other, so that the sum is never below zero in between.
        long before = step.get("beforeMs").asLong();
        long after = step.get("afterMs").asLong();
        return JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(Math.max(Math.max(before, after), 0)), grace)
                .before(Duration.ofMillis(before))
                .after(Duration.ofMillis(after));
    }

    /** `name`, `store`, `key`, `leftValue`, `rightValue`, `logging`. */
    private static StreamJoined<Object, Object, Object> joined(JsonNode step) {
        StreamJoined<Object, Object, Object> joined = StreamJoined.with(
                Context.serde(step, "key"), Context.serde(step, "leftValue"), Context.serde(step, "rightValue"));
        if (step.has("name")) {
            joined = joined.withName(step.get("name").asText());
        }
        if (step.has("store")) {
            joined = joined.withStoreName(step.get("store").asText());
        }
        if (step.has("logging") && !step.get("logging").asBoolean()) {
            joined = joined.withLoggingDisabled();
        }
        return joined;
    }
}
