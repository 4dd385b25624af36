import { MillraceError, type ErrorTable } from '@millrace/core'

/**
 * Every code of this package. Faults of a client are answered with Kafka's own error codes and never appear here.
 *
 * - `MR_BROKER_BAD_OPTION`: an option that `startBroker` or the command cannot accept.
 * - `MR_BROKER_DIRECTORY_LOCKED`: another broker that is alive uses the data directory.
 * - `MR_BROKER_LISTEN_FAILED`: the address cannot be listened on, usually because the port is taken.
 * - `MR_BROKER_STORAGE_FAILED`: the disk refused a read or write; nothing of the operation was acknowledged.
 * - `MR_BROKER_DIRECTORY_UNREADABLE`: the data directory was written by a later version, or is not one of ours.
 * - `MR_BROKER_WORKER_DIED`: the broker's worker thread ended by itself; the data directory is as after kill -9.
 * - `MR_BROKER_BAD_FAULT`: a fault rule that cannot be set. `MR_BROKER_UNKNOWN_FAULT`: a fault that is not set (any more).
 * - `MR_BROKER_BAD_CALL`: an operation of the admin port that is not there, or its input.
 * - `MR_BROKER_WAIT_TIMEOUT`: what was waited for did not come in time; the message says what was seen last.
 * - `MR_BROKER_BAD_SNAPSHOT`: a snapshot could not be made or started from.
 * - `MR_BROKER_CLOCK_NOT_VIRTUAL`: a clock that runs by itself was to be advanced.
 * - `MR_BROKER_CRASHED`: the broker crashed as its caller asked, and was not restarted.
 */
export const brokerErrors = {
  MR_BROKER_BAD_OPTION: { retryable: false },
  MR_BROKER_DIRECTORY_LOCKED: { retryable: true },
  MR_BROKER_LISTEN_FAILED: { retryable: true },
  MR_BROKER_STORAGE_FAILED: { retryable: true },
  MR_BROKER_DIRECTORY_UNREADABLE: { retryable: false },
  MR_BROKER_WORKER_DIED: { retryable: true },
  MR_BROKER_BAD_FAULT: { retryable: false },
  MR_BROKER_UNKNOWN_FAULT: { retryable: false },
  MR_BROKER_BAD_CALL: { retryable: false },
  MR_BROKER_WAIT_TIMEOUT: { retryable: true },
  MR_BROKER_BAD_SNAPSHOT: { retryable: false },
  MR_BROKER_CLOCK_NOT_VIRTUAL: { retryable: false },
  MR_BROKER_CRASHED: { retryable: true },
} as const satisfies ErrorTable

export type BrokerErrorCode = keyof typeof brokerErrors

/** What keeps the broker itself from working. Codes: {@link brokerErrors}. */
export class BrokerError extends MillraceError<BrokerErrorCode> {
  constructor(
    code: BrokerErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: ErrorOptions = {},
  ) {
    super(code, brokerErrors[code].retryable, message, details, options)
  }
}

const storageCodes = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE', 'ENFILE'])

/** Whether the disk, and no request, is at fault. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof BrokerError
    ? error.code === 'MR_BROKER_STORAGE_FAILED'
    : error instanceof Error && storageCodes.has((error as NodeJS.ErrnoException).code ?? '')
}
