/**
 * A TCP proxy before one Kafka broker that breaks the network on demand and changes no byte. Clients are pointed at it by
 * `brokers: [proxy.address]` together with `mapAddress: () => proxy`, for a broker advertises its own address.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type Direction = 'toBroker' | 'toClient'

/** `pass` forwards; `pause` holds back what comes until it passes again; `blackhole` swallows it, with connections left open. */
export type Flow = 'pass' | 'pause' | 'blackhole'

export interface FaultProxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port` */
  readonly address: string
  /** Connections taken so far. */
  readonly connectionCount: number
  /** Answers cut off so far by `cutAnswersTo`. */
  readonly cutAnswerCount: number
  /** Bytes that a black hole has swallowed so far. */
  readonly swallowedBytes: number
  /** Ends all connections at once (RST); new ones are taken. */
  cut(): void
  /** Ends all connections and refuses new ones until `heal`. */
  refuse(): void
  /** Both directions, or one. */
  setFlow(flow: Flow, direction?: Direction): void
  /** Delays every piece by `ms`, in order, in both directions. */
  setDelay(ms: number): void
  /**
   * The next `count` requests with this API key reach the broker, which acts on them, but their connection is cut in place of the
   * answer: the client cannot know the outcome.
   */
  cutAnswersTo(apiKey: number, count: number): void
  /** Undoes every fault. Swallowed bytes stay lost. */
  heal(): void
  /** Ends all connections and stops listening. */
  close(): Promise<void>
}

/** @param targetPort of the broker, on 127.0.0.1 */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const proxy = new KafkaFaultProxy(targetPort)
  await proxy.listen()
  return proxy
}

class KafkaFaultProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  port = 0
  connectionCount = 0
  cutAnswerCount = 0
  swallowedBytes = 0
  readonly #targetPort: number
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #flows: Record<Direction, Flow> = { toBroker: 'pass', toClient: 'pass' }
  #delayMs = 0
  #isRefusing = false
  #answersToCut = { apiKey: -1, count: 0 }

  constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer((client) => this.#accept(client))
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host)
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `${this.host}:${this.port}`
  }

  cut(): void {
    for (const link of this.#links) link.cut()
  }

  refuse(): void {
    this.#isRefusing = true
    this.cut()
  }

  setFlow(flow: Flow, direction?: Direction): void {
    if (direction !== 'toClient') this.#flows.toBroker = flow
    if (direction !== 'toBroker') this.#flows.toClient = flow
    for (const link of this.#links) link.flush()
  }

  setDelay(ms: number): void {
    this.#delayMs = ms
  }

  cutAnswersTo(apiKey: number, count: number): void {
    this.#answersToCut = { apiKey, count }
  }

  heal(): void {
    this.#isRefusing = false
    this.#answersToCut = { apiKey: -1, count: 0 }
    this.setDelay(0)
    this.setFlow('pass')
  }

  async close(): Promise<void> {
    this.cut()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.resetAndDestroy()
      return
    }
    this.connectionCount++
    const broker = connect({ host: this.host, port: this.#targetPort })
    const link: Link = new Link(client, broker, {
      flow: (direction) => this.#flows[direction],
      delayMs: () => this.#delayMs,
      isAnswerCut: (apiKey) => this.#isAnswerCut(apiKey),
      onSwallowed: (size) => (this.swallowedBytes += size),
      onEnd: () => this.#links.delete(link),
    })
    this.#links.add(link)
  }

  #isAnswerCut(apiKey: number): boolean {
    const wanted = this.#answersToCut
    if (wanted.apiKey !== apiKey || wanted.count === 0) return false
    wanted.count--
    this.cutAnswerCount++
    return true
  }
}

interface LinkRules {
  readonly flow: (direction: Direction) => Flow
  readonly delayMs: () => number
  readonly isAnswerCut: (apiKey: number) => boolean
  readonly onSwallowed: (sizeBytes: number) => void
  readonly onEnd: () => void
}

/** One client's connection and its counterpart to the broker. */
class Link {
  readonly #client: Socket
  readonly #broker: Socket
  readonly #rules: LinkRules
  readonly #requests = new RequestScanner()
  readonly #held: Record<Direction, Buffer[]> = { toBroker: [], toClient: [] }

  constructor(client: Socket, broker: Socket, rules: LinkRules) {
    this.#client = client
    this.#broker = broker
    this.#rules = rules
    client.setNoDelay(true)
    broker.setNoDelay(true)
    client.on('data', (chunk) => this.#onRequestBytes(chunk))
    broker.on('data', (chunk) => this.#onAnswerBytes(chunk))
    for (const socket of [client, broker]) {
      socket.on('error', () => {}) // A reset is what a broken network looks like; 'close' follows.
      socket.on('close', () => this.#end())
    }
  }

  cut(): void {
    this.#client.resetAndDestroy()
    this.#broker.destroy()
  }

  /** Sends on what was held back, where it may pass again. */
  flush(): void {
    for (const direction of ['toBroker', 'toClient'] as const) {
      if (this.#rules.flow(direction) === 'pause') continue
      for (const chunk of this.#held[direction].splice(0)) this.#forward(direction, chunk)
    }
  }

  #onRequestBytes(chunk: Buffer): void {
    this.#requests.scan(chunk)
    this.#forward('toBroker', chunk)
  }

  #onAnswerBytes(chunk: Buffer): void {
    const apiKey = this.#requests.takeOldest()
    if (apiKey !== undefined && this.#rules.isAnswerCut(apiKey)) this.cut()
    else this.#forward('toClient', chunk)
  }

  #forward(direction: Direction, chunk: Buffer): void {
    const flow = this.#rules.flow(direction)
    if (flow === 'blackhole') {
      this.#rules.onSwallowed(chunk.length)
      return
    }
    if (flow === 'pause') {
      this.#held[direction].push(chunk)
      return
    }
    const target = direction === 'toBroker' ? this.#broker : this.#client
    const delayMs = this.#rules.delayMs()
    // Timers of one length fire in the order they were set, so the order of pieces holds.
    if (delayMs > 0) setTimeout(() => target.write(chunk), delayMs).unref()
    else target.write(chunk)
  }

  #end(): void {
    this.#client.destroy()
    this.#broker.destroy()
    this.#rules.onEnd()
  }
}

/**
 * Reads along the API keys of requests. An answer may come in several pieces and then takes several keys off; good enough to cut a
 * connection at the answer of a client that has one such request under way.
 */
class RequestScanner {
  readonly #keys: number[] = []
  #head = Buffer.alloc(0)
  #frameLeft = 0

  scan(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#frameLeft === 0) {
        const missing = 6 - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (this.#head.length < 6) return
        this.#keys.push(this.#head.readInt16BE(4))
        this.#frameLeft = this.#head.readInt32BE(0) - 2
        this.#head = Buffer.alloc(0)
      }
      const taken = Math.min(this.#frameLeft, rest.length)
      this.#frameLeft -= taken
      rest = rest.subarray(taken)
    }
  }

  /** Key of the request that is answered next. */
  takeOldest(): number | undefined {
    return this.#keys.shift()
  }
}
