/**
 * The socket of one connection to a broker, with or without TLS: frames in, chunks out. Who asked what is `BrokerConnection`'s business.
 */
import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Clock } from '@millrace/core'
import type { AnswerMemory } from './answer-memory.ts'
import { FrameReader } from './frame-reader.ts'
import type { BrokerAddress } from './types.ts'

/** Probes begin after so long without traffic: a peer that has vanished is noticed also while nothing is asked of it, ms. */
const keepAliveAfterMs = 30_000

export interface BrokerSocketOptions {
  /** Of TLS; `undefined` for a plain connection. */
  readonly tls: ConnectionOptions | undefined
  readonly connectTimeoutMs: number
  readonly clock: Clock
  /** Where answers are read into. */
  readonly memory: AnswerMemory
  /** Gets each frame without its size. What it throws ends the connection. */
  readonly onFrame: (frame: Buffer) => void
  /** Called once, when the connection is over; with the fault where there was one. */
  readonly onEnd: (fault: Error | undefined) => void
}

export class BrokerSocket {
  readonly #socket: Socket
  readonly #reader: FrameReader
  readonly #onEnd: (fault: Error | undefined) => void
  #isOpen = true

  private constructor(address: BrokerAddress, options: BrokerSocketOptions) {
    this.#reader = new FrameReader(options.onFrame, options.memory)
    this.#onEnd = options.onEnd
    const reader = this.#reader
    // Node asks for the memory of the next read after each one, so a large answer is read into its own.
    const onread: OnReadOpts = {
      buffer: () => reader.room,
      callback: (count) => this.#received(count),
    }
    const { host, port } = address
    this.#socket = options.tls
      ? connectTls({ ...options.tls, host, port, onread } as ConnectionOptions)
      : connectPlain({ host, port, onread })
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, keepAliveAfterMs)
    this.#socket.once('error', (error) => this.close(error))
    this.#socket.once('end', () => this.close(this.#halfAnswer()))
    this.#socket.once('close', () => this.close(this.#halfAnswer()))
  }

  /** Connects; with TLS the certificate has been checked then. Rejects with Node's own error. */
  static async open(address: BrokerAddress, options: BrokerSocketOptions): Promise<BrokerSocket> {
    let settle: (fault: Error | undefined) => void = () => {}
    const ended = new Promise<Error | undefined>((resolve) => (settle = resolve))
    let opened = false
    const socket = new BrokerSocket(address, {
      ...options,
      onEnd: (fault) => (opened ? options.onEnd(fault) : settle(fault)),
    })
    const { connectTimeoutMs, clock, tls } = options
    const timer = clock.setTimer(connectTimeoutMs, () =>
      socket.close(
        new Error(`${tls ? 'No TLS handshake' : 'No connection'} within ${connectTimeoutMs} ms.`),
      ),
    )
    try {
      const connected = new Promise<true>((resolve) => {
        socket.#socket.once(tls ? 'secureConnect' : 'connect', () => {
          opened = socket.#isOpen
          if (opened) resolve(true)
        })
      })
      const outcome = await Promise.race([connected, ended])
      if (outcome !== true) throw outcome ?? new Error('The connection was ended at once.')
      return socket
    } finally {
      timer.cancel()
    }
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * Sends the chunks as one piece, without copying them: they must not change before `onSent`, or until the answer to them is here.
   * What the peer does not take yet waits in memory, so whoever sends bounds what is under way.
   */
  write(chunks: readonly Buffer[], onSent?: (error?: Error | null) => void): void {
    const socket = this.#socket
    const last = chunks.length - 1
    if (last > 0) socket.cork()
    for (let at = 0; at < last; at++) socket.write(chunks[at] as Buffer)
    if (onSent) socket.write(chunks[last] as Buffer, onSent)
    else socket.write(chunks[last] as Buffer)
    if (last > 0) socket.uncork()
  }

  /** Ends the connection at once. Idempotent. */
  close(fault?: Error): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.on('error', () => {}) // What comes after the end concerns nobody.
    this.#socket.destroy()
    this.#onEnd(fault)
  }

  #halfAnswer(): Error | undefined {
    return this.#reader.isBetweenFrames
      ? undefined
      : new Error('The broker ended the connection in the middle of an answer.')
  }

  /** Never throws: Node calls it from the event loop. */
  #received(count: number): boolean {
    if (!this.#isOpen) return false
    try {
      this.#reader.filled(count)
    } catch (error) {
      this.close(error as Error)
    }
    return this.#isOpen
  }
}
