import com.fasterxml.jackson.databind.JsonNode;

/** Steps of one kind, as data, made calls of the DSL. */
interface Steps {
    /** Adds the step and puts what it makes into the context under the step's id. Returns false for a step of another family. */
    boolean add(Context context, JsonNode step);
}
