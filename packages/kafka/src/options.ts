import { KafkaError } from './errors.ts'
import type { BrokerAddress, KafkaOptions } from './types.ts'

/** `host:port` texts as addresses. @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function parseBrokers(brokers: readonly string[]): readonly BrokerAddress[] {
  if (brokers.length === 0) throw badOption('brokers', brokers, 'must name at least one host:port')
  return brokers.map((text) => {
    const colon = text.lastIndexOf(':')
    const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    const port = Number(text.slice(colon + 1))
    if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535)
      throw badOption('brokers', text, 'must be of the form host:port')
    return { host, port }
  })
}

/** `value`, or the default; refuses what is not an integer within the bounds. @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function integerOption(
  name: string,
  value: number | undefined,
  bounds: { readonly min: number; readonly max: number; readonly default: number },
): number {
  if (value === undefined) return bounds.default
  if (!Number.isInteger(value) || value < bounds.min || value > bounds.max)
    throw badOption(name, value, `must be an integer from ${bounds.min} to ${bounds.max}`)
  return value
}

export function requestTimeoutMsOf(options: KafkaOptions): number {
  return integerOption('requestTimeoutMs', options.requestTimeoutMs, {
    min: 1,
    max: 3_600_000,
    default: 30_000,
  })
}

export function badOption(name: string, value: unknown, rule: string): KafkaError {
  return new KafkaError(
    'MR_KAFKA_BAD_OPTION',
    `Option ${name} is ${JSON.stringify(value)}: it ${rule}.`,
    { name, value },
  )
}
