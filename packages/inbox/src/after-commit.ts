import { PostgresError } from '@millrace/postgres'
import type { LogFields, Logger } from '@millrace/core'

/**
 * Does what follows a commit: counting, telling. Whatever goes wrong there is told and held against no event. Thrown on, it would count as the
 * handler's failure: an event that is PROCESSED would be left to be tried again, and its key be shut behind it with nobody at work on it.
 */
export async function afterCommit(
  logger: Logger,
  fields: LogFields,
  work: () => void | Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    logger.error('What follows a commit threw; the events are committed all the same', {
      ...fields,
      error,
    })
  }
}

/** The connection broke at the commit: it may have happened. */
export function isCommitUnknown(error: unknown): boolean {
  return error instanceof PostgresError && error.code === 'MR_POSTGRES_COMMIT_UNKNOWN'
}
