import type { ErrorHandler, ErrorHandling } from '@millrace/streams'
import type { Scenario } from './scenario.ts'

const proceed: ErrorHandler = () => 'CONTINUE'
const stop: ErrorHandler = () => 'FAIL'
const throwing: ErrorHandler = () => {
  throw new Error('the handler failed')
}

const errors = 'org.apache.kafka.streams.errors'

/** Our handlers by the class of Java's that does the same. */
const handlers: Readonly<Record<string, ErrorHandler>> = {
  [`${errors}.LogAndContinueExceptionHandler`]: proceed,
  [`${errors}.LogAndFailExceptionHandler`]: stop,
  [`${errors}.LogAndContinueProcessingExceptionHandler`]: proceed,
  [`${errors}.LogAndFailProcessingExceptionHandler`]: stop,
  // Java's classes build a dead letter only where they are its own.
  ContinueOnProductionError: () => ({ decision: 'CONTINUE', deadLetters: [] }),
  ThrowingHandler: throwing,
}

/** What a scenario's `config` says about errors, in Kafka's names. */
export function errorHandlingOf({ config = {} }: Scenario): ErrorHandling {
  const handler = (setting: string): ErrorHandler | undefined => handlers[String(config[setting])]
  const deserialization = handler('deserialization.exception.handler')
  const processing = handler('processing.exception.handler')
  const production = handler('production.exception.handler')
  const deadLetterTopic = config['errors.dead.letter.queue.topic.name']
  return {
    ...(deserialization && { onDeserializationError: deserialization }),
    ...(processing && { onProcessingError: processing }),
    ...(production && { onProductionError: production }),
    ...(deadLetterTopic !== undefined && { deadLetterTopic: String(deadLetterTopic) }),
  }
}

/** Headers of dead letters that name classes and lines of a language, which no two have in common. */
export const ofTheLanguage: ReadonlySet<string> = new Set([
  '__streams.errors.exception',
  '__streams.errors.stacktrace',
])
