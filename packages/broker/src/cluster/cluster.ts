import { errorCodes } from '@millrace/protocol'
import type { BrokerRecord } from '../broker-records.ts'
import { BrokerError } from '../errors.ts'
import type { Journal } from '../journal.ts'
import type { Topic } from '../topics/topic.ts'
import type { Topics } from '../topics/topics.ts'
import type { LeaderRecord } from './leader-records.ts'

export interface ClusterOptions {
  readonly nodeCount: number
  readonly topics: Topics
  readonly journal: () => Journal<BrokerRecord>
}

/** Who leads a partition, and since which epoch. */
export interface Leadership {
  readonly node: number
  readonly epoch: number
}

/** What a coordinator is responsible for. */
export type CoordinatedKind = 'group' | 'transaction'

/**
 * The virtual nodes of this broker: which of them are up, who leads each partition and coordinates each group. All nodes work on the same
 * logs and groups; only the right to answer is divided, as clients expect of a cluster. A move of a leader raises the partition's epoch and
 * stands in the journal, so an epoch never falls back; nodes that were stopped are up again after a restart.
 */
export class Cluster {
  readonly #options: ClusterOptions
  readonly #down = new Set<number>()
  /** Moves by topic id and partition, oldest first; a partition that never moved has none. */
  readonly #moves = new Map<string, LeaderRecord[]>()
  /** Coordinators that were moved by hand, by kind and key. */
  readonly #coordinators = new Map<string, number>()

  constructor(options: ClusterOptions) {
    this.#options = options
  }

  get nodeCount(): number {
    return this.#options.nodeCount
  }

  /** With one node that was never stopped every request is in the right place. */
  get isSingle(): boolean {
    return this.#options.nodeCount === 1
  }

  /** Ids of the nodes that are up. */
  get liveNodes(): readonly number[] {
    return this.allNodes.filter((node) => !this.#down.has(node))
  }

  /** The first node that is up; -1 when none is. */
  get controller(): number {
    return this.liveNodes[0] ?? -1
  }

  isUp(node: number): boolean {
    return !this.#down.has(node)
  }

  /** Whether a list of nodes can hold a partition: known ones, none twice. */
  areReplicas(nodes: readonly number[]): boolean {
    return (
      nodes.length > 0 &&
      new Set(nodes).size === nodes.length &&
      nodes.every((node) => this.allNodes.includes(node))
    )
  }

  leaderOf(topic: Topic, partition: number): Leadership {
    if (this.isSingle && this.#moves.size === 0 && this.#down.size === 0) return soleLeader
    const moved = this.#moves.get(keyOf(topic.id, partition))?.at(-1)
    if (moved !== undefined)
      return { node: this.#down.has(moved.node) ? -1 : moved.node, epoch: moved.epoch }
    return { node: this.#defaultLeader(topic.id, partition), epoch: 0 }
  }

  /** What is wrong with the epoch that a client knows of a partition's leader; -1 is no claim. */
  faultOfEpoch(topic: Topic, partition: number, clientEpoch: number): number {
    if (clientEpoch < 0) return errorCodes.NONE
    const { epoch } = this.leaderOf(topic, partition)
    if (clientEpoch < epoch) return errorCodes.FENCED_LEADER_EPOCH
    return clientEpoch > epoch ? errorCodes.UNKNOWN_LEADER_EPOCH : errorCodes.NONE
  }

  coordinatorOf(kind: CoordinatedKind, key: string): number {
    const moved = this.#coordinators.get(`${kind} ${key}`)
    if (moved !== undefined && !this.#down.has(moved)) return moved
    return this.#firstUpFrom(hashOf(key))
  }

  /**
   * Where the records of `epoch` end: the start of the next epoch there is, or the log's end for the present one.
   * @returns undefined for an epoch that is later than the present one
   */
  endOfEpoch(
    topic: Topic,
    partition: number,
    epoch: number,
  ): { readonly epoch: number; readonly endOffset: number } | undefined {
    const log = topic.partitions[partition]
    const moves = this.#moves.get(keyOf(topic.id, partition)) ?? []
    const present = moves.at(-1)?.epoch ?? 0
    if (log === undefined || epoch > present || epoch < 0) return undefined
    const next = moves.find((move) => move.epoch > epoch)
    if (next === undefined) return { epoch: present, endOffset: log.highWatermark }
    const found = moves.findLast((move) => move.epoch <= epoch)?.epoch ?? 0
    return { epoch: found, endOffset: next.startOffset }
  }

  /** @throws BrokerError `MR_BROKER_BAD_OPTION` for a node or partition that is not there */
  moveLeader(topicName: string, partition: number, node: number): Leadership {
    const topic = this.#options.topics.byName(topicName)
    if (topic?.partitions[partition] === undefined)
      throw badOption(
        `There is no partition ${partition} of topic "${topicName}". Nothing was moved.`,
      )
    this.#checkLive(node)
    const epoch = this.leaderOf(topic, partition).epoch + 1
    this.#record([this.#move(topic, partition, node, epoch)])
    return { node, epoch }
  }

  moveCoordinator(kind: CoordinatedKind, key: string, node: number): void {
    this.#checkLive(node)
    this.#coordinators.set(`${kind} ${key}`, node)
  }

  /** What the node led moves to the next that is up, each with a new epoch; without another one it has no leader. */
  stop(node: number): void {
    this.#checkLive(node)
    const led = [...this.#partitions()].filter(
      ([topic, partition]) => this.leaderOf(topic, partition).node === node,
    )
    this.#down.add(node)
    const next = this.#firstUpFrom(node)
    if (next === -1) return
    this.#record(
      led.map(([topic, partition]) =>
        this.#move(topic, partition, next, this.leaderOf(topic, partition).epoch + 1),
      ),
    )
  }

  /** The node is up again and leads what nobody else took meanwhile. */
  start(node: number): void {
    this.#checkKnown(node)
    if (!this.#down.has(node)) return
    // A topic made while the node was down has another leader; it keeps it, or its epoch would have two.
    const kept = [...this.#partitions()]
      .map(([topic, partition]) => ({ topic, partition, ...this.leaderOf(topic, partition) }))
      .filter(
        ({ topic, partition, node: leader }) =>
          leader !== -1 && !this.#moves.has(keyOf(topic.id, partition)),
      )
    this.#down.delete(node)
    this.#record(
      kept
        .filter(
          ({ topic, partition, node: leader }) => this.leaderOf(topic, partition).node !== leader,
        )
        .map(({ topic, partition, node: leader, epoch }) =>
          this.#move(topic, partition, leader, epoch + 1),
        ),
    )
  }

  replay(record: LeaderRecord): void {
    const key = keyOf(record.topicId, record.partition)
    const moves = this.#moves.get(key)
    if (moves === undefined) this.#moves.set(key, [record])
    else moves.push(record)
  }

  *snapshot(): Generator<LeaderRecord> {
    for (const moves of this.#moves.values())
      if (this.#options.topics.byId(moves[0]!.topicId) !== undefined) yield* moves
  }

  /** After the topics were opened: their logs get their epochs, and leaders that there are no more are replaced. */
  open(): void {
    for (const [key, moves] of this.#moves) {
      const last = moves.at(-1)!
      const topic = this.#options.topics.byId(last.topicId)
      const log = topic?.partitions[last.partition]
      if (topic === undefined || log === undefined) {
        this.#moves.delete(key)
        continue
      }
      log.leaderEpoch = last.epoch
      if (last.node > this.nodeCount) {
        const node = this.#defaultLeader(topic.id, last.partition)
        this.#record([this.#move(topic, last.partition, node, last.epoch + 1)])
      }
    }
  }

  /** Ids of all nodes, up or not. Each holds every partition. */
  get allNodes(): readonly number[] {
    return Array.from({ length: this.nodeCount }, (_, index) => index + 1)
  }

  *#partitions(): Generator<readonly [Topic, number]> {
    for (const topic of this.#options.topics.all)
      for (const partition of topic.partitions.keys()) yield [topic, partition]
  }

  #move(topic: Topic, partition: number, node: number, epoch: number): LeaderRecord {
    const startOffset = topic.partitions[partition]!.endOffset
    return { type: 'leader', topicId: topic.id, partition, node, epoch, startOffset }
  }

  #record(moves: readonly LeaderRecord[]): void {
    if (moves.length === 0) return
    this.#options.journal().append(moves)
    for (const move of moves) {
      this.replay(move)
      const log = this.#options.topics.byId(move.topicId)?.partitions[move.partition]
      if (log !== undefined) log.leaderEpoch = move.epoch
    }
  }

  #defaultLeader(topicId: string, partition: number): number {
    return this.isSingle
      ? this.#down.size === 0
        ? 1
        : -1
      : this.#firstUpFrom(hashOf(topicId) + partition)
  }

  #firstUpFrom(start: number): number {
    for (let step = 0; step < this.nodeCount; step++) {
      const node = ((start + step) % this.nodeCount) + 1
      if (!this.#down.has(node)) return node
    }
    return -1
  }

  #checkLive(node: number): void {
    this.#checkKnown(node)
    if (this.#down.has(node)) throw badOption(`Node ${node} is stopped. Nothing was moved.`)
  }

  #checkKnown(node: number): void {
    if (!Number.isInteger(node) || node < 1 || node > this.nodeCount)
      throw badOption(`There is no node ${node}; the nodes are 1 to ${this.nodeCount}.`)
  }
}

const soleLeader: Leadership = { node: 1, epoch: 0 }

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}

/** Spreads names over nodes, the same way every time. */
function hashOf(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++)
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return hash >>> 1
}

function badOption(text: string): BrokerError {
  return new BrokerError('MR_BROKER_BAD_OPTION', text)
}
