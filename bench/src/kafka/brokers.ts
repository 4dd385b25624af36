/** The brokers of the Kafka suite behind one interface: ours, Apache Kafka, kfake. Each runs as a process of its own, with its data on disk and no fsync per write. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startBrokerProcess, type BrokerProcess } from '@millrace/embedded'
import { endChild, freePorts, startApacheKafka } from '@millrace/testkit'
import { waitUntilAnswered } from './broker-probe.ts'
import { processUsage, type ProcessUsage } from './measured-process.ts'
import type { Peer, Peers } from './peers.ts'

export type BrokerName = 'millrace' | 'apache-kafka' | 'kfake'

export interface BenchBroker extends AsyncDisposable {
  readonly name: BrokerName
  readonly port: number
  readonly address: string
  usage(): ProcessUsage | undefined
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>
  /** Stops it in order. */
  shutDown(): Promise<void>
  /** Starts again on the same port and data; resolves as soon as it answers. */
  restart(): Promise<void>
}

/** @param folder where it may keep its data */
export type StartBroker = (folder: string) => Promise<BenchBroker>

/** What the scripts of Apache Kafka give its server, but for the heap: 1 GB as theirs, not touched in advance. */
const productionJavaOptions = [
  '-Xmx1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
]
const startTimeoutMs = 120_000

export function brokersOf(peers: Peers): ReadonlyMap<BrokerName, Peer<StartBroker>> {
  const java = peers.clients.get('java')
  return new Map<BrokerName, Peer<StartBroker>>([
    ['millrace', { is: startOurs }],
    ['apache-kafka', java && 'absent' in java ? java : { is: startApache }],
    [
      'kfake',
      'absent' in peers.kfake ? peers.kfake : { is: startKfake.bind(undefined, peers.kfake.is) },
    ],
  ])
}

export async function startOurs(folder: string): Promise<BenchBroker> {
  const dir = await mkdtemp(join(folder, 'millrace-'))
  const start = (port: number): Promise<BrokerProcess> =>
    startBrokerProcess({ dir, port, startTimeoutMs })
  let broker = await start(0)
  const { port, address } = broker
  const kill = async (): Promise<void> => {
    broker.kill()
    await broker.exited
  }
  return {
    name: 'millrace',
    port,
    address,
    usage: () => processUsage(broker.pid),
    kill,
    shutDown: () => broker.stop(),
    restart: async () => {
      broker = await start(port)
    },
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export async function startApache(): Promise<BenchBroker> {
  const broker = await startApacheKafka({
    javaOptions: productionJavaOptions,
    // Deleted topics of earlier rounds are to leave the disk at once.
    properties: { 'log.segment.delete.delay.ms': '500', 'num.partitions': '1' },
  })
  if (broker === undefined) throw new Error('Apache Kafka was there a moment ago and is not now')
  return {
    name: 'apache-kafka',
    port: broker.port,
    address: `127.0.0.1:${broker.port}`,
    usage: () => processUsage(broker.pid),
    kill: () => broker.kill(),
    shutDown: () => broker.shutDown(),
    restart: () => broker.restart(),
    [Symbol.asyncDispose]: () => broker.stop(),
  }
}

async function startKfake(program: string, folder: string): Promise<BenchBroker> {
  const dir = await mkdtemp(join(folder, 'kfake-'))
  const [port = 0] = await freePorts(1)
  let child: ChildProcess
  const start = async (): Promise<void> => {
    child = spawn(program, ['-port', String(port), '-dir', dir], { stdio: 'ignore' })
    const started = child
    const killAtExit = (): void => void started.kill('SIGKILL')
    process.once('exit', killAtExit)
    child.once('exit', () => process.removeListener('exit', killAtExit))
    await waitUntilAnswered(port, startTimeoutMs)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => void (await endChild(child, signal))
  await start()
  return {
    name: 'kfake',
    port,
    address: `127.0.0.1:${port}`,
    usage: () => processUsage(child.pid ?? 0),
    kill: () => end('SIGKILL'),
    shutDown: () => end('SIGTERM'),
    restart: start,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
