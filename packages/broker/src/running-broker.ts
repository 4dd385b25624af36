import type { ListenerAddress, NodeAddress } from './api/served-api.ts'
import type { WaitCondition } from './control/conditions.ts'
import type { FaultRule } from './control/fault-rule.ts'
import type { FaultStatus } from './control/faults.ts'
import type { DumpedRecord, GroupInfo, PartitionInfo } from './control/inspection.ts'
import type { Call } from './control/operations.ts'
import type { RequestEntry, RequestFilter } from './control/request-journal.ts'
import type { CompactionResult } from './topics/compaction.ts'

/** A running broker, in this thread or in its own. */
export interface Broker extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port`, as clients take it: of the first listener and node. */
  readonly address: string
  /** Every virtual node and where it has its first listener. */
  readonly nodes: readonly NodeAddress[]
  /** All listeners, as `listeners` asked for them; without that, the one. */
  readonly listeners: readonly ListenerAddress[]
  /** Port of the admin HTTP server; undefined unless `adminPort` was asked for. */
  readonly adminPort: number | undefined
  readonly faults: BrokerFaults
  readonly clock: BrokerTime
  /** The newest requests that fit, oldest first. */
  requests(filter?: RequestFilter): Promise<readonly RequestEntry[]>
  /** @throws BrokerError `MR_BROKER_WAIT_TIMEOUT` with what was seen last */
  waitFor(condition: WaitCondition, options?: WaitOptions): Promise<void>
  /** Partitions of one topic, or of all. */
  partitions(topic?: string): Promise<readonly PartitionInfo[]>
  /** One consumer group, or all. */
  groups(group?: string): Promise<readonly GroupInfo[]>
  /** Records as they stand in the log, those of open and aborted transactions and markers too. At most 1,000 unless `limit` says otherwise. */
  dump(
    topic: string,
    partition: number,
    options?: { readonly from?: number; readonly limit?: number },
  ): Promise<readonly DumpedRecord[]>
  /** Copies all data as they are at one instant into an empty or missing directory; `startBroker({ from })` starts from it. */
  snapshot(dir: string): Promise<void>
  /** Applies `retention.ms` and `retention.bytes` now; resolves to the number of segments removed. */
  applyRetention(): Promise<number>
  /**
   * Compacts every topic with `cleanup.policy=compact` now, whatever its dirty ratio, closing active segments for it. Records in open
   * transactions, after them, or younger than `min.compaction.lag.ms` stay as they are.
   */
  compactNow(): Promise<CompactionResult>
  /** The partition's epoch rises, and only `node` answers for it from now on. */
  moveLeader(topic: string, partition: number, node: number): Promise<void>
  moveCoordinator(
    of: { readonly group: string } | { readonly transactionalId: string },
    node: number,
  ): Promise<void>
  /** Closes the node; what it led moves to the next node that is up. */
  stopNode(node: number): Promise<void>
  startNode(node: number): Promise<void>
  /** As `kill -9`: all connections drop, nothing more is written. With `loseUnsynced` as a power cut. `restart` starts it again. */
  crash(options?: { readonly loseUnsynced?: boolean }): Promise<void>
  /** Starts again after a crash, on the same directory and ports. Nothing happens when the broker runs. */
  restart(): Promise<void>
  /** Stops in order: connections, checkpoints, files. Idempotent. */
  close(): Promise<void>
}

export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number
}

/** Faults that hit clients' requests. They outlive a crash and restart of the broker. */
export interface BrokerFaults {
  /** @throws BrokerError `MR_BROKER_BAD_FAULT` naming what is wrong with the rule */
  add(rule: FaultRule): Promise<Fault>
  list(): Promise<readonly FaultStatus[]>
  /** Removes all of them and lets go what they hold. */
  clear(): Promise<void>
}

/** One fault that was set. */
export interface Fault {
  readonly id: number
  status(): Promise<FaultStatus>
  /** Resolves when it has hit so often, default once. @throws BrokerError `MR_BROKER_WAIT_TIMEOUT` */
  waitForHits(hits?: number, options?: WaitOptions): Promise<FaultStatus>
  /** Lets go what a `hold` holds; resolves to how many requests that were. */
  release(): Promise<number>
  /** Resolves to what it did. */
  remove(): Promise<FaultStatus>
}

/** The broker's clock. */
export interface BrokerTime {
  /** Ms since the epoch. */
  now(): Promise<number>
  /** Moves a virtual clock on; sessions, time-outs, retention and long polls that become due fire in order. @throws BrokerError `MR_BROKER_CLOCK_NOT_VIRTUAL` */
  advance(ms: number): Promise<void>
  /** Lets the wall clock jump, back too; timers do not see it. */
  jump(ms: number): Promise<void>
}

/** What does not change while the broker runs. */
export interface BrokerPlace {
  readonly listeners: readonly ListenerAddress[]
  readonly adminPort: number | undefined
}

/** The `Broker` over whatever reaches it. */
export function brokerOver(
  { listeners, adminPort }: BrokerPlace,
  call: Call,
  close: () => Promise<void>,
): Broker {
  const { nodes } = listeners[0]!
  const { host, port } = nodes[0]!
  return {
    host,
    port,
    address: `${host}:${port}`,
    nodes,
    listeners,
    adminPort,
    faults: faultsOver(call),
    clock: {
      now: () => call('now', {}),
      advance: (ms) => call('advanceClock', { ms }),
      jump: (ms) => call('jumpClock', { ms }),
    },
    requests: (filter = {}) => call('requests', filter),
    waitFor: (condition, options = {}) => call('waitFor', { condition, ...options }),
    partitions: (topic) => call('partitions', topic === undefined ? {} : { topic }),
    groups: (group) => call('groups', group === undefined ? {} : { group }),
    dump: (topic, partition, options = {}) => call('dump', { topic, partition, ...options }),
    snapshot: (dir) => call('snapshot', { dir }),
    applyRetention: () => call('applyRetention', {}),
    compactNow: () => call('compactNow', {}),
    moveLeader: async (topic, partition, node) =>
      void (await call('moveLeader', { topic, partition, node })),
    moveCoordinator: (of, node) => call('moveCoordinator', { ...of, node }),
    stopNode: (node) => call('stopNode', { node }),
    startNode: (node) => call('startNode', { node }),
    crash: (options = {}) => call('crash', options),
    restart: () => call('restart', {}),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function faultsOver(call: Call): BrokerFaults {
  return {
    add: async (rule) => {
      const { id } = await call('addFault', { rule })
      return {
        id,
        status: () => call('getFault', { id }),
        waitForHits: (hits, options = {}) =>
          call('waitForHits', { id, ...(hits === undefined ? {} : { hits }), ...options }),
        release: () => call('releaseFault', { id }),
        remove: () => call('removeFault', { id }),
      }
    },
    list: () => call('listFaults', {}),
    clear: () => call('clearFaults', {}),
  }
}
