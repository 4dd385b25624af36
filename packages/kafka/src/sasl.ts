/** Who this client is, told over SaslHandshake and SaslAuthenticate (KIP-43, KIP-152), by PLAIN (RFC 4616) or SCRAM. */
import type { ResponseOf, saslAuthenticateApi, saslHandshakeApi } from '@millrace/protocol'
import { code, errorName, expectNone } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import { ScramClient } from './scram-client.ts'
import type { BrokerAddress, SaslOptions } from './types.ts'

/** The two requests, as the connection sends them. */
export interface SaslRequests {
  handshake(mechanism: string): Promise<ResponseOf<typeof saslHandshakeApi>>
  authenticate(authBytes: Buffer): Promise<ResponseOf<typeof saslAuthenticateApi>>
}

/**
 * Authenticates, or renews a session (KIP-368), which goes the same way.
 * @returns how long the broker lets the session last, ms; 0 for without end
 * @throws KafkaError `MR_KAFKA_AUTHENTICATION_FAILED`, and what the requests throw
 */
export async function authenticate(
  sasl: SaslOptions,
  address: BrokerAddress,
  requests: SaslRequests,
): Promise<number> {
  const { mechanism, username, password } = sasl
  const { errorCode, mechanisms } = await requests.handshake(mechanism)
  if (refusals.has(errorCode)) {
    const offered = mechanisms.length > 0 ? ` It offers ${mechanisms.join(', ')}.` : ''
    throw refused(sasl, address, `${errorName(errorCode)}.${offered}`)
  }
  expectNone('Agreeing on a SASL mechanism', errorCode, { ...address, mechanism })
  const say = async (authBytes: Buffer) => {
    const answer = await requests.authenticate(authBytes)
    if (refusals.has(answer.errorCode))
      throw refused(sasl, address, `${errorName(answer.errorCode)}, ${answer.errorMessage ?? ''}.`)
    expectNone('Authenticating', answer.errorCode, { ...address, mechanism })
    return answer
  }
  if (mechanism === 'PLAIN')
    return Number((await say(Buffer.from(`\0${username}\0${password}`))).sessionLifetimeMs)
  const scram = new ScramClient(mechanism, sasl, (what) => unproven(sasl, address, what))
  const challenge = await say(scram.first())
  const last = await say(await scram.final(challenge.authBytes))
  scram.verify(last.authBytes)
  return Number(last.sessionLifetimeMs)
}

const refusals: ReadonlySet<number> = new Set([
  code.SASL_AUTHENTICATION_FAILED,
  code.UNSUPPORTED_SASL_MECHANISM,
  code.ILLEGAL_SASL_STATE,
])

function refused(sasl: SaslOptions, { host, port }: BrokerAddress, what: string): KafkaError {
  return failed(
    sasl,
    { host, port },
    `The broker at ${host}:${port} refuses user "${sasl.username}" by ${sasl.mechanism}: ${what} Check the user, its password and the mechanisms of that listener.`,
  )
}

function unproven(sasl: SaslOptions, { host, port }: BrokerAddress, what: string): KafkaError {
  return failed(
    sasl,
    { host, port },
    `The broker at ${host}:${port} does not keep to ${sasl.mechanism} for user "${sasl.username}": ${what}. Nothing more was sent to it.`,
  )
}

function failed(sasl: SaslOptions, address: BrokerAddress, message: string): KafkaError {
  const details = { ...address, mechanism: sasl.mechanism }
  return new KafkaError('MR_KAFKA_AUTHENTICATION_FAILED', message, details)
}
