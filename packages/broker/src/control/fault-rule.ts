import { apis, errorCodes, type KafkaErrorName } from '@millrace/protocol'
import { BrokerError } from '../errors.ts'

/** Which requests a fault is for: every field that is given must fit. A list means any of its values. */
export interface FaultMatch {
  /** API names as in Kafka's protocol guide (`Produce`, `EndTxn`), or keys. */
  readonly api?: OneOrMore<string | number>
  readonly topic?: OneOrMore<string>
  readonly partition?: OneOrMore<number>
  readonly group?: OneOrMore<string>
  readonly transactionalId?: OneOrMore<string>
  readonly clientId?: OneOrMore<string>
  /** Id of the virtual node that the request was sent to. */
  readonly node?: OneOrMore<number>
  readonly version?: OneOrMore<number>
  /** Least size of the request, bytes, without its length field. */
  readonly minBytes?: number
  readonly maxBytes?: number
  /** Fields at the top of the request and the values they must have, e.g. `{ committed: false }` for EndTxn. */
  readonly fields?: Readonly<Record<string, string | number | boolean | null>>
}

export type OneOrMore<T> = T | readonly T[]

/** Before the request changes anything, or after it did and before its answer goes out. */
export type FaultMoment = 'before' | 'after'

/** What happens to a request. `when` is `before` unless said otherwise. */
export type FaultAction =
  /** The request, or its answer, waits; so does what follows on its connection. */
  | { readonly type: 'delay'; readonly ms: number; readonly when?: FaultMoment }
  /**
   * Waits until a request that fits `until` has been handled, until `release`, or until `timeoutMs` (default 60,000) are over: the way to make
   * requests of different connections overtake each other.
   */
  | {
      readonly type: 'hold'
      readonly until?: FaultMatch
      readonly timeoutMs?: number
      readonly when?: FaultMoment
    }
  /** The request, or its answer, is lost: the connection stays open, and nothing goes in or out any more. */
  | { readonly type: 'drop'; readonly when?: FaultMoment }
  /** The connection closes. */
  | { readonly type: 'disconnect'; readonly when?: FaultMoment }
  /**
   * Kafka's error instead of the answer. `before`: what fits the rule is not done; of a request with several partitions only those that fit
   * the rule's topic and partition are refused, the others are served. `after`: it is done, and the answer says otherwise.
   */
  | {
      readonly type: 'error'
      readonly error: KafkaErrorName | number
      readonly when?: FaultMoment
    }
  /** It is done, and so many bytes of the answer (with its length field) are sent before the connection closes. */
  | { readonly type: 'tear'; readonly bytes: number }
  /** The request is handled so many times more, as if the network had delivered it again; the client sees the first answer. */
  | { readonly type: 'duplicate'; readonly times?: number }
  /** The answer tells `throttle_time_ms`, and the connection is read no further for that long, as Kafka's quotas do. */
  | { readonly type: 'throttle'; readonly ms: number }
  /** The wall clock jumps by so much; timers do not. */
  | { readonly type: 'jump'; readonly ms: number }
  /**
   * The broker dies as by kill -9: a process of its own kills itself, another broker drops all connections and files and can be
   * restarted. With `atWrite` at the n-th write to disk counted from the request (or, when the rule has no `match`, from now), of which
   * `tornBytes` (default 0) still reach the disk. With `loseUnsynced` also everything that was not synced is gone, as after a power cut.
   */
  | {
      readonly type: 'kill'
      readonly when?: FaultMoment
      readonly atWrite?: number
      readonly tornBytes?: number
      readonly loseUnsynced?: boolean
    }
  /**
   * The disk has room for `freeBytes` (default 0) more: a write that would go beyond is done as far as it fits and fails with ENOSPC. Of the whole
   * broker, so without `match`; `skip`, `count` and `probability` are of writes that do not fit. Room again: remove it.
   */
  | { readonly type: 'diskFull'; readonly freeBytes?: number }
  /** Syncs fail with EIO, and what they were to make durable never is (fsyncgate). Of the whole broker, so without `match`; counted by syncs. */
  | { readonly type: 'syncFails' }
  /** ApiVersions tells, and the broker takes, no higher version of the rule's APIs than this; -1 hides them. Lasts until it is removed. */
  | { readonly type: 'versionCap'; readonly maxVersion: number }

/** A fault as data: the same in process, over the worker, the admin port and the command line. */
export interface FaultRule {
  /** Shown in the request journal and in lists. */
  readonly name?: string
  readonly match?: FaultMatch
  readonly action: FaultAction
  /** So many fitting requests pass before the first fault. Default 0. */
  readonly skip?: number
  /** The rule ends after so many faults. Default: it stays until it is removed. */
  readonly count?: number
  /** Share of fitting requests that are hit, 0 to 1, drawn from `seed`. Default 1. */
  readonly probability?: number
  /** Seed of the draws: the same seed and requests give the same faults. Default 1. */
  readonly seed?: number
}

const MATCH_FIELDS: Readonly<Record<keyof FaultMatch, (value: unknown) => string | undefined>> = {
  api: each((value) =>
    apiOf(value) === undefined ? 'is no API that the broker knows' : undefined,
  ),
  topic: each(text),
  partition: each(count),
  group: each(text),
  transactionalId: each(text),
  clientId: each(text),
  node: each(count),
  version: each(count),
  minBytes: count,
  maxBytes: count,
  fields: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'is not an object',
}

type Check = (value: unknown) => string | undefined

const MOMENT: Check = (value) =>
  value === 'before' || value === 'after' ? undefined : 'is not "before" or "after"'
const OPTIONAL =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value)

const ACTION_FIELDS: Readonly<Record<FaultAction['type'], Readonly<Record<string, Check>>>> = {
  delay: { ms: count, when: OPTIONAL(MOMENT) },
  hold: { until: OPTIONAL(match), timeoutMs: OPTIONAL(count), when: OPTIONAL(MOMENT) },
  drop: { when: OPTIONAL(MOMENT) },
  disconnect: { when: OPTIONAL(MOMENT) },
  error: { error: errorName, when: OPTIONAL(MOMENT) },
  tear: { bytes: count },
  duplicate: { times: OPTIONAL(positive) },
  throttle: { ms: count },
  jump: {
    ms: (value) => (Number.isInteger(value) ? undefined : 'is not a whole number'),
  },
  kill: {
    when: OPTIONAL(MOMENT),
    atWrite: OPTIONAL(positive),
    tornBytes: OPTIONAL(count),
    loseUnsynced: OPTIONAL((value) =>
      typeof value === 'boolean' ? undefined : 'is not true or false',
    ),
  },
  diskFull: { freeBytes: OPTIONAL(count) },
  syncFails: {},
  versionCap: {
    maxVersion: (value) =>
      Number.isInteger(value) && (value as number) >= -1 ? undefined : 'is not -1 or a version',
  },
}

const RULE_FIELDS: Readonly<Record<keyof FaultRule, Check>> = {
  name: OPTIONAL(text),
  match: OPTIONAL(match),
  action,
  skip: OPTIONAL(count),
  count: OPTIONAL(positive),
  probability: OPTIONAL((value) =>
    typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'is not from 0 to 1',
  ),
  seed: OPTIONAL((value) => (Number.isInteger(value) ? undefined : 'is not a whole number')),
}

/** Takes what came from a caller, a wire or a command line for a rule. @throws BrokerError `MR_BROKER_BAD_FAULT` naming every fault */
export function parseFaultRule(value: unknown): FaultRule {
  const fault = faultOfFields('rule', value, RULE_FIELDS)
  if (fault !== undefined) throw badFault(fault)
  const rule = value as FaultRule
  if (rule.action.type === 'versionCap' && rule.match?.api === undefined)
    throw badFault('a versionCap needs match.api')
  if (rule.match !== undefined && isOfDisk(rule.action))
    throw badFault(`"${rule.action.type}" is of the whole disk and takes no match`)
  if (rule.match === undefined && !mayStandAlone(rule.action))
    throw badFault(`"${rule.action.type}" needs match; {} fits every request`)
  return rule
}

function mayStandAlone(action: FaultAction): boolean {
  return isOfDisk(action) || (action.type === 'kill' && action.atWrite !== undefined)
}

function isOfDisk({ type }: FaultAction): boolean {
  return type === 'diskFull' || type === 'syncFails'
}

function badFault(text: string): BrokerError {
  return new BrokerError('MR_BROKER_BAD_FAULT', `The fault was not set: ${text}.`, { fault: text })
}

/** Name as the protocol writes it, in any case, or key → the API's key. */
export function apiOf(value: unknown): number | undefined {
  if (typeof value === 'number') return apis.find(({ key }) => key === value)?.key
  if (typeof value !== 'string') return undefined
  return apis.find(({ name }) => name.toLowerCase() === value.toLowerCase())?.key
}

/** @returns Kafka's number for a name or number that `parseFaultRule` let through */
export function errorNumber(error: KafkaErrorName | number): number {
  return typeof error === 'number' ? error : errorCodes[error]
}

function match(value: unknown): string | undefined {
  return faultOfFields('match', value, MATCH_FIELDS)
}

function action(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'is missing'
  const { type, ...rest } = value as { type?: unknown }
  const fields = ACTION_FIELDS[type as FaultAction['type']] as
    | Readonly<Record<string, Check>>
    | undefined
  if (fields === undefined)
    return `has type ${JSON.stringify(type)}, not one of ${Object.keys(ACTION_FIELDS).join(', ')}`
  return faultOfFields(`action ${String(type)}`, rest, fields)
}

function faultOfFields(
  what: string,
  value: unknown,
  fields: Readonly<Record<string, Check>>,
): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `${what} is not an object`
  const faults: string[] = []
  for (const name of Object.keys(value))
    if (!Object.hasOwn(fields, name)) faults.push(`${what} has no field "${name}"`)
  for (const [name, check] of Object.entries(fields)) {
    const part = (value as Record<string, unknown>)[name]
    if (part === undefined && fields === MATCH_FIELDS) continue
    const fault = check(part)
    if (fault !== undefined) faults.push(`${what}: ${name} ${fault}`)
  }
  return faults.length === 0 ? undefined : faults.join('; ')
}

function each(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return check(value)
    return value.map(check).find((fault) => fault !== undefined)
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? undefined : 'is not a text'
}

function count(value: unknown): string | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0
    ? undefined
    : 'is not a whole number of 0 or more'
}

function positive(value: unknown): string | undefined {
  return Number.isSafeInteger(value) && (value as number) > 0
    ? undefined
    : 'is not a whole number of 1 or more'
}

function errorName(value: unknown): string | undefined {
  if (typeof value === 'number')
    return (Object.values(errorCodes) as number[]).includes(value)
      ? undefined
      : 'is no error code of Kafka'
  return typeof value === 'string' && Object.hasOwn(errorCodes, value)
    ? undefined
    : 'is no error of Kafka, such as NOT_LEADER_OR_FOLLOWER'
}
