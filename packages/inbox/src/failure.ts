import { createHash } from 'node:crypto'
import { MillraceError, toError } from '@millrace/core'

const maxMessageLength = 4_000
const maxStackLength = 16_000

/** An error as the log keeps it. */
export interface Failure {
  /** The error's code where it has one of ours, else its name; `decode` for records that hold no readable event. */
  readonly errorClass: string
  readonly message: string
  readonly stack: string
  /** The same for errors of one class from one place: groups failures whatever ids their messages name. */
  readonly fingerprint: string
}

export function failureOf(thrown: unknown): Failure {
  const error = toError(thrown)
  const errorClass = classOf(error)
  const stack = stackOf(error)
  return {
    errorClass,
    message: storableText(error.message, maxMessageLength),
    stack: storableText(stack, maxStackLength),
    fingerprint: fingerprintOf(errorClass, stack),
  }
}

/** The name a failure is counted and looked up by: the code of our errors, the name of others. */
export function classOf(error: Error): string {
  return storableText(error instanceof MillraceError ? error.code : error.name, 200)
}

/** The failure of a record that cannot be read as an event. */
export function decodeFailure(reason: string): Failure {
  const message = storableText(reason, maxMessageLength)
  return {
    errorClass: 'decode',
    message,
    stack: message,
    fingerprint: shortHash(`decode ${message.replaceAll(/\d+/g, '#')}`),
  }
}

/** Text that Postgres takes: it refuses NUL characters (SQLSTATE 22021). */
export function storableText(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replaceAll('\0', '\uFFFD')
}

function stackOf(error: Error): string {
  const parts = [error.stack ?? `${error.name}: ${error.message}`]
  let cause = error.cause
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    parts.push(`Caused by: ${cause.stack ?? cause.message}`)
    cause = cause.cause
  }
  return parts.join('\n')
}

function fingerprintOf(errorClass: string, stack: string): string {
  const frames = stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 3)
    .map((line) => line.replaceAll(/:\d+/g, '').replaceAll(/\(?(file:)?\/\S*\//g, ''))
  return shortHash([errorClass, ...frames].join('\n'))
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
