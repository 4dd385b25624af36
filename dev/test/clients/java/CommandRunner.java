import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line classes one after another in one JVM: what a shell would do, without a JVM start for each.
 * In: one line per command, base64 fields separated by spaces: standard input, class, arguments.
 * Out: one line per command, the exit code and the base64 of what it printed (and, where it failed, its errors).
 */
public class CommandRunner {
    /** Thrown instead of leaving the JVM. */
    private static final class Left extends RuntimeException {
    }

    private static Integer code;
    /** What a command leaves to be done at its end; producers are closed there. */
    private static final List<Runnable> hooks = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        // Set once: Scala's println keeps the stream that it finds first.
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream complaints = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complaints, true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((status, message) -> leave(status));
        Exit.setHaltProcedure((status, message) -> leave(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] fields = Arrays.stream(line.split(" ", -1)).map(CommandRunner::decoded).toArray(String[]::new);
            printed.reset();
            complaints.reset();
            System.setIn(new ByteArrayInputStream(fields[0].getBytes(StandardCharsets.UTF_8)));
            int status = run(fields[1], Arrays.copyOfRange(fields, 2, fields.length));
            hooks.forEach(Runnable::run);
            hooks.clear();
            System.out.flush();
            if (status != 0) printed.write(complaints.toByteArray());
            answers.println(status + " " + Base64.getEncoder().encodeToString(printed.toByteArray()));
            answers.flush();
        }
    }

    private static int run(String name, String[] arguments) {
        code = null;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return code == null ? 0 : code;
        } catch (InvocationTargetException error) {
            if (code != null) return code;
            error.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException error) {
            error.printStackTrace();
            return 127;
        }
    }

    /** The first status counts: a command may catch what its own exit throws, and leave once more. */
    private static void leave(int status) {
        if (code == null) code = status;
        throw new Left();
    }

    private static String decoded(String field) {
        return new String(Base64.getDecoder().decode(field), StandardCharsets.UTF_8);
    }
}
