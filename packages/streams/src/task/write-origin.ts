import { sentenceOf, StreamsError } from '../errors.ts'
import type { RecordContext } from '../record.ts'
import { StoppedByError, type TaskErrors } from './task-errors.ts'

export interface WriteOriginOptions {
  /** The sink that wrote it. */
  readonly node: string
  readonly taskId: string
  readonly errors: TaskErrors
  /** What the topology was given when it was written. */
  readonly record: RecordContext
}

/** Where a record that was handed to the producer comes from, for the case that the broker does not take it. */
export class WriteOrigin {
  readonly #options: WriteOriginOptions

  constructor(options: WriteOriginOptions) {
    this.#options = options
  }

  /**
   * Asks the handler of production errors; returns to go on without the record.
   * @param mayPass whether another attempt may succeed
   * @throws StreamsError `MR_STREAMS_NOT_WRITTEN`, retryable or not, or `MR_STREAMS_HANDLER_FAILED`
   */
  refused(sinkTopic: string, cause: Error, mayPass: boolean): void {
    const { node, taskId, errors, record } = this.#options
    const { topic, partition, offset } = record
    const from =
      topic === undefined
        ? 'by a punctuator or a flush'
        : `from ${topic}/${partition} at offset ${offset}`
    const failure = new StreamsError(
      'MR_STREAMS_NOT_WRITTEN',
      `A record of the sink "${node}", made ${from}, was not taken by ${sinkTopic}: ${sentenceOf(cause.message)} Correct what writes it or the topic, or leave such records out with onProductionError.`,
      { node, taskId, topic, partition, offset, sinkTopic },
      { cause },
    )
    let decision
    try {
      decision = errors.notWritten(failure, record, mayPass)
    } catch (error) {
      throw error instanceof StoppedByError ? error.cause : error
    }
    if (decision === 'CONTINUE') return
    // As it was: what may pass begins a new session, what may not ends the thread.
    throw decision === 'RETRY' ? cause : failure
  }
}
