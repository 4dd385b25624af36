import { InboxError } from '@millrace/inbox'
import { OutboxError } from '@millrace/outbox'
import { trackingProblem } from './problem.ts'

/** A filter that a log refuses is the fault of whoever sent it: 400 with the log's own words, instead of 500. */
export async function refusedFilters<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const isRefused =
      (error instanceof OutboxError && error.code === 'MR_OUTBOX_BAD_FILTER') ||
      (error instanceof InboxError && error.code === 'MR_INBOX_BAD_FILTER')
    if (!isRefused) throw error
    throw trackingProblem('MR_TRACKING_BAD_FILTER', error.message)
  }
}
