/** The errors of one connection to one broker, in one place: what each says, and what it leaves open. */
import { toError } from '@millrace/core'
import type { Fields } from '@millrace/protocol'
import { KafkaError } from './errors.ts'
import { connectFault, type Security } from './security.ts'
import type { BrokerAddress } from './types.ts'
import type { Pinned } from './wire.ts'

/** What `open` throws: nothing that was asked for has reached the broker. */
export function faultOfOpening(
  error: unknown,
  address: BrokerAddress,
  security: Security,
): KafkaError {
  const fault = connectFault(error, address, security)
  if (fault) return fault
  if (error instanceof KafkaError && !isOfLink(error)) return error
  const hint = security.tls ? 'that the port is one with TLS' : 'that the port is one without TLS'
  return new KafkaError(
    'MR_KAFKA_UNREACHABLE',
    `No connection to the broker at ${text(address)} (${reasonOf(error)}). Check the address, that the broker runs, and ${hint}.`,
    { ...address },
    { cause: error },
  )
}

function isOfLink({ code }: KafkaError): boolean {
  return code === 'MR_KAFKA_CONNECTION_LOST' || code === 'MR_KAFKA_REQUEST_TIMEOUT'
}

export function unsupported(
  address: BrokerAddress,
  missing: readonly Pinned<Fields, Fields>[],
): KafkaError {
  const names = missing.map(({ api, version }) => `${api.name} v${version}`)
  return new KafkaError(
    'MR_KAFKA_UNSUPPORTED_BROKER',
    `The broker at ${text(address)} does not serve ${names.join(', ')}. Apache Kafka 2.8 to 4.x does.`,
    { ...address, missing: names },
  )
}

/** @param request name of its API */
export function timedOut(address: BrokerAddress, request: string, timeoutMs: number): KafkaError {
  return new KafkaError(
    'MR_KAFKA_REQUEST_TIMEOUT',
    `The broker at ${text(address)} did not answer ${request} in ${timeoutMs} ms; the connection was dropped and the outcome is unknown.`,
    { ...address, request, timeoutMs },
  )
}

/** @param fault that ended the connection; `undefined` where either side just closed it */
export function lost(
  address: BrokerAddress,
  request: string,
  fault: Error | undefined,
): KafkaError {
  return new KafkaError(
    'MR_KAFKA_CONNECTION_LOST',
    `The connection to ${text(address)} ended during ${request}; the outcome is unknown.`,
    { ...address, request },
    { cause: fault },
  )
}

/** Frames and requests do not go together any more: the end of the connection, not of the request. */
export function notAnAnswer(address: BrokerAddress, request: string): KafkaError {
  return new KafkaError(
    'MR_KAFKA_CORRUPT_DATA',
    `What ${text(address)} sent is no answer to ${request}; the connection was dropped.`,
    { ...address },
  )
}

/** The frame is the request's, and its content makes no sense. */
export function unreadable(address: BrokerAddress, request: string, cause: unknown): KafkaError {
  return new KafkaError(
    'MR_KAFKA_CORRUPT_DATA',
    `The answer of ${text(address)} to ${request} cannot be read; the connection was dropped.`,
    { ...address, request },
    { cause },
  )
}

/** True for `unreadable`: one request fails by it, those behind it are lost. */
export function isOfAnswer(fault: Error | undefined): fault is KafkaError {
  return (
    fault instanceof KafkaError &&
    fault.code === 'MR_KAFKA_CORRUPT_DATA' &&
    fault.details['request'] !== undefined
  )
}

/** What the innermost error says: a connection that was tried at several addresses says nothing itself. */
function reasonOf(error: unknown): string {
  const { message, cause } = toError(error)
  if (cause !== undefined) return reasonOf(cause)
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  return first === undefined ? message.replace(/\.$/, '') : reasonOf(first)
}

function text({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}
