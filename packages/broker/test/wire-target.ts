import { startApacheKafka, whyNoApacheKafka, type ApacheKafkaOptions } from '@millrace/testkit'
import type { BrokerOptions } from '../src/index.ts'
import { testBroker, type TestBroker } from './broker.ts'
import { WireClient } from './wire-client.ts'

/**
 * What a wire suite talks to: the broker of this package, or in `npm run test:kafka` Apache Kafka, which is what makes the suites worth
 * something. Each file has one of its own. `MILLRACE_TEST_BROKER=host:port` names an Apache Kafka that runs already.
 */
export interface WireTarget extends AsyncDisposable {
  readonly kind: keyof Difference<unknown>
  readonly port: number
  /** Ours; undefined on Apache Kafka. */
  readonly ours: TestBroker | undefined
  connect(): Promise<WireClient>
}

export interface WireTargetOptions {
  /** For the broker of this package. */
  readonly options?: Partial<BrokerOptions>
  /** For Apache Kafka. */
  readonly properties?: Readonly<Record<string, string>>
}

/** What the two brokers do differently on purpose, or may: each asserted on its own broker. */
export interface Difference<T> {
  readonly millrace: T
  readonly apache: T
}

/**
 * Whether this run is for Apache Kafka. Where that cannot be started one line says why and ours takes its place; with CI=true that is an error.
 */
export async function isApacheWanted(): Promise<boolean> {
  if (!(process.env['MILLRACE_TEST_KAFKA'] ?? '').startsWith('apache')) return false
  const reason = await whyNoApacheKafka()
  if (reason === undefined) return true
  if (process.env['CI'] === 'true') throw new Error(`CI must have Apache Kafka: ${reason}`)
  process.stderr.write(`${reason}\n`)
  return false
}

export async function openWireTarget({
  options = {},
  properties = {},
}: WireTargetOptions = {}): Promise<WireTarget> {
  const external = process.env['MILLRACE_TEST_BROKER']
  if (external !== undefined) return targetAt(Number(external.split(':')[1]), async () => {})
  if (await isApacheWanted()) {
    const apache = await apacheKafka({ properties })
    return targetAt(apache.port, () => apache.stop())
  }
  const ours = await testBroker(options)
  return {
    kind: 'millrace',
    get port() {
      return ours.port
    },
    ours,
    connect: () => ours.connect(),
    [Symbol.asyncDispose]: () => ours[Symbol.asyncDispose](),
  }
}

/** Apache Kafka, which has just been found to be there. */
export async function apacheKafka(options: ApacheKafkaOptions) {
  const apache = await startApacheKafka(options)
  if (apache === undefined) throw new Error('Apache Kafka was there a moment ago and is not now.')
  return apache
}

function targetAt(port: number, close: () => Promise<void>): WireTarget {
  const connect = () => WireClient.connect(port)
  return { kind: 'apache', port, ours: undefined, connect, [Symbol.asyncDispose]: close }
}
