/** A broken invariant: a fault in this code, never in its input. Not retryable; crash or fail the operation. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/**
 * Throws when `condition` is false. Stays on in production: a wrong state that goes on costs more than a crash.
 * @throws InvariantError
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** For the `default` of an exhaustive `switch`: the type checker refuses it while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`Unexpected value ${JSON.stringify(value)}`)
}
