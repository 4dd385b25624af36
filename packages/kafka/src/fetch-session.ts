/**
 * One fetch session with one broker (KIP-227): the broker remembers which partitions are fetched from where, so a request says only
 * what has changed, and an answer holds only partitions with news.
 *
 *   new ──answered with an id──▶ incremental ──answered with the id──▶ incremental (epoch + 1)
 *    ▲        │ id 0: the broker keeps none          │ error 70, or id 0: forgotten
 *    └────────┴──────────────────────────────────────┤
 *   replacing ◀── error 71 or 106, connection lost, answer not waited for: id kept, so that the broker drops the old one
 *
 * What a broker believes is known only after an answer; so whatever is in doubt begins anew with all partitions, never half.
 */
import { code } from './broker-error.ts'

/** A partition in a request. */
export interface SessionRow {
  readonly topic: string
  readonly partition: number
  readonly fetchOffset: number
}

export interface SessionRequest<Row extends SessionRow> {
  readonly sessionId: number
  readonly sessionEpoch: number
  /** All that is wanted, or what differs from the request before. */
  readonly rows: readonly Row[]
  /** In the session, and not wanted any more. */
  readonly forgotten: readonly SessionRow[]
}

const maxEpoch = 2 ** 31 - 1
/** After as many refusals in a row the broker is asked without a session, as brokers before KIP-227 are. */
const maxRefusals = 3
/** No session, and none wanted. */
const noSessionEpoch = -1

export class FetchSession {
  #id = 0
  /** 0: the next request names all partitions, and begins a session. */
  #epoch = 0
  #rows = new Map<string, SessionRow>()
  #refusals = 0

  /** What to send so that the broker looks at `wanted`. One request at a time: `answered`, `refused` or `lost` ends it. */
  next<Row extends SessionRow>(wanted: readonly Row[]): SessionRequest<Row> {
    const before = this.#rows
    const rows = new Map(wanted.map((row) => [`${row.topic}\0${row.partition}`, row]))
    this.#rows = rows
    const { isIncremental } = this
    if (this.#refusals >= maxRefusals)
      return { sessionId: 0, sessionEpoch: noSessionEpoch, rows: wanted, forgotten: [] }
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      rows: isIncremental
        ? [...rows].flatMap(([key, row]) =>
            before.get(key)?.fetchOffset === row.fetchOffset ? [] : [row],
          )
        : wanted,
      forgotten: isIncremental
        ? [...before].flatMap(([key, row]) => (rows.has(key) ? [] : [row]))
        : [],
    }
  }

  get isIncremental(): boolean {
    return this.#epoch > 0
  }

  /** @param sessionId of an answer without error */
  answered(sessionId: number): void {
    if (this.#refusals < maxRefusals) this.#refusals = 0
    if (sessionId === 0) this.#begin(0)
    else {
      this.#epoch = sessionId !== this.#id || this.#epoch === maxEpoch ? 1 : this.#epoch + 1
      this.#id = sessionId
    }
  }

  /** True when the error is about the session alone: it begins anew, and the same can be asked again at once. */
  refused(errorCode: number): boolean {
    const isForgotten = errorCode === code.FETCH_SESSION_ID_NOT_FOUND
    const isRefused =
      isForgotten ||
      errorCode === code.INVALID_FETCH_SESSION_EPOCH ||
      errorCode === code.FETCH_SESSION_TOPIC_ID_ERROR
    this.#begin(isForgotten ? 0 : this.#id)
    if (isRefused) this.#refusals++
    return isRefused
  }

  /** No answer came: whether the broker has seen the request is unknown. */
  lost(): void {
    this.#begin(this.#id)
  }

  /** Begins anew; a broker drops the session of this id then. */
  #begin(id: number): void {
    this.#id = id
    this.#epoch = 0
  }
}
