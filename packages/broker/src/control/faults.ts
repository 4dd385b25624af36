import { seededRandom, systemClock, type Random, type Timer } from '@millrace/core'
import type { Api } from '@millrace/protocol'
import { BrokerError } from '../errors.ts'
import {
  apiOf,
  parseFaultRule,
  type FaultAction,
  type FaultMatch,
  type FaultRule,
  type OneOrMore,
} from './fault-rule.ts'
import type { DiskFaults } from './fault-disk.ts'
import type { RequestFacts } from './request-facts.ts'

/** A rule in force, or one that has had its count. */
export interface FaultStatus {
  readonly id: number
  readonly rule: FaultRule
  /** Requests that fitted. */
  readonly matched: number
  /** Faults that happened. */
  readonly hits: number
  /** Requests that the rule holds now. */
  readonly holding: number
  /** False once `count` is reached. */
  readonly isActive: boolean
}

interface ActiveRule {
  readonly id: number
  readonly rule: FaultRule
  readonly random: Random
  matched: number
  hits: number
  readonly held: Set<() => void>
  /** Bytes that a full disk has taken since the rule was set. */
  takenBytes: number
}

/** One fault about to happen to one request. */
export interface FiredFault {
  readonly id: number
  readonly rule: FaultRule
  readonly action: FaultAction
  /** Whether this partition of the request is what the rule is for. */
  fits(topic: string, partition: number): boolean
}

/** Rules at once; a test that adds more has a leak. */
const MAX_RULES = 1_000
const HOLD_LIMIT_MS = 60_000

/**
 * The faults that are set, and their counts. Owner of all of this: the broker's thread. With no rule set a request costs one property
 * read. Waiting here runs on the machine's clock, never on the broker's: a virtual clock stands still while a test waits for a hit.
 */
export class Faults implements DiskFaults {
  readonly #rules = new Map<number, ActiveRule>()
  #nextId = 1
  /** Called when a rule's hits change. */
  readonly #watchers = new Set<() => void>()

  get isEmpty(): boolean {
    return this.#rules.size === 0
  }

  /** @throws BrokerError `MR_BROKER_BAD_FAULT` */
  add(value: unknown): FaultStatus {
    const rule = parseFaultRule(value)
    if (this.#rules.size >= MAX_RULES)
      throw new BrokerError(
        'MR_BROKER_BAD_FAULT',
        `The fault was not set: ${MAX_RULES} rules are set already. Remove those that are done.`,
      )
    const active: ActiveRule = {
      id: this.#nextId++,
      rule,
      random: seededRandom(rule.seed ?? 1),
      matched: 0,
      hits: 0,
      held: new Set(),
      takenBytes: 0,
    }
    this.#rules.set(active.id, active)
    return statusOf(active)
  }

  list(): readonly FaultStatus[] {
    return [...this.#rules.values()].map(statusOf)
  }

  /** @throws BrokerError `MR_BROKER_UNKNOWN_FAULT` */
  get(id: number): FaultStatus {
    return statusOf(this.#rule(id))
  }

  /** Ends the rule and lets go what it holds; returns what it did. */
  remove(id: number): FaultStatus {
    const active = this.#rule(id)
    this.#rules.delete(id)
    letGo(active)
    this.#tell()
    return statusOf(active)
  }

  clear(): void {
    for (const id of this.#rules.keys()) this.remove(id)
  }

  /** Lets go what the rule holds now; the rule stays. Returns how many requests went on. */
  release(id: number): number {
    return letGo(this.#rule(id))
  }

  /** Resolves when the rule has hit so often. @throws BrokerError `MR_BROKER_WAIT_TIMEOUT` */
  waitForHits(id: number, hits: number, timeoutMs: number): Promise<FaultStatus> {
    const active = this.#rule(id)
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (active.hits < hits && this.#rules.has(id)) return
        finish()
        if (active.hits >= hits) resolve(statusOf(active))
        else reject(tooFewHits(active, hits, 'the rule was removed'))
      }
      const timer = systemClock.setTimer(timeoutMs, () => {
        finish()
        reject(tooFewHits(active, hits, `${timeoutMs} ms passed`))
      })
      const finish = (): void => {
        timer.cancel()
        this.#watchers.delete(look)
      }
      this.#watchers.add(look)
      look()
    })
  }

  /** The faults that happen to this request, in the order of their rules; each is counted as a hit now. */
  fire(facts: RequestFacts): readonly FiredFault[] {
    const fired: FiredFault[] = []
    for (const active of this.#rules.values()) {
      const { rule } = active
      if (rule.match === undefined || rule.action.type === 'versionCap' || isDone(active)) continue
      if (!fits(rule.match, facts)) continue
      if (!this.#strikes(active)) continue
      const match = rule.match
      fired.push({
        id: active.id,
        rule,
        action: rule.action,
        fits: (topic, partition) =>
          isOneOf(match.topic, topic) && isOneOf(match.partition, partition),
      })
    }
    return fired
  }

  roomFor(bytes: number): number {
    let room = bytes
    for (const active of this.#rules.values()) {
      const { action } = active.rule
      if (action.type !== 'diskFull' || isDone(active)) continue
      const left = Math.max(0, (action.freeBytes ?? 0) - active.takenBytes)
      if (left < room && this.#strikes(active)) room = left
      active.takenBytes += Math.min(room, left)
    }
    return room
  }

  failsSync(): boolean {
    let fails = false
    for (const active of this.#rules.values())
      if (active.rule.action.type === 'syncFails' && !isDone(active) && this.#strikes(active))
        fails = true
    return fails
  }

  /** Counts a hit of a rule that does not wait for requests. */
  noteHit(id: number): void {
    const active = this.#rules.get(id)
    if (active !== undefined) this.#hit(active)
  }

  /** Highest version that may be told of and taken; undefined: no cap. */
  versionCap(api: Api, clientId: string, node: number): number | undefined {
    let cap: number | undefined
    for (const { rule } of this.#rules.values()) {
      const { action, match } = rule
      if (action.type !== 'versionCap' || match === undefined) continue
      if (!isApi(match.api, api.key)) continue
      if (!isOneOf(match.clientId, clientId) || !isOneOf(match.node, node)) continue
      cap = Math.min(cap ?? Infinity, action.maxVersion)
    }
    return cap
  }

  /** Resolves when the fault lets the request go on, or the client is gone. */
  hold(fault: FiredFault, closed: AbortSignal): Promise<void> {
    const { action } = fault
    const active = this.#rules.get(fault.id)
    if (action.type !== 'hold' || active === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const go = (): void => {
        timer?.cancel()
        active.held.delete(go)
        closed.removeEventListener('abort', go)
        resolve()
      }
      timer = systemClock.setTimer(action.timeoutMs ?? HOLD_LIMIT_MS, go)
      active.held.add(go)
      closed.addEventListener('abort', go, { once: true })
      if (closed.aborted) go()
    })
  }

  /** Tells the rules that hold requests `until` such a one that it has been handled. */
  noteHandled(facts: RequestFacts): void {
    for (const active of this.#rules.values()) {
      const { action } = active.rule
      if (action.type !== 'hold' || action.until === undefined || active.held.size === 0) continue
      if (fits(action.until, facts)) letGo(active)
    }
  }

  /** Counts what fits the rule. @returns whether the fault happens, which is counted too */
  #strikes(active: ActiveRule): boolean {
    const { rule, random } = active
    active.matched++
    if (active.matched <= (rule.skip ?? 0)) return false
    if (rule.probability !== undefined && random.float() >= rule.probability) return false
    this.#hit(active)
    return true
  }

  #hit(active: ActiveRule): void {
    active.hits++
    this.#tell()
  }

  #tell(): void {
    for (const look of this.#watchers) look()
  }

  #rule(id: number): ActiveRule {
    const active = this.#rules.get(id)
    if (active !== undefined) return active
    throw new BrokerError(
      'MR_BROKER_UNKNOWN_FAULT',
      `No fault has id ${id}; it was removed, or the broker was started anew. List the faults to see which are set.`,
      { id },
    )
  }
}

function isDone({ rule, hits }: ActiveRule): boolean {
  return rule.count !== undefined && hits >= rule.count
}

function statusOf(active: ActiveRule): FaultStatus {
  const { id, rule, matched, hits, held } = active
  return { id, rule, matched, hits, holding: held.size, isActive: !isDone(active) }
}

function letGo({ held }: ActiveRule): number {
  const count = held.size
  for (const go of held) go()
  return count
}

function tooFewHits({ id, rule, hits, matched }: ActiveRule, wanted: number, why: string) {
  return new BrokerError(
    'MR_BROKER_WAIT_TIMEOUT',
    `Fault ${id}${rule.name === undefined ? '' : ` "${rule.name}"`} has hit ${hits} times of ${wanted} when ${why}; ${matched} requests fitted it. Look at the request journal for what came instead.`,
    { id, hits, matched, wanted },
  )
}

function fits(match: FaultMatch, facts: RequestFacts): boolean {
  return (
    isApi(match.api, facts.api.key) &&
    isOneOf(match.version, facts.version) &&
    isOneOf(match.clientId, facts.clientId) &&
    isOneOf(match.node, facts.node) &&
    facts.sizeBytes >= (match.minBytes ?? 0) &&
    facts.sizeBytes <= (match.maxBytes ?? Infinity) &&
    hasOneOf(match.group, facts.groups) &&
    hasOneOf(match.transactionalId, facts.transactionalIds) &&
    hasPartition(match, facts.partitions) &&
    hasFields(match, facts)
  )
}

function isApi(wanted: FaultMatch['api'], key: number): boolean {
  if (wanted === undefined) return true
  const list = Array.isArray(wanted) ? wanted : [wanted]
  return list.some((one) => apiOf(one) === key)
}

function isOneOf<T>(wanted: OneOrMore<T> | undefined, value: T): boolean {
  if (wanted === undefined) return true
  return Array.isArray(wanted) ? wanted.includes(value) : wanted === value
}

function hasOneOf(wanted: OneOrMore<string> | undefined, values: readonly string[]): boolean {
  return wanted === undefined || values.some((value) => isOneOf(wanted, value))
}

function hasPartition(
  { topic, partition }: FaultMatch,
  found: RequestFacts['partitions'],
): boolean {
  if (topic === undefined && partition === undefined) return true
  for (const [name, numbers] of found) {
    if (!isOneOf(topic, name)) continue
    if (partition === undefined || numbers.some((number) => isOneOf(partition, number))) return true
  }
  return false
}

function hasFields({ fields }: FaultMatch, { body }: RequestFacts): boolean {
  if (fields === undefined) return true
  return Object.entries(fields).every(([name, wanted]) => {
    const value = body[name]
    return (typeof value === 'bigint' ? Number(value) : value) === wanted
  })
}
