import type {
  DeadLetter,
  ErrorAnswer,
  ErrorHandling,
  ProductionDecision,
} from '../error-handlers.ts'
import { sentenceOf, StreamsError } from '../errors.ts'
import type { RecordContext } from '../record.ts'
import { deadLetterOf } from './dead-letter.ts'

/** Carries an error that stops the task through the nodes above the one that threw. */
export class StoppedByError extends Error {
  constructor(cause: unknown) {
    super('The task stops.', { cause })
  }
}

export interface TaskErrorsOptions {
  readonly taskId: string
  readonly handling: ErrorHandling
  readonly countDropped: (count: number) => void
  readonly sendDeadLetter: (deadLetter: DeadLetter) => void
}

/**
 * What a task does about errors: asks the handler, writes dead letters, counts what is left out. Each method returns to go on without the
 * record, and throws `StoppedByError` to stop.
 */
export class TaskErrors {
  readonly #options: TaskErrorsOptions

  constructor(options: TaskErrorsOptions) {
    this.#options = options
  }

  undecodable(failure: StreamsError, record: RecordContext): void {
    const handler = this.#options.handling.onDeserializationError
    const decision = this.#decide(failure, record, () =>
      handler ? handler(failure, record) : 'FAIL',
    )
    if (decision === 'FAIL') throw new StoppedByError(failure)
  }

  /** An error that came out of a node, with the record as the node was given it. */
  processing(node: string, error: unknown, record: RecordContext): void {
    const failure = this.#placed(node, error, record)
    const handler = this.#options.handling.onProcessingError
    const decision = this.#decide(failure, record, () =>
      handler ? handler(failure, record) : 'FAIL',
    )
    if (decision === 'FAIL') throw new StoppedByError(failure)
  }

  /**
   * A key or value that has no bytes. Stopping is an error of the step before the sink, as in Java: a handler of processing errors may yet
   * decide to go on.
   */
  unencodable(failure: StreamsError, record: RecordContext): void {
    const handler = this.#options.handling.onProductionError
    const decision = this.#decide(failure, record, () =>
      handler ? handler(failure, record) : 'FAIL',
    )
    // To try the same bytes again is of no use.
    if (decision !== 'CONTINUE') throw failure
  }

  /**
   * What to do about a record that the broker did not take.
   * @param isRetryable whether another attempt may succeed; where it cannot, `RETRY` is `FAIL`
   */
  notWritten(
    failure: StreamsError,
    record: RecordContext,
    isRetryable: boolean,
  ): ProductionDecision {
    const handler = this.#options.handling.onProductionError
    const usual = isRetryable ? 'RETRY' : 'FAIL'
    const decision = this.#decide(failure, record, () =>
      handler ? handler(failure, record) : usual,
    )
    return decision === 'RETRY' && !isRetryable ? 'FAIL' : decision
  }

  #decide<D extends ProductionDecision>(
    failure: StreamsError,
    record: RecordContext,
    ask: () => ErrorAnswer<D>,
  ): D {
    const answer = this.#asked(failure, ask)
    const { deadLetterTopic } = this.#options.handling
    const usual =
      deadLetterTopic === undefined || answer === 'RETRY'
        ? []
        : [deadLetterOf(deadLetterTopic, failure, record)]
    const deadLetters = typeof answer === 'object' ? answer.deadLetters : usual
    for (const deadLetter of deadLetters) this.#options.sendDeadLetter(deadLetter)
    const decision = typeof answer === 'object' ? answer.decision : answer
    if (decision === 'CONTINUE') this.#options.countDropped(1)
    return decision
  }

  #asked<D extends ProductionDecision>(
    failure: StreamsError,
    ask: () => ErrorAnswer<D>,
  ): ErrorAnswer<D> {
    let answer: ErrorAnswer<D>
    try {
      answer = ask()
    } catch (error) {
      throw this.#handlerFailed(failure, `threw: ${String(error)}`, error)
    }
    // TypeScript guards the answer only where handlers are written in it.
    const decision: unknown =
      (answer as { decision?: unknown } | null | undefined)?.decision ?? answer
    if (decision !== 'CONTINUE' && decision !== 'FAIL' && decision !== 'RETRY')
      throw this.#handlerFailed(failure, `answered ${String(decision)}`, failure)
    return answer
  }

  #handlerFailed(failure: StreamsError, what: string, cause: unknown): StoppedByError {
    return new StoppedByError(
      new StreamsError(
        'MR_STREAMS_HANDLER_FAILED',
        `The handler of errors ${what}. It was asked about: ${failure.message} Task ${this.#options.taskId} stops; a handler must not throw and answers CONTINUE or FAIL.`,
        { ...failure.details, code: failure.code },
        { cause },
      ),
    )
  }

  /** Errors of our own keep their code; all get the place. */
  #placed(node: string, error: unknown, record: RecordContext): StreamsError {
    if (error instanceof StreamsError && error.details['offset'] !== undefined) return error
    const { topic, partition, offset } = record
    const { taskId } = this.#options
    const from =
      topic === undefined ? 'in a punctuator' : `on ${topic}/${partition} at offset ${offset}`
    const place = { node, taskId, topic, partition, offset }
    if (error instanceof StreamsError)
      return new StreamsError(
        error.code,
        `${error.message} (In "${node}" of task ${taskId}, ${from}.)`,
        { ...place, ...error.details },
        { cause: error },
      )
    return new StreamsError(
      'MR_STREAMS_PROCESSING_FAILED',
      `"${node}" of task ${taskId} failed ${from}: ${sentenceOf(error)} Correct what it calls, or leave such records out with onProcessingError.`,
      place,
      { cause: error },
    )
  }
}
