import {
  apiVersionsApi,
  kafkaErrorCode,
  metadataApi,
  saslAuthenticateApi,
  saslHandshakeApi,
  type Api,
  type RequestInputOf,
  type ResponseOf,
} from '@millrace/protocol'
import { testBroker } from './broker.ts'
import { WireClient } from './wire-client.ts'
import { apacheKafka, isApacheWanted, type WireTarget } from './wire-target.ts'

/** A broker whose clients must authenticate, with the users of `saslUsers` and sessions of `sessionMs`. */
export interface SaslTarget extends AsyncDisposable {
  readonly kind: WireTarget['kind']
  connect(): Promise<SaslTalk>
}

export const saslUsers = { alice: 'pencil', bob: 'paper' } as const
/** Long enough that none ends but where a test waits for it. */
export const sessionMs = 8_000

export async function openSaslTarget(): Promise<SaslTarget> {
  if (await isApacheWanted()) {
    const properties = { 'connections.max.reauth.ms': String(sessionMs) }
    const apache = await apacheKafka({ users: saslUsers, properties })
    const { port, ca } = apache.secure!
    return {
      kind: 'apache',
      connect: async () => new SaslTalk(await WireClient.connectSecurely(port, { ca })),
      [Symbol.asyncDispose]: () => apache.stop(),
    }
  }
  const users = Object.entries(saslUsers).map(([name, password]) => ({ name, password }))
  const ours = await testBroker({ security: { sasl: { users, maxReauthMs: sessionMs } } })
  return {
    kind: 'millrace',
    connect: async () => new SaslTalk(await ours.connect()),
    [Symbol.asyncDispose]: () => ours[Symbol.asyncDispose](),
  }
}

/** What came of a request: Kafka's name of the error code, or that the connection closed without an answer. */
export type Outcome = string

/** One connection, of whose requests the outcome is what counts. */
export class SaslTalk implements AsyncDisposable {
  readonly #client: WireClient
  /** What the broker said last in SaslAuthenticate. */
  said = ''
  /** Of the last answer; KIP-368. */
  lifetimeMs = 0
  /** Why the last one failed, in words. */
  text = ''

  constructor(client: WireClient) {
    this.#client = client
  }

  async handshake(mechanism: string, version = 1): Promise<Outcome> {
    const answer = await this.#call(saslHandshakeApi, version, { mechanism })
    return answer === undefined ? 'closed' : kafkaErrorCode(answer.errorCode).name
  }

  async authenticate(message: string | Uint8Array): Promise<Outcome> {
    const authBytes = Buffer.from(message as string)
    const answer = await this.#call(saslAuthenticateApi, 2, { authBytes })
    if (answer === undefined) return 'closed'
    this.said = answer.authBytes.toString()
    this.text = answer.errorMessage ?? ''
    this.lifetimeMs = Number(answer.sessionLifetimeMs)
    return kafkaErrorCode(answer.errorCode).name
  }

  async versions(): Promise<Outcome> {
    const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }
    const answer = await this.#call(apiVersionsApi, 3, software)
    return answer === undefined ? 'closed' : kafkaErrorCode(answer.errorCode).name
  }

  /** Asks for a topic that does not exist, as any request after authentication. */
  async request(): Promise<Outcome> {
    const topics = [{ name: 'none', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }]
    const request = { topics, allowAutoTopicCreation: false }
    const answer = await this.#call(metadataApi, 12, request)
    return answer === undefined ? 'closed' : kafkaErrorCode(answer.topics[0]!.errorCode).name
  }

  /** Sends without waiting, so that what follows is sent along. */
  sendHandshake(mechanism: string): void {
    this.#client.send(saslHandshakeApi, 1, { mechanism })
  }

  sendAuthenticate(message: string): void {
    this.#client.send(saslAuthenticateApi, 2, { authBytes: Buffer.from(message) })
  }

  /** Takes the answers to what was sent, of which the last is one to SaslAuthenticate. */
  async takeAnswers(): Promise<readonly Outcome[]> {
    const agreed = await this.#client.receive(saslHandshakeApi, 1)
    const done = await this.#client.receive(saslAuthenticateApi, 2)
    return [kafkaErrorCode(agreed.body.errorCode).name, kafkaErrorCode(done.body.errorCode).name]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }

  async #call<A extends Api>(
    api: A,
    version: number,
    request: RequestInputOf<A>,
  ): Promise<ResponseOf<A> | undefined> {
    if (this.#client.isClosed) return undefined
    this.#client.send(api, version, request)
    try {
      return (await this.#client.receive(api, version)).body
    } catch (error) {
      if (this.#client.isClosed) return undefined
      throw error
    }
  }
}
