import { BrokerError } from '../errors.ts'
import type { BrokerRuntime } from './broker-runtime.ts'
import { waitFor, type WaitCondition } from './conditions.ts'
import type { FaultStatus } from './faults.ts'
import { dumpRecords, listGroups, listPartitions, type DumpOptions } from './inspection.ts'
import type { RequestFilter } from './request-journal.ts'
import { copyDataDirectory } from './snapshots.ts'

/** Kinds of value an operation takes; `?` marks those that may be left out. */
type Kind = 'text' | 'number' | 'flag' | 'object' | 'text?' | 'number?' | 'flag?' | 'object?'

interface Operation<I, O> {
  /** What it does, for the list that the admin port shows. */
  readonly summary: string
  readonly input: Readonly<Record<string, Kind>>
  readonly run: (runtime: BrokerRuntime, input: I) => O | Promise<O>
}

function operation<I, O>(
  summary: string,
  input: Readonly<Record<keyof I & string, Kind>>,
  run: Operation<I, O>['run'],
): Operation<I, O> {
  return { summary, input, run }
}

const DEFAULT_WAIT_MS = 10_000

interface Id {
  readonly id: number
}
interface Node {
  readonly node: number
}

/**
 * Everything that can be asked of a running broker beside the Kafka protocol, as data in and data out: the `Broker` object calls it directly
 * or through the worker, the admin port as `POST /<name>`. An operation is one row here.
 */
export const operations = {
  addFault: operation(
    'Sets a fault.',
    { rule: 'object' },
    (runtime, { rule }: { rule: object }): FaultStatus => {
      const added = runtime.faults.add(rule)
      const { action, match } = added.rule
      if (action.type === 'kill' && match === undefined) runtime.kill(action, added.id)
      return added
    },
  ),
  listFaults: operation('Lists faults with their hits.', {}, (runtime) => runtime.faults.list()),
  getFault: operation('One fault with its hits.', { id: 'number' }, (runtime, { id }: Id) =>
    runtime.faults.get(id),
  ),
  removeFault: operation(
    'Removes a fault and lets go what it holds.',
    { id: 'number' },
    (runtime, { id }: Id) => runtime.faults.remove(id),
  ),
  releaseFault: operation(
    'Lets go what a hold holds; answers how many requests.',
    { id: 'number' },
    (runtime, { id }: Id) => runtime.faults.release(id),
  ),
  clearFaults: operation('Removes every fault.', {}, (runtime) => runtime.faults.clear()),
  waitForHits: operation(
    'Waits until a fault has hit so often (default once).',
    { id: 'number', hits: 'number?', timeoutMs: 'number?' },
    (runtime, { id, hits, timeoutMs }: Id & { hits?: number; timeoutMs?: number }) =>
      runtime.faults.waitForHits(id, hits ?? 1, timeoutMs ?? DEFAULT_WAIT_MS),
  ),
  requests: operation(
    'The newest requests, oldest first.',
    { api: 'text?', clientId: 'text?', after: 'number?', withFaults: 'flag?', limit: 'number?' },
    (runtime, filter: RequestFilter) => runtime.requests.list(filter),
  ),
  now: operation("The broker's wall clock, ms since the epoch.", {}, (runtime) =>
    runtime.clock.now(),
  ),
  advanceClock: operation(
    'Moves a virtual clock on by so many ms and fires what becomes due.',
    { ms: 'number' },
    (runtime, { ms }: { ms: number }) => runtime.advanceClock(ms),
  ),
  jumpClock: operation(
    'Lets the wall clock jump by so many ms, back too; timers do not see it.',
    { ms: 'number' },
    (runtime, { ms }: { ms: number }) => runtime.clock.jump(ms),
  ),
  partitions: operation(
    'Partitions with leader, offsets and size.',
    { topic: 'text?' },
    (runtime, { topic }: { topic?: string }) => listPartitions(runtime.state, topic),
  ),
  groups: operation(
    'Consumer groups with members and lag.',
    { group: 'text?' },
    (runtime, { group }: { group?: string }) => listGroups(runtime.state, group),
  ),
  dump: operation(
    'Records of a partition, control records too.',
    { topic: 'text', partition: 'number', from: 'number?', limit: 'number?' },
    (runtime, options: DumpOptions) => dumpRecords(runtime.state, options),
  ),
  waitFor: operation(
    'Waits for a condition on a group, a partition or a transaction.',
    { condition: 'object', timeoutMs: 'number?' },
    (runtime, { condition, timeoutMs }: { condition: WaitCondition; timeoutMs?: number }) =>
      waitFor(() => runtime.state, condition, timeoutMs ?? DEFAULT_WAIT_MS),
  ),
  snapshot: operation(
    'Copies the data as they are now into an empty or missing directory, to be started `from`.',
    { dir: 'text' },
    (runtime, { dir }: { dir: string }) => copyDataDirectory(runtime.state.directory, dir),
  ),
  applyRetention: operation(
    'Removes what is older or larger than the topics allow, now; answers how many segments.',
    {},
    (runtime) => runtime.state.topics.applyRetention(),
  ),
  compactNow: operation(
    'Compacts every topic with cleanup.policy=compact, now, whatever its dirty ratio; answers bytes before and after.',
    {},
    (runtime) => runtime.state.topics.compactNow(),
  ),
  nodes: operation('Nodes and whether they are up.', {}, (runtime) =>
    runtime.listeners[0]!.nodes.map((node) => ({
      ...node,
      isUp: runtime.state.cluster.isUp(node.id),
    })),
  ),
  moveLeader: operation(
    "Moves a partition's leader to a node; its epoch rises.",
    { topic: 'text', partition: 'number', node: 'number' },
    (runtime, { topic, partition, node }: Node & { topic: string; partition: number }) =>
      runtime.state.cluster.moveLeader(topic, partition, node),
  ),
  moveCoordinator: operation(
    'Moves the coordinator of a group or a transactional id to a node.',
    { group: 'text?', transactionalId: 'text?', node: 'number' },
    (
      runtime,
      { group, transactionalId, node }: Node & { group?: string; transactionalId?: string },
    ) => {
      const { cluster } = runtime.state
      if (group !== undefined) cluster.moveCoordinator('group', group, node)
      if (transactionalId !== undefined)
        cluster.moveCoordinator('transaction', transactionalId, node)
    },
  ),
  stopNode: operation(
    'Closes a node and moves what it led to the next one.',
    { node: 'number' },
    (runtime, { node }: Node) => runtime.stopNode(node),
  ),
  startNode: operation(
    'Opens a stopped node on its port again.',
    { node: 'number' },
    (runtime, { node }: Node) => runtime.startNode(node),
  ),
  crash: operation(
    'Ends the broker as kill -9 does, or as a power cut.',
    { loseUnsynced: 'flag?' },
    (runtime, options: { loseUnsynced?: boolean }) => runtime.crash(options),
  ),
  restart: operation('Starts the broker again after a crash.', {}, (runtime) => runtime.restart()),
} as const

export type OperationName = keyof typeof operations

type InputOf<N extends OperationName> = Parameters<(typeof operations)[N]['run']>[1]
type OutputOf<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]['run']>>

/** Calls an operation wherever the broker runs. */
export type Call = <N extends OperationName>(name: N, input: InputOf<N>) => Promise<OutputOf<N>>

/** Runs an operation by name with input from anywhere. @throws BrokerError */
export async function runOperation(
  runtime: BrokerRuntime,
  name: string,
  input: unknown,
): Promise<unknown> {
  if (!Object.hasOwn(operations, name))
    throw new BrokerError(
      'MR_BROKER_BAD_CALL',
      `There is no operation "${name}"; there are ${Object.keys(operations).join(', ')}.`,
    )
  const found = operations[name as OperationName] as Operation<unknown, unknown>
  checkInput(name, found.input, input)
  return found.run(runtime, input)
}

function checkInput(name: string, wanted: Readonly<Record<string, Kind>>, input: unknown): void {
  const faults: string[] = []
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    faults.push('the input is not an object')
  else {
    for (const field of Object.keys(input))
      if (!Object.hasOwn(wanted, field)) faults.push(`it takes no "${field}"`)
    for (const [field, kind] of Object.entries(wanted)) {
      const value = (input as Record<string, unknown>)[field]
      if (!isOfKind(value, kind)) faults.push(`${field} is not ${kind.replace('?', '')}`)
    }
  }
  if (faults.length > 0)
    throw new BrokerError('MR_BROKER_BAD_CALL', `${name} was not done: ${faults.join('; ')}.`, {
      faults,
    })
}

function isOfKind(value: unknown, kind: Kind): boolean {
  if (value === undefined) return kind.endsWith('?')
  switch (kind.replace('?', '')) {
    case 'text':
      return typeof value === 'string'
    case 'number':
      return Number.isFinite(value)
    case 'flag':
      return typeof value === 'boolean'
    default:
      return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
}
