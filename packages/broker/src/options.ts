import type { Clock, Logger, Meter } from '@millrace/core'
import { BrokerError } from './errors.ts'
import { parseFaultRule, type FaultRule } from './control/fault-rule.ts'
import type { FsyncMode } from './log/partition-log.ts'
import { faultsOfListeners, type ListenerOption } from './net/listener-options.ts'
import { faultsOfSecurity, type SecurityOptions } from './security/security-options.ts'

/** A topic to make sure of at the start. */
export interface TopicOption {
  readonly name: string
  readonly partitions: number
  readonly configs?: Readonly<Record<string, string>>
}

/** What `startBroker` takes. */
export interface BrokerOptions {
  /** Data directory; made when missing. One broker at a time may use it. */
  readonly dir: string
  /** Port to listen on; 0, the default, takes any free one. */
  readonly port?: number
  /** Address to listen on. Default 127.0.0.1: without `security` everybody who reaches it may do everything. */
  readonly host?: string
  /** Host that clients are told to connect to. Default: the address they have reached. */
  readonly advertisedHost?: string
  /**
   * When a record counts as written: `os` (default) in the page cache, which survives kill -9 of the broker but not a power cut;
   * `group` after an fdatasync shared by everything within about a millisecond; `always` after an fdatasync of its own.
   */
  readonly fsync?: FsyncMode
  /** Create topics that clients ask for. Default true. */
  readonly autoCreateTopics?: boolean
  /** Partitions of topics created on demand. Default 1. */
  readonly defaultPartitions?: number
  /** Topics to create when missing. */
  readonly topics?: readonly TopicOption[]
  /**
   * Several listeners, for example a plain one on loopback and one with TLS; then without `port`. Clients are told the addresses of the
   * listener that they have reached. Default: one, on `port`.
   */
  readonly listeners?: readonly ListenerOption[]
  /** TLS, authentication and access rules. Default: none of them. */
  readonly security?: SecurityOptions
  /** How long a group that was empty waits for further members, ms. Default 0; Kafka has 3,000. */
  readonly initialRebalanceDelayMs?: number
  /** Members of groups of the new protocol (KIP-848) are gone when they are not heard of for so long, ms. Default 45,000, as in Kafka. */
  readonly consumerSessionTimeoutMs?: number
  /** How often those members are told to heartbeat, ms; a rebalance takes a few of them. Default 1,000; Kafka has 5,000. */
  readonly consumerHeartbeatIntervalMs?: number
  /**
   * The version of transactions that clients are switched to [transaction.version]: 2, the default (KIP-890: every end raises the epoch), or 1,
   * as brokers before Apache Kafka 4. Clients that know only version 1 use that in any case.
   */
  readonly transactionVersion?: 1 | 2
  /**
   * EndTxn is answered when the end is decided, and the markers follow so much later, ms, as they do in Apache Kafka: meanwhile clients
   * meet CONCURRENT_TRANSACTIONS. Default 0: markers first. For tests of clients.
   */
  readonly transactionMarkerDelayMs?: number
  /** Run in a worker thread of its own (default true), so that pauses of the application do not become latency of the broker. */
  readonly worker?: boolean
  readonly logger?: Logger
  readonly meter?: Meter
  /**
   * `virtual`: time stands still but for `broker.clock.advance`; it begins at the machine's time. A clock of the caller's own only with
   * `worker: false`. Default: the machine's clock.
   */
  readonly clock?: Clock | 'virtual'
  /** Virtual nodes, 1 to 100, default 1: each has its own id and port (`port`, `port + 1`, …) and leads its share of the partitions. */
  readonly nodes?: number
  /** A snapshot to start from: copied into `dir` when that holds no data yet. */
  readonly from?: string
  /** Faults that are set before the first client can connect. */
  readonly faults?: readonly FaultRule[]
  /** Port of the admin HTTP server; 0 takes any free one. Default: none. Who reaches it and has the token may do everything. */
  readonly adminPort?: number
  /** Address of the admin server. Default 127.0.0.1; another than loopback only with `adminToken`, which crosses the network as it is. */
  readonly adminHost?: string
  /** What callers of the admin server must show, as `Authorization: Bearer <token>`; 16 characters or more. Default: nothing. */
  readonly adminToken?: string
  /** How many of the newest requests are kept for `broker.requests()`. Default 1,000; 0 keeps none. */
  readonly requestJournalSize?: number
}

const MAX_NODES = 100

/** @throws BrokerError `MR_BROKER_BAD_OPTION` naming every fault */
export function checkOptions(options: BrokerOptions): void {
  const faults: string[] = []
  const { dir, port = 0, defaultPartitions = 1, fsync = 'os', topics = [] } = options
  if (dir === '') faults.push('dir is empty')
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    faults.push(`port ${port} is not a whole number from 0 to 65535`)
  if (!Number.isInteger(defaultPartitions) || defaultPartitions < 1)
    faults.push(`defaultPartitions ${defaultPartitions} is not a whole number of 1 or more`)
  if (!['os', 'group', 'always'].includes(fsync))
    faults.push(`fsync "${fsync}" is not os, group or always`)
  for (const { name, partitions } of topics)
    if (!Number.isInteger(partitions) || partitions < 1)
      faults.push(`topic "${name}" has ${partitions} partitions`)
  if (options.security !== undefined) faults.push(...faultsOfSecurity(options.security))
  faults.push(...faultsOfListeners(options, options.nodes ?? 1))
  if (typeof options.clock === 'object' && options.worker !== false)
    faults.push(
      "a clock of your own needs worker: false, since it cannot cross threads; 'virtual' can",
    )
  faults.push(
    ...faultsOfControl(options),
    ...faultsOfTransactions(options),
    ...faultsOfConsumerGroups(options),
  )
  if (faults.length === 0) return
  throw new BrokerError(
    'MR_BROKER_BAD_OPTION',
    `The broker was not started: ${faults.join('; ')}.`,
    { faults },
  )
}

function faultsOfTransactions({
  transactionVersion = 2,
  transactionMarkerDelayMs = 0,
}: BrokerOptions): string[] {
  const faults: string[] = []
  if (![1, 2].includes(transactionVersion))
    faults.push(`transactionVersion ${String(transactionVersion)} is not 1 or 2`)
  if (!(transactionMarkerDelayMs >= 0))
    faults.push(`transactionMarkerDelayMs ${transactionMarkerDelayMs} is not a number of 0 or more`)
  return faults
}

function faultsOfConsumerGroups({
  consumerSessionTimeoutMs = 45_000,
  consumerHeartbeatIntervalMs = 1_000,
}: BrokerOptions): string[] {
  const faults: string[] = []
  if (!(consumerHeartbeatIntervalMs >= 10))
    faults.push(`consumerHeartbeatIntervalMs ${consumerHeartbeatIntervalMs} is not 10 or more`)
  if (!(consumerSessionTimeoutMs > consumerHeartbeatIntervalMs))
    faults.push(
      `consumerSessionTimeoutMs ${consumerSessionTimeoutMs} is not more than the heartbeat interval`,
    )
  return faults
}

function faultsOfControl({
  clock,
  nodes = 1,
  adminPort,
  adminHost,
  adminToken,
  requestJournalSize = 0,
  faults: rules = [],
}: BrokerOptions): string[] {
  const faults: string[] = []
  if (typeof clock === 'string' && clock !== 'virtual')
    faults.push(`clock "${String(clock)}" is not virtual`)
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES)
    faults.push(`nodes ${nodes} is not a whole number from 1 to ${MAX_NODES}`)
  if (
    adminPort !== undefined &&
    !(Number.isInteger(adminPort) && adminPort >= 0 && adminPort <= 65_535)
  )
    faults.push(`adminPort ${adminPort} is not a whole number from 0 to 65535`)
  faults.push(...faultsOfAdmin(adminHost, adminToken))
  if (!Number.isInteger(requestJournalSize) || requestJournalSize < 0)
    faults.push(`requestJournalSize ${requestJournalSize} is not a whole number of 0 or more`)
  for (const rule of rules) {
    try {
      parseFaultRule(rule)
    } catch (error) {
      faults.push((error as Error).message)
    }
  }
  return faults
}

const MIN_TOKEN_LENGTH = 16

function faultsOfAdmin(adminHost = '127.0.0.1', adminToken?: string): string[] {
  const isLoopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(adminHost)
  if (adminToken === undefined)
    return isLoopback ? [] : [`adminHost ${adminHost} is not loopback and needs adminToken`]
  return /^[\w.~+/=-]+$/.test(adminToken) && adminToken.length >= MIN_TOKEN_LENGTH
    ? []
    : [`adminToken is not ${MIN_TOKEN_LENGTH} or more letters, digits, or one of _.~+/=-`]
}
