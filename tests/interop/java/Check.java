import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** What a scenario may demand. A demand that is not met ends the scenario with its words. */
final class Check {
  private Check() {}

  static void that(boolean met, String demand) {
    if (!met) throw new AssertionError(demand);
  }

  static void equal(Object wanted, Object got, String what) {
    that(Objects.equals(wanted, got), what + ": " + got + " instead of " + wanted);
  }

  static void equalBytes(byte[] wanted, byte[] got, String what) {
    that(Arrays.equals(wanted, got), what + ": " + shortly(got) + " instead of " + shortly(wanted));
  }

  /** The call must fail with just this class; an answer in time or another error is a failure. */
  static <E extends Throwable> E refused(Class<E> with, Callable<?> call, String what) {
    Object answer;
    try {
      answer = call.call();
    } catch (Throwable error) {
      Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
      that(with == cause.getClass(), what + ": " + cause + " instead of " + with.getSimpleName());
      return with.cast(cause);
    }
    throw new AssertionError(what + ": " + answer + " instead of " + with.getSimpleName());
  }

  private static String shortly(byte[] bytes) {
    if (bytes == null) return "null";
    return bytes.length + " bytes beginning " + Arrays.toString(Arrays.copyOf(bytes, Math.min(8, bytes.length)));
  }
}
