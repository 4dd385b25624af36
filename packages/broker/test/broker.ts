import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker, type Broker, type BrokerOptions } from '../src/index.ts'
import { WireClient } from './wire-client.ts'

/** A broker in this thread on a directory of its own, for as long as the test needs it. */
export interface TestBroker extends AsyncDisposable {
  readonly dir: string
  readonly port: number
  /** The broker itself, with its faults, clock and waits. */
  readonly broker: Broker
  connect(): Promise<WireClient>
  /** Stops in order and starts on the same directory. */
  restart(): Promise<void>
}

export async function testBroker(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-broker-test-'))
  const start = (): Promise<Broker> => startBroker({ dir, worker: false, ...options })
  let broker = await start()
  return {
    dir,
    get port() {
      return broker.port
    },
    get broker() {
      return broker
    },
    connect: () => WireClient.connect(broker.port),
    restart: async () => {
      await broker.close()
      broker = await start()
    },
    [Symbol.asyncDispose]: async () => {
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
