import type { OperatorContext } from '../operator.ts'

/**
 * The largest time that a step had seen when its task was last committed, -1 for none; `read` says what it is at the next commits. Java's
 * steps begin at -1 with each start (trap 1), and take records then that were late before: so does ours where it is to be compatible.
 */
export function keptTime(
  context: OperatorContext,
  isCompatible: boolean,
  read: () => number,
): number {
  return isCompatible ? -1 : (context.keepNumber('time', read) ?? -1)
}
