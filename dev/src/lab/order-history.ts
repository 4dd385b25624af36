import {
  orderDecided,
  orderPlaced,
  ordersTopic,
  paymentOrdersTopic,
  stockOrdersTopic,
  type OrderStatus,
} from '@millrace/contracts'

/** What the lab counts and looks for, from the topics alone. */
export interface OrderFindings {
  readonly placed: number
  /** Without a verdict yet. */
  readonly open: number
  /** Age of the oldest open order, ms; null without one. */
  readonly oldestOpenMs: number | null
  readonly decided: Readonly<Record<Exclude<OrderStatus, 'NEW'>, number>>
  /** By what rolled orders back: `PAYMENT`, `INVENTORY`, `TIMEOUT`, `CUSTOMER`. */
  readonly rolledBackBy: Readonly<Record<string, number>>
  /** Orders that were decided a second time, by another event. None, ever. */
  readonly decidedTwice: number
  /** CONFIRMED though a side had not accepted before. None, ever. */
  readonly confirmedWithoutAnswers: number
  /** Records that came again with the id of one before: harmless, as everybody leaves them out. */
  readonly repeats: number
  /** Records that are no events. */
  readonly unreadable: number
}

interface OpenOrder {
  readonly atMs: number
  isPlaced: boolean
  hasPaid: boolean
  hasStock: boolean
}

/** Decided orders remembered to recognise a second verdict; the oldest are forgotten. Event ids: four times as many. */
const remembered = 50_000

interface WireEvent {
  readonly eventId: string
  readonly eventType: string
  readonly aggregateId: string
  readonly data: { readonly status?: string; readonly source?: string | null }
}

/**
 * An independent record of the saga: it reads what is on the topics, in the order of each partition, and believes no service's tables.
 * A verdict may be read before the answers that led to it, as they are on other topics: until they are, it counts as unproven.
 */
export class OrderHistory {
  readonly #open = new Map<string, OpenOrder>()
  readonly #verdicts = new Map<string, string>()
  readonly #seen = new Set<string>()
  /** Confirmed before both answers were read; the answers may be on their way to us. */
  readonly #unproven = new Map<string, OpenOrder>()
  readonly #decided = { CONFIRMED: 0, REJECTED: 0, ROLLBACK: 0 }
  readonly #rolledBackBy = new Map<string, number>()
  #placed = 0
  #decidedTwice = 0
  #repeats = 0
  #unreadable = 0

  /** Takes one record. @param atMs the broker's time of it */
  add(topic: string, value: Buffer | null, atMs: number): void {
    const event = value === null ? undefined : parse(value)
    if (event === undefined) {
      this.#unreadable++
      return
    }
    if (this.#isRepeat(event.eventId)) return
    if (topic === paymentOrdersTopic.name || topic === stockOrdersTopic.name) {
      if (event.data.status !== 'ACCEPT') return
      const order = this.#unproven.get(event.aggregateId) ?? this.#orderOf(event.aggregateId, atMs)
      if (order === undefined) return
      if (topic === paymentOrdersTopic.name) order.hasPaid = true
      else order.hasStock = true
      if (order.hasPaid && order.hasStock) this.#unproven.delete(event.aggregateId)
    } else if (topic === ordersTopic.name) this.#addOrder(event, atMs)
  }

  /** @param nowMs the time that ages are told by */
  findings(nowMs: number): OrderFindings {
    const open = [...this.#open.values()].filter((order) => order.isPlaced)
    const oldest = open.reduce((least, { atMs }) => Math.min(least, atMs), Infinity)
    return {
      placed: this.#placed,
      open: open.length,
      oldestOpenMs: open.length === 0 ? null : Math.max(0, nowMs - oldest),
      decided: { ...this.#decided },
      rolledBackBy: Object.fromEntries(this.#rolledBackBy),
      decidedTwice: this.#decidedTwice,
      confirmedWithoutAnswers: this.#unproven.size,
      repeats: this.#repeats,
      unreadable: this.#unreadable,
    }
  }

  #addOrder(event: WireEvent, atMs: number): void {
    const id = event.aggregateId
    if (event.eventType === orderPlaced.eventType) {
      this.#placed++
      const order = this.#orderOf(id, atMs)
      if (order) order.isPlaced = true
    } else if (event.eventType === orderDecided.eventType) {
      const { status, source } = event.data
      if (status !== 'CONFIRMED' && status !== 'REJECTED' && status !== 'ROLLBACK') return
      if (this.#verdicts.has(id)) {
        this.#decidedTwice++
        return
      }
      this.#remember(id, status)
      this.#decided[status]++
      if (status === 'ROLLBACK')
        this.#rolledBackBy.set(
          source ?? 'unknown',
          (this.#rolledBackBy.get(source ?? 'unknown') ?? 0) + 1,
        )
      const order = this.#open.get(id)
      this.#open.delete(id)
      if (status === 'CONFIRMED' && !(order?.hasPaid && order.hasStock))
        this.#unproven.set(id, order ?? { atMs, isPlaced: true, hasPaid: false, hasStock: false })
    }
  }

  /** Undefined for an order that is decided: what comes after belongs to nothing. */
  #orderOf(id: string, atMs: number): OpenOrder | undefined {
    if (this.#verdicts.has(id)) return undefined
    let order = this.#open.get(id)
    if (!order) {
      order = { atMs, isPlaced: false, hasPaid: false, hasStock: false }
      this.#open.set(id, order)
    }
    return order
  }

  #remember(id: string, status: string): void {
    this.#verdicts.set(id, status)
    if (this.#verdicts.size > remembered) {
      const [oldest] = this.#verdicts.keys()
      if (oldest !== undefined) this.#verdicts.delete(oldest)
    }
  }

  #isRepeat(eventId: string): boolean {
    if (this.#seen.has(eventId)) {
      this.#repeats++
      return true
    }
    this.#seen.add(eventId)
    if (this.#seen.size > 4 * remembered) {
      const [oldest] = this.#seen
      if (oldest !== undefined) this.#seen.delete(oldest)
    }
    return false
  }
}

function parse(value: Buffer): WireEvent | undefined {
  try {
    const event = JSON.parse(value.toString('utf8')) as Partial<WireEvent> | null
    const isEvent =
      typeof event?.eventId === 'string' &&
      typeof event.eventType === 'string' &&
      typeof event.aggregateId === 'string' &&
      typeof event.data === 'object'
    return isEvent ? (event as WireEvent) : undefined
  } catch {
    return undefined
  }
}
