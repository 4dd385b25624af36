import type { Tone } from '../../ui/tone.ts'

/** The parts on the way of an event, in its order, then those of the shop; Postgres and the broker carry the others. */
export const partNames = [
  'gateway',
  'discussions',
  'discussion-analytics',
  'tracking',
  'users',
  'catalog',
  'orders',
  'payments',
  'stock',
  'order-saga',
  'postgres',
  'broker',
] as const
export type PartName = (typeof partNames)[number]

export type PartState = 'starting' | 'ready' | 'degraded' | 'down' | 'unknown'

export interface Part {
  readonly name: PartName
  readonly state: PartState
  /** Why it is not ready, or what is odd though it is, in words. */
  readonly reason: string | null
}

/** A state's word and tone: the one total map (icon + word + colour). */
export const partStates: Readonly<
  Record<PartState, { readonly word: string; readonly tone: Tone }>
> = {
  ready: { word: 'ready', tone: 'good' },
  starting: { word: 'starting', tone: 'busy' },
  degraded: { word: 'degraded', tone: 'attention' },
  down: { word: 'down', tone: 'bad' },
  unknown: { word: 'not known', tone: 'quiet' },
}

/** A step of the start, as the supervisor tells it: parts, and also the build of this app, sample data, … */
export interface StartStep {
  readonly name: string
  readonly state: StartState
  readonly detail: string | null
  readonly tookMs: number | null
}

export type StartState = 'waiting' | 'starting' | 'ready' | 'failed'

export const startStates: Readonly<
  Record<StartState, { readonly word: string; readonly tone: Tone }>
> = {
  ready: { word: 'ready', tone: 'good' },
  starting: { word: 'starting', tone: 'busy' },
  waiting: { word: 'waiting', tone: 'quiet' },
  failed: { word: 'failed', tone: 'bad' },
}

/** Running totals along the way of an event. Null: not known now, which is not zero. */
export interface Totals {
  readonly created: number | null
  readonly published: number | null
  readonly processed: number | null
}

/** Movement per second, a mean over `rateWindowMs`, as the gateway measured it. */
export interface Rates extends Totals {
  readonly requests: number | null
}

/** The gateway's window for rates, named beside them on the page. */
export const rateWindowMs = 5000

/** The outbox stops counting here. */
export const pendingCountLimit = 10_000

/** What stands still, or went wrong, now. */
export interface Standing {
  /** At most `pendingCountLimit`, which then means "or more". */
  readonly pending: number | null
  readonly oldestPendingAgeMs: number | null
  /** Events that could not be published plus those that could not be processed. */
  readonly failed: number | null
  readonly lagRecords: number | null
  readonly duplicatesSkipped: number | null
}

export interface PartitionLoad {
  readonly partition: number
  readonly endOffset: number | null
  readonly lagRecords: number | null
}

export interface TopicLoad {
  readonly name: string
  readonly partitions: readonly PartitionLoad[]
}

/** What flows through the shop, in the order of an order's way. Null: not known now, which is not zero. */
export interface ShopFlow {
  readonly placed: number | null
  readonly paymentAnswers: number | null
  readonly stockAnswers: number | null
  readonly decided: number | null
}

/** How orders go through the shop. */
export interface Shop {
  /** Per second, a mean over `rateWindowMs`. */
  readonly rates: ShopFlow
  readonly totals: ShopFlow
  readonly openOrders: number | null
  /** There are more than were counted. */
  readonly isOpenCut: boolean
  readonly oldestOpenAgeMs: number | null
  /** Events of orders, payments and stock that are written, not yet published. */
  readonly pending: number | null
  /** Events that could not be published. */
  readonly failed: number | null
  /** Records that readers of `orders` have still before them, by consumer group; those of the saga on the other topics that it joins, too. */
  readonly lagRecords: Readonly<Record<ShopReader, number | null>>
}

export const shopReaders = ['payments', 'stock', 'order-saga'] as const
export type ShopReader = (typeof shopReaders)[number]

/** How the relay is, from all its lanes. */
export interface Relay {
  readonly state: RelayState
  /** The last fault of a lane that cannot publish. */
  readonly reason: string | null
}

export type RelayState = 'publishing' | 'idle' | 'retrying' | 'off'

export const relayStates: Readonly<
  Record<RelayState, { readonly word: string; readonly tone: Tone }>
> = {
  publishing: { word: 'publishing', tone: 'good' },
  idle: { word: 'ready', tone: 'good' },
  retrying: { word: 'retrying', tone: 'attention' },
  off: { word: 'switched off', tone: 'quiet' },
}

/** The whole house at one instant, as the gateway saw it. */
export interface Overview {
  readonly atMs: number
  readonly parts: readonly Part[]
  readonly rates: Rates
  readonly totals: Totals
  readonly standing: Standing
  readonly topics: readonly TopicLoad[]
  readonly shop: Shop
  /** Null: not known. */
  readonly relay: Relay | null
  /** Empty unless a supervisor tells how the start goes on. */
  readonly start: readonly StartStep[]
}
