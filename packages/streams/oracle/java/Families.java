import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** All families of steps. A family is added by one line here and one in oracle/families.ts. */
final class Families {
    private static final List<Steps> ALL = List.of(
            new StatelessSteps(),
            new CogroupSteps(),
            new ProcessorSteps(),
            new StreamJoinSteps(),
            new TableSteps(),
            new WindowSteps(),
            new GroupingSteps());

    private Families() {
    }

    static void add(Context context, JsonNode step) {
        for (Steps family : ALL) {
            if (family.add(context, step)) {
                return;
            }
        }
        throw new IllegalArgumentException("No family knows the step " + step);
    }
}
