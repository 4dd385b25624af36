import type { Clock, Logger, Meter } from '@millrace/core'
import { BrokerError } from './errors.ts'
import type { FsyncMode } from './log/partition-log.ts'

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
  /** Address to listen on. Default 127.0.0.1: there is no authentication, so keep it on trusted networks. */
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
  /** How long a group that was empty waits for further members, ms. Default 0; Kafka has 3,000. */
  readonly initialRebalanceDelayMs?: number
  /** Run in a worker thread of its own (default true), so that pauses of the application do not become latency of the broker. */
  readonly worker?: boolean
  readonly logger?: Logger
  readonly meter?: Meter
  /** Only with `worker: false`. */
  readonly clock?: Clock
}

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
  if (options.clock !== undefined && options.worker !== false)
    faults.push('clock needs worker: false, since it cannot cross threads')
  if (faults.length === 0) return
  throw new BrokerError(
    'MR_BROKER_BAD_OPTION',
    `The broker was not started: ${faults.join('; ')}.`,
    { faults },
  )
}
